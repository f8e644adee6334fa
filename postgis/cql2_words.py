"""The functions a filter may call, as SQL: case and accent folding of the standard's, and those of `twin.cql2.names.FUNCTIONS`."""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement

Element = ColumnElement[Any]

#: Combining marks of category Mn in Latin, Greek, Cyrillic, Hebrew and Arabic; the Japanese voicing marks are letters and stay.
_MARKS: Final[Element] = sa.literal_column(
    r"'[\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u0610-\u061A\u064B-\u065F\u1AB0-\u1ABD\u1DC0-\u1DFF\u20D0-\u20DC\uFE20-\uFE2F]+'"
)
_NFD: Final[Element] = sa.literal_column("NFD")
_NFC: Final[Element] = sa.literal_column("NFC")


def _casei(value: Element) -> Element:
    """Full case folding: lower, then upper, then lower again by the rules of Unicode; the final sigma is a sigma."""
    unicode_text = sa.collate(value, "und-x-icu")
    folded = sa.func.lower(sa.func.upper(sa.func.lower(unicode_text)))
    return sa.func.translate(folded, sa.literal_column("'ς'"), sa.literal_column("'σ'"))


def _accenti(value: Element) -> Element:
    """Without combining marks."""
    bare = sa.func.regexp_replace(sa.func.normalize(value, _NFD), _MARKS, sa.literal_column("''"), sa.literal_column("'g'"))
    return sa.func.normalize(bare, _NFC)


def _number(name: str) -> Callable[..., Element]:
    return lambda value: getattr(sa.func, name)(sa.cast(value, sa.Double()))


def _on_ellipsoid(name: str) -> Callable[..., Element]:
    return lambda shape: getattr(sa.func, name)(sa.func.geography(shape))


FOLDS: Final[dict[str, Callable[[Element], Element]]] = {"casei": _casei, "accenti": _accenti}
FUNCTIONS: Final[dict[str, Callable[..., Element]]] = {
    "lower": sa.func.lower,
    "upper": sa.func.upper,
    "trim": sa.func.btrim,
    "length": sa.func.char_length,
    "starts_with": sa.func.starts_with,
    "abs": _number("abs"),
    "floor": _number("floor"),
    "ceil": _number("ceil"),
    "year": lambda day: sa.extract("year", day),
    "area": _on_ellipsoid("ST_Area"),
    "perimeter": _on_ellipsoid("ST_Perimeter"),
    "centroid": sa.func.ST_Centroid,
}
