"""VectorTiles over a real catalogue: ETags that follow changes and nothing else, one query for equal askers, scopes kept apart."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import mapbox_vector_tile
import pytest
import pytest_asyncio

from layers.catalog import LiveCatalog
from postgis.connect import EDITOR, IMPORTER, Database, connect
from postgis.pool import HotPool
from postgis.statement import Statement
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, put_rows, square
from tiles.grid import TileAddress
from tiles.vector import Tile, TileAsk, TileOptions, VectorTiles
from twin.errors import BadParameter, NotFound, Unavailable
from twin.layer import Access, Layer
from twin.view import EVERYTHING, PUBLIC, Equals, Scope

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
    tile = await tiles.encode(asked)
    return [f["id"] & 0xFF for layer in mapbox_vector_tile.decode(tile.body).values() for f in layer["features"]]


async def test_bytes_gzip_and_emptiness(tiles: VectorTiles) -> None:
    plain, packed = await tiles.encode(ask(tiles)), await tiles.encode(ask(tiles), gzip=True)
    assert packed.gzipped and not plain.gzipped and gzip.decompress(packed.body) == plain.body
    assert packed == await tiles.encode(ask(tiles), gzip=True)
    assert await tiles.encode(ask(tiles, address=FAR), gzip=True) == Tile(b"", False, False)


async def test_below_its_lowest_zoom_a_layer_is_empty_without_a_query(tiles: VectorTiles) -> None:
    assert await tiles.encode(ask(tiles, ids="high")) == Tile(b"", False, False)
    assert (await tiles.encode(ask(tiles, ids="high", address=TileAddress(15, 26765, 14277)))).body


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


async def test_equal_askers_share_one_query(tiles: VectorTiles, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, fetches = ask(tiles), []
    fetch = HotPool.fetch

    async def counted(pool: HotPool, statement: Statement, scope: Scope = PUBLIC, timeout_s: float = 5.0) -> object:
        fetches.append(statement)
        return await fetch(pool, statement, scope, timeout_s)

    monkeypatch.setattr(HotPool, "fetch", counted)
    made = await asyncio.gather(*(tiles.encode(asked) for _ in range(20)), tiles.encode(ask(tiles, BOUND)))
    assert len(fetches) == 2 and len({id(tile) for tile in made[:20]}) == 1


async def test_a_query_ends_when_the_last_asker_leaves(tiles: VectorTiles, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.vector.tile_statement", lambda views, layers: Statement("SELECT pg_sleep(20)::text::bytea, false"))
    waiting = [asyncio.create_task(tiles.encode(ask(tiles))) for _ in range(3)]
    await asyncio.sleep(0.1)
    waiting[0].cancel()
    await asyncio.sleep(0.05)
    assert not waiting[1].done()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    begun = time.monotonic()
    monkeypatch.undo()
    assert (await tiles.encode(ask(tiles))).body and time.monotonic() - begun < 1


async def test_a_slow_tile_is_refused(tiles: VectorTiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.vector.tile_statement", lambda views, layers: Statement("SELECT pg_sleep(20)::text::bytea, false"))
    monkeypatch.setattr("tiles.vector._TIMEOUT_S", 0.05)
    with pytest.raises(Unavailable):
        await tiles.encode(ask(tiles))


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
