"""Finds what is wrong between the polygons of one layer: overlaps, gaps and copies, cell by cell, so that memory follows the cell.

Coordinates are degrees; what is measured is measured in metres on the ellipsoid of CGCS2000.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from importers.geos import shapely
from importers.measures import sizes
from importers.shelf import Shelf

Boxes = NDArray[np.float64]
"""One row (west, south, east, north) for each polygon."""
Places = NDArray[np.int64]
Shapes = NDArray[np.object_]
Fetch = Callable[[Places], Shapes]
"""The polygons at these positions, in this order."""

NARROW_M = 0.01
"""What is narrower on average is rounding: a long edge bends by millimetres when it is moved to another reference system."""
_MOST_IN_CELL = 2000
_MAX_DEPTH = 18
_MARGIN_DEG = 0.001
_TOUCH_DEG = 1e-9


class Fault(StrEnum):
    """What two polygons of one layer should not do."""

    OVERLAP = "overlap"
    GAP = "gap"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault lies: the shape of it, and the positions of the (at most two) polygons it lies between, -1 for none."""

    fault: Fault
    shape: object
    area_m2: float
    width_m: float
    first: int
    second: int


def faults(boxes: Boxes, fetch: Fetch, done: Callable[[int, int], None] = lambda cell, cells: None) -> Iterator[Place]:
    """Every fault, first the copies; a copy takes no part in what follows. `done` hears the cells behind us and their number."""
    alone = np.ones(len(boxes), bool)
    for place in _copies(boxes, fetch):
        alone[place.second] = False
        yield place
    if not alone.any():
        return
    around = _around(boxes)
    cells = list(_cells(around, np.flatnonzero(alone), boxes))
    with Shelf() as shelf:
        rest = _Open(shelf, around)
        for number, (cell, members) in enumerate(cells, start=1):
            shapes = fetch(members)
            neat = bool(shapely.coverage_is_valid(shapes))
            if not neat:
                yield from _overlaps(cell, members, shapes, boxes)
            yield from _gaps(cell, members, shapes, rest, neat)
            done(number, len(cells))
        yield from rest.closed()


# cells


def _around(boxes: Boxes) -> NDArray[np.float64]:
    """A box with a margin round everything, so that the outside is one piece."""
    low, high = boxes[:, :2].min(axis=0) - _MARGIN_DEG, boxes[:, 2:].max(axis=0) + _MARGIN_DEG
    return np.concatenate([low, high])


def _cells(cell: NDArray[np.float64], members: Places, boxes: Boxes, depth: int = 0) -> Iterator[tuple[NDArray[np.float64], Places]]:
    """Quarters of quarters until few polygons meet each; a cell none of whose quarters is lighter stays whole."""
    if len(members) <= _MOST_IN_CELL or depth >= _MAX_DEPTH:
        yield cell, members
        return
    middle = (cell[:2] + cell[2:]) / 2
    quarters = []
    for east in (False, True):
        for north in (False, True):
            low = np.where([east, north], middle, cell[:2])
            high = np.where([east, north], cell[2:], middle)
            quarter = np.concatenate([low, high])
            quarters.append((quarter, members[_meets(boxes[members], quarter)]))
    if min(len(inside) for _, inside in quarters) == len(members):
        yield cell, members
        return
    for quarter, inside in quarters:
        yield from _cells(quarter, inside, boxes, depth + 1)


def _meets(boxes: Boxes, cell: NDArray[np.float64]) -> NDArray[np.bool_]:
    meets = (boxes[:, :2] <= cell[2:]).all(axis=1) & (boxes[:, 2:] >= cell[:2]).all(axis=1)
    return np.asarray(meets)


# copies and overlaps


