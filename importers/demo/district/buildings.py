"""The buildings of a district: every lot filled by its zone's layout, what does not fit dropped, the number kept to the recipe."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.campus import BY_CODE, LAYOUTS
from importers.demo.district.frame import Floats, Geometries
from importers.demo.district.land import LOT, Land, Rect
from importers.demo.district.layouts import COLUMNS, Layout, Site
from importers.demo.district.roads import Ints
from importers.demo.district.shapes import Shape, footprints
from importers.demo.district.uses import State, Uses
from importers.demo.district.zones import GRAIN, Zone
from importers.geos import shapely

_SMALLEST_BUILDING_M2 = 12.0
_LOW_FLOORS = 7
_CLEAR_M = 1.0
"""Buildings on a lot that water or a curved road cut keep at least this far from its border."""


@dataclass(frozen=True, slots=True)
class Buildings:
    """Footprints on the board and what is known of each, in lot order."""

    footprints: Geometries
    lot: Ints
    floors: Ints
    height_m: Floats
    use: Ints
    phase_state: Ints
    """The `State` the building belongs to: RENEWAL houses are those pulled down, PLANNED and BUILDING are to come."""


def make_buildings(land: Land, uses: Uses, rng: np.random.Generator, most: int) -> Buildings:
    """At most `most` buildings; small annexes go first when there are more."""
    rows, lot, state = _raw(land, uses, rng)
    polygons = _footprints(rows)
    fits = _inside(polygons, lot, land)
    rows, lot, state, polygons = rows[fits], lot[fits], state[fits], polygons[fits]
    kept = _thinned(rows, most, rng)
    column = dict(zip(COLUMNS, rows[kept].T, strict=True))
    floors, use = column["floors"].astype(np.int64), column["use"].astype(np.int64)
    return Buildings(polygons[kept], lot[kept], floors, np.round(column["height"], 1), use, state[kept])


def _raw(land: Land, uses: Uses, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    """Rows of `COLUMNS` with the lot and the state of each."""
    there = np.unique(land.lot[land.kind == LOT])
    batches: list[Floats] = []
    lots: list[Ints] = []
    states: list[Ints] = []
    for number in there.tolist():
        for layout, state in _layouts(uses, number):
            rows = layout(_site(land.lots[number].rect, uses, number, rng))
            batches.append(rows)
            lots.append(np.full(len(rows), number))
            states.append(np.full(len(rows), state))
    return np.vstack(batches), np.concatenate(lots), np.concatenate(states)


def _layouts(uses: Uses, number: int) -> list[tuple[Layout, State]]:
    """What stood, stands or will stand on a lot: one layout, or the old and the new one where it is renewed."""
    zone, state, code = uses.zone[number], State(uses.state[number]), str(uses.code[number])
    here = BY_CODE.get(code, LAYOUTS[zone])
    if state == State.RENEWAL:
        return [(here, State.RENEWAL), (LAYOUTS[Zone.HIGHRISE], State.PLANNED)]
    return [(here, state)]


def _site(rect: Rect, uses: Uses, number: int, rng: np.random.Generator) -> Site:
    west, south, east, north = rect
    setback = GRAIN[uses.zone[number]].setback_m
    width, depth = max(east - west - 2 * setback, 0.0), max(north - south - 2 * setback, 0.0)
    return Site(west + setback, south + setback, width, depth, str(uses.code[number]), float(uses.urban[number]), rng)


def _footprints(rows: Floats) -> Geometries:
    shape = rows[:, 0].astype(np.int64)
    polygons = np.empty(len(rows), dtype=object)
    for kind in Shape:
        here = shape == kind
        polygons[here] = footprints(kind, rows[here, 1:3], rows[here, 3:5], rows[here, 5], rows[here, 6])
    return polygons


def _inside(polygons: Geometries, lot: Ints, land: Land) -> NDArray[np.bool_]:
    """Buildings that are sound and lie wholly on what streets and water left of their lot."""
    there = land.kind == LOT
    ground = np.empty(len(land.lots), dtype=object)
    order = np.argsort(land.lot[there], kind="stable")
    faces, numbers = land.faces[there][order], land.lot[there][order]
    shrink = land.clipped[[land.lots[n].leaf for n in numbers]]
    faces[shrink] = shapely.buffer(faces[shrink], -_CLEAR_M, join_style="mitre")
    first, count = np.unique(numbers, return_index=True, return_counts=True)[1:]
    for start, size in zip(first.tolist(), count.tolist(), strict=True):
        ground[numbers[start]] = faces[start] if size == 1 else shapely.union_all(faces[start : start + size])
    shapely.prepare(ground)
    sound = shapely.is_valid(polygons) & (shapely.area(polygons) > _SMALLEST_BUILDING_M2)
    within: NDArray[np.bool_] = sound & shapely.contains_properly(ground[lot], polygons)
    return within


def _thinned(rows: Floats, most: int, rng: np.random.Generator) -> Ints:
    """Indices of the buildings kept, in order: random low ones go until no more than `most` are left."""
    if len(rows) <= most:
        return np.arange(len(rows))
    low = np.flatnonzero(rows[:, COLUMNS.index("floors")] <= _LOW_FLOORS)
    drop = rng.permutation(low if len(low) >= len(rows) - most else len(rows))[: len(rows) - most]
    return np.setdiff1d(np.arange(len(rows)), drop)
