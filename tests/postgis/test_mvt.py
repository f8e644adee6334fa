"""Tiles decoded and looked into: places, names, ids, seams, long lines at low zoom, composites, plans and scopes."""

import math
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import mapbox_vector_tile
import pytest
import pytest_asyncio

from postgis import mvt, mvt_units
from postgis.connect import SERVER, Database
from postgis.mvt import tile_statement
from postgis.pool import scope_setting
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from twin.layer import GeometryType, Layer
from twin.view import PUBLIC, Equals, Scope, TileArea, TimeSpan, View
from twin.webmercator import tile_bounds_4490

SHENZHEN = (114.0551, 22.5403)


def tile_at(z: int, lon: float, lat: float) -> tuple[int, int, int]:
    """The tile that holds a place, by the textbook formula."""
    n = 2**z
    return z, int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)


@pytest_asyncio.fixture(scope="module")
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_asyncpg(SERVER)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def buildings(database: Database) -> Layer:
    rows = [
        Row(
            square(114.0550, 22.5400),
            {"高度": 30.5, "built": "1998-05-01", BUILDING_FIELDS[7].name: "x", "raw": {"k": 1}},
            class_="住宅",
            name="楼",
        ),
        Row(square(114.0600, 22.5400), {"高度": 12}, class_="商业", division="440306"),
    ]
    return put_layer(database, Layer(number=0, id="建筑", title_zh="建筑", fields=BUILDING_FIELDS), rows)


@pytest.fixture(scope="module")
def lines(database: Database) -> Layer:
    rows = [Row("LINESTRING(-180 10, 180 20)"), Row("LINESTRING(-179 -60, 0 60, 179 -60)"), Row("LINESTRING(10 -80, 10 80)")]
    return put_layer(database, Layer(number=0, id="lines", title_zh="线", fields=(BUILDING_FIELDS[0],)), rows)


async def read(reader: asyncpg.Connection, views: list[View], layers: list[Layer]) -> tuple[dict[str, Any], bool]:
    """The decoded tile and whether it is truncated."""
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(views[0].scope))
    made = tile_statement(views, layers)
    body, truncated, _ = await reader.fetchrow(made.text, *made.args)
    return mapbox_vector_tile.decode(body, default_options={"y_coord_down": True}), truncated


async def read_one(reader: asyncpg.Connection, layer: Layer, tile: tuple[int, int, int], **parts: Any) -> list[dict[str, Any]]:
    view = View(layer.id, parts.pop("scope", PUBLIC), TileArea(*tile), **parts)
    decoded, _ = await read(reader, [view], [layer])
    return decoded.get(layer.id, {"features": []})["features"]


@pytest.mark.parametrize("z", [0, 10, 13, 14, 16, 22])
async def test_coordinates_are_where_web_mercator_puts_them(reader: asyncpg.Connection, buildings: Layer, z: int) -> None:
    """Also from zoom 14 on, where no projection runs: within one unit of 4096 of the exact place."""
    z, x, y = tile_at(z, 114.0550, 22.5400)
    features = await read_one(reader, buildings, (z, x, y))
    if z < 10:
        assert features == []  # smaller than a unit
        return
    ring = features[0]["geometry"]["coordinates"][0]
    exact_x = ((114.0550 + 180) / 360 * 2**z - x) * 4096
    exact_y = ((1 - math.asinh(math.tan(math.radians(22.5400))) / math.pi) / 2 * 2**z - y) * 4096
    if z < 22:
        assert min(math.dist(point, (exact_x, exact_y)) for point in ring) < 1.5
    else:
        assert {min(p[0] for p in ring), max(p[0] for p in ring)} <= set(range(-64, 4161))


async def test_id_names_and_types_by_zoom(reader: asyncpg.Connection, buildings: Layer) -> None:
    first = (await read_one(reader, buildings, tile_at(14, *SHENZHEN)))[0]
    assert first["id"] == (buildings.number << 40) + 1
    assert first["properties"] == {"类别": "住宅", "高度": 30.5}
    near = (await read_one(reader, buildings, tile_at(16, *SHENZHEN)))[0]["properties"]
    assert near == {"类别": "住宅", "名称": "楼", "高度": 30.5, "built": "1998-05-01", BUILDING_FIELDS[7].name: "x", "raw": '{"k": 1}'}
    assert {"类别"} == set(
        (await read_one(reader, buildings, tile_at(9, *SHENZHEN), fields=("类别",)) or [{"properties": ["类别"]}])[0]["properties"]
    )


