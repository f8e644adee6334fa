"""Geometry literals, whichever way they were written: enough positions, closed rings, finite numbers within the reference system."""

import math
from collections.abc import Sequence

from layers.cql2.faults import unreadable
from twin.cql2.limits import Budget
from twin.cql2.nodes import Box, Coordinates, Geometry, Position
from twin.cql2.systems import FilterCrs

#: How many lists lie around a position.
DEPTH = {"Point": 0, "LineString": 1, "MultiPoint": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3}
_LEAST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
_MAX_HEIGHT = 1e9


def geometry(kind: str, coordinates: Coordinates, crs: FilterCrs, at: str) -> Geometry:
    """The literal; BadParameter for a ring that is open and a line of one position."""
    least = _LEAST.get(kind)
    if least is not None:
        for line in _lines(coordinates, DEPTH[kind] - 1):
            _check_line(line, least, at)
    return Geometry(kind, coordinates, crs, at=at)


def _lines(coordinates: Coordinates, depth: int) -> Sequence[Coordinates]:
    lines: Sequence[Coordinates] = [coordinates]
    for _ in range(depth):
        lines = [part for line in lines for part in line]  # type: ignore[misc]
    return lines


def _check_line(line: Coordinates, least: int, at: str) -> None:
    if len(line) < least:
        raise unreadable(at, f"{len(line)} positions", f"at least {least} positions", f"至少 {least} 个坐标点")
    if least == 4 and line[0] != line[-1]:
        raise unreadable(at, "an open ring", "a ring that ends where it begins", "首尾闭合的环")


def position(numbers: Sequence[float], crs: FilterCrs, budget: Budget, at: str) -> Position:
    """Two or three numbers as a position; BadParameter outside the reach of the reference system."""
    budget.vertex(at)
    if len(numbers) not in (2, 3):
        raise unreadable(at, f"{len(numbers)} numbers", "two or three numbers", "两个或三个数")
    east, north = (numbers[1], numbers[0]) if crs.north_first else (numbers[0], numbers[1])
    inside = crs.low[0] <= east <= crs.high[0] and crs.low[1] <= north <= crs.high[1]
    if not inside or (len(numbers) == 3 and not abs(numbers[2]) <= _MAX_HEIGHT):
        reach_en, reach_zh = _reach(crs)
        raise unreadable(at, " ".join(map(repr, numbers)), reach_en, reach_zh)
    return tuple(map(float, numbers))


def _reach(crs: FilterCrs) -> tuple[str, str]:
    (west, south), (east, north) = crs.low, crs.high
    order = ("northing/latitude first", "纬度（北坐标）在前") if crs.north_first else ("longitude/easting first", "经度（东坐标）在前")
    numbers = f"{west:.10g}…{east:.10g}, {south:.10g}…{north:.10g}"
    return f"a position of {crs.name} ({order[0]}; x, y in {numbers})", f"{crs.name} 范围内的坐标（{order[1]}；x、y 范围 {numbers}）"


def box(numbers: Sequence[float], crs: FilterCrs, budget: Budget, at: str) -> Box:
    """Four or six numbers as a box; only in degrees may it cross the antimeridian."""
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise unreadable(at, f"{len(numbers)} numbers", "four or six finite numbers", "四个或六个有限数")
    half = len(numbers) // 2
    low, high = position(numbers[:half], crs, budget, at), position(numbers[half:], crs, budget, at)
    x, y = (1, 0) if crs.north_first else (0, 1)
    if low[y] > high[y] or (low[x] > high[x] and not crs.is_degrees) or (half == 3 and low[2] > high[2]):
        raise unreadable(at, " ".join(map(repr, numbers)), "the lower left corner first", "左下角在前")
    return Box((*low, *high), crs, at=at)
