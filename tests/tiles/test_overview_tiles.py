"""What low zooms show instead of every thing: nothing is lost, the land lies where it lies, and no tile is large."""

import gzip
from collections import defaultdict
from collections.abc import AsyncIterator

import asyncpg
import numpy as np
import pytest
import pytest_asyncio
import shapely

from postgis.connect import OWNER, SERVER, Database, connect
from postgis.mvt import tile_statement
from postgis.pool import scope_setting
from tests.tile_scene import put_layer
from tests.tile_truth import FUNCTION, OVERVIEW, Way, body_of, features_of, freshen, known, plane_box, tiles_over, to_plane
from twin.fields import Field, FieldType, Role
from twin.grids import Grid
from twin.layer import GeometryType, Layer, TileSource
from twin.view import PUBLIC, Scope, TileArea, View


@pytest_asyncio.fixture(scope="module")
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_asyncpg(SERVER)
    yield connection
    await connection.close()


TOWN_FIELDS = (
    Field(name="用途", role=Role.CLASS, in_tiles_from_zoom=0),
    Field(name="层数", type=FieldType.INTEGER, role=Role.FLOORS, in_tiles_from_zoom=14),
    Field(name="population", type=FieldType.NUMBER, role=Role.POPULATION, in_tiles_from_zoom=0),
    Field(name="count", type=FieldType.INTEGER, in_tiles_from_zoom=14),
)
_TOWN = """
    INSERT INTO twin.object_{n} (oid, class, division, geom, attrs, source, source_key)
    SELECT ({n}::bigint << 40) + i, (ARRAY['住宅', '商业'])[1 + i % 2], (ARRAY['440305', '440306', NULL])[1 + i % 3], {shape},
        jsonb_build_object('层数', 1 + i % 9, 'population', 3, 'count', i), 'test', i::text
    FROM (SELECT i, 114.0 + 0.05 * sin(i * 12.9898) * sqrt(i / {rows}.0) + 0.3 * (i % 3) AS x, 22.5 + 0.05 * cos(i * 78.233) * sqrt(i / {rows}.0) AS y,
        0.00005 + 0.00015 * (i % 7) / 7 AS r FROM generate_series(1, {rows}) i) s
"""
_BLOCK = "ST_MakeEnvelope(x - r, y - r, x + r, y + r, 4490)"
TOWN_BOX = (113.9, 22.4, 114.7, 22.6)


def put_town(database: Database, layer_id: str, shape: str, geometry_type: GeometryType, rows: int = 6000) -> None:
    layer = put_layer(database, Layer(number=0, id=layer_id, title_zh="镇", geometry_type=geometry_type, fields=TOWN_FIELDS))
    with connect(database, OWNER) as owner:
        owner.execute(_TOWN.format(n=layer.number, shape=shape, rows=rows).encode())


@pytest_asyncio.fixture(scope="module")
async def town(database: Database) -> Layer:
    put_town(database, "小镇", _BLOCK, GeometryType.POLYGON)
    freshen(database)
    return await known(database, "小镇")


@pytest_asyncio.fixture(scope="module")
async def stops(database: Database) -> Layer:
    put_town(database, "站点", "ST_Point(x, y, 4490)", GeometryType.POINT)
    freshen(database)
    return await known(database, "站点")


async def sums(reader: asyncpg.Connection, layer: Layer, z: int, grid: Grid, way: Way) -> dict[str, float]:
    """What all features of a zoom stand for; a thing drawn as itself counts once, however many tiles it is in."""
    totals: dict[str, float] = defaultdict(float)
    seen: set[int] = set()
    for area in tiles_over(TOWN_BOX, z, grid):
        for feature in await features_of(reader, layer, area, way):
            properties, oid = feature["properties"], feature.get("id")
            if "count" not in properties and ("area_m2" not in properties or oid in seen):
                continue  # the part of a cell that counts in the next tile, or a building met before
            if oid:
                seen.add(oid)
            totals["count"] += properties.get("count", 1)
            for name in ("area_m2", "floor_area_m2", "population"):
                totals[name] += properties.get(name, 0)
    return totals


