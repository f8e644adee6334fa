"""VectorTiles over a real catalogue: ETags that follow changes and nothing else, one query for equal askers, scopes kept apart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import mapbox_vector_tile
import pytest
import pytest_asyncio

from layers.catalog import LiveCatalog
from postgis.connect import EDITOR, IMPORTER, OWNER, Database, connect
from postgis.pool import HotPool
from postgis.statement import Statement
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, put_rows, square
from tiles.grid import TileAddress
from tiles.vector import RawTile, TileAsk, TileOptions, VectorTiles
from twin.errors import BadParameter, NotFound, Unavailable
from twin.fields import Field, FieldType, Role
from twin.grids import Grid
from twin.layer import Access, Layer, TileSource
from twin.view import EVERYTHING, PUBLIC, Equals, Scope, TimeSpan

HERE = TileAddress(14, 13382, 7138)
FAR = TileAddress(14, 13300, 7000)
BOUND = Scope(PUBLIC.access, ("440306",))


@pytest.fixture(scope="module")
def layer(database: Database) -> Layer:
    rows = [Row(square(114.0550, 22.5400), {"高度": i}, division="440305" if i else "440306") for i in range(60)]
    put_layer(database, Layer(number=0, id="inside", title_zh="内", access=Access.INTERNAL, fields=BUILDING_FIELDS), rows[:1])
    put_layer(database, Layer(number=0, id="high", title_zh="高", min_zoom=15, fields=BUILDING_FIELDS), rows[:1])
    return put_layer(database, Layer(number=0, id="建筑", title_zh="建筑", fields=BUILDING_FIELDS), rows)


@pytest_asyncio.fixture(scope="module")
async def tiles(database: Database, layer: Layer) -> AsyncIterator[VectorTiles]:
    pool = await HotPool.open(database, 2)
    catalog = LiveCatalog(database, pool)
    await catalog.start()
    yield VectorTiles(pool, catalog)
    await catalog.stop()
    await pool.close()


def ask(
    tiles: VectorTiles, scope: Scope = PUBLIC, address: TileAddress = HERE, options: TileOptions | None = None, ids: str = "建筑"
) -> TileAsk:
    layers = tiles.layers(tuple(ids.split(",")), scope)
    return tiles.ask(layers, address, scope, options or TileOptions())


async def ids_in(tiles: VectorTiles, asked: TileAsk) -> list[int]:
    tile = await tiles.make(asked)
    return [f["id"] & 0xFF for layer in mapbox_vector_tile.decode(tile.body).values() for f in layer["features"]]


async def test_bytes_and_emptiness(tiles: VectorTiles) -> None:
    assert (await tiles.make(ask(tiles))).body and not (await tiles.make(ask(tiles))).truncated
    assert await tiles.make(ask(tiles, address=FAR)) == RawTile(b"", False)


async def test_below_its_lowest_zoom_a_layer_is_empty_without_a_query(tiles: VectorTiles) -> None:
    assert await tiles.make(ask(tiles, ids="high")) == RawTile(b"", False)
    assert (await tiles.make(ask(tiles, ids="high", address=TileAddress(15, 26765, 14277)))).body


async def test_unknown_hidden_repeated_and_too_many_layers(tiles: VectorTiles) -> None:
    with pytest.raises(NotFound):
        tiles.layers(("nothing",), PUBLIC)
    with pytest.raises(NotFound):
        tiles.layers(("建筑", "inside"), PUBLIC)
    assert len(tiles.layers(("建筑", "inside"), EVERYTHING)) == 2
    for ids in (("建筑", "建筑"), tuple(f"l{i}" for i in range(17))):
        with pytest.raises(BadParameter):
            tiles.layers(ids, PUBLIC)


async def test_etags_differ_by_everything_that_changes_bytes(tiles: VectorTiles) -> None:
    filtered = TileOptions(filters=(Equals("高度", 1.0),))
    asked = [
        ask(tiles),
        ask(tiles, address=FAR),
        ask(tiles, BOUND),
        ask(tiles, Scope(PUBLIC.access, masked_fields=frozenset({"高度"}))),
        ask(tiles, options=filtered),
        ask(tiles, options=TileOptions(plan="x")),
        ask(tiles, EVERYTHING, ids="建筑,inside"),
        ask(tiles, EVERYTHING, ids="inside,建筑"),
    ]
    assert len({one.etag for one in asked}) == len(asked)
    assert ask(tiles).etag == ask(tiles, EVERYTHING).etag  # a public layer is the same for all who are not bounded
    assert ask(tiles, EVERYTHING).public and not ask(tiles, BOUND).public and not ask(tiles, EVERYTHING, ids="inside").public


async def test_scopes_get_their_own_bytes_at_the_same_time(tiles: VectorTiles) -> None:
    answers = await asyncio.gather(*(ids_in(tiles, ask(tiles, scope)) for scope in (PUBLIC, BOUND, EVERYTHING) * 10))
    assert [len(found) for found in answers] == [60, 1, 60] * 10


async def test_a_slow_tile_is_refused(tiles: VectorTiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.vector.tile_statement", lambda *_: Statement("SELECT pg_sleep(20)::text::bytea, false, ARRAY[true]"))
    monkeypatch.setattr("tiles.vector._TIMEOUT_S", 0.05)
    with pytest.raises(Unavailable):
        await tiles.make(ask(tiles))


async def changed_etag(tiles: VectorTiles, before: str, address: TileAddress = HERE) -> str:
    """The ETag once it is no longer `before`, or after half a second."""
    for _ in range(50):
        if (now := ask(tiles, address=address).etag) != before:
            return now
        await asyncio.sleep(0.01)
    return before


async def test_a_change_moves_the_etags_of_its_place_only(tiles: VectorTiles, database: Database, layer: Layer) -> None:
    here, far = ask(tiles).etag, ask(tiles, address=FAR).etag
    with connect(database, IMPORTER) as importer:
        put_rows(importer, layer.number, [Row(square(114.0570, 22.5420), {"高度": 7}, division="440305")])
    new = await changed_etag(tiles, here)
    assert new != here and ask(tiles, address=FAR).etag == far
    assert len(await ids_in(tiles, ask(tiles))) == 61
    with connect(database, EDITOR) as editor:
        editor.execute("SELECT twin.change('建筑', %s, %s)", [(layer.number << 40) + 61, '{"attrs": {"高度": 8}}'])
    assert await changed_etag(tiles, new) != new
    low = TileAddress(2, 3, 1)
    assert ask(tiles, address=low).etag != here


async def caught_up(tiles: VectorTiles, ids: str, source: TileSource) -> TileAsk:
    """What is asked once the catalogue knows what the layer is made from."""
    for _ in range(300):
        if tiles.catalog.snapshot.by_id[ids].tile_source is source:
            break
        await asyncio.sleep(0.02)
    return ask(tiles, ids=ids)


async def test_a_doubted_twin_is_not_shown(tiles: VectorTiles, database: Database, layer: Layer) -> None:
    """The catalogue may not know yet: the query itself asks, and the rows are read instead."""
    asked = await caught_up(tiles, layer.id, TileSource.TWIN)
    assert asked.lasting
    before = await ids_in(tiles, asked)
    with connect(database, OWNER) as owner:
        owner.execute(f"DELETE FROM twin.tile_{layer.number}".encode())
    assert await ids_in(tiles, asked) == []
    with connect(database, OWNER) as owner:
        owner.execute("INSERT INTO twin.tile_note VALUES (%s, NULL)", [layer.number])
    assert sorted(await ids_in(tiles, asked)) == sorted(before)
    with connect(database, OWNER) as owner:
        owner.execute(f"DROP TABLE twin.tile_{layer.number} CASCADE".encode())
    assert sorted(await ids_in(tiles, asked)) == sorted(before)


async def test_of_too_many_the_largest_stay(tiles: VectorTiles, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(square(114.0550, 22.5400, 0.0001 * (1 + i % 10)), {"高度": i}) for i in range(40)]
    put_layer(database, Layer(number=0, id="crowd", title_zh="多", fields=BUILDING_FIELDS), rows)
    monkeypatch.setattr("postgis.mvt_units.MAX_FEATURES", 8)
    for _ in range(300):
        if "crowd" in tiles.catalog.snapshot.by_id:
            break
        await asyncio.sleep(0.02)
    known = tiles.catalog.snapshot.by_id["crowd"]
    for source in (TileSource.LIVE, TileSource.TWIN):
        layers = (known.model_copy(update={"tile_source": source}),)
        tile = await tiles.make(tiles.ask(layers, HERE, PUBLIC))
        found = [f["id"] & 0xFF for made in mapbox_vector_tile.decode(tile.body).values() for f in made["features"]]
        assert tile.truncated and len(found) == 8 and {(oid - 1) % 10 for oid in found} == {8, 9}, source


async def test_moments_are_snapped_and_filters_have_no_order(tiles: VectorTiles, layer: Layer) -> None:
    def tag(moment: str, of: Layer = layer) -> str:
        at = datetime.fromisoformat(moment)
        return tiles.ask((of,), HERE, PUBLIC, TileOptions(valid_at=TimeSpan(at, at))).etag

    assert tag("2024-05-01T10:00:00.9Z") == tag("2024-05-01T18:00:00.1+08:00") != tag("2024-05-01T10:00:01Z")
    by_day = layer.model_copy(update={"fields": (*layer.fields, Field(name="since", type=FieldType.DATE, role=Role.VALID_FROM))})
    assert tag("2024-05-01T01:00:00+08:00", by_day) == tag("2024-05-01T23:00:00+08:00", by_day) != tag("2024-05-02T00:00:00+08:00", by_day)
    one, other = Equals("高度", 1.0), Equals("类别", "x")
    tags = {tiles.ask((layer,), HERE, PUBLIC, TileOptions(filters=filters)).etag for filters in ((one, other), (other, one))}
    assert len(tags) == 1 and ask(tiles).etag not in tags


async def test_both_grids_have_tags_and_bytes_of_their_own(tiles: VectorTiles, layer: Layer) -> None:
    other = TileAddress(14, 13382, 3070, Grid.CGCS2000)
    assert ask(tiles, address=other).etag != ask(tiles, address=TileAddress(14, 13382, 3070)).etag
    assert len(await ids_in(tiles, ask(tiles, address=other))) == len(await ids_in(tiles, ask(tiles)))
