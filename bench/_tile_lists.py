"""The tiles that are asked for: a person's walk over the map, random ones, and hot ones of a given size; the same for every server."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from postgis.connect import SUPERUSER, Database

WIDTH, HEIGHT = 4, 3
"""Tiles of a desktop viewport (1920 × 1080, tiles of 512 px)."""
_DEEPEST = 16
_CELLS = """
    SELECT floor((ST_X(c) + 20037508.342789244) / 40075016.68557849 * 65536)::int, floor((20037508.342789244 - ST_Y(c)) / 40075016.68557849 * 65536)::int, count(*)
    FROM (SELECT ST_Centroid(geom) AS c FROM bench.footprints_3857) s GROUP BY 1, 2
"""


class Cell(NamedTuple):
    """A tile's address."""

    z: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Ground:
    """How many footprints lie in every tile of zooms 0 to 16."""

    counts: dict[int, Counter[tuple[int, int]]]

    def filled(self, zoom: int, at_least: int = 1) -> list[Cell]:
        """Tiles of `zoom` with that many footprints, in order of address."""
        return [Cell(zoom, x, y) for (x, y), count in sorted(self.counts[zoom].items()) if count >= at_least]

    def holds(self, cell: Cell) -> bool:
        """Whether anything lies in the tile."""
        return self.counts[cell.z][cell.x, cell.y] > 0


def survey(database: Database) -> Ground:
    """Count once at zoom 16 and add up."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        deepest = Counter({(x, y): count for x, y, count in admin.execute(_CELLS.encode())})
    counts = {_DEEPEST: deepest}
    for zoom in range(_DEEPEST - 1, -1, -1):
        coarser: Counter[tuple[int, int]] = Counter()
        for (x, y), count in counts[zoom + 1].items():
            coarser[x // 2, y // 2] += count
        counts[zoom] = coarser
    return Ground(counts)


def walk(ground: Ground, zooms: tuple[int, ...], views: int, seed: int = 1) -> list[Cell]:
    """What a page asks while a person pans about a town and zooms in and out: each tile once (the page keeps them), in that order."""
    chance = random.Random(seed)
    z, x, y = chance.choice(ground.filled(zooms[0], at_least=2000 >> (2 * max(0, zooms[0] - 13))))
    seen: dict[Cell, None] = {}
    for _ in range(views):
        seen.update(dict.fromkeys(cell for cell in _viewport(z, x, y) if ground.holds(cell)))
        step = chance.random()
        if step < 0.7:
            x, y = x + chance.choice((-2, -1, 1, 2)), y + chance.choice((-1, 0, 1))
        elif step < 0.85 and z < zooms[-1]:
            z, x, y = z + 1, 2 * x + 1, 2 * y + 1
        elif z > zooms[0]:
            z, x, y = z - 1, x // 2, y // 2
        if not ground.holds(Cell(z, x, y)):
            z, x, y = chance.choice(ground.filled(zooms[0], at_least=300))
    return list(seen)


def _viewport(z: int, x: int, y: int) -> Iterable[Cell]:
    return (Cell(z, x + dx, y + dy) for dy in range(-1, HEIGHT - 1) for dx in range(-1, WIDTH - 1))


def scattered(ground: Ground, zooms: Iterable[int], each: int, seed: int = 2) -> list[Cell]:
    """Random tiles that hold something, `each` of every zoom, shuffled."""
    chance, found = random.Random(seed), list[Cell]()
    for zoom in zooms:
        filled = ground.filled(zoom)
        found += chance.sample(filled, min(each, len(filled)))
    chance.shuffle(found)
    return found


def densest(ground: Ground, zoom: int, count: int) -> list[Cell]:
    """The fullest tiles of a zoom."""
    return [Cell(zoom, *place) for place, _ in ground.counts[zoom].most_common(count)]
