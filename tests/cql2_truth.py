"""An evaluator of CQL2 JSON documents on Python rows, in three-valued logic (None: unknown); it shares no code with the compiler or the parsers."""

import math
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyproj
import shapely
from shapely.geometry import box, shape

CHINA = timezone(timedelta(hours=8))
_GEOD = pyproj.Geod(ellps="GRS80")


def truth(document: Any, row: Mapping[str, Any]) -> Any:
    """The value of a document for a row."""
    if isinstance(document, dict):
        return _object(document, row)
    if isinstance(document, list):
        return [truth(part, row) for part in document]
    return document


def _object(document: dict[str, Any], row: Mapping[str, Any]) -> Any:  # noqa: PLR0911
    if "property" in document:
        return row.get(document["property"])
    if "date" in document:
        return date.fromisoformat(document["date"])
    if "timestamp" in document:
        return datetime.fromisoformat(document["timestamp"])
    if "interval" in document:
        return tuple(_end(end, index, row) for index, end in enumerate(document["interval"]))
    if "bbox" in document:
        return _box(document["bbox"])
    if "type" in document:
        return _geometry(document)
    return _call(document["op"], document["args"], row)


def _end(end: Any, index: int, row: Mapping[str, Any]) -> Any:
    if end == "..":
        return datetime.max.replace(tzinfo=UTC) if index else datetime.min.replace(tzinfo=UTC)
    if isinstance(end, str):
        return date.fromisoformat(end) if len(end) == 10 else datetime.fromisoformat(end)
    return truth(end, row)


def _box(numbers: list[float]) -> Any:
    half = len(numbers) // 2
    (west, south), (east, north) = numbers[:2], numbers[half : half + 2]
    if west > east:
        return shapely.union(box(west, south, 180, north), box(-180, south, east, north))
    return shapely.Point(west, south) if (west, south) == (east, north) else box(west, south, east, north)


def _geometry(document: dict[str, Any]) -> Any:
    made = shapely.force_2d(shape(document))
    if made.is_valid:
        return made
    parts = shapely.get_parts(shapely.make_valid(made))
    return shapely.union_all([part for part in parts if part.geom_type.endswith("Polygon")])


def _call(op: str, args: list[Any], row: Mapping[str, Any]) -> Any:  # noqa: PLR0911
    if op in ("and", "or"):
        values, absorbing = [truth(arg, row) for arg in args], op == "or"
        return absorbing if absorbing in values else None if None in values else not absorbing
    if op == "in":
        tests = [_call("=", [args[0], item], row) for item in args[1]]
        return True if True in tests else None if None in tests or truth(args[0], row) is None else False
    values = [truth(arg, row) for arg in args]
    if op == "isNull":
        return values[0] is None
    if any(value is None or (isinstance(value, tuple) and None in value) for value in values):
        return None
    if op.startswith("t_"):
        return _temporal(op, *values)
    if op.startswith("a_"):
        return _sets(op, *values)
    if op.startswith("s_"):
        return bool(getattr(shapely, {"s_equals": "equals"}.get(op, op[2:]))(*values))
    return _OPS[op](*values)


def _comparable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """By days of UTC+8 as soon as one is a date."""
    if any(isinstance(value, date) and not isinstance(value, datetime) for value in values):
        return tuple(_day(value) for value in values)
    return values


