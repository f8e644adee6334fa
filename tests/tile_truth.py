"""What tiles say, put together again: read a layer's tiles in any way we make them, and compare their union with the shapes they were made from."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import mapbox_vector_tile
import numpy as np
import shapely
from mapbox_vector_tile.Mapbox import vector_tile_pb2
from shapely.geometry import shape

from layers.catalog import load
from postgis import overviews, twins
from postgis.connect import IMPORTER, Database, connect
from postgis.mvt import tile_statement
from postgis.pool import HotPool, scope_setting
from twin.grids import Grid, last_row, mercator_y, tile_bounds_3857, tile_bounds_4490
from twin.layer import Layer, TileSource
from twin.view import PUBLIC, Scope, TileArea, View

EXTENT = 4096
Features = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways in which a tile is made."""

    name: str
    source: TileSource | None = None
    """None: the function mvt."<layer>"."""


LIVE, TWIN, OVERVIEW = (Way(source.value, source) for source in TileSource)
FUNCTION = Way("function")


def freshen(database: Database) -> None:
    """Build what the worker would: twins, then overviews."""
    with connect(database, IMPORTER) as connection:
        connection.autocommit = True
        twins.refresh(connection)
        overviews.refresh_overviews(connection)


async def known(database: Database, layer_id: str) -> Layer:
    """The layer as the catalogue has it now."""
    pool = await HotPool.open(database, 1)
    try:
        return (await load(pool)).by_id[layer_id]
    finally:
        await pool.close()


async def body_of(reader: asyncpg.Connection, layer: Layer, area: TileArea, way: Way, scope: Scope = PUBLIC) -> bytes:
    """The bytes of a tile; what is read from a twin must be fresh."""
    if way.source is None:
        text = f'SELECT mvt."{layer.id}"($1, $2, $3, $4)'
        return bytes(await reader.fetchval(text, area.z, area.x, area.y, json.dumps({"grid": area.grid})) or b"")
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(scope))
    made = tile_statement([View(layer.id, scope, area)], [layer], [way.source])
    body, _, fresh = await reader.fetchrow(made.text, *made.args)
    assert fresh == [True], way
    return bytes(body)


def decoded(body: bytes, layer: Layer) -> Features:
    """The features of a tile, y downward."""
    found = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True}).get(layer.id, {"features": []})["features"]
    return list(found)


async def features_of(reader: asyncpg.Connection, layer: Layer, area: TileArea, way: Way, scope: Scope = PUBLIC) -> Features:
    """The decoded features of a tile, after a look at how they are written."""
    body = await body_of(reader, layer, area, way, scope)
    check_commands(body)
    return decoded(body, layer)


def tiles_over(bounds: tuple[float, float, float, float], z: int, grid: Grid, buffer: int = 64) -> Iterator[TileArea]:
    """Tiles that meet a box of degrees."""
    west, south, east, north = bounds
    columns = [min(max(math.floor((lon + 180) / 360 * 2**z), 0), 2**z - 1) for lon in (west, east)]
    if grid is Grid.CGCS2000:
        rows = [math.floor((90 - lat) / 360 * 2**z) for lat in (north, south)]
    else:
        rows = [math.floor((0.5 - mercator_y(lat) / 40075016.68557849) * 2**z) for lat in (north, south)]
    for x in range(columns[0], columns[1] + 1):
        for y in range(max(rows[0], 0), min(rows[1], last_row(grid, z)) + 1):
            yield TileArea(z, x, y, buffer, grid)


def in_plane(geometry: Any, area: TileArea) -> Any:
    """A shape of a tile in the plane of its grid: metres of EPSG:3857, or degrees."""
    west, south, east, north = plane_box(area)
    corner, scale = np.array([west, north]), np.array([(east - west) / EXTENT, -(north - south) / EXTENT])
    return shapely.transform(shape(geometry), lambda points: corner + points * scale)


def plane_box(area: TileArea) -> tuple[float, float, float, float]:
    """The tile in the plane of its grid."""
    if area.grid is Grid.WEB_MERCATOR:
        return tile_bounds_3857(area.z, area.x, area.y)
    return tile_bounds_4490(area.grid, area.z, area.x, area.y)


def to_plane(wkt: str, grid: Grid) -> Any:
    """A shape in degrees as the grid's plane has it; edges are straight in the plane, as everybody draws them."""
    flat = shapely.from_wkt(wkt)
    if grid is Grid.CGCS2000:
        return flat
    return shapely.transform(flat, lambda points: np.array([(lon * 20037508.342789244 / 180, mercator_y(lat)) for lon, lat in points]))


def unit_of(z: int, grid: Grid) -> float:
    """One unit of a tile, in the plane."""
    return (40075016.68557849 if grid is Grid.WEB_MERCATOR else 360.0) / 2**z / EXTENT


def together(pieces: Iterable[tuple[TileArea, Any]]) -> Any:
    """Each tile's piece cut to its tile, joined."""
    return shapely.union_all(
        [shapely.intersection(_mended(in_plane(geometry, area)), shapely.box(*plane_box(area))) for area, geometry in pieces]
    )


def _mended(geometry: Any) -> Any:
    return geometry if shapely.is_valid(geometry) else shapely.make_valid(geometry)


def apart(one: Any, other: Any) -> float:
    """How far any place of either shape is from the other, lines and areas alike."""
    return max(_beyond(one, other), _beyond(other, one))


def _beyond(one: Any, other: Any) -> float:
    rest = shapely.difference(one, shapely.buffer(other, 1e-9))
    if shapely.is_empty(rest):
        return 0.0
    points = shapely.points(shapely.get_coordinates(shapely.segmentize(rest, max(rest.length, 1e-9) / 2000)))
    return float(shapely.distance(points, other).max())


def check_commands(body: bytes) -> None:
    """What the specification asks of every feature: no line of length nought, exterior rings of positive area first, interior ones negative."""
    for layer in vector_tile_pb2.tile.FromString(body).layers if body else ():
        assert layer.version == 2
        for feature in layer.features:
            assert feature.geometry, "a feature without geometry"
            rings = list(_parts(list(feature.geometry), feature.type))
            if feature.type == 3:
                areas = [_area(ring) for ring in rings]
                assert areas[0] > 0 and 0 not in areas, areas


def _parts(commands: list[int], kind: int) -> Iterator[list[tuple[int, int]]]:
    """The rings or lines of a command list."""
    x = y = place = 0
    part: list[tuple[int, int]] = []
    while place < len(commands):
        command, count = commands[place] & 7, commands[place] >> 3
        place += 1
        if command == 7:
            yield part
            part = []
            continue
        for _ in range(count):
            dx, dy = ((value >> 1) ^ -(value & 1) for value in commands[place : place + 2])
            place += 2
            x, y = x + dx, y + dy
            if command == 1 and kind == 2 and part:
                yield part
                part = []
            assert command == 1 or (dx, dy) != (0, 0), "a line of length nought"
            part.append((x, y))
    if kind == 2:
        yield part


def _area(ring: list[tuple[int, int]]) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True)) / 2
