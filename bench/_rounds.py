"""Alternating rounds: cold tiles one after the other, hot tiles and 304 under load, the same tiles for every server."""

import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench._http import Asked, HttpClient, rate
from bench._mvt import feature_count, features, inside
from bench._peers import Contender, Cores
from bench._rows import Result, faster, limited, more
from bench._tile_data import Table
from bench._tile_lists import Cell

BIG_BYTES, MOST_BYTES, SMALL_BYTES = 20 * 1024, 64 * 1024, 2 * 1024
_CHECKED = 25
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Cold:
    """What a cold comparison found: per server the median over the rounds of the mean tile, and its bytes."""

    ms: dict[str, float]
    sent: dict[str, float]
    largest: dict[str, int]


def one_pass(contender: Contender, table: Table, tiles: Sequence[Cell]) -> tuple[list[float], list[int]]:
    """Milliseconds and bytes of each tile, over one connection; AssertionError for anything but 200 and 204."""
    client, sizes, spent = HttpClient(contender.port), [], []
    for cell in tiles:
        path = contender.path(table, *cell)
        begun = time.perf_counter()
        answer = client.get(path)
        spent.append((time.perf_counter() - begun) * 1e3)
        assert answer.status in (200, 204), (contender.name, path, answer.status, answer.body[:300])
        sizes.append(len(answer.body))
    client.close()
    return spent, sizes


def cold(contenders: Sequence[Contender], table: Table, tiles: Sequence[Cell], rounds: int) -> Cold:
    """A pass of each that warms the database, then `rounds` alternating ones, each time another server first."""
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    sizes, last = dict[str, list[int]](), dict[str, list[float]]()
    for contender in contenders:
        one_pass(contender, table, tiles)
    for number in range(rounds):
        shift = number % len(contenders)
        for contender in [*contenders[shift:], *contenders[:shift]]:
            spent, sizes[contender.name] = one_pass(contender, table, tiles)
            times[contender.name].append(statistics.mean(spent))
            last[contender.name] = spent
    _tell(table, tiles, times, last)
    return Cold(
        {name: statistics.median(found) for name, found in times.items()},
        {name: statistics.mean(found) for name, found in sizes.items()},
        {name: max(found) for name, found in sizes.items()},
    )


def _tell(table: Table, tiles: Sequence[Cell], times: dict[str, list[float]], last: dict[str, list[float]]) -> None:
    """The means of all rounds, and those of each zoom in the last one."""
    zooms = sorted({cell.z for cell in tiles})
    for name, found in times.items():
        by_zoom = [
            f"z{zoom} {statistics.mean(ms for cell, ms in zip(tiles, last[name], strict=True) if cell.z == zoom):.2f}" for zoom in zooms
        ]
        print(f"  {table.name}, {len(tiles)} tiles, {name}: {[round(ms, 2) for ms in found]} ms; {', '.join(by_zoom)}", file=sys.stderr)


def cold_rows(case: str, found: Cold, targets: dict[str, float]) -> list[Result]:
    """Ours (the first server) against every other; a server without a target is for information."""
    ours, *others = found.ms
    kb = found.sent[ours] / 1024
    return [
        faster(
            f"{case}; mean {kb:.1f} KB, theirs {found.sent[name] / 1024:.1f} KB",
            "ms",
            found.ms[ours],
            found.ms[name],
            name,
            _of(targets, name),
        )
        for name in others
    ]


def _of(targets: dict[str, float], name: str) -> float:
    return next((target for start, target in targets.items() if name.startswith(start)), 0.0)


def same_features(ours: Contender, peer: Contender, table: Table, tiles: Sequence[Cell]) -> Result:
    """How many of these tiles (zoom 14 and more) show other features than the peer's, by id, within the tile itself."""
    differ = seen = 0
    clients = HttpClient(ours.port), HttpClient(peer.port)
    for cell in tiles[:_CHECKED]:
        mine = features(clients[0].get(ours.path(table, *cell)).plain)
        theirs = features(clients[1].get(peer.path(table, *cell)).plain)
        seen += len(mine)
        all_of_mine, all_of_theirs = {int(one["id"]) for one in mine}, {int(one["id"]) for one in theirs}
        if not (inside(mine) <= all_of_theirs and inside(theirs) <= all_of_mine):
            differ += 1
    case = f"{table.name}: tiles z14–z16 with other features than {peer.name}'s, of {len(tiles[:_CHECKED])} decoded ({seen} features)"
    return limited(case, "tiles", differ, 0)


def folded(ours: Contender, peer: Contender, table: Table, tiles: Sequence[Cell]) -> str:
    """How many features stand for how many, in words."""
    counts = [sum(feature_count(HttpClient(one.port).get(one.path(table, *cell)).plain) for cell in tiles) for one in (ours, peer)]
    return f"{counts[0]:,} drawn features stand for {counts[1]:,}"


def of_size(contenders: Sequence[Contender], table: Table, tiles: Sequence[Cell], least: int, most: int, count: int) -> list[Cell]:
    """The first `count` tiles that every server sends gzipped with between `least` and `most` bytes; asking also fills the caches."""
    clients = [(contender, HttpClient(contender.port)) for contender in contenders]
    fitting = (cell for cell in tiles if all(least <= len(client.get(one.path(table, *cell)).body) < most for one, client in clients))
    return list(itertools.islice(fitting, count))


def hot(
    contenders: Sequence[Contender], table: Table, tiles: Sequence[Cell], cores: Cores, rounds: int, seconds: float
) -> dict[str, float]:
    """Answers a second over warm tiles, the median of alternating rounds."""
    asks = {one.name: [Asked(one.path(table, *cell)) for cell in tiles] for one in contenders}
    return _rates(contenders, asks, cores, rounds, seconds)


def not_modified(
    contenders: Sequence[Contender], table: Table, tiles: Sequence[Cell], cores: Cores, rounds: int, seconds: float
) -> dict[str, float]:
    """Answers a second when the client holds every tile already; each is checked to be a 304."""
    return _rates(contenders, {one.name: _conditional(one, table, tiles) for one in contenders}, cores, rounds, seconds)


def _conditional(contender: Contender, table: Table, tiles: Sequence[Cell]) -> list[Asked]:
    client, asks = HttpClient(contender.port), []
    for cell in tiles:
        path = contender.path(table, *cell)
        etag = client.get(path).header("etag")
        assert client.get(path, If_None_Match=etag).status == 304, (contender.name, path, etag)
        asks.append(Asked(path, (("If-None-Match", etag),)))
    return asks


def _rates(contenders: Sequence[Contender], asks: dict[str, list[Asked]], cores: Cores, rounds: int, seconds: float) -> dict[str, float]:
    for contender in contenders:
        client = HttpClient(contender.port)
        for ask in asks[contender.name] * 3:
            client.get(ask.path)
    time.sleep(_SETTLE_S)
    found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        shift = number % len(contenders)
        for contender in [*contenders[shift:], *contenders[:shift]]:
            found[contender.name].append(rate(contender.port, asks[contender.name], seconds, cores.rest))
    print(f"  hot: { ({name: [round(one) for one in rates] for name, rates in found.items()}) }", file=sys.stderr)
    return {name: statistics.median(rates) for name, rates in found.items()}


def rate_rows(case: str, rates: dict[str, float], targets: dict[str, float]) -> list[Result]:
    """Ours (the first server) against every other."""
    ours, *others = rates
    return [more(case, "req/s", rates[ours], rates[name], name, _of(targets, name)) for name in others]
