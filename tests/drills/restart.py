"""The database restarted and killed under a load of tiles: no answer but 200, 204 and 503, and tiles again soon after it is back."""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable

from bench._memory import descendants
from bench._rows import Result, limited
from bench._tile_data import tile_of
from postgis.cluster import Cluster
from tests.drills._load import Ground, Told, crowd, drill, ground
from tests.web_server import Server, start_server

BACK_S = 3.0
CLIENTS = 16


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one."""
    rows, times, calm_s = (5_000, 1, 1.0) if quick else (100_000, 5, 3.0)
    with ground(rows) as place, start_server(place.database, place.home) as server:
        return measure(server, place, times, calm_s)


def measure(server: Server, place: Ground, times: int, calm_s: float) -> list[Result]:
    """Each accident `times` over, under load from start to end, with `calm_s` after each."""
    rows = []
    for name, accident in (("restart (fast)", restart), ("kill -9", kill)):
        told, back = asyncio.run(_under_load(server, place, accident, times, calm_s))
        print(f"{name}: {dict(told.statuses)}, {told.broken} broken", file=sys.stderr)
        strange = sum(count for status, count in told.statuses.items() if status not in (200, 204, 503)) + told.broken
        late = max(_first_tile_after(told, moment) for moment in back)
        case = f"{times} × {name} under {CLIENTS} clients"
        rows += [
            limited(f"{case}: answers other than 200, 204 and 503, of {len(told.answers)}", "", strange, 0),
            limited(f"{case}: 503 without Retry-After, of {told.statuses[503]}", "", told.without_retry_after, 0),
            limited(f"{case}: database back to a new tile, longest", "s", late, BACK_S),
        ]
    return rows


async def _under_load(
    server: Server, place: Ground, accident: Callable[[Cluster], None], times: int, calm_s: float
) -> tuple[Told, list[float]]:
    """What was told, and when the database was back each time; the load goes on for as long as the accidents take."""
    over = asyncio.Event()
    load = asyncio.create_task(crowd(server.port, CLIENTS, over, any_tile(place.layer.id)))
    back = []
    for _ in range(times):
        await asyncio.sleep(calm_s / 2)
        await asyncio.to_thread(accident, place.cluster)
        back.append(time.monotonic())
        await asyncio.sleep(calm_s)
    over.set()
    return await load, back


def _first_tile_after(told: Told, moment: float) -> float:
    """Seconds from the database's return to the end of the first tile that was asked for after it."""
    return min((begun + took - moment for begun, status, took, _ in told.answers if begun >= moment and status in (200, 204)), default=60.0)


def any_tile(layer_id: str) -> Callable[[], str]:
    """Tiles of zooms 12 to 16 about the towns, each with a moment of its own, so that the database is needed."""
    chance = random.Random(6)

    def next_path() -> str:
        town, zoom = chance.randrange(8), chance.randint(12, 16)
        lon, lat = 112.9 + 0.3 * town + chance.gauss(0, 0.01), 22.5 + 0.22 * (town * 3 % 8) + chance.gauss(0, 0.01)
        x, y = tile_of(lon, lat, zoom)
        moment = f"2024-0{chance.randint(2, 9)}-{chance.randint(10, 28)}T{chance.randrange(10, 24)}:{chance.randrange(10, 60)}:00Z"
        return f"/tiles/{layer_id}/{zoom}/{x}/{y}?datetime={moment}"

    return next_path


def restart(cluster: Cluster) -> None:
    """As an administrator does."""
    cluster.stop()
    cluster.ensure()


def kill(cluster: Cluster) -> None:
    """The postmaster and all its processes at once, as when the memory runs out; then as the supervisor does."""
    postmaster = cluster.postmaster
    assert postmaster is not None
    for pid in descendants(postmaster):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cluster.ensure()


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
