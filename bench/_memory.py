"""What a web process holds in memory once its tile cache is full."""

import sys
from collections.abc import Iterable
from pathlib import Path

from bench._http import HttpClient
from bench._peers import Contender
from bench._rows import Result, limited
from bench._tile_data import TABLES
from bench._tile_lists import Cell

MOST_MB = 512


def full_cache(ours: Contender, tiles: Iterable[Cell], cache_mb: int) -> list[Result]:
    """Ask twice for different tiles (a cache may want to see who comes back) until a tenth more than it holds has been sent; then the largest PSS."""
    sent = 0
    with HttpClient(ours.port) as client:
        for cell in tiles:
            path = ours.path(TABLES[0], *cell)
            client.get(path)
            sent += len(client.get(path).body)
            if sent > cache_mb * 1.1 * 2**20:
                break
    pss = max(pss_mb(pid) for pid in descendants(ours.process.pid))
    full = f"full cache of {cache_mb} MB" if sent > cache_mb * 2**20 else f"cache of {cache_mb} MB holding {sent / 2**20:.0f} MB"
    print(f"  {sent / 2**20:.0f} MB of tiles sent, {pss:.0f} MB held", file=sys.stderr)
    return [limited(f"PSS of a web process with a {full}", "MB", pss, MOST_MB)]


def pss_mb(pid: int) -> float:
    """The proportional share of a process in megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Pss:"))) / 1024


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
