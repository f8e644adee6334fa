"""What the drills of the tiles share: a site of footprints on a cluster of its own, many clients at once, and a sampler of /livez."""

import argparse
import asyncio
import contextlib
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

from bench._http import HttpClient
from bench._rows import Result, report
from bench._tile_data import put_footprints
from postgis.cluster import Cluster
from postgis.connect import Database
from postgis.migrate import migrate
from twin.layer import Layer

_SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with footprints in it, and a directory for the homes of servers."""

    database: Database
    layer: Layer
    home: Path
    cluster: Cluster


@contextlib.contextmanager
def ground(rows: int) -> Iterator[Ground]:
    """A cluster of the drill's own with `rows` footprints in eight towns, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-drill-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home / "home")
    try:
        database = cluster.ensure()
        migrate(database)
        yield fill(database, home, cluster, rows)
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def fill(database: Database, home: Path, cluster: Cluster, rows: int) -> Ground:
    """Footprints in a migrated database."""
    return Ground(database, put_footprints(database, rows, 0.02), home, cluster)


def drill(description: str | None, run: Callable[[bool], list[Result]]) -> int:
    """Run a drill from its command line; 0 when every row holds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="the small round of the everyday suite")
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    rows = run(arguments.quick)
    report(rows, arguments.json)
    return 0 if all(row.holds for row in rows) else 1


@dataclass(slots=True)
class Told:
    """What the clients were told: when, how, how long it took, and whether a refusal said when to come back."""

    answers: list[tuple[float, int, float, str]] = field(default_factory=list)
    without_retry_after: int = 0
    broken: int = 0

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was told."""
        return Counter(status for _, status, _, _ in self.answers)

    def times(self, *statuses: int) -> list[float]:
        """Seconds that answers of these statuses took, ascending."""
        return sorted(took for _, status, took, _ in self.answers if status in statuses)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of an ascending list lies; 0 of none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


async def crowd(port: int, clients: int, over: asyncio.Event, next_path: Callable[[], str]) -> Told:
    """`clients` that ask until it is over, each its own connection; who is refused comes back a second later."""
    told = Told()
    await asyncio.gather(*(_client(port, over, next_path, told) for _ in range(clients)))
    return told


async def crowd_for(seconds: float, port: int, clients: int, next_path: Callable[[], str]) -> Told:
    """A crowd that asks for so long."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    return await crowd(port, clients, over, next_path)


async def _client(port: int, over: asyncio.Event, next_path: Callable[[], str], told: Told) -> None:
    while not over.is_set():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        try:
            await _ask_on(reader, writer, over, next_path, told)
        except (OSError, asyncio.IncompleteReadError):
            told.broken += 1
            await asyncio.sleep(0.05)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _ask_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, over: asyncio.Event, next_path: Callable[[], str], told: Told
) -> None:
    """Ask over one connection as long as the server keeps it."""
    while not over.is_set():
        path, begun = next_path(), time.monotonic()
        status, head = await ask(reader, writer, path)
        told.answers.append((begun, status, time.monotonic() - begun, path))
        if status == 503:
            told.without_retry_after += "\r\nretry-after:" not in head
            await asyncio.sleep(1.0)
        if "\r\nconnection: close" in head:
            return


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> tuple[int, str]:
    """One GET; its status and lower-cased head."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head[9:12])
    if status not in (204, 304):
        await reader.readexactly(int(head.split("\r\ncontent-length:")[1].split("\r\n")[0]))
    return status, head


@dataclass(slots=True)
class Alive:
    """What the sampler saw: milliseconds of every answer of /livez, and how many did not come."""

    times_ms: list[float] = field(default_factory=list)
    missing: int = 0

    @property
    def words(self) -> str:
        """The middle and the number of samples."""
        return f"median {statistics.median(self.times_ms):.1f} ms of {len(self.times_ms)}" if self.times_ms else "no sample"


@contextlib.contextmanager
def watch_livez(port: int) -> Iterator[Alive]:
    """Ask /livez twenty times a second in a process of its own, so that no load of ours is in its figures; filled in when the block ends."""
    context = multiprocessing.get_context("spawn")
    over, results = context.Event(), context.Queue()
    sampler = context.Process(target=_sample, args=(port, over, results))
    sampler.start()
    alive = Alive()
    results.get(timeout=60)
    try:
        yield alive
    finally:
        over.set()
        alive.times_ms, alive.missing = results.get(timeout=60)
        sampler.join(60)


def _sample(port: int, over: Event, results: "multiprocessing.Queue[object]") -> None:
    times, missing = list[float](), 0
    with HttpClient(port, 30) as client:
        client.get("/livez")
        results.put("ready")
        while not over.wait(_SAMPLE_S):
            begun = time.perf_counter()
            try:
                good = client.get("/livez").status == 200
            except OSError:
                good = False
            times.append((time.perf_counter() - begun) * 1e3)
            missing += not good
    results.put((times, missing))
