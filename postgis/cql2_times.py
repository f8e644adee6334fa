"""Time in a filter: what is dated by days is compared by days (of UTC+8), and T_… relate the ends of two spans."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from twin.cql2.names import COMPARISONS, Kind

Element = ColumnElement[Any]
Condition = ColumnElement[bool]

_DAY_ZONE: Final[Element] = sa.literal_column("INTERVAL '8 hours'")
_A_DAY: Final[Element] = sa.literal_column("1")
_OPEN: Final[dict[tuple[str, bool], Element]] = {
    (bound, by_day): sa.literal_column(f"'{sign}infinity'::{'date' if by_day else 'timestamptz'}")
    for bound, sign in (("start", "-"), ("end", ""))
    for by_day in (False, True)
}


PLAIN: Final[dict[str, Callable[[Any, Any], Any]]] = dict(
    zip(COMPARISONS, (operator.eq, operator.ne, operator.lt, operator.gt, operator.le, operator.ge), strict=True)
)
_TURNED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
#: An instant, the beginning of the day it is compared with, and that of the next.
_BY_DAY: Final[dict[str, Callable[[Any, Any, Any], Any]]] = {
    "=": lambda at, begin, end: sa.and_(at >= begin, at < end),
    "<>": lambda at, begin, end: sa.or_(at < begin, at >= end),
    "<": lambda at, begin, end: at < begin,
    "<=": lambda at, begin, end: at < end,
    ">": lambda at, begin, end: at >= end,
    ">=": lambda at, begin, end: at >= begin,
}


@dataclass(frozen=True, slots=True)
class Span:
    """An instant or interval: its ends (None: open), the kinds of those it has, and whether it is all literals."""

    start: Element | None
    end: Element | None
    kinds: tuple[Kind, ...]
    constant: bool


def by_days(values: Sequence[Element], kinds: Sequence[Kind]) -> list[Element]:
    """Instants as the day they fall on in UTC+8."""
    return [
        sa.cast(sa.func.timezone(_DAY_ZONE, value), sa.Date()) if kind is Kind.INSTANT else value
        for value, kind in zip(values, kinds, strict=True)
    ]


def alike(values: Sequence[Element], kinds: Sequence[Kind]) -> list[Element]:
    """Values that can be compared: by days as soon as one is a date."""
    return by_days(values, kinds) if Kind.DATE in kinds and Kind.INSTANT in kinds else list(values)


def compared(op: str, values: tuple[Element, Element], kinds: tuple[Kind, Kind]) -> Condition:
    """A comparison; of an instant with a day it asks for the instants of that day, so that an index on the instants serves."""
    if kinds == (Kind.INSTANT, Kind.DATE):
        by_day: Condition = _BY_DAY[op](values[0], _begins(values[1]), _begins(values[1] + _A_DAY))
        return by_day
    if kinds == (Kind.DATE, Kind.INSTANT):
        return compared(_TURNED.get(op, op), values[::-1], (Kind.INSTANT, Kind.DATE))
    found: Condition = PLAIN[op](*values)
    return found


def _begins(day: Element) -> Element:
    """The instant at which a day begins in UTC+8."""
    return sa.func.timezone(_DAY_ZONE, sa.cast(day, sa.TIMESTAMP()))


def related(op: str, first: Span, second: Span) -> Condition:
    """Whether the spans stand in the relation `op`; NULL when an end that is a property has no value."""
    by_day = Kind.DATE in (*first.kinds, *second.kinds)
    s1, e1 = _ends(first, by_day)
    s2, e2 = _ends(second, by_day)
    found = _RELATIONS[op](s1, e1, s2, e2)
    nullable = [end for span in (first, second) if not span.constant for end in (span.start, span.end) if end is not None]
    if len({id(end) for end in nullable}) < 2:
        return found
    return sa.case((sa.and_(*[end.is_not(None) for end in nullable]), found))


def _ends(span: Span, by_day: bool) -> tuple[Element, Element]:
    kinds = iter(span.kinds if span.start is not span.end else span.kinds * 2)
    start, end = (value if value is None else _end(value, next(kinds), by_day) for value in (span.start, span.end))
    return (
        _OPEN["start", by_day] if start is None else start,
        _OPEN["end", by_day] if end is None else end,
    )


def _end(value: Element, kind: Kind, by_day: bool) -> Element:
    return by_days([value], [kind])[0] if by_day else value


def _and(*terms: Any) -> Condition:
    return sa.and_(*terms)


_RELATIONS: Final[dict[str, Callable[[Any, Any, Any, Any], Condition]]] = {
    "t_after": lambda s1, e1, s2, e2: s1 > e2,
    "t_before": lambda s1, e1, s2, e2: e1 < s2,
    "t_disjoint": lambda s1, e1, s2, e2: sa.or_(e1 < s2, s1 > e2),
    "t_equals": lambda s1, e1, s2, e2: _and(s1 == s2, e1 == e2),
    "t_intersects": lambda s1, e1, s2, e2: _and(s1 <= e2, e1 >= s2),
    "t_contains": lambda s1, e1, s2, e2: _and(s1 < s2, e1 > e2),
    "t_during": lambda s1, e1, s2, e2: _and(s1 > s2, e1 < e2),
    "t_finishedBy": lambda s1, e1, s2, e2: _and(s1 < s2, e1 == e2),
    "t_finishes": lambda s1, e1, s2, e2: _and(s1 > s2, e1 == e2),
    "t_meets": lambda s1, e1, s2, e2: e1 == s2,
    "t_metBy": lambda s1, e1, s2, e2: s1 == e2,
    "t_overlappedBy": lambda s1, e1, s2, e2: _and(s1 > s2, s1 < e2, e1 > e2),
    "t_overlaps": lambda s1, e1, s2, e2: _and(s1 < s2, e1 > s2, e1 < e2),
    "t_startedBy": lambda s1, e1, s2, e2: _and(s1 == s2, e1 > e2),
    "t_starts": lambda s1, e1, s2, e2: _and(s1 == s2, e1 < e2),
}
