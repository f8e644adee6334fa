"""Shapes that can be read but are odd: repeated vertices, rings in the wrong order, slivers, and what crosses the 180th meridian."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from importers.base import Finding, Report, Rows
from importers.geos import is_missing, shapely
from importers.measures import sizes
from twin.grids import DEGREE_M

Objects = NDArray[np.object_]
Marks = NDArray[np.bool_]
Floats = NDArray[np.float64]

SLIVER_M = 0.1
"""Mean width below which an area is taken for a leftover of an overlay."""
_HIGHEST = 60.0
"""Up to this latitude a width in degrees is told apart without projecting it: a degree of longitude is half as long there."""
_DEGREES = (360.0, 90.0, 360.0, 90.0)
_NEAR_180 = 45.0
WIDE_DEG = 360 - 2 * _NEAR_180
"""What reaches further from west to east may run the long way round the world."""
_KINDS = ("点", "线", "面", "集合"), ("points", "lines", "areas", "collections")
_LINE, _POLYGON, _MULTI_LINE, _MULTI_POLYGON = 1, 3, 5, 6


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of the coordinates: the source's reference system (empty: not said), its format, and what a person says instead."""

    crs: str = ""
    format: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Units:
    """The unit of each box in metres, and the greatest width in metres, as computed by it, that may be a sliver's."""

    metres: Floats
    limit_m: Floats
    degrees: Marks


def units_of(boxes: Floats, source: Source) -> Units:
    """The reference system is not settled while a file is read, so numbers decide: what could be degrees is measured as degrees.

    Metres on a grid lie far from its origin, and a sliver that is missed costs less than a file of things that are called slivers.
    """
    degrees: Marks = np.all(np.abs(boxes) <= _DEGREES, axis=1)
    grid_m = _grid_unit_m(source.said or source.crs)
    return Units(np.where(degrees, DEGREE_M, grid_m), SLIVER_M / np.where(degrees, np.cos(np.radians(_HIGHEST)), 1.0), degrees)


@cache
def _grid_unit_m(crs: str) -> float:
    """Metres of the unit of a projected system; of any other text 1, for grids are in metres where nobody says otherwise."""
    try:
        found = pyproj.CRS.from_user_input(crs) if crs else None
    except pyproj.exceptions.CRSError:
        return 1.0
    return float(found.axis_info[0].unit_conversion_factor) if found and found.is_projected and found.axis_info else 1.0


def mend(geometry: Objects, rows: Rows, source: Source, report: Report) -> Marks:
    """Mend in place what can be mended without a doubt, report the rest; returns which rows were changed."""
    kinds = shapely.get_type_id(geometry)
    areas = np.isin(kinds, (_POLYGON, _MULTI_POLYGON)) & ~shapely.is_empty(geometry)
    lines = np.isin(kinds, (_LINE, _MULTI_LINE))
    changed = np.zeros(len(geometry), bool)
    if areas.any():
        at = np.flatnonzero(areas)
        changed[_reorder(geometry, at, rows, source, report)] = True
        _tell_directions(geometry, at, rows, source, report)
        _tell_slivers(geometry, at, rows, source, report)
    if _bound_degrees(geometry, source):
        changed |= _across(geometry, np.flatnonzero(areas | lines | (kinds == 0)), rows, report)
    return changed


def kinds_of(geometry: Objects) -> Mapping[int, int]:
    """How many shapes are points (0), lines (1), areas (2) and collections (3)."""
    kinds = shapely.get_type_id(geometry)
    counts = np.bincount(np.array([0, 1, 1, 2, 0, 1, 2, 3])[kinds[kinds >= 0]], minlength=4)
    return {kind: int(count) for kind, count in enumerate(counts) if count}


def mixed_types(kinds: Mapping[int, int]) -> Finding | None:
    """The finding that a source mixes kinds of geometry, with how many there are of each."""
    if len(kinds) < 2:
        return None
    told = [", ".join(f"{names[kind]} {count}" for kind, count in sorted(kinds.items())) for names in _KINDS]
    return Finding(rule="mixed-types", detail_zh=told[0].replace(", ", "，"), detail_en=told[1])


# repeated vertices


def drop_repeated(geometry: Objects, rows: Rows, report: Report) -> Marks:
    """Vertices that follow themselves go; heights may differ at one place, so shapes with heights are left alone."""
    changed = np.zeros(len(geometry), bool)
    at = np.flatnonzero(np.isin(shapely.get_type_id(geometry), (_LINE, _POLYGON, _MULTI_LINE, _MULTI_POLYGON)) & ~shapely.has_z(geometry))
    points, of = shapely.get_coordinates(geometry[at], return_index=True)
    same = (points[1:] == points[:-1]).all(axis=1) & (of[1:] == of[:-1])
    for number in at[np.unique(of[1:][same])]:
        slim = _slim(geometry[number])
        fewer = int(shapely.get_num_coordinates(geometry[number]) - shapely.get_num_coordinates(slim))
        if fewer > 0:
            geometry[number], changed[number] = slim, True
            report(Finding(rule="repeated-points", row=int(rows[number]), detail_zh=f"{fewer} 个", detail_en=f"{fewer}"))
    return changed


