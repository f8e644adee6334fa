"""Tiles against the truth: put together they are the shapes they were made from, in every grid and in every way in which we make them."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pyproj
import pytest
import pytest_asyncio
import shapely

from importers.options import ImportOptions
from importers.run import import_file
from postgis.connect import IMPORTER, SERVER, Database, connect
from tests.importers import files
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tests.tile_truth import (
    FUNCTION,
    LIVE,
    TWIN,
    Way,
    apart,
    body_of,
    features_of,
    freshen,
    known,
    plane_box,
    tiles_over,
    to_plane,
    together,
    unit_of,
)
from twin.fields import Field, Role
from twin.grids import Grid
from twin.layer import Access, GeometryType, Layer
from twin.view import EVERYTHING, PUBLIC, Scope, TileArea

LON, LAT = 114.0551, 22.5403
WAYS = [
    (LIVE, Grid.WEB_MERCATOR),
    (TWIN, Grid.WEB_MERCATOR),
    (FUNCTION, Grid.WEB_MERCATOR),
    (LIVE, Grid.CGCS2000),
    (FUNCTION, Grid.CGCS2000),
]
WAY_IDS = [f"{way.name}-{grid}" for way, grid in WAYS]
USE = Field(name="用途", role=Role.CLASS, in_tiles_from_zoom=0)


@pytest_asyncio.fixture(scope="module")
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_asyncpg(SERVER)
    yield connection
    await connection.close()


def shapes() -> list[str]:
    """Small and large areas with holes and parts, a long diagonal, a line that turns back, points."""
    far = 0.35
    return [
        square(LON, LAT, 0.0004),
        f"POLYGON(({LON - far} {LAT - 0.2},{LON + far} {LAT - 0.1},{LON + 0.2} {LAT + far},{LON - 0.1} {LAT + 0.25},{LON - far} {LAT - 0.2}),"
        f"({LON - 0.1} {LAT - 0.05},{LON - 0.1} {LAT + 0.05},{LON + 0.1} {LAT + 0.05},{LON - 0.1} {LAT - 0.05}))",
        f"MULTIPOLYGON((({LON} {LAT},{LON + 0.01} {LAT},{LON} {LAT + 0.01},{LON} {LAT})),"
        f"(({LON + 0.02} {LAT},{LON + 0.03} {LAT},{LON + 0.02} {LAT + 0.01},{LON + 0.02} {LAT})))",
        f"LINESTRING({LON - far} {LAT - far},{LON + far} {LAT + far})",
        f"MULTILINESTRING(({LON} {LAT},{LON + 0.02} {LAT},{LON + 0.001} {LAT + 0.0001}),({LON} {LAT + 0.01},{LON} {LAT + 0.03}))",
        f"POINT({LON} {LAT})",
        f"MULTIPOINT(({LON} {LAT}),({LON + 0.1} {LAT}))",
    ]


async def united(
    reader: asyncpg.Connection, layer: Layer, way: Way, z: int, grid: Grid, bounds: tuple[float, float, float, float]
) -> dict[int, Any]:
    """Every feature of a zoom, joined over the tiles it is in."""
    pieces: dict[int, list[tuple[TileArea, Any]]] = defaultdict(list)
    for area in tiles_over(bounds, z, grid):
        for feature in await features_of(reader, layer, area, way):
            pieces[feature["id"] & 0xFFFF].append((area, feature["geometry"]))
    return {oid: together(parts) for oid, parts in pieces.items()}


@pytest.fixture(scope="module")
def everything(database: Database) -> Layer:
    layer = put_layer(
        database, Layer(number=0, id="各种形状", title_zh="各种形状", fields=(USE,)), [Row(wkt, class_="类") for wkt in shapes()]
    )
    freshen(database)
    return layer


@pytest.mark.parametrize(("way", "grid", "z"), [*((*kind, z) for kind in WAYS for z in (9, 12, 13, 14)), (TWIN, Grid.CGCS2000, 14)])
async def test_the_union_of_tiles_is_the_source(reader: asyncpg.Connection, everything: Layer, way: Way, grid: Grid, z: int) -> None:
    bounds = tuple(shapely.total_bounds(shapely.from_wkt(shapes())))
    if z > 12:  # a part of it: the large shapes are 4,000 tiles
        bounds = (LON - 0.04, LAT - 0.03, LON + 0.04, LAT + 0.03)
    found = await united(reader, everything, way, z, grid, bounds)
    window = shapely.box(*_plane_of(bounds, z, grid))
    for oid, wkt in enumerate(shapes(), start=1):
        truth = shapely.intersection(to_plane(wkt, grid), window)
        if shapely.is_empty(truth) or (z == 9 and oid == 1):
            continue
        assert apart(shapely.intersection(found[oid], window), truth) < 1.6 * unit_of(z, grid), (oid, z)


def _plane_of(bounds: tuple[float, ...], z: int, grid: Grid) -> tuple[float, float, float, float]:
    """The tiles over a box, without the outermost unit."""
    boxes = [plane_box(area) for area in tiles_over(bounds, z, grid)]  # type: ignore[arg-type]
    west, south, east, north = (pick(box[index] for box in boxes) for index, pick in enumerate((min, min, max, max)))
    edge = unit_of(z, grid)
    return west + edge, south + edge, east - edge, north - edge


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326", "EPSG:4490", "EPSG:4547"])
async def test_every_source_system_gives_the_same_tiles(reader: asyncpg.Connection, database: Database, tmp_path: Path, crs: str) -> None:
    """A file in each system, imported; its tiles agree with the shape in degrees to a unit, and seams with each other."""
    rng = np.random.default_rng(7)
    corners = np.column_stack([LON + rng.uniform(0, 0.03, 40), LAT + rng.uniform(0, 0.03, 40)])
    truth = [square(lon, lat, 0.0007) for lon, lat in corners]
    to_crs = pyproj.Transformer.from_crs(4490, crs, always_xy=True)
    moved = [shapely.transform(shapely.from_wkt(wkt), lambda points: np.column_stack(to_crs.transform(*points.T))) for wkt in truth]
    path = files.geopackage(tmp_path / "blocks.gpkg", moved, crs=crs, 编号=list(range(40)))
    layer_id = f"块{crs[5:]}"
    import_file(database, path, ImportOptions(layer=layer_id))
    freshen(database)
    layer = await known(database, layer_id)
    for z, grid, way in (
        (14, Grid.WEB_MERCATOR, TWIN),
        (16, Grid.WEB_MERCATOR, TWIN),
        (15, Grid.CGCS2000, LIVE),
        (15, Grid.CGCS2000, TWIN),
    ):
        found = await united(reader, layer, way, z, grid, (LON, LAT, LON + 0.031, LAT + 0.031))
        assert len(found) == 40
        for oid, wkt in enumerate(truth, start=1):
            assert apart(found[oid], to_plane(wkt, grid)) < 1.6 * unit_of(z, grid)


@pytest.fixture(scope="module")
def long_lines(database: Database) -> Layer:
    rows = [
        Row("LINESTRING(-180 10, 180 20)"),
        Row("LINESTRING(-179 -60, 0 60, 179 -60)"),
        Row("LINESTRING(10 -80, 10 80)"),
        Row("LINESTRING(-179.9 84, 179.9 84)"),
        Row("MULTILINESTRING((170 0, 180 5), (-180 5, -170 10))"),
        Row("LINESTRING(113 22, 113 22.0001, -113 -22)"),
    ]
    layer = put_layer(database, Layer(number=0, id="长线", title_zh="长线", geometry_type=GeometryType.LINE, fields=(USE,)), rows)
    freshen(database)
    return layer


@pytest.mark.parametrize("z", range(6))
@pytest.mark.parametrize(("way", "grid"), WAYS, ids=WAY_IDS)
async def test_long_lines_are_whole_at_low_zooms(reader: asyncpg.Connection, long_lines: Layer, way: Way, grid: Grid, z: int) -> None:
    """PostGIS before 3.5 loses some when a widened box is projected over the edge of the world."""
    if grid is Grid.CGCS2000 and z == 0:
        return
    found = await united(reader, long_lines, way, z, grid, (-180, -89.9, 180, 89.9))
    sources = [
        "LINESTRING(-180 10, 180 20)",
        "LINESTRING(-179 -60, 0 60, 179 -60)",
        "LINESTRING(10 -80, 10 80)",
        "LINESTRING(-179.9 84, 179.9 84)",
    ]
    for oid, wkt in enumerate(
        [*sources, "MULTILINESTRING((170 0, 180 5), (-180 5, -170 10))", "LINESTRING(113 22, 113 22.0001, -113 -22)"], start=1
    ):
        assert apart(found[oid], to_plane(wkt, grid)) < 1.6 * unit_of(z, grid), (oid, z)


@pytest.mark.parametrize(("way", "grid"), WAYS, ids=WAY_IDS)
async def test_the_edge_of_the_world_and_curves(reader: asyncpg.Connection, database: Database, way: Way, grid: Grid) -> None:
    """What touches 180° is on its own side only; an arc is drawn round; what no map can draw breaks no tile."""
    rows = [
        Row("POLYGON((179 0,180 0,180 1,179 1,179 0))"),
        Row("POLYGON((-180 0,-179 0,-179 1,-180 1,-180 0))"),
        Row("CURVEPOLYGON(CIRCULARSTRING(100 0,101 1,102 0,101 -1,100 0))"),
        Row("GEOMETRYCOLLECTION(POINT(99 0),LINESTRING(99 0,99.5 0.5))"),
        Row("TIN(((98 0,98 1,99 0,98 0)))"),
        Row("POLYGON EMPTY"),
    ]
    layer = put_layer(database, Layer(number=0, id=f"边-{way.name}-{grid.lower()}", title_zh="边", fields=(USE,)), rows)
    freshen(database)
    found = await united(reader, layer, way, 6, grid, (97, -2, 180, 2))
    assert set(found) == {1, 3, 4}
    west = await united(reader, layer, way, 6, grid, (-180, 0.2, -178, 1))
    assert set(west) == {2}
    circle = to_plane("POINT(101 0)", grid).buffer(1 * (111319.49 if grid is Grid.WEB_MERCATOR else 1), quad_segs=64)
    assert found[3].symmetric_difference(circle).area < 0.01 * circle.area


async def test_chinese_names_types_and_ids_are_the_same_in_every_way(reader: asyncpg.Connection, database: Database) -> None:
    rows = [
        Row(
            square(LON + i * 0.001, LAT),
            {"高度": 3.5 * i, "built": "1998-05-01", BUILDING_FIELDS[7].name: "甲", "raw": {"k": i}},
            class_="住宅",
            name=f"楼{i}",
        )
        for i in range(5)
    ]
    layer = put_layer(database, Layer(number=0, id="建筑", title_zh="建筑", fields=BUILDING_FIELDS), rows)
    freshen(database)
    for z in (10, 14, 16):
        area = next(tiles_over((LON, LAT, LON, LAT), z, Grid.WEB_MERCATOR))
        told = [
            {f["id"]: (f["properties"], f["geometry"]["type"]) for f in await features_of(reader, layer, area, way)}
            for way in (LIVE, TWIN, FUNCTION)
        ]
        assert told[0] == told[1] == told[2] and len(told[0]) == 5
    assert told[0][(layer.number << 40) + 2][0]["raw"] == '{"k": 1}'


async def test_masks_and_bounds_hold_for_twins(reader: asyncpg.Connection, database: Database) -> None:
    rows = [Row(square(LON + i * 0.001, LAT), {"高度": i}, division=f"44030{i}") for i in range(5)]
    layer = put_layer(database, Layer(number=0, id="masked", title_zh="遮", fields=BUILDING_FIELDS), rows)
    inner = put_layer(database, Layer(number=0, id="inner", title_zh="内", access=Access.INTERNAL, fields=BUILDING_FIELDS), rows)
    freshen(database)
    area = next(tiles_over((LON, LAT, LON, LAT), 14, Grid.WEB_MERCATOR))
    bound = await features_of(reader, layer, area, TWIN, Scope(PUBLIC.access, ("440303",)))
    assert [f["id"] & 0xFF for f in bound] == [4]
    masked = await features_of(reader, layer, area, TWIN, Scope(PUBLIC.access, masked_fields=frozenset({"高度"})))
    assert len(masked) == 5 and all("高度" not in f["properties"] for f in masked)
    assert len(await features_of(reader, inner, area, TWIN, EVERYTHING)) == 5
    # The function: a public layer is everybody's, an internal one only the session's who may.
    await reader.execute("SELECT set_config('twin.scope', '', false)")
    assert len(await features_of(reader, layer, area, FUNCTION)) == 5 and not await body_of(reader, inner, area, FUNCTION)
    await reader.execute("SELECT set_config('twin.scope', $1, false)", json.dumps({"access": ["internal"], "divisions": []}))
    assert len(await features_of(reader, inner, area, FUNCTION)) == 5
    assert await reader.fetchval("SELECT current_setting('twin.scope')") == json.dumps({"access": ["internal"], "divisions": []})


async def test_the_function_comes_and_goes_with_its_layer(reader: asyncpg.Connection, database: Database) -> None:
    layer = put_layer(database, Layer(number=0, id="gone", title_zh="去", fields=(USE,)), [Row(square(LON, LAT))])
    wrong = ((-1, 0, 0), (23, 0, 0), (3, 8, 0), (3, 0, -1), (0, 0, 1))
    for z, x, y in wrong:
        assert await reader.fetchval('SELECT mvt."gone"($1, $2, $3)', z, x, y) is None
    assert await reader.fetchval('SELECT mvt."gone"(1, 1, 1, \'{"grid": "CGCS2000Quad"}\')') is None
    with connect(database, IMPORTER) as importer:
        importer.execute("SELECT twin.drop_layer(%s)", [layer.id])
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await reader.fetchval('SELECT mvt."gone"(0, 0, 0)')
