"""Geometry literals of a filter as bytes the database reads: EWKB made by us of numbers that were checked, in two dimensions."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from struct import pack
from typing import Final

from twin.cql2.nodes import Box, Collection, Coordinates, Geometry
from twin.cql2.systems import CRS84, FilterCrs

Shape = Geometry | Collection | Box
Point = tuple[float, float]

_CODES: Final = {"Point": 1, "LineString": 2, "Polygon": 3, "MultiPoint": 4, "MultiLineString": 5, "MultiPolygon": 6}
_COLLECTION: Final = 7
_PART: Final = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}
_HAS_SRID: Final = 0x20000000
_STORAGE: Final = 4490
_STEPS, _LEAST_STEP_M = 2000, 100.0


def crs_of(shape: Shape) -> FilterCrs:
    """The system its numbers are in."""
    return shape.members[0].crs if isinstance(shape, Collection) else shape.crs


def is_area(shape: Shape) -> bool:
    """Whether rings were drawn by hand, which may cross themselves; a box is always sound."""
    members = shape.members if isinstance(shape, Collection) else (shape,)
    return any(isinstance(member, Geometry) and member.kind.endswith("Polygon") for member in members)


def ewkb(shape: Shape) -> bytes:
    """The literal, easting first, marked with its system; degrees are those of storage."""
    crs = crs_of(shape)
    body = _body(shape)
    code = int.from_bytes(body[1:5], "little") | _HAS_SRID
    return body[:1] + pack("<II", code, _STORAGE if crs.is_degrees else crs.epsg) + body[5:]


def step_m(shape: Shape) -> float:
    """How finely the lines of a literal in metres are divided before they are bent into degrees: at most 2,000 pieces more."""
    geometries = shape.members if isinstance(shape, Collection) else (shape,)
    length = sum(math.dist(a, b) for geometry in geometries for line in _all_lines(geometry) for a, b in pairwise(line))
    return max(_LEAST_STEP_M, length / _STEPS)


def _all_lines(shape: Geometry | Box) -> Iterator[Sequence[Point]]:
    if isinstance(shape, Box):
        west, south, east, north = _sides(shape)
        yield _ring(west, south, east, north)
    elif shape.kind in ("LineString", "MultiLineString", "Polygon", "MultiPolygon"):
        lines = _lines(shape.coordinates)
        yield from ([_point(position, shape.crs) for position in line] for line in lines)


def _lines(coordinates: Coordinates) -> Iterator[Sequence[Coordinates]]:
    """The lists of positions within coordinates."""
    if isinstance(coordinates[0][0], float):  # type: ignore[index]
        yield coordinates  # type: ignore[misc]
    else:
        for part in coordinates:
            yield from _lines(part)  # type: ignore[arg-type]


def _body(shape: Shape) -> bytes:
    if isinstance(shape, Collection):
        return pack("<BII", 1, _COLLECTION, len(shape.members)) + b"".join(map(_body, shape.members))
    return _box(shape) if isinstance(shape, Box) else _geometry(shape.kind, shape.coordinates, shape.crs)


def _geometry(kind: str, coordinates: Coordinates, crs: FilterCrs) -> bytes:
    head = pack("<BI", 1, _CODES[kind])
    if kind == "Point":
        return head + pack("<2d", *_point(coordinates, crs))
    part = _PART.get(kind)
    if part is not None:
        return head + pack("<I", len(coordinates)) + b"".join(_geometry(part, inner, crs) for inner in coordinates)  # type: ignore[arg-type]
    if kind == "LineString":
        return head + _line(coordinates, crs)
    return head + pack("<I", len(coordinates)) + b"".join(_line(ring, crs) for ring in coordinates)  # type: ignore[arg-type]


def _line(positions: Coordinates, crs: FilterCrs) -> bytes:
    return pack("<I", len(positions)) + b"".join(pack("<2d", *_point(position, crs)) for position in positions)  # type: ignore[arg-type]


def _point(position: Coordinates, crs: FilterCrs) -> Point:
    first, second = position[:2]
    return (second, first) if crs.north_first else (first, second)  # type: ignore[return-value]


def _sides(box: Box) -> tuple[float, float, float, float]:
    half = len(box.numbers) // 2
    (west, south), (east, north) = _point(box.numbers, box.crs), _point(box.numbers[half:], box.crs)
    return west, south, east, north


def _box(box: Box) -> bytes:
    """A rectangle, the line or point where it has no width, or the two that meet at 180°."""
    west, south, east, north = _sides(box)
    if west > east:
        return _geometry("MultiPolygon", ((_ring(west, south, 180.0, north),), (_ring(-180.0, south, east, north),)), CRS84)
    if west == east and south == north:
        return _geometry("Point", (west, south), CRS84)
    if west == east or south == north:
        return _geometry("LineString", ((west, south), (east, north)), CRS84)
    return _geometry("Polygon", (_ring(west, south, east, north),), CRS84)


def _ring(west: float, south: float, east: float, north: float) -> tuple[Point, ...]:
    return ((west, south), (east, south), (east, north), (west, north), (west, south))
