"""A database that is killed, absent, or has its connections ended: never a 500, and answers again within a second of its return."""

import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from layers.accounts import add_key
from postgis.cluster import Cluster
from postgis.connect import EDITOR, SUPERUSER, Database, connect
from postgis.migrate import migrate
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tests.web.conftest import problem_of
from tests.web_server import Server, start_server
from twin.layer import Layer

DOORS = ["/collections/houses/items?limit=5", "/tiles/houses/10/836/446", "/layers", "/readyz", "/divisions", "/search?q=南山", "/livez"]
SIGNED_DOORS = ["/jobs", "/me"]
ALLOWED = {200, 204, 503}


@dataclass
class Load:
    """Four clients that ask all the time, and what they were told when."""

    server: Server
    key: str
    seen: list[tuple[float, int, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        anybody = [threading.Thread(target=self._ask, args=(DOORS, {})) for _ in range(4)]
        self.threads = [*anybody, threading.Thread(target=self._ask, args=(SIGNED_DOORS, {"X-API-Key": self.key}))]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, doors: list[str], headers: dict[str, str]) -> None:
        with self.server.client(headers=headers) as client:
            while not self.stop.is_set():
                door = random.choice(doors)
                answer = client.get(door)
                self.seen.append((time.monotonic(), answer.status_code, door))
                if answer.status_code == 503 and door != "/readyz":
                    assert answer.headers["retry-after"] and answer.headers["content-type"] == "application/problem+json"
                time.sleep(0.005)

    def first_good_after(self, moment: float, door: str) -> float:
        """Seconds until a door that reads the database answered well."""
        return min(at for at, status, asked in self.seen if at > moment and asked == door and status in (200, 204)) - moment


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster of our own that may be killed."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-faults-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home, {"shared_buffers": "64MB", "fsync": "off"})
    yield cluster
    cluster.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def server(own_cluster: Cluster) -> Iterator[Server]:
    """A server that is there before its database is."""
    with start_server(own_cluster.database, own_cluster.home, wait=False, database_url="") as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server, own_cluster: Cluster) -> str:
    """The database comes; a layer, and a key to see jobs with."""
    with server.client() as early:
        assert early.get("/livez").status_code == 200
        waiting = early.get("/readyz")
        assert waiting.status_code == 503 and waiting.json()["checks"]["database"] != "ok" and waiting.headers["retry-after"]
        for door in DOORS[:3]:
            problem_of(early.get(door), 503)
        problem_of(early.post("/login", json={"name": "admin", "password": "x"}), 503)
        problem_of(early.post("/logout"), 401)
        assert early.get("/metrics").status_code == early.get("/ogc").status_code == 200
    database = own_cluster.ensure()
    migrate(database)
    put_layer(database, Layer(number=0, id="houses", title_zh="房屋", fields=BUILDING_FIELDS), [Row(square(114.0, 22.5), name="南山")])
    wait_ready(server)
    with connect(database, EDITOR) as connection:
        return add_key(connection, "faults")


def wait_ready(server: Server, patience_s: float = 120) -> None:
    deadline = time.monotonic() + patience_s
    while httpx.get(server.url + "/readyz").status_code != 200:
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.02)


def stop_now(cluster: Cluster) -> None:
    """Kill every backend without a word, as a crash does."""
    owner = cluster.data.stat()
    command = [str(cluster._bin / "pg_ctl"), "-D", str(cluster.data), "-m", "immediate", "-w", "stop"]
    subprocess.run(command, check=True, user=owner.st_uid, group=owner.st_gid, extra_groups=[], cwd="/", stdout=subprocess.DEVNULL)


def test_it_becomes_ready_unaided(server: Server, key: str) -> None:
    deadline = time.monotonic() + 20
    while httpx.get(server.url + "/layers").json().get("layers", []) == [] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert httpx.get(server.url + "/collections/houses/items").json()["numberReturned"] == 1


def test_a_killed_database(server: Server, key: str, own_cluster: Cluster) -> None:
    for away_s in (0.0, 0.3, 3.0):
        with Load(server, key) as load:
            time.sleep(0.5)
            stop_now(own_cluster)
            time.sleep(away_s)
            own_cluster.ensure()
            back = time.monotonic()
            time.sleep(2.5)
        told = Counter(status for _, status, _ in load.seen)
        assert set(told) <= ALLOWED and told[200] > 100, (told, server.log.read_text())
        assert {status for _, status, door in load.seen if door.startswith("/tiles")} == {200}, "a tile that is kept needs no database"
        for door in ("/collections/houses/items?limit=5", "/tiles/houses/10/836/446", "/readyz", "/jobs"):
            assert load.first_good_after(back, door) < 1.0, (away_s, door)
        late = {status for at, status, _ in load.seen if at > back + 2}
        assert 503 not in late, (away_s, Counter(door for at, status, door in load.seen if at > back + 2 and status == 503))


def test_ended_connections_are_not_noticed(server: Server, key: str, own_cluster: Cluster) -> None:
    with Load(server, key) as load:
        for _ in range(5):
            time.sleep(0.6)
            end_connections(own_cluster.database)
    told = Counter((status, door) for _, status, door in load.seen if status not in (200, 204))
    assert not told, told


def end_connections(database: Database) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_events_go_on_after_a_kill(server: Server, key: str, own_cluster: Cluster) -> None:
    """The stream stays open, and what was committed meanwhile arrives."""
    with httpx.stream("GET", server.url + "/events", timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        stop_now(own_cluster)
        own_cluster.ensure()
        put_layer(own_cluster.database, Layer(number=0, id="after-the-kill", title_zh="之后"), [Row(square(114, 22))])
        assert next(line for line in lines if "after-the-kill" in line)
