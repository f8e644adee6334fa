"""The hot pool under the things that happen to it: scopes side by side, a queue, ended backends, a restart of the whole database."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from postgis import pool as pool_module
from postgis.cluster import Cluster
from postgis.connect import SERVER, SUPERUSER, Database
from postgis.pool import HotPool, scope_setting
from postgis.statement import Statement
from twin.errors import Unavailable
from twin.layer import Access
from twin.view import EVERYTHING, PUBLIC, Scope

SCOPE = Statement("SELECT current_setting('twin.scope')")
SLOW = Statement("SELECT pg_sleep($1)", (0.3,))
ONE = Statement("SELECT 1")


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[HotPool]:
    made = await HotPool.open(database, 2)
    yield made
    await made.close()


def end_backends(database: Database) -> int:
    """Terminate every backend of the serving role in this database."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        found = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()", [SERVER]
        ).fetchone()
    assert found is not None
    return int(found[0])


async def test_settings_of_a_hot_connection(pool: HotPool) -> None:
    names = ("jit", "max_parallel_workers_per_gather", "default_transaction_read_only", "TimeZone")
    assert [await pool.fetchval(Statement(f"SHOW {name}")) for name in names] == ["off", "0", "on", "UTC"]
    with pytest.raises(Exception, match="read-only"):
        await pool.fetch(Statement("CREATE TEMP TABLE t (a int); "))


async def test_each_read_sees_its_own_scope(pool: HotPool) -> None:
    scopes = [PUBLIC, EVERYTHING, Scope(frozenset({Access.PUBLIC}), ("4403",)), Scope(frozenset())] * 25
    seen = await asyncio.gather(*(pool.fetchval(SCOPE, scope) for scope in scopes))
    assert seen == [scope_setting(scope) for scope in scopes]


async def test_scope_is_set_again_after_an_ended_backend(pool: HotPool, database: Database) -> None:
    assert await pool.fetchval(SCOPE, EVERYTHING) == scope_setting(EVERYTHING)
    assert end_backends(database) == 2
    assert await pool.fetchval(SCOPE, EVERYTHING) == scope_setting(EVERYTHING)


async def test_rows_values_none(pool: HotPool) -> None:
    assert [tuple(row) for row in await pool.fetch(Statement("SELECT * FROM generate_series(1, $1::int) g(a)", (3,)))] == [(1,), (2,), (3,)]
    nothing = Statement("SELECT 1 WHERE false")
    assert await pool.fetchrow(nothing) is None and await pool.fetchval(nothing) is None


async def test_ended_backends_under_load_are_nobodys_error(pool: HotPool, database: Database) -> None:
    stop = time.monotonic() + 1.5

    async def reader() -> int:
        count = 0
        while time.monotonic() < stop:
            assert await pool.fetchval(Statement("SELECT pg_sleep(0.002) IS NULL")) is False
            count += 1
        return count

    async def killer() -> None:
        while time.monotonic() < stop:
            await asyncio.to_thread(end_backends, database)
            await asyncio.sleep(0.1)

    counts = await asyncio.gather(*(reader() for _ in range(8)), killer())
    assert sum(count or 0 for count in counts) > 50


async def test_a_query_over_its_time_is_refused_and_ended(pool: HotPool) -> None:
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await pool.fetch(Statement("SELECT pg_sleep(10)"), timeout_s=0.1)
    assert time.monotonic() - begun < 5, "not the ten seconds of the query"
    assert await asyncio.gather(*(pool.fetchval(ONE) for _ in range(4))) == [1] * 4
    running = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep.10' AND state = 'active' AND pid <> pg_backend_pid()"
    assert await pool.fetchval(Statement(running)) == 0


async def test_a_cancelled_reader_frees_its_connection(pool: HotPool) -> None:
    tasks = [asyncio.create_task(pool.fetch(Statement("SELECT pg_sleep(20)"))) for _ in range(2)]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.gather(*(pool.fetchval(SCOPE, EVERYTHING) for _ in range(4))) == [scope_setting(EVERYTHING)] * 4


