"""Events under load: six writers that dawdle before they commit, one long transaction, and a reader by number.

None may be missed, and a committed one must be seen soon. Run: `python bench/outbox.py [--quick] [--json OUT]`.
"""

import asyncio
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._rows import Result, bench, limited  # noqa: E402
from postgis import outbox  # noqa: E402
from postgis.connect import IMPORTER, SERVER, Database  # noqa: E402

WRITERS = 6
LONGEST_PAUSE_S = 0.02
LONG_TRANSACTION_S = 3.0
DELAY_TARGET_MS = 50.0

_EMIT = "SELECT twin.emit('catalogue', jsonb_build_object('bench', $1::text))"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run showed; delays are from the writer's own "committed" to the reader's "seen"."""

    written: int
    missed: int
    out_of_order: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    seconds: float


class Reader:
    """Follows the outbox and notes when it saw what."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.seqs: list[int] = []

    async def follow(self, database: Database, start: int) -> None:
        """Read after every wake-up, for ever."""
        connection = await database.connect_asyncpg(SERVER)
        try:
            last = start
            async for _ in outbox.listen(database):
                while events := await outbox.read_after(connection, last):
                    now = time.perf_counter()
                    last = events[-1].seq
                    self.seqs += [event.seq for event in events]
                    self.seen.update((event.payload["bench"], now) for event in events if "bench" in event.payload)
        finally:
            connection.terminate()


async def _write(connection: Any, mark: str, pause_s: float, committed: dict[str, float]) -> None:
    """One event, committed `pause_s` after it was written."""
    async with connection.transaction():
        await connection.execute(_EMIT, mark)
        await asyncio.sleep(pause_s)
    committed[mark] = time.perf_counter()


async def _writer(connection: Any, name: int, until: float, committed: dict[str, float]) -> None:
    count = 0
    while time.perf_counter() < until:
        count += 1
        await _write(connection, f"{name}-{count}", random.uniform(0, LONGEST_PAUSE_S), committed)


async def measure(database: Database, seconds: float) -> Figures:
    """Let the writers and one long transaction run for `seconds`, and compare what they committed with what was seen."""
    connections = [await database.connect_asyncpg(IMPORTER) for _ in range(WRITERS + 1)]
    reader, committed = Reader(), dict[str, float]()
    following = asyncio.create_task(reader.follow(database, await outbox.last_seq(connections[0])))
    await asyncio.sleep(0.3)
    until = time.perf_counter() + seconds
    await asyncio.gather(
        _write(connections[WRITERS], "long", min(LONG_TRANSACTION_S, seconds), committed),
        *(_writer(connection, name, until, committed) for name, connection in enumerate(connections[:WRITERS])),
    )
    await asyncio.sleep(0.5)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    for connection in connections:
        await connection.close()
    return _figures(reader, committed, seconds)


def _figures(reader: Reader, committed: dict[str, float], seconds: float) -> Figures:
    delays = sorted(max(0.0, reader.seen[mark] - at) * 1e3 for mark, at in committed.items() if mark in reader.seen)
    cuts = quantiles(delays, n=100)
    return Figures(
        written=len(committed),
        missed=len(committed.keys() - reader.seen.keys()),
        out_of_order=sum(a >= b for a, b in zip(reader.seqs, reader.seqs[1:], strict=False)),
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        max_ms=delays[-1],
        seconds=seconds,
    )


def results(figures: Figures) -> list[Result]:
    """The rows of the report."""
    missed = Result(
        "outbox, events missed", "events", figures.missed, 0.0, "limit", 1.0 if not figures.missed else 0.0, 1.0, figures.missed == 0
    )
    return [
        missed,
        limited(f"outbox, commit to seen, p99 of {figures.written}", "ms", max(figures.p99_ms, 0.001), DELAY_TARGET_MS),
        limited("outbox, commit to seen, greatest", "ms", max(figures.max_ms, 0.001), 2 * DELAY_TARGET_MS),
    ]


if __name__ == "__main__":
    sys.exit(
        bench(__doc__, "5 seconds instead of 30", lambda database, quick: results(asyncio.run(measure(database, 5.0 if quick else 30.0))))
    )