def _day(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    edge = value.year in (1, 9999)
    return value.date() if edge else value.astimezone(CHINA).date()


def _temporal(op: str, first: Any, second: Any) -> bool:
    ends = [end for span in (first, second) for end in (span if isinstance(span, tuple) else (span, span))]
    s1, e1, s2, e2 = _comparable(tuple(ends))
    return {
        "t_after": s1 > e2, "t_before": e1 < s2, "t_disjoint": not (s1 <= e2 and s2 <= e1), "t_equals": (s1, e1) == (s2, e2),
        "t_intersects": s1 <= e2 and s2 <= e1, "t_contains": s1 < s2 and e2 < e1, "t_during": s2 < s1 and e1 < e2,
        "t_finishedBy": e1 == e2 and s1 < s2, "t_finishes": e1 == e2 and s2 < s1, "t_meets": e1 == s2, "t_metBy": e2 == s1,
        "t_overlappedBy": s2 < s1 < e2 < e1, "t_overlaps": s1 < s2 < e1 < e2, "t_startedBy": s1 == s2 and e2 < e1,
        "t_starts": s1 == s2 and e1 < e2,
    }[op]  # fmt: skip


def _sets(op: str, first: Any, second: Any) -> bool | None:
    if not isinstance(first, list) or not isinstance(second, list):
        return None
    a, b = ({_key(item) for item in items} for items in (first, second))
    return {"a_contains": a >= b, "a_containedBy": a <= b, "a_equals": a == b, "a_overlaps": bool(a & b)}[op]


def _key(item: Any) -> Any:
    if isinstance(item, list):
        return ("list", *map(_key, item))
    if isinstance(item, datetime):
        return "str", item.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(item, date):
        return "str", item.isoformat()
    return ("bool" if isinstance(item, bool) else "number" if isinstance(item, int | float) else "str"), item


def _like(value: str, pattern: str) -> bool:
    """By a table over both texts, so that no pattern takes long."""
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        escaped = pattern[at] == "\\"
        at += escaped
        parts.append(("char" if escaped or pattern[at] not in "%_" else pattern[at], pattern[at]))
        at += 1
    reach = {0}
    for sort, char in parts:
        if sort == "%":
            reach = set(range(min(reach, default=len(value) + 1), len(value) + 1))
        else:
            reach = {at + 1 for at in reach if at < len(value) and (sort == "_" or value[at] == char)}
    return len(value) in reach


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: test(*_comparable((a, b)))


def _number(made: Callable[[float, float], float]) -> Callable[[float, float], float | None]:
    def calculate(x: float, y: float) -> float | None:
        if any(value and not 1e-100 <= abs(value) <= 1e100 for value in (x, y)):
            return None
        try:
            result = made(float(x), float(y))
        except (ZeroDivisionError, OverflowError):
            return None
        return None if isinstance(result, complex) or not math.isfinite(result) else result

    return calculate


def _accenti(text: str) -> str:
    marks = (char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn" or char in "\u3099\u309a")
    return unicodedata.normalize("NFC", "".join(marks))


def _area(geometry: Any) -> float:
    return abs(_GEOD.geometry_area_perimeter(geometry)[0])


_OPS: dict[str, Callable[..., Any]] = {
    "not": lambda a: not a,
    "=": _compare(lambda a, b: a == b),
    "<>": _compare(lambda a, b: a != b),
    "<": _compare(lambda a, b: a < b),
    ">": _compare(lambda a, b: a > b),
    "<=": _compare(lambda a, b: a <= b),
    ">=": _compare(lambda a, b: a >= b),
    "between": lambda a, low, high: low <= a <= high,
    "like": _like,
    "casei": lambda text: text.casefold(),
    "accenti": _accenti,
    "+": _number(lambda x, y: x + y),
    "-": _number(lambda x, y: x - y),
    "*": _number(lambda x, y: x * y),
    "/": _number(lambda x, y: x / y),
    "%": _number(math.fmod),
    "div": _number(lambda x, y: math.trunc(x / y)),
    "^": _number(lambda x, y: x**y),
    "lower": str.lower,
    "upper": str.upper,
    "trim": lambda text: text.strip(" "),
    "length": len,
    "starts_with": str.startswith,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "year": lambda value: _day(value).year,
    "area": lambda geometry: _area(geometry) if "Polygon" in geometry.geom_type else 0.0,
    "perimeter": lambda geometry: _GEOD.geometry_length(geometry.boundary) if "Polygon" in geometry.geom_type else 0.0,
    "centroid": shapely.centroid,
}
