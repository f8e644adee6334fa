"""Arithmetic of a filter that never raises: without a result (division by zero, overflow, root of a negative number) it is NULL."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select

Element = ColumnElement[Any]

_LARGEST: Final[Element] = sa.literal_column("1e100")
_SMALLEST: Final[Element] = sa.literal_column("1e-100")
_LARGEST_LOGARITHM: Final[Element] = sa.literal_column("690")
_ZERO: Final[Element] = sa.literal_column("0")


def calculated(op: str, left: Element, right: Element, table: FromClause) -> Element:
    """`left op right`. The operands are named within a subquery, so that each is written, and worked out, once however often it is looked at."""
    pair: Select[Any, Any] = sa.select(sa.cast(left, sa.Double()).label("x"), sa.cast(right, sa.Double()).label("y"))
    named = pair.correlate(table).offset(_ZERO).lateral()
    x, y = named.c.x, named.c.y
    has_result, result = _power(x, y) if op == "^" else _simple(op, x, y)
    return sa.select(sa.case((sa.and_(_in_reach(x), _in_reach(y), has_result), result))).scalar_subquery()


def _in_reach(value: Element) -> ColumnElement[bool]:
    """Products, quotients and sums of such numbers neither overflow nor underflow; NaN is in no reach."""
    return sa.or_(value == _ZERO, sa.func.abs(value).between(_SMALLEST, _LARGEST))


def _simple(op: str, x: Element, y: Element) -> tuple[ColumnElement[bool], Element]:
    if op in ("+", "-", "*"):
        return sa.true(), x.op(op)(y)
    if op == "/":
        return y != _ZERO, x.op("/")(y)
    whole = (sa.cast(x, sa.Numeric()), sa.cast(y, sa.Numeric()))
    name = "div" if op == "div" else "mod"
    return y != _ZERO, sa.cast(getattr(sa.func, name)(*whole), sa.Double())


def _power(x: Element, y: Element) -> tuple[ColumnElement[bool], Element]:
    """A negative number has whole powers only, zero no negative ones."""
    size = sa.func.abs(y) * sa.func.abs(sa.func.ln(sa.func.abs(x))) < _LARGEST_LOGARITHM
    possible = sa.case(
        (x == _ZERO, y >= _ZERO),
        (x < _ZERO, sa.and_(y == sa.func.trunc(y), size)),
        else_=size,
    )
    return possible, sa.func.power(x, y)
