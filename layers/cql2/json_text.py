"""CQL2 JSON becomes an expression: each value is looked at once, by what it must be where it stands."""

import math
from typing import Any, Final

import orjson

from layers.cql2 import shapes
from layers.cql2.faults import check_arity, check_no_array, unreadable
from layers.cql2.scan import WHOLE_DIGITS
from layers.cql2.times import read_day, read_instant, read_moment
from twin.cql2.limits import Budget, check_size
from twin.cql2.names import CANONICAL, is_name
from twin.cql2.nodes import (
    LITERALS,
    Boolean,
    Call,
    Collection,
    Coordinates,
    Expression,
    Geometry,
    Instant,
    Interval,
    Items,
    Number,
    Property,
    Text,
)
from twin.cql2.systems import CRS84, FilterCrs

_WANTED: Final = (
    "an object with op, property, date, timestamp, interval, bbox or type",
    "含 op、property、date、timestamp、interval、bbox 或 type 的对象",
)


def parse_json(text: str, crs: FilterCrs = CRS84, budget: Budget | None = None) -> Expression:
    """The expression that `text` writes; BadParameter, with the place, for what is none or over a limit."""
    check_size(text)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise unreadable(f"filter:{exc.pos + 1}", text[exc.pos : exc.pos + 20], "JSON", "JSON") from exc
    found = _Reader(crs, budget or Budget()).expression(document, "filter")
    check_no_array(found)
    return found


class _Reader:
    """Reads one document."""

    def __init__(self, crs: FilterCrs, budget: Budget) -> None:
        self._crs, self._budget = crs, budget

    def expression(self, value: Any, at: str) -> Expression:
        """Any part."""
        self._budget.steps += 1
        self._budget.enter(at)
        self._budget.node(at)
        found = self._read(value, at)
        self._budget.leave()
        return found

    def _read(self, value: Any, at: str) -> Expression:
        if isinstance(value, str):
            return Text(_text(value, at), at=at)
        if isinstance(value, bool):
            return Boolean(value, at=at)
        if isinstance(value, int | float):
            return _number(value, at)
        if isinstance(value, list):
            return self._items(value, at)
        if isinstance(value, dict):
            return self._object(value, at)
        raise unreadable(at, "null", *_WANTED)

    def _object(self, value: dict[str, Any], at: str) -> Expression:
        keys = set(value)
        if keys == {"op", "args"}:
            return self._call(value, at)
        if keys == {"property"} and isinstance(value["property"], str) and value["property"]:
            return Property(_text(value["property"], at), at=at)
        if len(keys) == 1 and isinstance(text := value.get("date", value.get("timestamp")), str):
            return read_day(text, at) if "date" in keys else read_moment(text, at)
        if keys == {"interval"}:
            return self._interval(value["interval"], f"{at}/interval")
        if keys == {"bbox"}:
            return shapes.box(_numbers(value["bbox"], at), self._crs, self._budget, at)
        if "type" in keys:
            return self._geometry(value, at)
        raise unreadable(at, ", ".join(map(str, value)) or "{}", *_WANTED)

    def _call(self, value: dict[str, Any], at: str) -> Call:
        op, args = value["op"], value["args"]
        if not isinstance(op, str) or not isinstance(args, list):
            raise unreadable(at, "op, args", "a text in op and a list in args", "op 为文本、args 为数组")
        name = CANONICAL.get(op.lower())
        if name is None and not is_name(op):
            raise unreadable(f"{at}/op", op, "an operator or the name of a function", "运算符或函数名")
        found = tuple([self.expression(arg, f"{at}/args/{index}") for index, arg in enumerate(args)])
        check_arity(name or op, found, at)
        return Call(name or op, found, at=at)

    def _items(self, values: list[Any], at: str) -> Items:
        self._budget.listed(len(values), at)
        items = []
        for index, value in enumerate(values):
            items.append(self.expression(value, f"{at}/{index}"))
            self._budget.nodes -= isinstance(items[-1], LITERALS)
        return Items(tuple(items), at=at)

    def _interval(self, ends: Any, at: str) -> Interval:
        if not isinstance(ends, list) or len(ends) != 2:
            raise unreadable(at, "interval", "a list of two ends", "两端组成的数组")
        start, end = (self._end(value, f"{at}/{index}") for index, value in enumerate(ends))
        return Interval(start, end, at=at)

    def _end(self, value: Any, at: str) -> Instant | Property | Call | None:
        if value == "..":
            return None
        if isinstance(value, str):
            self._budget.node(at)
            return read_instant(value, at)
        found = self.expression(value, at)
        if isinstance(found, Property | Call):
            return found
        raise unreadable(at, type(found).__name__.lower(), "an instant, a property or '..'", "时刻、字段或“..”")

    def _geometry(self, value: dict[str, Any], at: str) -> Geometry | Collection:
        kind = value["type"]
        if kind == "GeometryCollection" and isinstance(value.get("geometries"), list) and value["geometries"]:
            return Collection(tuple([self._member(part, f"{at}/geometries/{i}") for i, part in enumerate(value["geometries"])]), at=at)
        if not _is_simple(kind):
            raise unreadable(at, str(kind)[:40], "a GeoJSON geometry", "GeoJSON 几何")
        return shapes.geometry(kind, self._coordinates(value.get("coordinates"), shapes.DEPTH[kind], at), self._crs, at)

    def _member(self, value: Any, at: str) -> Geometry:
        self._budget.node(at)
        if not isinstance(value, dict) or not _is_simple(value.get("type")):
            raise unreadable(at, "geometries", "GeoJSON geometries that are no collections", "集合以外的 GeoJSON 几何")
        found = self._geometry(value, at)
        assert isinstance(found, Geometry)  # noqa: S101  (the kind says so)
        return found

    def _coordinates(self, value: Any, depth: int, at: str) -> Coordinates:
        """Positions within `depth` lists; nothing deeper is followed."""
        self._budget.steps += 1
        if not isinstance(value, list) or not value:
            raise unreadable(at, "coordinates", "coordinates nested as the geometry asks", "与几何类型相符的坐标数组")
        if depth:
            return tuple([self._coordinates(part, depth - 1, at) for part in value])
        return shapes.position(_numbers(value, at), self._crs, self._budget, at)


def _is_simple(kind: Any) -> bool:
    return isinstance(kind, str) and kind in shapes.DEPTH


def _numbers(value: Any, at: str) -> list[float]:
    if not isinstance(value, list) or not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
        raise unreadable(at, "coordinates", "numbers", "数")
    return [float(_number(number, at).value) for number in value[:6]] if len(value) <= 6 else [math.nan] * len(value)


def _number(value: int | float, at: str) -> Number:
    if isinstance(value, int) and abs(value) >= 10**WHOLE_DIGITS:
        value = float(value)
    if not math.isfinite(value):
        raise unreadable(at, str(value), "a finite number", "有限数")
    return Number(value, at=at)


def _text(value: str, at: str) -> str:
    if "\0" in value:
        raise unreadable(at, "NUL", "a text without NUL", "不含 NUL 的文本")
    return value
