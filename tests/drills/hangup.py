"""A client that leaves while its tile is being made: the query is gone from pg_stat_activity within a second, unless somebody else waits for the same tile."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench._http import HttpClient
from bench._rows import Result, limited
from bench._tile_data import tile_of
from postgis.connect import OWNER, SUPERUSER, Database, connect
from tests.drills._load import Ground, drill, ground
from tests.web_server import Server, start_server

MOST_S = 1.0
_PATIENCE_S = 4.0
_RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%ST_AsMVT%' AND pid <> pg_backend_pid()"


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one."""
    rows, times = (2_000, 3) if quick else (400_000, 20)
    with ground(rows) as place, start_server(place.database, place.home) as server:
        return measure(server, place, times, heavy=not quick)


def measure(server: Server, place: Ground, times: int, heavy: bool) -> list[Result]:
    """Leave a tile that waits for a lock, then (in full) one that really computes."""
    database = place.database
    rows = []
    with held_up(database, place.layer.number):
        gone = [leave(server, database, _path(place, 12, number)) for number in range(times)]
        rows.append(limited(f"hang-up on a tile that waits for a lock: query gone, longest of {times}", "s", max(gone), MOST_S))
        rows.append(limited("query ended although a second client waits for the same tile", "", _shared(server, database, place), 0))
    if heavy:
        gone = [leave(server, database, _path(place, 6, number)) for number in range(times)]
        rows.append(limited(f"hang-up on a tile that computes: query gone, longest of {times}", "s", max(gone), MOST_S))
    with HttpClient(server.port) as client:
        assert client.get(f"/tiles/{place.layer.id}/14/0/0").status == 204
    return rows


def _path(place: Ground, zoom: int, number: int) -> str:
    """A tile nobody has asked for: read as of another minute each time."""
    x, y = tile_of(112.9, 22.5, zoom)
    return f"/tiles/{place.layer.id}/{zoom}/{x}/{y}?datetime=2024-03-01T{zoom:02d}:{number:02d}:00Z"


@contextmanager
def held_up(database: Database, number: int) -> Iterator[None]:
    """Nobody can read the layer's rows meanwhile."""
    with connect(database, OWNER) as owner:
        owner.execute(f"LOCK TABLE twin.object_{number} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        owner.rollback()


def leave(server: Server, database: Database, path: str) -> float:
    """Ask, wait until the query runs, hang up; seconds until it does not run any more."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        client = _ask(server, path)
        assert _wait(admin, 1) < _PATIENCE_S, f"no query for {path}"
        client.close()
        return _wait(admin, 0)


def _shared(server: Server, database: Database, place: Ground) -> int:
    """1 when the query of two who wait ended because one of them left."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        path = _path(place, 12, 59)
        first, second = _ask(server, path), _ask(server, path)
        assert _wait(admin, 1) < _PATIENCE_S, f"no query for {path}"
        time.sleep(0.3)
        first.close()
        time.sleep(0.7)
        running = _running(admin)
        second.close()
        _wait(admin, 0)
        return 1 - running


def _ask(server: Server, path: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client


def _running(admin: psycopg.Connection[tuple[int]]) -> int:
    row = admin.execute(_RUNNING.encode()).fetchone()
    assert row is not None
    return row[0]


def _wait(admin: psycopg.Connection[tuple[int]], wanted: int) -> float:
    """Seconds until exactly `wanted` tile queries run; the patience is well above the limit, so that a miss is measured and not raised."""
    begun = time.perf_counter()
    while _running(admin) != wanted and time.perf_counter() - begun < _PATIENCE_S:
        time.sleep(0.005)
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