@pytest.mark.parametrize("z", [1, 5, 8, 10, 11, 12])
@pytest.mark.parametrize("grid", Grid)
async def test_an_overview_loses_nothing(reader: asyncpg.Connection, town: Layer, database: Database, grid: Grid, z: int) -> None:
    """Numbers, area and floor area to 1 % at every zoom, in both grids."""
    area = "ST_Area(ST_SetSRID(geom, 4326)::geography)"
    truth = f"SELECT count(*), sum({area}), sum({area} * twin.as_integer(attrs, '层数')) FROM twin.object_{town.number}"
    with connect(database, OWNER) as owner:
        found = owner.execute(truth.encode()).fetchone()
    assert found is not None
    told = await sums(reader, town, z, grid, OVERVIEW)
    assert told["count"] == found[0] == 6000
    assert told["area_m2"] == pytest.approx(found[1], rel=0.01) and told["floor_area_m2"] == pytest.approx(found[2], rel=0.01)
    assert told["population"] == pytest.approx(18000, rel=0.01)
    assert await sums(reader, town, z, grid, FUNCTION) == told


@pytest.mark.parametrize("z", [8, 9, 10])
@pytest.mark.parametrize("grid", Grid)
async def test_drawn_land_is_where_the_land_is(reader: asyncpg.Connection, town: Layer, database: Database, grid: Grid, z: int) -> None:
    with connect(database, OWNER) as owner:
        boxes = owner.execute(f"SELECT ST_AsText(geom) FROM twin.object_{town.number}".encode()).fetchall()
    footprints = [to_plane(wkt, grid) for (wkt,) in boxes]
    for area in tiles_over(TOWN_BOX, z, grid):
        truth, drawn = np.zeros((64, 64)), np.zeros((4096, 4096), dtype=bool)
        west, south, east, north = plane_box(area)
        for footprint in footprints:
            x, y = (footprint.centroid.x - west) / (east - west) * 64, (north - footprint.centroid.y) / (north - south) * 64
            if 0 <= x < 64 and 0 <= y < 64:
                truth[int(y), int(x)] += footprint.area / (east - west) / (north - south) * 4096
        for feature in await features_of(reader, town, area, OVERVIEW):
            left, top, right, bottom = map(int, shapely.geometry.shape(feature["geometry"]).bounds)
            drawn[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        cover = drawn.reshape(64, 64, 64, 64).mean(axis=(1, 3))
        if truth.sum() > 0.02:
            assert np.minimum(truth, cover).sum() / np.maximum(truth, cover).sum() >= 0.8, area
            assert np.logical_and(truth, cover).sum() / np.logical_or(truth, cover).sum() >= 0.8, area


async def test_clusters_of_points_count_everything(reader: asyncpg.Connection, stops: Layer) -> None:
    for grid in Grid:
        for z in (1, 6, 9, 13):
            total = 0
            for area in tiles_over(TOWN_BOX, z, grid, 128):
                features = await features_of(reader, stops, area, OVERVIEW)
                assert {f["geometry"]["type"] for f in features} <= {"Point"}
                assert all(0 <= coordinate < 4096 for f in features for coordinate in f["geometry"]["coordinates"])
                assert all("area_m2" not in f["properties"] for f in features)
                total += sum(f["properties"]["count"] for f in features)
            assert total == 6000
    low = await features_of(reader, stops, next(tiles_over(TOWN_BOX, 1, Grid.WEB_MERCATOR)), OVERVIEW)
    assert len(low) < 40 and sum(f["properties"]["population"] for f in low) == 18000


async def test_an_overview_keeps_its_wall_and_its_masks(reader: asyncpg.Connection, town: Layer) -> None:
    for scope, expected in ((PUBLIC, 6000), (Scope(PUBLIC.access, ("440305",)), 2000), (Scope(PUBLIC.access, ("4403",)), 4000)):
        tiles = [await features_of(reader, town, area, OVERVIEW, scope) for area in tiles_over(TOWN_BOX, 8, Grid.WEB_MERCATOR)]
        assert sum(f["properties"].get("count", 1) for features in tiles for f in features) == expected
    hidden = frozenset({"层数", "population", "用途"})
    for area in tiles_over(TOWN_BOX, 8, Grid.WEB_MERCATOR):
        masked = await features_of(reader, town, area, OVERVIEW, Scope(PUBLIC.access, masked_fields=hidden))
        assert all(not {"floor_area_m2", *hidden} & f["properties"].keys() for f in masked)


async def test_a_dense_low_tile_is_small(reader: asyncpg.Connection, database: Database) -> None:
    """100,000 buildings in one z10 tile stay below 500 KB, compressed."""
    put_town(database, "大城", _BLOCK, GeometryType.POLYGON, 100_000)
    freshen(database)
    layer = await known(database, "大城")
    for z in (6, 8, 10):
        for area in tiles_over(TOWN_BOX, z, Grid.WEB_MERCATOR):
            assert len(gzip.compress(await body_of(reader, layer, area, OVERVIEW))) < 500_000


async def test_a_composite_reads_each_layer_where_it_is_best(reader: asyncpg.Connection, town: Layer, stops: Layer) -> None:
    """Overview, twin and rows in one query give what they give one by one."""
    area = next(area for area in tiles_over((114.0, 22.5, 114.0, 22.5), 11, Grid.WEB_MERCATOR))
    sources = [TileSource.OVERVIEW, TileSource.LIVE, TileSource.TWIN]
    layers = [town, stops, stops.model_copy(update={"title_zh": "again"})]
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    made = tile_statement([View(layer.id, PUBLIC, area) for layer in layers], layers, sources)
    body, truncated, fresh = await reader.fetchrow(made.text, *made.args)
    alone = [await body_of(reader, layer, area, Way(source, source)) for layer, source in zip(layers, sources, strict=True)]
    assert fresh == [True] * 3 and not truncated and len(alone[1]) > 1000
    assert body == b"".join(alone)


async def test_an_overview_of_another_state_is_not_read(reader: asyncpg.Connection, town: Layer, database: Database) -> None:
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    made = tile_statement([View(town.id, PUBLIC, TileArea(0, 0, 0))], [town], [TileSource.OVERVIEW])
    with connect(database, OWNER) as owner:
        owner.execute("UPDATE twin.tile_state SET overview = 'stale' WHERE layer = %s", [town.number])
    assert tuple(await reader.fetchrow(made.text, *made.args)) == (b"", False, [False])
    with connect(database, OWNER) as owner:
        owner.execute("UPDATE twin.tile_state SET overview = 'fresh' WHERE layer = %s", [town.number])


async def test_a_sliver_that_is_kept_is_drawn(reader: asyncpg.Connection, database: Database) -> None:
    """Half a metre wide and twenty kilometres long: too thin for whole units, too large to be folded."""
    put_town(database, "细长", _BLOCK, GeometryType.POLYGON, 2500)
    with connect(database, OWNER) as owner:
        number = owner.execute("SELECT number FROM twin.layer WHERE id = '细长'").fetchone()
        assert number is not None
        thin = f"INSERT INTO twin.object_{number[0]} (geom, source_key) VALUES (ST_MakeEnvelope(114.1, 22.5, 114.3, 22.500005, 4490), 'thin') RETURNING oid"
        oid = owner.execute(thin.encode()).fetchone()
    freshen(database)
    layer = await known(database, "细长")
    for grid in Grid:
        for z in (11, 12, 13):
            found = [
                f for area in tiles_over((114.1, 22.49, 114.3, 22.51), z, grid) for f in await features_of(reader, layer, area, OVERVIEW)
            ]
            assert oid is not None and oid[0] in {f.get("id") for f in found}