async def test_the_queue_has_an_end(pool: HotPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "ACQUIRE_BUDGET_S", 0.1)
    monkeypatch.setattr(pool_module, "_MAX_WAITING", 3)
    answers = await asyncio.gather(*(pool.fetch(SLOW) for _ in range(8)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(refused) == 6 and pool.waiting == 0
    assert await pool.fetchval(ONE) == 1


async def test_who_was_let_in_may_wait(pool: HotPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of an answer that has begun neither runs out of patience nor is sent away from a long queue."""
    monkeypatch.setattr(pool_module, "ACQUIRE_BUDGET_S", 0.1)
    monkeypatch.setattr(pool_module, "_MAX_WAITING", 0)
    taken = [asyncio.create_task(pool.fetch(SLOW)) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(Unavailable):
        await pool.fetch(ONE)
    assert len(await pool.fetch(ONE, wait_s=20)) == 1
    await asyncio.gather(*taken)


async def test_a_bug_is_not_taken_for_a_lost_database(pool: HotPool) -> None:
    with pytest.raises(Exception, match="invalid input"):
        await pool.fetch(Statement("SELECT $1::int", ("x",)))
    assert await pool.fetchval(ONE) == 1


async def test_statements_survive_a_changed_view(pool: HotPool, database: Database) -> None:
    text = Statement("SELECT * FROM public.seen_by_pool")
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute("CREATE VIEW public.seen_by_pool AS SELECT 1 AS a")
        admin.execute(f"GRANT SELECT ON public.seen_by_pool TO {SERVER}".encode())
        assert [dict(row) for row in await pool.fetch(text)] == [{"a": 1}]
        assert [dict(row) for row in await pool.fetch(text)] == [{"a": 1}]
        admin.execute("CREATE OR REPLACE VIEW public.seen_by_pool AS SELECT 1 AS a, 'x'::text AS b")
        assert [[dict(row) for row in await pool.fetch(text)] for _ in range(4)] == [[{"a": 1, "b": "x"}]] * 4
        admin.execute("DROP VIEW public.seen_by_pool")
    with pytest.raises(Unavailable):
        await pool.fetch(text)


async def test_statements_are_held_but_not_without_end(pool: HotPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_HELD_STATEMENTS", 4)
    for number in range(20):
        assert await pool.fetchval(Statement(f"SELECT {number}")) == number
    assert await pool.fetchval(Statement("SELECT count(*) FROM pg_prepared_statements")) <= 6


async def test_a_closed_pool_refuses(database: Database) -> None:
    pool = await HotPool.open(database, 1)
    await pool.close()
    with pytest.raises(Unavailable):
        await pool.fetch(ONE)


async def test_open_without_a_database(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await HotPool.open(Database(f"host={tmp_path} dbname=none"), 1)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster of this test's own, to be killed: below /tmp, where its account can enter."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-pool-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home, {"fsync": "off", "shared_buffers": "32MB"})
    cluster.ensure()
    yield cluster
    cluster.stop()
    shutil.rmtree(home, ignore_errors=True)


async def test_a_database_killed_and_started_again(own_cluster: Cluster) -> None:
    """pg_ctl -m immediate restart under load, three times: only answers and Unavailable, and answers again within 1 s of its return."""
    pool = await HotPool.open(own_cluster.database, 3, role=SUPERUSER)
    answered: list[float] = []
    refused: list[float] = []
    stop = asyncio.Event()

    async def reader() -> None:
        while not stop.is_set():
            try:
                assert await pool.fetchval(Statement("SELECT pg_sleep(0.005) IS NULL")) is False
                answered.append(time.monotonic())
            except Unavailable:
                refused.append(time.monotonic())

    readers = [asyncio.create_task(reader()) for _ in range(12)]
    try:
        for pause in (0.0, 0.5, 2.5):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(stop_now, own_cluster)
            await asyncio.sleep(pause)
            await asyncio.to_thread(own_cluster.ensure)
            up = time.monotonic()
            await asyncio.sleep(1.1)
            assert min(moment for moment in answered if moment > up) - up < 1.0
            assert not [moment for moment in refused if moment > up + 1.0]
        assert refused, "the long absence must have been told"
    finally:
        stop.set()
        await asyncio.gather(*readers)
        await pool.close()


def stop_now(cluster: Cluster) -> None:
    """Kill every backend without a word, as a crash does."""
    command = [str(cluster._bin / "pg_ctl"), "-D", str(cluster.data), "-m", "immediate", "-w", "stop"]
    owner = cluster.data.stat()
    subprocess.run(command, check=True, user=owner.st_uid, group=owner.st_gid, extra_groups=[], cwd="/", stdout=subprocess.DEVNULL)
