"""What a GeoJSON feature may say about an object of a layer: its geometry under a budget, its properties by the layer's own fields."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from twin.codes import code_list
from twin.errors import BadParameter
from twin.fields import BASE_ROLES, Field, FieldType, Role
from twin.layer import Layer
from twin.view import Scope

#: How deep the coordinates of each type nest, positions not counted.
_DEPTHS: Final = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_FEWEST: Final = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
_IGNORED: Final = frozenset({"type", "id", "geometry", "properties", "links", "bbox", "time", "conformsTo"})
_PHASES: Final = ("planned", "building", "built", "demolished")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_MOST: Final = 1e9
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class EditRules:
    """The layer, who asks, and how much they may send."""

    layer: Layer
    scope: Scope
    vertices: int
    text_chars: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A feature as the store takes it."""

    has_shape: bool
    shape: str | None
    columns: bytes
    attrs: bytes


def read_feature(value: Any, rules: EditRules, *, whole: bool) -> Draft:
    """A GeoJSON feature (`whole`), or a merge patch of one; BadParameter names what cannot be taken."""
    if not isinstance(value, dict):
        raise _refuse("body", "a GeoJSON Feature expected", "应为 GeoJSON 要素")
    odd = sorted(value.keys() - _IGNORED)
    if odd:
        raise _refuse("body", f"unknown members: {', '.join(odd)[:300]}", f"未知的成员：{'、'.join(odd)[:300]}")
    if value.get("type", None if whole else "Feature") != "Feature":
        raise _refuse("type", "the type must be Feature", "type 应为 Feature")
    if whole and "geometry" not in value:
        raise _refuse("geometry", "a Feature has a geometry, or null", "要素缺少 geometry")
    columns, attrs = _properties(value.get("properties"), rules, whole=whole)
    has_shape = "geometry" in value
    return Draft(has_shape, geometry_text(value.get("geometry"), rules.vertices), _dump(columns), _dump(attrs))


def _properties(given: Any, rules: EditRules, *, whole: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and attributes; of a whole feature those left out become null."""
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise _refuse("properties", "properties must be an object", "properties 应为对象")
    fields = {field.name: field for field in rules.layer.fields if field.name not in rules.scope.masked_fields}
    odd = sorted(given.keys() - fields.keys())
    if odd:
        raise _refuse("properties", f"unknown properties: {', '.join(odd)[:600]}", f"未知的属性：{'、'.join(odd)[:600]}")
    columns: dict[str, Any] = {}
    attrs: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            checked = _value(field, given[name], rules)
        elif whole and field.role not in (Role.PLAN, Role.DIVISION):
            checked = None
        else:
            continue
        if field.role is Role.PLAN:
            continue
        (columns if field.role in BASE_ROLES else attrs)[field.column] = checked
    return columns, attrs


def _value(field: Field, value: Any, rules: EditRules) -> Any:
    """A property as it is stored; BadParameter when it is not of the field's type or not in its code list."""
    if value is None:
        return None
    if field.role is Role.PLAN:
        raise _refuse(field.name, "plans are not edited here", "此接口不能修改规划方案")
    if field.role is Role.PHASE and value not in _PHASES:
        raise _refuse(field.name, f"one of {', '.join(_PHASES)}", f"应为 {'、'.join(_PHASES)} 之一")
    checked = _READERS[field.type](value, field, rules.text_chars)
    if field.code_list and code_list(field.code_list).get(str(checked)) is None:
        raise _refuse(field.name, f"{str(checked)[:60]!r} is not in the code list {field.code_list}", f"不在代码表 {field.code_list} 中")
    return checked


def _text(value: Any, field: Field, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise _refuse(field.name, f"a text of at most {most} characters expected", f"应为不超过 {most} 字的文本")
    return unicodedata.normalize("NFC", value)


def _integer(value: Any, field: Field, _most: int) -> int:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 10**18:
        raise _refuse(field.name, "an integer expected", "应为整数")
    return value


def _number(value: Any, field: Field, _most: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refuse(field.name, "a finite number expected", "应为有限数")
    return value


def _boolean(value: Any, field: Field, _most: int) -> bool:
    if not isinstance(value, bool):
        raise _refuse(field.name, "true or false expected", "应为 true 或 false")
    return value


def _date(value: Any, field: Field, _most: int) -> str:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise _refuse(field.name, "a date such as 2026-01-31 expected", "应为日期，例如 2026-01-31")


def _instant(value: Any, field: Field, _most: int) -> str:
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            datetime.fromisoformat(value[:19])
            return value.upper()
    except ValueError:
        pass
    raise _refuse(field.name, "an RFC 3339 date-time expected", "应为 RFC 3339 时刻")


def _json(value: Any, field: Field, _most: int) -> Any:
    if b"\\u0000" in _dump(value):
        raise _refuse(field.name, "NUL cannot be stored", "不能含有 NUL 字符")
    return value


_READERS: Final[dict[FieldType, Callable[[Any, Field, int], Any]]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.INSTANT: _instant,
    FieldType.JSON: _json,
}


def geometry_text(value: Any, most: int) -> str | None:
    """A GeoJSON geometry as text, its shape and numbers checked; None stays None."""
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in _DEPTHS or value.keys() - {"type", "coordinates", "bbox"}:
        raise _refuse("geometry", f"one of {', '.join(_DEPTHS)} expected, with its coordinates", "应为 GeoJSON 几何")
    coordinates = value.get("coordinates")
    seen = _count(coordinates, _DEPTHS[kind], most, _FEWEST.get(kind, 0), "olygon" in kind)
    if seen > most:
        raise _too_many(most)
    return orjson.dumps({"type": kind, "coordinates": coordinates}).decode()


def _count(value: Any, depth: int, most: int, fewest: int, ring: bool) -> int:
    """How many positions there are `depth` levels down; BadParameter for anything that is not a position there."""
    if not isinstance(value, list):
        raise _odd_coordinates()
    if depth == 0:
        _check_position(value)
        return 1
    if depth == 1:
        if len(value) > most:
            raise _too_many(most)
        for position in value:
            _check_position(position)
        if len(value) < fewest or not value:
            raise _refuse("geometry", f"a line or ring has at least {max(fewest, 1)} positions", "坐标点过少")
        if ring and value[0] != value[-1]:
            raise _refuse("geometry", "a ring ends where it starts", "多边形的环未闭合")
        return len(value)
    if not value:
        raise _odd_coordinates()
    return sum(_count(part, depth - 1, most, fewest, ring) for part in value)


def _check_position(position: Any) -> None:
    if type(position) is not list or not 2 <= len(position) <= 3:
        raise _odd_coordinates()
    for number in position:
        if type(number) not in (float, int) or not -_MOST <= number <= _MOST:
            raise _odd_coordinates()


def _odd_coordinates() -> BadParameter:
    return _refuse("geometry", "the coordinates do not fit the type, or are not finite numbers", "坐标与几何类型不符，或不是有限数")


def _too_many(most: int) -> BadParameter:
    return _refuse("geometry", f"more positions than the budget edit_vertices = {most}", f"坐标点数超过限额 edit_vertices = {most}")


def _refuse(place: str, english: str, chinese: str) -> BadParameter:
    return BadParameter(f"{place}: {english}", f"{place}：{chinese}", place=place)


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=_OPTIONS)