def _copies(boxes: Boxes, fetch: Fetch) -> Iterator[Place]:
    """Polygons of the same vertices, wherever their rings begin; only those of one box are looked at."""
    _, group, size = np.unique(boxes, axis=0, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(size[group] > 1)
    seen: dict[bytes, int] = {}
    for start in range(0, len(suspects), _MOST_IN_CELL):
        part = suspects[start : start + _MOST_IN_CELL]
        shapes = fetch(part)
        for at, shape, text in zip(part.tolist(), shapes, shapely.to_wkb(shapely.normalize(shapes)), strict=True):
            first = seen.setdefault(text, at)
            if first != at:
                area, width = sizes(np.array([shape], dtype=object))
                yield Place(Fault.DUPLICATE, shape, float(area[0]), float(width[0]), first, at)


def _overlaps(cell: NDArray[np.float64], members: Places, shapes: Shapes, boxes: Boxes) -> Iterator[Place]:
    """Pairs whose insides meet; a pair belongs to the cell that holds the south-west corner of what their boxes share."""
    tree = shapely.STRtree(shapes)
    left, right = tree.query(shapes)
    left, right = left[left < right], right[left < right]
    low = np.maximum(boxes[members[left], :2], boxes[members[right], :2])
    high = np.minimum(boxes[members[left], 2:], boxes[members[right], 2:])
    ours = (low >= cell[:2]).all(axis=1) & (low < cell[2:]).all(axis=1) & (high - low > _TOUCH_DEG).all(axis=1)
    left, right = left[ours], right[ours]
    shapely.prepare(shapes)
    meet = shapely.relate_pattern(shapes[left], shapes[right], "T********") if len(left) else np.zeros(0, bool)
    left, right = left[meet], right[meet]
    shared = _areas(shapely.intersection(shapes[left], shapes[right]))
    area, width = sizes(shared)
    for at in np.flatnonzero(width >= NARROW_M):
        yield Place(Fault.OVERLAP, shared[at], float(area[at]), float(width[at]), int(members[left[at]]), int(members[right[at]]))


def _areas(shapes: Shapes) -> Shapes:
    """Only what has an area and is wider than rounding, as one shape each."""
    parts, of = shapely.get_parts(shapes, return_index=True)
    if (shapely.get_type_id(parts) == 7).any() or (shapely.get_type_id(parts) == 6).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        of = of[inner]
    wide = np.asarray(shapely.get_dimensions(parts)) == 2
    wide[wide] = sizes(parts[wide])[1] >= NARROW_M
    out = np.full(len(shapes), shapely.Polygon(), dtype=object)
    if wide.any():
        made = shapely.multipolygons(parts[wide], indices=_dense(of[wide]))
        out[np.unique(of[wide])] = made
    return out


def _dense(index: Places) -> Places:
    dense: Places = np.unique(index, return_inverse=True)[1]
    return dense


# gaps


def _covered(cell: NDArray[np.float64], shapes: Shapes, neat: bool) -> object:
    """All polygons as one; where none overlaps and all borders agree (`neat`) their inner edges are simply left out."""
    if neat:
        return shapely.coverage_union_all(shapes)
    bounds = shapely.bounds(shapes)
    inside = (bounds[:, :2] >= cell[:2]).all(axis=1) & (bounds[:, 2:] <= cell[2:]).all(axis=1)
    return shapely.union_all(np.where(inside, shapes, shapely.intersection(shapes, shapely.box(*cell))))


def _gaps(cell: NDArray[np.float64], members: Places, shapes: Shapes, rest: "_Open", neat: bool) -> Iterator[Place]:
    """What the polygons leave free of the cell: closed here, or open to another cell and kept for the end."""
    free = shapely.get_parts(shapely.difference(shapely.box(*cell), _covered(cell, shapes, neat)))
    free = free[shapely.get_type_id(free) == 3]
    edge = shapely.bounds(free)
    open_ = (np.abs(edge - cell) < _TOUCH_DEG).any(axis=1)
    area, width = sizes(free)
    tree = shapely.STRtree(shapes)
    for at in np.flatnonzero(open_ | (width >= NARROW_M)):
        beside = [] if open_[at] and area[at] > _whole(cell) / 2 else _beside(free[at], shapes, tree, members)
        if open_[at]:
            rest.add(free[at], cell, beside)
        else:
            first, second = _two(beside)
            yield Place(Fault.GAP, free[at], float(area[at]), float(width[at]), first, second)


def _whole(cell: NDArray[np.float64]) -> float:
    return float(sizes(np.array([shapely.box(*cell)], dtype=object))[0][0])


def _beside(part: object, shapes: Shapes, tree: object, members: Places) -> list[tuple[float, int]]:
    """The polygons along a gap with the length they share with it (degrees), longest first."""
    near = tree.query(part, predicate="dwithin", distance=_TOUCH_DEG)  # type: ignore[attr-defined]
    shared = shapely.length(shapely.intersection(shapely.boundary(shapes[near]), shapely.boundary(part)))
    found = sorted(zip(shared.tolist(), members[near].tolist(), strict=True), reverse=True)
    return found[:4]


def _two(beside: Sequence[tuple[float, int]]) -> tuple[int, int]:
    total: dict[int, float] = {}
    for length, at in beside:
        total[at] = total.get(at, 0.0) + length
    first, second, *_ = [*sorted(total, key=lambda at: -total[at]), -1, -1]
    return first, second


@dataclass(slots=True)
class _Open:
    """Free pieces that reach the edge of their cell: shapes on disk, in memory only where they meet the edges."""

    shelf: Shelf
    around: NDArray[np.float64]
    beside: list[list[tuple[float, int]]] = field(default_factory=list)
    outside: list[bool] = field(default_factory=list)
    contacts: list[tuple[int, float, float, float, int]] = field(default_factory=list)
    """Axis of the edge (0: a meridian), where it lies, from, to, and the piece."""

    def add(self, part: object, cell: NDArray[np.float64], beside: list[tuple[float, int]]) -> None:
        """Keep one piece."""
        number = len(self.beside)
        self.shelf.put(shapely.to_wkb(part))
        self.beside.append(beside)
        self.outside.append(bool((np.abs(shapely.bounds(part) - self.around) < _TOUCH_DEG).any()))
        rings = shapely.get_rings(part)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        along = ring[1:] == ring[:-1]
        for side, line in enumerate(cell):
            axis = side % 2
            on = np.abs(points[:, axis] - line) < _TOUCH_DEG
            for at in np.flatnonzero(on[1:] & on[:-1] & along):
                ends = sorted((float(points[at, 1 - axis]), float(points[at + 1, 1 - axis])))
                self.contacts.append((axis, float(line), ends[0], ends[1], number))

    def closed(self) -> Iterator[Place]:
        """Pieces that hang together and nowhere reach the outside, as one gap each."""
        group = _together(len(self.beside), self.contacts)
        leads_out = {group[at] for at in np.flatnonzero(self.outside)}
        members: dict[int, list[int]] = {}
        for at, number in enumerate(group):
            if number not in leads_out:
                members.setdefault(number, []).append(at)
        for pieces in members.values():
            shape = shapely.union_all([shapely.from_wkb(self.shelf.get(at)) for at in pieces])
            area, width = sizes(np.array([shape], dtype=object))
            if width[0] >= NARROW_M:
                first, second = _two([item for at in pieces for item in self.beside[at]])
                yield Place(Fault.GAP, shape, float(area[0]), float(width[0]), first, second)


def _together(count: int, contacts: Sequence[tuple[int, float, float, float, int]]) -> list[int]:
    """Number of the connected group of each piece: two hang together where their contacts with one line overlap."""
    parent = list(range(count))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    line, reach, last = (-1, 0.0), 0.0, -1
    for axis, where, start, end, piece in sorted((a, round(w, 9), s, e, p) for a, w, s, e, p in contacts):
        if (axis, where) == line and start < reach:
            parent[root(piece)] = root(last)
        if (axis, where) != line or end > reach:
            line, reach, last = (axis, where), end, piece
    return [root(at) for at in range(count)]