async def test_empty_tile_is_no_bytes(reader: asyncpg.Connection, buildings: Layer) -> None:
    assert await read_one(reader, buildings, (14, 0, 0)) == []


@pytest.mark.parametrize("z", [0, 1, 2, 3, 4, 5])
async def test_long_lines_are_in_every_tile_they_cross(reader: asyncpg.Connection, lines: Layer, z: int) -> None:
    """Also at the map's edges, where PostGIS before 3.5 wraps a widened box to the other side and finds nothing."""
    straight, n = (lines.number << 40) + 1, 2**z
    for x in range(n):
        # The line is straight in Web Mercator between the projected ends.
        ends = [math.asinh(math.tan(math.radians(lat))) for lat in (10, 20)]
        at = [(1 - (ends[0] + (ends[1] - ends[0]) * (x + part) / n) / math.pi) / 2 * n for part in (0, 1)]
        y = int(sum(at) / 2)
        found = {f["id"]: f["geometry"]["coordinates"] for f in await read_one(reader, lines, (z, x, y))}
        assert straight in found, (z, x, y)
        xs = [point[0] for point in found[straight]]
        assert min(xs) <= 0 and max(xs) >= 4096


async def test_edges_of_the_world(reader: asyncpg.Connection, database: Database) -> None:
    rows = [Row("POINT(-180 0)"), Row("POINT(180 0)"), Row("POINT(0 85)"), Row("POINT(0 -85)"), Row("POINT(0 90)")]
    layer = put_layer(
        database, Layer(number=0, id="edges", title_zh="边", geometry_type=GeometryType.POINT, fields=(BUILDING_FIELDS[0],)), rows
    )
    oids = {f["id"] & 0xFF for f in await read_one(reader, layer, (0, 0, 0))}
    assert oids >= {1, 2, 3, 4}
    assert [f["id"] & 0xFF for f in await read_one(reader, layer, (3, 7, 4))] == [2]
    assert [f["id"] & 0xFF for f in await read_one(reader, layer, (3, 0, 4))] == [1]


async def test_seams_agree(reader: asyncpg.Connection, database: Database) -> None:
    """A square over the corner of four tiles: each tile has its part and the buffer, and they meet."""
    z, x, y = tile_at(15, *SHENZHEN)
    west, south, east, _ = tile_bounds_4490(z, x, y)
    size = (east - west) / 2
    row = Row(square(east - size / 2, south - size / 2, size))
    layer = put_layer(database, Layer(number=0, id="seam", title_zh="缝", fields=(BUILDING_FIELDS[0],)), [row])
    tiles = {(dx, dy): await read_one(reader, layer, (z, x + dx, y + dy)) for dx in (0, 1) for dy in (0, 1)}
    top = {min(p[1] for p in tiles[dx, 0][0]["geometry"]["coordinates"][0]) for dx in (0, 1)}
    left = {min(p[0] for p in tiles[0, dy][0]["geometry"]["coordinates"][0]) for dy in (0, 1)}
    assert len(top) == 1 and len(left) == 1
    for (dx, dy), features in tiles.items():
        ring = features[0]["geometry"]["coordinates"][0]
        assert (max(p[0] for p in ring) >= 4160) is (dx == 0)
        assert (min(p[0] for p in ring) <= -64) is (dx == 1)
        assert (max(p[1] for p in ring) >= 4160) is (dy == 0)


async def test_the_buffer_reaches_neighbours(reader: asyncpg.Connection, buildings: Layer) -> None:
    z, x, y = tile_at(16, *SHENZHEN)
    west, south, _, north = tile_bounds_4490(z, x, y)
    widened = tile_bounds_4490(z, x, y, 64)
    assert widened[0] < west and widened[1] < south and widened[3] > north
    assert tile_bounds_4490(1, 0, 0, 64)[0] == -180.0 and tile_bounds_4490(1, 1, 0, 64)[2] == 180.0


