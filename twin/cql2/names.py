"""The words of CQL2: the standard's operators and functions by their JSON names, the functions of our own, and the kinds of values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from twin.fields import FieldType


class Kind(StrEnum):
    """What a part of a filter evaluates to; the words are those of `/functions` where it has one."""

    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "datetime"
    INTERVAL = "interval"
    GEOMETRY = "geometry"
    ARRAY = "array"


KIND_OF: Final[dict[FieldType, Kind]] = {
    FieldType.TEXT: Kind.TEXT,
    FieldType.INTEGER: Kind.NUMBER,
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.DATE: Kind.DATE,
    FieldType.INSTANT: Kind.INSTANT,
    FieldType.JSON: Kind.ARRAY,
}
TEMPORAL: Final = frozenset({Kind.DATE, Kind.INSTANT})
GEOMETRY_PROPERTY: Final = "geometry"

LOGIC: Final = ("and", "or", "not")
COMPARISONS: Final = ("=", "<>", "<", ">", "<=", ">=")
TESTS: Final = ("like", "between", "in", "isNull")
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "div", "^")
FOLDS: Final = ("casei", "accenti")
SPATIAL: Final = ("s_intersects", "s_equals", "s_disjoint", "s_touches", "s_within", "s_overlaps", "s_crosses", "s_contains")
TEMPORAL_ANY: Final = ("t_after", "t_before", "t_disjoint", "t_equals", "t_intersects")
TEMPORAL_INTERVALS: Final = (
    *("t_contains", "t_during", "t_finishedBy", "t_finishes", "t_meets", "t_metBy"),
    *("t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts"),
)
ARRAYS: Final = ("a_equals", "a_contains", "a_containedBy", "a_overlaps")
#: What is written as a function in text too.
NAMED: Final = (*FOLDS, *SPATIAL, *TEMPORAL_ANY, *TEMPORAL_INTERVALS, *ARRAYS)
CANONICAL: Final = {op.lower(): op for op in (*LOGIC, *COMPARISONS, *TESTS, *ARITHMETIC, *NAMED)}

GEOMETRIES: Final = {
    kind.upper(): kind for kind in ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
}
#: Words that stand for themselves: a property of this name is written in quotes.
KEYWORDS: Final = frozenset(["AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "TRUE", "FALSE", "DIV"])
RESERVED: Final = KEYWORDS | {"DATE", "TIMESTAMP", "INTERVAL", "BBOX"} | GEOMETRIES.keys() | {op.upper() for op in NAMED}


@dataclass(frozen=True, slots=True)
class Function:
    """A function of our own: the kinds each argument may have, and what it returns."""

    name: str
    args: tuple[tuple[Kind, ...], ...]
    returns: Kind
    about: str


_TEXT, _NUMBER, _SHAPE = (Kind.TEXT,), (Kind.NUMBER,), (Kind.GEOMETRY,)
FUNCTIONS: Final[dict[str, Function]] = {
    function.name: function
    for function in (
        Function("lower", (_TEXT,), Kind.TEXT, "Lower case 小写"),
        Function("upper", (_TEXT,), Kind.TEXT, "Upper case 大写"),
        Function("trim", (_TEXT,), Kind.TEXT, "Without spaces at both ends 去除首尾空格"),
        Function("length", (_TEXT,), Kind.NUMBER, "Number of characters 字符数"),
        Function("starts_with", (_TEXT, _TEXT), Kind.BOOLEAN, "Whether the first text begins with the second 是否以其开头"),
        Function("abs", (_NUMBER,), Kind.NUMBER, "Absolute value 绝对值"),
        Function("floor", (_NUMBER,), Kind.NUMBER, "Largest whole number not above 向下取整"),
        Function("ceil", (_NUMBER,), Kind.NUMBER, "Smallest whole number not below 向上取整"),
        Function("year", ((Kind.DATE, Kind.INSTANT),), Kind.NUMBER, "Year, in UTC+8 年份（东八区）"),
        Function("area", (_SHAPE,), Kind.NUMBER, "Area on the ellipsoid in m² 椭球面积（平方米）"),
        Function("perimeter", (_SHAPE,), Kind.NUMBER, "Length of the outline of an area on the ellipsoid in m 椭球周长（米）"),
        Function("centroid", (_SHAPE,), Kind.GEOMETRY, "Centre of gravity 几何中心"),
    )
}


def is_name_start(char: str) -> bool:
    """Whether an unquoted name may begin with `char`, as the standard's grammar lists them."""
    if char.isascii():
        return char.isalpha() or char in ":_"
    code = ord(char)
    return any(low <= code <= high for low, high in _STARTS)


def is_name_part(char: str) -> bool:
    """Whether an unquoted name may go on with `char`."""
    return is_name_start(char) or char in ".0123456789‿⁀" or "\u0300" <= char <= "\u036f"


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a function."""
    return bool(text) and is_name_start(text[0]) and all(map(is_name_part, text)) and text.upper() not in RESERVED


_STARTS: Final = (
    *((0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2FF), (0x370, 0x37D), (0x37F, 0x1FFE), (0x200C, 0x200D), (0x2070, 0x218F)),
    *((0x2C00, 0x2FEF), (0x3001, 0xD7FF), (0xF900, 0xFDCF), (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF)),
)
