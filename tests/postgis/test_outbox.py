"""Events in commit order, none missed, and wake-ups that survive a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.outbox import measure
from postgis import outbox
from postgis.connect import IMPORTER, OWNER, SERVER, Database, connect
from postgis.layers import LayerSpec, make_layer
from postgis.pool import HotPool
from twin.layer import Access


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[Any]:
    connection = await database.connect_asyncpg(SERVER)
    yield connection
    await connection.close()


def emit(database: Database, topic: str, payload: str = "{}", layer: int | None = None) -> None:
    with connect(database, IMPORTER) as connection:
        connection.execute("SELECT twin.emit(%s, %s, %s)", [topic, payload, layer])


async def test_a_late_commit_comes_later_in_order(database: Database, reader: Any) -> None:
    start = await outbox.last_seq(reader)
    with connect(database, IMPORTER) as slow:
        slow.execute("""SELECT twin.emit('product', '{"n": 1}')""")
        emit(database, "product", '{"n": 2}')
        assert [event.payload["n"] for event in await outbox.read_after(reader, start)] == [2]
    events = await outbox.read_after(reader, start)
    assert [event.payload["n"] for event in events] == [2, 1]
    assert events[0].seq < events[1].seq == await outbox.last_seq(reader)
    assert events[0].at < events[1].at
    assert await outbox.read_after(reader, start, limit=1) == events[:1]


async def test_a_rolled_back_event_never_was(database: Database, reader: Any) -> None:
    start = await outbox.last_seq(reader)
    with connect(database, IMPORTER) as connection:
        connection.execute("SELECT twin.emit('product', '{}')")
        connection.rollback()
    assert await outbox.read_after(reader, start) == []


async def test_a_pool_reads_the_same(database: Database, reader: Any) -> None:
    emit(database, "catalogue", '{"layer": "x"}')
    pool = await HotPool.open(database, 1)
    assert await outbox.read_after(pool, 0) == await outbox.read_after(reader, 0)
    assert await outbox.last_seq(pool) == await outbox.last_seq(reader)
    await pool.close()


async def test_the_door_shows_each_scope_its_own(database: Database, reader: Any) -> None:
    with connect(database, IMPORTER) as connection:
        secret = make_layer(connection, LayerSpec(id="secret", title_zh="密", access=Access.INTERNAL))
    start = await outbox.last_seq(reader)
    emit(database, "layer", '{"layer": "secret"}', secret)
    emit(database, "job")
    emit(database, "catalogue")
    text = "SELECT topic FROM door.outbox WHERE seq > $1 ORDER BY seq"
    assert await reader.fetch(text, start) == []
    await reader.execute("""SELECT set_config('twin.scope', '{"access": ["public"], "divisions": []}', false)""")
    assert [row[0] for row in await reader.fetch(text, start)] == ["catalogue"]
    assert [event.topic for event in await outbox.read_after(reader, start)] == ["layer", "job", "catalogue"]


async def test_listening_goes_on_after_the_connection_is_lost(database: Database) -> None:
    wakes = outbox.listen(database)

    async def woken() -> None:
        await asyncio.wait_for(anext(wakes), 5)

    await woken()  # listening has begun
    emit(database, "catalogue")
    await woken()
    with connect(database, OWNER) as owner:
        row = owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'twin_server' AND datname = current_database()"
        ).fetchone()
        assert row == (1,)
    with connect(database, "twin") as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'twin_server' AND datname = current_database()"
        )
    await woken()  # something may have happened meanwhile
    emit(database, "catalogue")
    await woken()
    await wakes.aclose()


async def test_six_writers_and_a_long_transaction_lose_no_event(database: Database) -> None:
    figures = await measure(database, seconds=4.0)
    assert figures.written > 100
    assert figures.missed == 0
    assert figures.out_of_order == 0
