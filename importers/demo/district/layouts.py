"""How each zone fills one lot with buildings: rows of slabs, towers over shops, handshake houses, big boxes, campuses."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from importers.demo.district.frame import Floats
from importers.demo.district.shapes import Shape


class Use(IntEnum):
    """What a building is for; `USE_ZH` has the word of the data."""

    HOME = 0
    HOUSE = 1
    SHOP = 2
    OFFICE = 3
    WORKS = 4
    STORE = 5
    SCHOOL = 6
    CLINIC = 7
    HALL = 8
    CULTURE = 9
    FARM = 10
    ANNEX = 11


USE_ZH = ("住宅", "村民自建房", "商业", "商务办公", "工业厂房", "仓储", "教育", "医疗", "行政办公", "文体设施", "农业设施", "配套用房")

#: Columns of the array a layout returns, one building a row; lengths in metres.
COLUMNS = ("shape", "u", "v", "width", "depth", "turn", "wing", "floors", "height", "use")


@dataclass(frozen=True, slots=True)
class Site:
    """One lot inside its setbacks."""

    west: float
    south: float
    width: float
    depth: float
    code: str
    urban: float
    rng: np.random.Generator

    @property
    def shortest(self) -> float:
        """The shorter side in metres."""
        return min(self.width, self.depth)


Layout = Callable[[Site], Floats]


Numbers = Any
Pair = tuple[Numbers, Numbers]


def build(shape: Numbers, place: Pair, size: Pair, stack: tuple[Numbers, Numbers, Numbers], more: Pair = (0, 0)) -> Floats:
    """Buildings from scalars and arrays; stack is floors, height and use; more is quarter turns and wing depth."""
    columns = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64).ravel() for x in (shape, *place, *size, *more, *stack)))
    rows: Floats = np.column_stack(columns)
    return rows


def _grid(start: float, length: float, pitch: float, piece: float) -> Floats:
    """Left ends of as many pieces as fit, centred."""
    count = int((length - piece) // pitch) + 1 if length >= piece else 0
    offset = (length - piece - (count - 1) * pitch) / 2
    return start + offset + pitch * np.arange(count, dtype=np.float64)


def mesh(site: Site, pitch: Pair, piece: Pair) -> tuple[Floats, Floats]:
    """South-west corners of as many pieces (width, depth) at this pitch as fit on the site, in metres."""
    u = _grid(site.west, site.width, pitch[0], piece[0])
    v = _grid(site.south, site.depth, pitch[1], piece[1])
    mesh_u, mesh_v = np.meshgrid(u, v)
    return mesh_u.ravel(), mesh_v.ravel()


def _houses(site: Site, plot: Pair, gap: Pair, floors: tuple[int, int], kept: float) -> Floats:
    """Houses almost touching on small plots, an alley after every second row."""
    rng = site.rng
    u, v = mesh(site, plot, plot)
    stay = rng.random(len(u)) < kept
    u, v = u[stay], v[stay]
    n = len(u)
    width, depth = plot[0] - rng.uniform(*gap, n), plot[1] - rng.uniform(*gap, n)
    storeys = rng.integers(floors[0], floors[1] + 1, n)
    shape = np.where(rng.random(n) < 0.10, Shape.ELL, Shape.BOX)
    slack_u, slack_v = plot[0] - width, plot[1] - depth
    place = (u + slack_u * rng.random(n), v + slack_v * rng.random(n))
    return build(shape, place, (width, depth), (storeys, 3.1 * storeys + rng.uniform(0, 2.4, n), Use.HOUSE), (rng.integers(0, 4, n), 0))


def village(site: Site) -> Floats:
    """An urban village: handshake houses of three to seven floors."""
    plot = (site.rng.uniform(10.4, 12.8), site.rng.uniform(11.4, 14.2))
    return _houses(site, plot, (0.9, 2.6), (3, 7), 0.94)


def hamlet(site: Site) -> Floats:
    """A country village, looser and lower."""
    plot = (site.rng.uniform(11.5, 14.5), site.rng.uniform(12.5, 15.5))
    return _houses(site, plot, (1.6, 4.2), (2, 4), 0.86)


def old_town(site: Site) -> Floats:
    """Narrow shop houses, some with a light well, some merged into a yard."""
    rng = site.rng
    plot = (rng.uniform(8.6, 11.5), rng.uniform(15.5, 20.0))
    u, v = mesh(site, plot, plot)
    stay = rng.random(len(u)) < 0.93
    u, v, n = u[stay], v[stay], int(stay.sum())
    storeys = rng.integers(2, 7, n)
    shape = np.where(rng.random(n) < 0.16, Shape.COURT, np.where(rng.random(n) < 0.2, Shape.ELL, Shape.BOX))
    size = (plot[0] - rng.uniform(0.2, 0.9, n), plot[1] - rng.uniform(0.8, 4.0, n))
    use = np.where(rng.random(n) < (0.85 if site.code == "0501" else 0.18), Use.SHOP, Use.HOME)
    return build(shape, (u, v), size, (storeys, 3.4 * storeys + 1.0, use), (2 * rng.integers(0, 2, n), 3.0))


def gatehouse(site: Site) -> Floats:
    """A gatehouse in the south-west corner of the setback."""
    return build(Shape.BOX, (site.west - 4.5, site.south - 4.5), (5.0, 4.0), (1, 3.4, Use.ANNEX))


def slabs(site: Site) -> Floats:
    """South-facing rows, the gap between them growing with their height."""
    rng = site.rng
    floors = int(rng.choice((6, 7, 8, 9, 11, 18), p=(0.28, 0.22, 0.16, 0.14, 0.12, 0.08)))
    depth, height = rng.uniform(11.5, 14.0), 3.0 * floors + 1.2
    length = rng.uniform(22, 40)
    u, v = mesh(site, (length + rng.uniform(8, 12), depth + max(11.0, 0.62 * height)), (length, depth))
    n = len(u)
    storeys = np.maximum(floors - rng.integers(0, 2, n), 4)
    rows = build(Shape.BOX, (u, v), (length - rng.uniform(0, 5, n), depth), (storeys, 3.0 * storeys + 1.2, Use.HOME))
    sheds = build(Shape.BOX, (u + length * 0.3, v - 5.2), (length * 0.3, 2.6), (1, 2.8, Use.ANNEX))[v > site.south + 12]
    return np.vstack((rows, sheds[rng.random(len(sheds)) < 0.45], gatehouse(site)))


def towers(site: Site) -> Floats:
    """Point towers in a park behind a row of shops along the southern street."""
    rng = site.rng
    size = (rng.uniform(25, 31), rng.uniform(20, 25))
    shops = build(Shape.BOX, (site.west, site.south), (max(site.width - 4, 6), 11.0), (2, 8.4, Use.SHOP))
    yard = Site(site.west, site.south + 26, site.width, site.depth - 26, site.code, site.urban, rng)
    u, v = mesh(yard, (size[0] + rng.uniform(20, 27), size[1] + rng.uniform(27, 34)), size)
    storeys = int(rng.integers(22, 34)) + rng.integers(-2, 3, len(u))
    shape = rng.choice((Shape.CROSS, Shape.TEE, Shape.AITCH, Shape.CROSS))
    points = build(shape, (u, v), size, (storeys, 2.95 * storeys + 4.0, Use.HOME), (2 * rng.integers(0, 2, len(u)), 0))
    return np.vstack((shops, points, gatehouse(site)))


def skyscrapers(site: Site) -> Floats:
    """A tower in the courtyard of its podium, or twins on a square."""
    rng = site.rng
    floors = int(14 + 52 * max(site.urban - 0.78, 0.05) ** 0.8 * 1.6 + rng.integers(-5, 9))
    use = Use.SHOP if site.code == "0504" else Use.OFFICE
    if site.shortest < 46:
        return _block_tower(site, floors, use)
    wing = rng.uniform(8, 10)
    podium = build(Shape.COURT, (site.west, site.south), (site.width, site.depth), (4, 20.5, Use.SHOP), (0, wing))
    inner = site.shortest - 2 * wing - 5
    corner = (site.west + (site.width - inner) / 2, site.south + (site.depth - inner) / 2)
    shape = rng.choice((Shape.BOX, Shape.ROUND, Shape.BOX, Shape.CROSS))
    tower = build(shape, corner, (inner, inner), (floors + 12, 4.2 * (floors + 12) + 8, use))
    return np.vstack((podium, tower))


def _block_tower(site: Site, floors: int, use: Use) -> Floats:
    width, depth = min(site.width, 42.0), min(site.depth, 42.0)
    corner = (site.west + (site.width - width) / 2, site.south + (site.depth - depth) / 2)
    return build(site.rng.choice((Shape.BOX, Shape.CROSS)), corner, (width, depth), (floors, 4.0 * floors + 6, use))


def offices(site: Site) -> Floats:
    """Buildings around a yard, U shapes, or two slabs over shops."""
    rng = site.rng
    floors, use = int(rng.integers(5, 15) + 8 * max(site.urban - 0.5, 0)), Use.SHOP if site.code in ("0501", "0504") else Use.OFFICE
    kind = rng.random()
    place, size = (site.west, site.south), (site.width, site.depth)
    if kind < 0.40 and site.shortest > 38:
        return build(Shape.COURT, place, size, (floors, 3.7 * floors + 2, use), (0, rng.uniform(13, 16)))
    if kind < 0.62:
        return build(Shape.CUP, place, size, (floors, 3.7 * floors + 2, use), (rng.integers(0, 4), 0))
    mall = build(Shape.BOX, place, (site.width, site.depth * 0.44), (5, 24.0, Use.SHOP))
    half = (site.width - 12) / 2
    u = np.array([site.west, site.west + half + 12])
    rows = build(Shape.BOX, (u, site.south + site.depth * 0.60), (half, site.depth * 0.40), (floors + 6, 3.6 * (floors + 6), use))
    return np.vstack((mall, rows))


def works(site: Site) -> Floats:
    """Big halls, an office, a dormitory, sometimes tanks."""
    rng = site.rng
    yard = Site(site.west, site.south + 24, site.width, site.depth - 24, site.code, site.urban, rng)
    piece = (rng.uniform(32, 60), rng.uniform(26, 48))
    if yard.width < piece[0] or yard.depth < piece[1]:
        piece = (yard.width, max(yard.depth, 8.0))
    u, v = mesh(yard, (piece[0] + 11, piece[1] + 11), piece)
    use = Use.STORE if site.code == "0604" else Use.WORKS
    floors = rng.choice((1, 1, 2, 4), size=len(u))
    halls = build(np.where(rng.random(len(u)) < 0.12, Shape.ELL, Shape.BOX), (u, v), piece, (floors, 8.5 + 3.4 * (floors - 1), use))
    office = build(Shape.ELL, (site.west, site.south), (min(34.0, site.width * 0.4), 18.0), (5, 18.5, Use.OFFICE))
    homes = build(Shape.BOX, (site.west + site.width * 0.55, site.south), (site.width * 0.44, 13.0), (6, 20.0, Use.HOME))
    return np.vstack((halls, office, homes, gatehouse(site)))
