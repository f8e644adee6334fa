"""The street plan on the drawing board: arterials first, then every superblock halved until its blocks fit their zone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.frame import Frame, Marks
from importers.demo.district.recipe import Recipe
from importers.demo.district.terrain import Terrain, make_noise
from importers.demo.district.zones import GRAIN, RURAL, Planner, Zone


class RoadClass(IntEnum):
    """Class of a street, the greater the more important; EDGE is the rim of the district, where no street is."""

    EDGE = 0
    PATH = 1
    LOCAL = 2
    SECONDARY = 3
    ARTERIAL = 4
    EXPRESS = 5


#: Half of the street's land in metres, footways included.
HALF_WIDTH_M = dict(zip(RoadClass, (0.0, 2.6, 7.0, 12.0, 19.0, 27.0), strict=True))

_NEIGHBOURHOOD_M, _FIELD_M = 430.0, 560.0
_JOINED, _RING_MARKS = 0.13, 8


@dataclass(frozen=True, slots=True)
class Cell:
    """A rectangle of the board up to the middle of the streets around it."""

    west: float
    south: float
    east: float
    north: float
    sides: tuple[RoadClass, RoadClass, RoadClass, RoadClass]
    """Streets on the west, south, east and north side."""
    superblock: int
    neighbourhood: int = -1
    zone: Zone = Zone.FARM

    @property
    def width(self) -> float:
        """West to east, in metres."""
        return self.east - self.west

    @property
    def height(self) -> float:
        """South to north, in metres."""
        return self.north - self.south

    @property
    def centre(self) -> tuple[float, float]:
        """The middle."""
        return (self.west + self.east) / 2, (self.south + self.north) / 2

    def block(self) -> tuple[float, float, float, float]:
        """West, south, east and north of what the streets leave."""
        w, s, e, n = (HALF_WIDTH_M[side] for side in self.sides)
        return self.west + w, self.south + s, self.east - e, self.north - n


@dataclass(frozen=True, slots=True)
class Street:
    """One straight street on the board from `a` to `b`."""

    a: tuple[float, float]
    b: tuple[float, float]
    road_class: RoadClass
    line: int
    """Streets of one line share a name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The street plan: blocks (leaf cells), neighbourhoods, superblocks and streets."""

    leaves: tuple[Cell, ...]
    neighbourhoods: tuple[Cell, ...]
    superblocks: tuple[Cell, ...]
    streets: tuple[Street, ...]


class _Surveyor:
    """Cuts cells in two and remembers the streets it drew."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.streets: list[Street] = []
        self.lines = 0

    def street(self, a: tuple[float, float], b: tuple[float, float], road_class: RoadClass, line: int = -1) -> None:
        if line < 0:
            self.lines += 1
            line = self.lines
        self.streets.append(Street(a, b, road_class, line))

    def halve(self, cell: Cell, road_class: RoadClass) -> tuple[Cell, Cell]:
        """The two halves of a cell on both sides of a new street across its longer side."""
        share = float(self.rng.uniform(0.43, 0.57))
        west, south, east, north = cell.sides
        if cell.width >= cell.height:
            u = round(cell.west + share * cell.width, 1)
            self.street((u, cell.south), (u, cell.north), road_class)
            left = replace(cell, east=u, sides=(west, south, road_class, north))
            return left, replace(cell, west=u, sides=(road_class, south, east, north))
        v = round(cell.south + share * cell.height, 1)
        self.street((cell.west, v), (cell.east, v), road_class)
        lower = replace(cell, north=v, sides=(west, south, east, road_class))
        return lower, replace(cell, south=v, sides=(west, road_class, east, north))

    def cut(self, cell: Cell, longest_m: float, road_class: RoadClass) -> Iterator[Cell]:
        """Cells no longer than `longest_m` (block side, streets not counted)."""
        west, south, east, north = cell.block()
        if max(east - west, north - south) <= longest_m:
            yield cell
            return
        for half in self.halve(cell, road_class):
            yield from self.cut(half, longest_m, road_class)


