"""200 clients on cold low zooms: who is answered waits at most 5 s (p99), the rest hear 503 with Retry-After, and /livez never takes over 200 ms."""

import asyncio
import itertools
import random
import sys
from collections.abc import Callable
from datetime import date, timedelta

from bench._rows import Result, limited
from bench._tile_data import tile_of
from tests.drills._load import Ground, crowd_for, drill, ground, percentile, watch_livez
from tests.web_server import Server, start_server

MOST_S, MOST_LIVEZ_MS = 5.0, 200.0
FIRST_DAY = date(2024, 1, 2)


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one."""
    rows, clients, seconds = (20_000, 40, 3.0) if quick else (400_000, 200, 30.0)
    with ground(rows) as place, start_server(place.database, place.home) as server:
        return measure(server, place, clients, seconds)


def measure(server: Server, place: Ground, clients: int, seconds: float) -> list[Result]:
    """Let the crowd ask for tiles that nobody asked for before."""
    with watch_livez(server.port) as alive:
        told = asyncio.run(crowd_for(seconds, server.port, clients, cold_low_zooms(place.layer.id)))
    given, statuses = told.times(200, 204), told.statuses
    strange = sum(count for status, count in statuses.items() if status not in (200, 204, 503)) + told.broken
    names = f"{clients} clients on cold low zooms, {seconds:.0f} s"
    print(
        f"{names}: {dict(statuses)}, refused after {percentile(told.times(503), 0.99):.2f} s (p99), /livez {alive.words}", file=sys.stderr
    )
    return [
        limited(f"{names}: p99 of {len(given)} answers given", "s", percentile(given, 0.99), MOST_S),
        limited(f"{names}: answers other than 200, 204 and 503, of {sum(statuses.values())}", "", strange, 0),
        limited(f"{names}: 503 without Retry-After, of {statuses[503]}", "", told.without_retry_after, 0),
        limited(f"{names}: slowest /livez of {len(alive.times_ms)}", "ms", max(alive.times_ms), MOST_LIVEZ_MS),
        limited(f"{names}: /livez not answered", "", alive.missing, 0),
    ]


def cold_low_zooms(layer_id: str) -> Callable[[], str]:
    """Addresses no cache holds and no overview answers: each on another day of the past, at zooms 5 to 10."""
    chance, days = random.Random(5), itertools.count()

    def next_path() -> str:
        town, zoom = chance.randrange(8), chance.randint(5, 10)
        x, y = tile_of(112.9 + 0.3 * town, 22.5 + 0.22 * (town * 3 % 8), zoom)
        day = FIRST_DAY + timedelta(days=next(days) % 650)
        return f"/tiles/{layer_id}/{zoom}/{x}/{y}?datetime={day}T{chance.randrange(24):02d}:{chance.randrange(60):02d}:00Z"

    return next_path


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