def _slim(shape: Any) -> Any:
    """Without repeated vertices; a ring of one place is left for those who drop it."""
    try:
        return shapely.remove_repeated_points(shape, 0)
    except shapely.errors.GEOSException:
        return shape


# rings


def drop_short_rings(geometry: Objects, rows: Rows, report: Report) -> Marks:
    """A ring of fewer than four points, or of one place, encloses nothing: it goes, and its polygon when it was the shell."""
    short = np.zeros(len(geometry), bool)
    parts, of_row = shapely.get_parts(geometry, return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    few = of_part[_is_short(rings)]
    short[of_row[few[~shapely.is_empty(parts[few])]]] = True
    for at in np.flatnonzero(short):
        geometry[at] = _with_long_rings(geometry[at])
        report(Finding(rule="collapsed" if shapely.is_empty(geometry[at]) else "ring-dropped", row=int(rows[at])))
    return short


def _is_short(rings: Any) -> Any:
    return (shapely.get_num_coordinates(rings) < 4) | (shapely.length(rings) == 0)


def _with_long_rings(geometry: Any) -> Any:
    """The same surface without its short rings; an empty one when nothing is left."""
    polygons = []
    for part in shapely.get_parts(geometry):
        shell, *holes = shapely.get_rings(part) if part.geom_type == "Polygon" and not part.is_empty else [None]
        if shell is not None and not _is_short(shell):
            polygons.append(shapely.Polygon(shell, [hole for hole in holes if not _is_short(hole)]))
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _reorder(geometry: Objects, at: Rows, rows: Rows, source: Source, report: Report) -> list[int]:
    """Where a shell lies in its own hole, or (shapefile, which tells them by direction only) in another shell: every second ring is a hole."""
    found = []
    for number in _nested(geometry, at, source.format == "shapefile"):
        built = shapely.build_area(shapely.multilinestrings(_open(shapely.get_rings(shapely.get_parts(geometry[number])))))
        if built is not None and not built.is_empty and built.is_valid:
            geometry[number] = built
            found.append(number)
            report(Finding(rule="ring-order", row=int(rows[number])))
    return found


def _open(rings: Objects) -> Objects:
    """Rings as the lines they are made of."""
    points, of = shapely.get_coordinates(rings, return_index=True)
    lines: Objects = shapely.linestrings(points, indices=of)
    return lines


def _nested(geometry: Objects, at: Rows, by_direction: bool) -> list[int]:
    """Rows in which a hole holds its shell, or (`by_direction`) one part lies whole inside another."""
    parts, of = shapely.get_parts(geometry[at], return_index=True)
    holed = np.flatnonzero(shapely.get_num_interior_rings(parts) > 0)
    rings, of_part = shapely.get_rings(parts[holed], return_index=True)
    box, shell = shapely.bounds(rings), shapely.bounds(parts[holed])[of_part]
    holds = (box[:, :2] < shell[:, :2]).all(axis=1) & (box[:, 2:] > shell[:, 2:]).all(axis=1)
    found = set(at[of[holed[of_part[holds]]]].tolist())
    if by_direction:
        many = np.flatnonzero(np.bincount(of, minlength=len(at)) > 1)
        found |= {int(at[row]) for row in many if _parts_nested(parts[of == row])}
    return sorted(found)


def _parts_nested(parts: Objects) -> bool:
    one, other = shapely.STRtree(parts).query(parts)
    apart = one != other
    shells = shapely.polygons(shapely.get_exterior_ring(parts))
    return bool(shapely.contains_properly(parts[other[apart]], shells[one[apart]]).any())


def _tell_directions(geometry: Objects, at: Rows, rows: Rows, source: Source, report: Report) -> None:
    """Rings that turn the wrong way: a hole as its shell, in a shapefile a shell against the clock. The area is the same."""
    parts, of = shapely.get_parts(geometry[at], return_index=True)
    shell_left = shapely.is_ccw(shapely.get_exterior_ring(parts))
    wrong = shell_left & (source.format == "shapefile")
    holed = np.flatnonzero(shapely.get_num_interior_rings(parts) > 0)
    rings, of_part = shapely.get_rings(parts[holed], return_index=True)
    first = np.ones(len(rings), bool)
    first[1:] = of_part[1:] != of_part[:-1]
    alike = ~first & (shapely.is_ccw(rings) == shell_left[holed][of_part])
    wrong[holed[np.unique(of_part[alike])]] = True
    for number in np.unique(of[wrong]):
        report(Finding(rule="ring-direction", row=int(rows[at[number]])))


# slivers


def _tell_slivers(geometry: Objects, at: Rows, rows: Rows, source: Source, report: Report) -> None:
    """Areas that are thinner than any thing; degrees are measured on the ellipsoid where they come near to it."""
    parts, of = shapely.get_parts(geometry[at], return_index=True)
    units = units_of(shapely.bounds(parts), source)
    area, length = shapely.area(parts) * units.metres**2, shapely.length(parts) * units.metres
    with np.errstate(divide="ignore", invalid="ignore"):
        width = 2 * area / length
    thin = (area > 0) & (width < units.limit_m)
    if (near := thin & units.degrees).any():
        area[near], width[near] = sizes(parts[near])
        thin &= width < SLIVER_M
    for number in np.flatnonzero(thin):
        size = f"{area[number]:.3g} m², {width[number]:.2g} m"
        report(
            Finding(
                rule="sliver",
                row=int(rows[at[of[number]]]),
                detail_zh=f"面积 {area[number]:.3g} m²，平均宽 {width[number]:.2g} m",
                detail_en=f"area and mean width {size}",
            )
        )


# the 180th meridian


@cache
def is_degrees(crs: str) -> bool:
    """Whether coordinates of this reference system are longitude and latitude; so they are taken where none is said."""
    try:
        return not crs or bool(pyproj.CRS.from_user_input(crs).is_geographic)
    except pyproj.exceptions.CRSError:
        return False


def _bound_degrees(geometry: Objects, source: Source) -> bool:
    bounds = shapely.total_bounds(geometry) if len(geometry) else np.full(4, np.nan)
    return is_degrees(source.crs) and bool((np.abs(bounds) <= (360, 90, 360, 90)).all())


def _across(geometry: Objects, at: Rows, rows: Rows, report: Report) -> Marks:
    """Longitudes beyond 180 come back, what crosses the meridian is cut there."""
    changed = np.zeros(len(geometry), bool)
    bounds = shapely.bounds(geometry[at])
    beyond = (bounds[:, 0] < -180) | (bounds[:, 2] > 180)
    wide = (bounds[:, 0] < _NEAR_180 - 180) & (bounds[:, 2] > 180 - _NEAR_180) & ~beyond
    for number, far in [*((n, True) for n in at[beyond]), *((n, False) for n in at[wide])]:
        if not far and not _jumps(geometry[number]):
            continue
        east = shapely.transform(
            geometry[number], _shifted(lambda x: np.where(x < 0, x + 360, x)), include_z=bool(shapely.has_z(geometry[number]))
        )
        whole = shapely.bounds(east)[0] >= 180
        geometry[number] = _turned(east) if whole else _cut(east)
        changed[number] = True
        report(Finding(rule="longitude-turned" if whole else "antimeridian", row=int(rows[number])))
    return changed


def _jumps(shape: Any) -> bool:
    """Whether every vertex lies near the meridian and an edge runs the long way round."""
    lines = shapely.get_rings(shapely.get_parts(shape)) if shape.geom_type.endswith("Polygon") else shapely.get_parts(shape)
    points, of = shapely.get_coordinates(lines, return_index=True)
    x = points[:, 0]
    step = np.abs(np.diff(x)) > WIDE_DEG
    inner = (np.abs(x[1:]) < 180) | (np.abs(x[:-1]) < 180)
    return bool((np.abs(x) >= 180 - _NEAR_180).all() and (step & inner & (of[1:] == of[:-1])).any())


def _shifted(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def shift(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([change(points[:, 0]), points[:, 1:]])

    return shift


def _turned(shape: Any) -> Any:
    """360° to the west."""
    return shapely.transform(shape, _shifted(lambda x: x - 360), include_z=bool(shapely.has_z(shape)))


def _cut(shape: Any) -> Any:
    """Both sides of the meridian as one multi-part shape; longitudes 0 to 360 come in."""
    sound = shape if shapely.is_valid(shape) else shapely.make_valid(shape)
    sides = (
        shapely.intersection(sound, shapely.box(-180, -90, 180, 90)),
        _turned(shapely.intersection(sound, shapely.box(180, -90, 540, 90))),
    )
    parts = [part for side in sides for part in shapely.get_parts(side) if shapely.get_dimensions(part) == shapely.get_dimensions(shape)]
    many = shapely.multipolygons if shapely.get_dimensions(shape) == 2 else shapely.multilinestrings
    return many(parts) if parts and not is_missing(np.array(parts, dtype=object)).any() else shape
