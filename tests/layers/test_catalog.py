"""The catalogue follows the database, keeps serving without it, and hides what a scope may not read."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest

from layers.catalog import Epochs, LiveCatalog, load
from layers.products import publish_toml
from postgis.catalog import with_parents
from postgis.connect import EDITOR, IMPORTER, SUPERUSER, Database, connect
from postgis.pool import HotPool
from tests.tile_scene import Row, put_layer, put_rows, square
from twin.errors import NotFound
from twin.fields import Field
from twin.layer import Access, Layer
from twin.view import EVERYTHING, PUBLIC

FIELDS = (Field(name="height"),)
CARD = """
code = "{code}"
title_zh = "楼"
title_en = "Blocks"
theme = "society"
owner = "x"
[[layers]]
layer = "blocks"
symbol = {{ kind = "fill" }}
[[layers]]
layer = "hidden"
symbol = {{ kind = "fill" }}
"""


@pytest.fixture(scope="module")
def layers(database: Database) -> tuple[Layer, Layer]:
    blocks = put_layer(database, Layer(number=0, id="blocks", title_zh="楼", fields=FIELDS), [Row(square(113.9, 22.5))])
    hidden = put_layer(database, Layer(number=0, id="hidden", title_zh="内", fields=FIELDS, access=Access.INTERNAL))
    return blocks, hidden


@pytest.fixture
async def pool(database: Database, layers: tuple[Layer, Layer]) -> AsyncIterator[HotPool]:
    made = await HotPool.open(database, 2)
    yield made
    await made.close()


@pytest.fixture
async def live(database: Database, pool: HotPool) -> AsyncIterator[LiveCatalog]:
    catalog = LiveCatalog(database, pool)
    await catalog.start()
    yield catalog
    await catalog.stop()


async def until(seen: Callable[[], bool], seconds: float = 20) -> float:
    started = time.monotonic()
    while not seen():
        assert time.monotonic() - started < seconds, "not seen in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - started


async def test_hidden_and_absent_are_the_same(pool: HotPool) -> None:
    catalog = await load(pool)
    assert [layer.id for layer in catalog.layers(PUBLIC)] == ["blocks"]
    assert catalog.layer("hidden", EVERYTHING).access is Access.INTERNAL
    said = []
    for layer_id in ("hidden", "hidde"):
        with pytest.raises(NotFound) as refused:
            catalog.layer(layer_id, PUBLIC)
        said.append((type(refused.value), refused.value.message_zh.replace(layer_id, "")))
    assert said[0] == said[1]


async def test_an_edit_moves_the_epoch_of_its_cells_only(live: LiveCatalog, database: Database, layers: tuple[Layer, Layer]) -> None:
    blocks = layers[0]
    before = live.snapshot
    with connect(database, IMPORTER) as connection:
        put_rows(connection, blocks.number, [Row(square(114.5, 22.5))])
    waited = await until(lambda: live.snapshot.epoch_of("blocks") > before.epoch_of("blocks"))
    assert waited < 1
    column, row = int((114.5 + 180) / (360 / 2**12)), int((90 - 22.5) / (360 / 2**12))
    here, there = (12 << 48 | row << 24 | (column + shift) for shift in (0, -500))
    assert live.snapshot.epoch_of("blocks", [here]) == live.snapshot.epoch_of("blocks") == live.snapshot.layer("blocks", PUBLIC).epoch
    assert live.snapshot.epoch_of("blocks", [there]) == before.epoch_of("blocks", [there])
    fresh = await load(live.pool)
    assert fresh.epochs == live.snapshot.epochs, "what is stored and what is heard agree"
    assert before.epoch_of("blocks") < fresh.epoch_of("blocks") and live.snapshot.epoch_of("nowhere") == 0


async def test_an_overview_has_epochs_of_its_own(live: LiveCatalog, database: Database, layers: tuple[Layer, Layer]) -> None:
    blocks, before = layers[0], live.snapshot
    here = 12 << 48 | 768 << 24 | 3344
    parent = 4 << 48 | 768 >> 8 << 24 | 3344 >> 8
    with connect(database, IMPORTER) as connection:
        connection.execute("""SELECT twin.emit('overview', '{"layer": "blocks"}', %s, ARRAY[%s::bigint])""", [blocks.number, here])
    await until(lambda: live.snapshot.epoch > before.epoch)
    now = live.snapshot
    assert (
        now.epoch_of("blocks", [here], overview=True)
        == now.epoch_of("blocks", [parent], True)
        == now.epoch_of("blocks", overview=True)
        == now.epoch
    )
    assert now.epoch_of("blocks", [here + 1], overview=True) == before.epoch_of("blocks", [here + 1], overview=True)
    assert now.epoch_of("blocks", [here]) == before.epoch_of("blocks", [here]), "the rows are as they were"
    assert now.layer("blocks", PUBLIC) is before.layer("blocks", PUBLIC)
    with connect(database, IMPORTER) as connection:
        connection.execute("""SELECT twin.emit('overview', '{"layer": "blocks"}', %s)""", [blocks.number])
    await until(lambda: live.snapshot.epoch > now.epoch)
    assert live.snapshot.epoch_of("blocks", [here + 1], overview=True) == live.snapshot.epoch
    assert live.snapshot.epoch_of("blocks", [here + 1]) == before.epoch_of("blocks", [here + 1])
    assert (await load(live.pool)).epochs == live.snapshot.epochs, "what is stored and what is heard agree"


async def test_new_layers_and_products_are_seen_within_a_second(live: LiveCatalog, database: Database, tmp_path: Path) -> None:
    put_layer(database, Layer(number=0, id="later", title_zh="后来", fields=FIELDS))
    assert await until(lambda: "later" in live.snapshot.by_id) < 1
    path = tmp_path / "p.toml"
    path.write_text(CARD.format(code="blocks-map"))
    with connect(database, EDITOR) as connection:
        publish_toml(connection, path)
    assert await until(lambda: "blocks-map" in live.snapshot.cards) < 1
    catalog = live.snapshot
    assert [entry.layer for entry in catalog.product("blocks-map", EVERYTHING).layers] == ["blocks", "hidden"]
    assert [entry.layer for entry in catalog.product("blocks-map", PUBLIC).layers] == ["blocks"], "no hidden name leaks"
    assert catalog.product_updated("blocks-map") is not None
    with pytest.raises(NotFound):
        catalog.product("nothing", EVERYTHING)


async def test_a_change_of_access_is_seen_within_a_second(live: LiveCatalog, owner: psycopg.Connection) -> None:
    for access, readable in (("internal", False), ("public", True)):
        owner.execute("UPDATE twin.layer SET access = %s WHERE id = 'blocks'", [access])
        owner.commit()
        assert await until(lambda readable=readable: ("blocks" in {layer.id for layer in live.snapshot.layers(PUBLIC)}) is readable) < 1


async def test_unchanged_layers_keep_their_objects(live: LiveCatalog, owner: psycopg.Connection) -> None:
    before = live.snapshot
    owner.execute("UPDATE twin.layer SET title_zh = '新名' WHERE id = 'hidden'")
    owner.commit()
    await until(lambda: live.snapshot.by_id["hidden"].title_zh == "新名")
    assert live.snapshot.by_id["blocks"] is before.by_id["blocks"]


async def test_killed_connections_are_not_noticed(live: LiveCatalog, database: Database, layers: tuple[Layer, Layer]) -> None:
    before = live.snapshot
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'twin_server' AND datname = current_database()"
        )
    assert live.snapshot.layers(PUBLIC) and live.ready
    with connect(database, IMPORTER) as connection:
        put_rows(connection, layers[0].number, [Row(square(115, 23))])
    await until(lambda: live.snapshot.epoch_of("blocks") > before.epoch_of("blocks"))


async def test_without_a_database_it_starts_empty_and_says_so(tmp_path: Path) -> None:
    away = Database(f"host={tmp_path} port=5432 dbname=none")
    live = LiveCatalog(away, HotPool(away, 1))
    await live.start()
    assert not live.ready and live.stale_since is not None and live.snapshot.layers(EVERYTHING) == ()
    await live.stop()


def test_parents_are_numbered_as_the_database_does(owner: psycopg.Connection) -> None:
    cells = [12 << 48 | 767 << 24 | 3355, 12 << 48 | 100 << 24 | 7]
    theirs = {row[0] for row in owner.execute("SELECT twin.with_parents(%s::bigint[])", [cells])}
    assert with_parents(cells) == theirs and len(theirs) == 18


def test_epochs_only_grow() -> None:
    cell = 12 << 48 | 5 << 24 | 6
    epochs = Epochs().after(3, (cell,)).after(7, None).after(5, (cell,))
    assert (epochs.latest, epochs.of([cell]), epochs.of([1])) == (7, 7, 7)
    assert epochs.after(6, None) is epochs
    assert epochs.after(9, ()).of([cell]) == 7
