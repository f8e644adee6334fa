"""The parts of a filter expression: frozen, hashable values. Equal expressions are equal wherever they stood in their text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from twin.cql2.limits import FILTER_DEPTH, over
from twin.cql2.systems import CRS84, FilterCrs

Position = tuple[float, ...]
"""Two numbers or, with a height, three; in the axis order of the filter's reference system."""
Coordinates = Position | tuple["Coordinates", ...]


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of a filter."""

    at: str = field(default="", compare=False, repr=False, kw_only=True)
    """Where it begins: `filter:13` in text, `filter/args/1` in JSON."""


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A character literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A finite number; an int is whole and has at most 18 digits."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Day(Node):
    """A calendar date."""

    value: date


@dataclass(frozen=True, slots=True)
class Moment(Node):
    """A timestamp, in UTC."""

    value: datetime


@dataclass(frozen=True, slots=True)
class Property(Node):
    """A queryable, by its public name."""

    name: str


@dataclass(frozen=True, slots=True)
class Interval(Node):
    """A closed interval; None is an open end."""

    start: "Day | Moment | Property | Call | None"
    end: "Day | Moment | Property | Call | None"


@dataclass(frozen=True, slots=True)
class Items(Node):
    """An array, or the list of IN."""

    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Geometry(Node):
    """A geometry literal that is not a collection; `kind` is the name in GeoJSON."""

    kind: str
    coordinates: Coordinates
    crs: FilterCrs = CRS84


@dataclass(frozen=True, slots=True)
class Collection(Node):
    """A geometry collection."""

    members: tuple[Geometry, ...]


@dataclass(frozen=True, slots=True)
class Box(Node):
    """A bounding box of four or six numbers; in degrees the first may be greater than the third: it crosses the antimeridian."""

    numbers: tuple[float, ...]
    crs: FilterCrs = CRS84


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An operator or a function on its arguments; `op` is the name in CQL2 JSON."""

    op: str
    args: tuple["Expression", ...]


Instant = Day | Moment
Scalar = Text | Number | Boolean | Day | Moment
Expression = Text | Number | Boolean | Day | Moment | Property | Interval | Items | Geometry | Collection | Box | Call
LITERALS = (Text, Number, Boolean, Day, Moment)


def children(node: Expression) -> tuple[Expression, ...]:
    """The parts directly below a node, in the order `child` counts them."""
    if isinstance(node, Call):
        return node.args
    if isinstance(node, Items):
        return node.items
    if isinstance(node, Interval):
        return tuple(end for end in (node.start, node.end) if end is not None)
    return ()


def child(node: Expression, path: tuple[int, ...]) -> Expression:
    """The part of `node` at `path`."""
    for index in path:
        node = children(node)[index]
    return node


def walk(node: Expression) -> Iterator[Expression]:
    """The node and everything below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(children(found)))


def check_depth(node: Expression) -> None:
    """BadParameter when parts lie deeper within each other than the limit: a long sum is deep although its text is flat."""
    waiting = [(node, 1)]
    while waiting:
        found, depth = waiting.pop()
        if depth > FILTER_DEPTH:
            raise over("filter_depth", FILTER_DEPTH, found.at)
        waiting.extend((part, depth + 1) for part in children(found))
