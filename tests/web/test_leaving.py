"""Whoever hangs up takes the query along, before the first byte and in the middle of a long answer; and budgets say their names."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from postgis.connect import OWNER, SUPERUSER, Database, connect
from postgis.pool import HotPool, OutOfTime
from postgis.statement import Statement
from tests.items_scene import ItemsSite, start_items
from tests.web.conftest import problem_of
from twin.layer import Layer
from web import budgets
from web.errors import Overloaded

WIDE = 10_000


@pytest.fixture(scope="module")
def items(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ItemsSite]:
    with start_items(make_database(), tmp_path_factory.mktemp("home")) as site:
        wide = site.put(Layer(number=0, id="wide", title_zh="宽", geometry_type="Polygon"), [])
        site.write(
            f"""INSERT INTO twin.object_{wide.number} (oid, geom, valid, sys, source, source_key)
            SELECT ({wide.number}::bigint << 40) + i, ST_Buffer(ST_SetSRID(ST_Point(113 + i / 1e5, 22), 4490), 0.001, 40),
                   tstzrange('2020-01-01', NULL), tstzrange(now(), NULL), 's', i::text FROM generate_series(1, {WIDE}) i"""
        )
        yield site


@contextmanager
def held(items: ItemsSite, layer: str) -> Iterator[None]:
    """The rows of a layer are locked: whoever reads them waits."""
    number = items.write("SELECT number FROM twin.layer WHERE id = %s", layer)[0]
    with connect(items.database, OWNER) as owner:
        owner.execute(f"LOCK TABLE twin.object_{number} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        owner.rollback()


def waiting(items: ItemsSite) -> int:
    """How many readers wait for rows of the two layers."""
    with psycopg.connect(items.database.conninfo(SUPERUSER), autocommit=True) as admin:
        found = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ '(layer|history)\\.'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def until(items: ItemsSite, number: int, patience_s: float = 3.0) -> None:
    deadline = time.monotonic() + patience_s
    while waiting(items) != number:
        assert time.monotonic() < deadline, f"{waiting(items)} wait, not {number}"
        time.sleep(0.02)


def ask(items: ItemsSite, target: str) -> socket.socket:
    """A request by a client that may hang up."""
    client = socket.create_connection(("127.0.0.1", items.server.port), timeout=10)
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


@pytest.mark.parametrize("query", ["limit=10", "limit=10&sortby=-oid_", "limit=10&count=exact", "limit=10000", "alone"])
def test_the_query_goes_with_its_client(items: ItemsSite, query: str) -> None:
    number = items.write("SELECT number FROM twin.layer WHERE id = 'things'")[0]
    query = query.replace("-oid_", "-%E9%AB%98%E5%BA%A6")
    target = f"/collections/things/items/{(number << 40) + 1}" if query == "alone" else f"/collections/things/items?{query}"
    with held(items, "things"):
        client = ask(items, target)
        until(items, 1)
        client.close()
        until(items, 0)
    assert httpx.get(items.server.url + "/collections/things/items").status_code == 200


def test_it_goes_in_the_middle_of_an_answer_too(items: ItemsSite) -> None:
    client = ask(items, f"/collections/wide/items?limit={WIDE}")
    assert b"200" in client.recv(100)
    with held(items, "wide"):
        until(items, 1)
        client.close()
        until(items, 0)


def test_nobody_is_cut_off_who_stays(items: ItemsSite) -> None:
    """A slow beginning and a long answer, read to its end."""
    with held(items, "wide"):
        client = ask(items, f"/collections/wide/items?limit={WIDE}")
        until(items, 1)
        time.sleep(0.5)
    received = b""
    with client:
        while not received.endswith(b"0\r\n\r\n"):
            piece: bytes = client.recv(1 << 20)
            assert piece
            received += piece
    assert received.count(b'"type":"Feature"') == WIDE


def test_a_lock_that_is_held_too_long_is_no_fault_of_ours(items: ItemsSite) -> None:
    with held(items, "things"):
        answer = httpx.get(items.server.url + "/collections/things/items?limit=7", timeout=20)
    assert "locked" in str(problem_of(answer, 503)["detail_en"])


async def test_running_out_of_time_names_the_budget() -> None:
    async def slow() -> None:
        raise OutOfTime("too long")

    with pytest.raises(Overloaded, match="count_s = 5 s"):
        await budgets.in_time("count_s", budgets.COUNT_S, slow())


async def test_statements_run_out_of_time(items: ItemsSite) -> None:
    """The pool tells a statement that took too long from a database that is away."""
    pool = HotPool(items.database, 1)
    try:
        with pytest.raises(OutOfTime):
            await pool.fetch(Statement("SELECT pg_sleep(5)"), timeout_s=0.2)
    finally:
        await pool.close()