async def test_composite_is_one_tile_of_all(reader: asyncpg.Connection, buildings: Layer, lines: Layer) -> None:
    tile = tile_at(14, *SHENZHEN)
    views = [View(buildings.id, PUBLIC, TileArea(*tile)), View(lines.id, PUBLIC, TileArea(*tile_at(14, *SHENZHEN), 128))]
    decoded, truncated = await read(reader, views, [buildings, lines])
    assert set(decoded) == {"建筑"} and not truncated
    low = tile_at(2, 10, 10)
    views = [View(layer.id, PUBLIC, TileArea(*low)) for layer in (lines, buildings)]
    decoded, _ = await read(reader, views, [lines, buildings])
    assert set(decoded) == {"lines"}


async def test_scope_never_leaks(reader: asyncpg.Connection, buildings: Layer) -> None:
    tile = tile_at(14, *SHENZHEN)
    assert len(await read_one(reader, buildings, tile)) == 2
    bound = await read_one(reader, buildings, tile, scope=Scope(PUBLIC.access, ("440305",)))
    assert [f["id"] & 0xFF for f in bound] == [1]
    masked = await read_one(reader, buildings, tile, scope=Scope(PUBLIC.access, masked_fields=frozenset({"高度"})))
    assert all("高度" not in f["properties"] for f in masked)
    area = await read_one(reader, buildings, tile, scope=Scope(PUBLIC.access, area_4490=(114.0599, 22.5, 114.07, 22.6)))
    assert [f["id"] & 0xFF for f in area] == [2]
    assert await read_one(reader, buildings, tile, scope=Scope(frozenset())) == []


async def test_filters_and_moments(reader: asyncpg.Connection, buildings: Layer) -> None:
    tile = tile_at(14, *SHENZHEN)
    assert [f["id"] & 0xFF for f in await read_one(reader, buildings, tile, filters=(Equals("类别", "商业"),))] == [2]
    assert len(await read_one(reader, buildings, tile, valid_at=TimeSpan(None, None))) == 2


async def test_too_many_features_are_cut_and_said(reader: asyncpg.Connection, buildings: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mvt_units, "MAX_FEATURES", 1)
    mvt._templates.clear()
    decoded, truncated = await read(reader, [View(buildings.id, PUBLIC, TileArea(*tile_at(14, *SHENZHEN)))], [buildings])
    mvt._templates.clear()
    assert truncated and len(decoded["建筑"]["features"]) == 2  # one over the cap tells that there are more


async def test_every_geometry_type(reader: asyncpg.Connection, database: Database) -> None:
    lon, lat = SHENZHEN
    rows = [
        Row(f"POINT({lon} {lat})"),
        Row(f"MULTIPOINT(({lon} {lat}),({lon + 0.001} {lat}))"),
        Row(f"LINESTRING({lon} {lat},{lon + 0.01} {lat})"),
        Row(f"MULTILINESTRING(({lon} {lat},{lon + 0.01} {lat}),({lon} {lat},{lon} {lat + 0.01}))"),
        Row(square(lon, lat)),
        Row(f"GEOMETRYCOLLECTION(POINT({lon} {lat}),LINESTRING({lon} {lat},{lon + 0.001} {lat}))"),
        Row("POINT EMPTY"),
    ]
    layer = put_layer(database, Layer(number=0, id="mixed", title_zh="混", fields=(BUILDING_FIELDS[0],)), rows)
    types = {f["id"] & 0xFF: f["geometry"]["type"] for f in await read_one(reader, layer, tile_at(14, lon, lat))}
    assert types == {1: "Point", 2: "MultiPoint", 3: "LineString", 4: "MultiLineString", 5: "Polygon", 6: "LineString"}


async def test_plan_time_among_a_thousand_layers(reader: asyncpg.Connection, buildings: Layer) -> None:
    """The text names one layer's view, so planning does not grow with the catalogue (bench/tiles.py makes the thousand)."""
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    made = tile_statement([View(buildings.id, PUBLIC, TileArea(*tile_at(14, *SHENZHEN)))], [buildings])
    times = []
    for _ in range(5):
        lines = await reader.fetch("EXPLAIN (SUMMARY) " + made.text, *made.args)
        times.append(next(float(row[0].split()[2]) for row in lines if row[0].startswith("Planning Time")))
    assert min(times) < 2.0