def make_plan(recipe: Recipe, frame: Frame, terrain: Terrain) -> Plan:
    """The plan of a recipe."""
    surveyor = _Surveyor(recipe.stream("streets"))
    superblocks = tuple(_superblocks(surveyor, frame))
    villages, works = (make_noise(recipe.stream(name), frame) for name in ("villages", "works"))
    planner = Planner(terrain, villages, works, recipe.stream("zones"))
    neighbourhoods = tuple(_neighbourhoods(surveyor, superblocks, planner))
    leaves = tuple(leaf for cell in neighbourhoods for leaf in surveyor.cut(cell, GRAIN[cell.zone].block_m, _inner(cell.zone)))
    return Plan(leaves, neighbourhoods, superblocks, tuple(surveyor.streets))


def _inner(zone: Zone) -> RoadClass:
    return RoadClass.PATH if zone in (Zone.VILLAGE, Zone.HAMLET, Zone.OLDTOWN) else RoadClass.LOCAL


def _neighbourhoods(surveyor: _Surveyor, superblocks: tuple[Cell, ...], planner: Planner) -> Iterator[Cell]:
    number = 0
    for superblock in superblocks:
        for cell in _quarters(surveyor, superblock, planner.terrain):
            yield replace(cell, neighbourhood=number, zone=planner.zone(*cell.centre))
            number += 1


def _quarters(surveyor: _Surveyor, superblock: Cell, terrain: Terrain) -> Iterator[Cell]:
    rural = float(terrain.urban(*superblock.centre)) < RURAL
    return surveyor.cut(superblock, _FIELD_M if rural else _NEIGHBOURHOOD_M, RoadClass.LOCAL if rural else RoadClass.SECONDARY)


def _superblocks(surveyor: _Surveyor, frame: Frame) -> list[Cell]:
    """The grid of arterials, with some superblocks joined to their eastern neighbour."""
    us, vs = frame.us, frame.vs
    joined = _joins(surveyor.rng, len(us) - 1, len(vs) - 1)
    upright = _classes(len(us), len(vs) - 1) * ~joined
    level = _classes(len(vs), len(us) - 1).T
    _draw(surveyor, us, vs, upright, level)
    grid = _Grid(us, vs, upright, level, joined)
    return [grid.superblock(j, i) for j in range(len(vs) - 1) for i in range(len(us) - 1) if not joined[j, i]]


def _joins(rng: np.random.Generator, columns: int, rows: int) -> NDArray[np.bool_]:
    """`[row, i]` true: no street at mark i in this row. Never two in a row, nor an expressway."""
    joined = rng.random((rows, columns + 1)) < _JOINED
    joined[:, [0, 1, -2, -1]] = False
    joined[:, 1:] &= ~joined[:, :-1]
    return joined


def _classes(marks: int, across: int) -> NDArray[np.int64]:
    """Class of each piece `[across, mark]` of the arterials: none at the rim, a ring of expressway where there is room."""
    classes = np.full(marks, RoadClass.ARTERIAL, dtype=np.int64)
    classes[[1, -2]] = RoadClass.EXPRESS if marks >= _RING_MARKS else RoadClass.ARTERIAL
    classes[[0, -1]] = RoadClass.EDGE
    return np.tile(classes, (across, 1))


def _draw(surveyor: _Surveyor, us: Marks, vs: Marks, upright: NDArray[np.int64], level: NDArray[np.int64]) -> None:
    for i, u in enumerate(us):
        surveyor.lines += 1
        for j in np.flatnonzero(upright[:, i]).tolist():
            surveyor.street((u, vs[j]), (u, vs[j + 1]), RoadClass(upright[j, i]), surveyor.lines)
    for j, v in enumerate(vs):
        surveyor.lines += 1
        for i in np.flatnonzero(level[j]).tolist():
            surveyor.street((us[i], v), (us[i + 1], v), RoadClass(level[j, i]), surveyor.lines)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Marks and street classes of the arterial grid."""

    us: Marks
    vs: Marks
    upright: NDArray[np.int64]
    level: NDArray[np.int64]
    joined: NDArray[np.bool_]

    def superblock(self, j: int, i: int) -> Cell:
        """The superblock whose south-west corner is the crossing of marks i and j."""
        end = i + 2 if self.joined[j, i + 1] else i + 1
        south, north = (RoadClass(int(self.level[row, i:end].max())) for row in (j, j + 1))
        sides = (RoadClass(self.upright[j, i]), south, RoadClass(self.upright[j, end]), north)
        return Cell(self.us[i], self.vs[j], self.us[end], self.vs[j + 1], sides, j * len(self.us) + i)
