"""A filter expression becomes one SQL condition over a layer's typed view; every literal is bound, every name comes from the catalogue.

Nothing here can raise in the database: arithmetic without a result is NULL, and types were matched by `layers.cql2.check`.
"""

import operator
from collections.abc import Callable, Hashable, Sequence
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from postgis import cql2_sets, cql2_times
from postgis.cql2_numbers import calculated
from postgis.cql2_shapes import crs_of, ewkb, is_area, step_m
from postgis.cql2_words import FOLDS, FUNCTIONS
from postgis.statement import Binds
from twin.cql2.names import (
    ARITHMETIC,
    ARRAYS,
    COMPARISONS,
    GEOMETRY_PROPERTY,
    KIND_OF,
    SPATIAL,
    TEMPORAL_ANY,
    TEMPORAL_INTERVALS,
    Kind,
)
from twin.cql2.names import FUNCTIONS as SIGNATURES
from twin.cql2.nodes import (
    LITERALS,
    Boolean,
    Box,
    Call,
    Collection,
    Day,
    Expression,
    Geometry,
    Interval,
    Items,
    Moment,
    Number,
    Property,
    Text,
    child,
    walk,
)
from twin.errors import BadParameter
from twin.fields import FieldType
from twin.layer import Layer
from twin.view import View

Path = tuple[int, ...]
Element = ColumnElement[Any]

_COLUMN_TYPES: Final[dict[FieldType, TypeEngine[Any]]] = {
    FieldType.TEXT: sa.Text(),
    FieldType.INTEGER: sa.BigInteger(),
    FieldType.NUMBER: sa.Double(),
    FieldType.BOOLEAN: sa.Boolean(),
    FieldType.DATE: sa.Date(),
    FieldType.INSTANT: sa.DateTime(timezone=True),
    FieldType.JSON: JSONB(),
}
_LITERAL_TYPES: Final[dict[type, TypeEngine[Any]]] = {
    Text: sa.Text(),
    Boolean: sa.Boolean(),
    Day: sa.Date(),
    Moment: sa.DateTime(timezone=True),
}
_SHAPES: Final = (Geometry, Collection, Box)
_SPATIAL: Final = {op: f"ST_{op[2:].capitalize()}" for op in SPATIAL}
_STORAGE: Final[Element] = sa.literal_column("4490")


def structure(node: Expression) -> Hashable:
    """What of an expression decides the text of its SQL; the values of its literals are left out."""
    if isinstance(node, LITERALS):
        return _sort(node)
    if isinstance(node, Property):
        return "property", node.name
    if isinstance(node, Call):
        return node.op, *map(structure, node.args)
    if isinstance(node, Items):
        return ("constant", *sorted(set(map(_sort, node.items)))) if _is_constant(node) else ("items", *map(structure, node.items))
    if isinstance(node, Interval):
        return "interval", *(None if end is None else structure(end) for end in (node.start, node.end))
    return type(node).__name__, is_area(node), isinstance(node, Collection), crs_of(node).epsg


def _sort(node: Expression) -> str:
    return type(node.value).__name__ if isinstance(node, Number) else type(node).__name__


def _is_constant(node: Expression) -> bool:
    return not any(isinstance(part, Property | Call) for part in walk(node))


def condition(view: View, layer: Layer, table: FromClause, binds: Binds[View]) -> list[ColumnElement[bool]]:
    """The condition of the view's filter, if it has one; BadParameter for a name that this scope may not ask by."""
    if view.where is None:
        return []
    return [_Compiler(view, layer, table, binds).of(view.where, ())]


class _Compiler:
    """Writes one condition."""

    def __init__(self, view: View, layer: Layer, table: FromClause, binds: Binds[View]) -> None:
        self._view, self._layer, self._table, self._binds = view, layer, table, binds
        self._numbers = count()

    def of(self, node: Expression, path: Path) -> Element:
        """The value of a part."""
        if isinstance(node, LITERALS):
            return self._bind(path, self._type(node), operator.attrgetter("value"))
        if isinstance(node, Property):
            return self._property(node)
        if isinstance(node, Call):
            return self._call(node, path)
        if isinstance(node, _SHAPES):
            return self._shape(node, path)
        raise BadParameter("the filter has a list or an interval where none can be", "过滤条件中的列表或区间位置有误", place=node.at)

    def _bind(self, path: Path, type_: TypeEngine[Any], read: Callable[[Any], Any]) -> Element:
        """A parameter whose value is read from the same place of any filter of this structure."""

        def of_view(view: View) -> Any:
            return read(child(view.where, path))  # type: ignore[arg-type]

        return self._binds(f"where_{next(self._numbers)}", type_, of_view)

    def _type(self, node: Expression) -> TypeEngine[Any]:
        if isinstance(node, Number):
            return sa.BigInteger() if isinstance(node.value, int) else sa.Double()
        return _LITERAL_TYPES[type(node)]

    def _property(self, node: Property) -> Element:
        field = self._layer.field(node.name)
        if field is None and node.name == GEOMETRY_PROPERTY:
            return self._table.c.geom
        if field is None or not field.queryable or field.name in self._view.scope.masked_fields:
            raise BadParameter(
                f"layer {self._layer.id!r} has no queryable {node.name[:60]!r}",
                f"图层 {self._layer.id!r} 没有可查询的字段 {node.name[:60]!r}",
                place=node.at or node.name[:60],
            )
        return sa.type_coerce(self._table.c[field.column], _COLUMN_TYPES[field.type])

    def kind(self, node: Expression) -> Kind:
        """Date, instant or another kind; only the first two matter here."""
        if isinstance(node, Property):
            field = self._layer.field(node.name)
            return Kind.GEOMETRY if field is None else KIND_OF[field.type]
        if isinstance(node, Call):
            return SIGNATURES[node.op].returns if node.op in SIGNATURES else Kind.BOOLEAN
        return Kind.DATE if isinstance(node, Day) else Kind.INSTANT if isinstance(node, Moment) else Kind.TEXT

    def _args(self, node: Call, path: Path) -> list[Element]:
        return [self.of(arg, (*path, index)) for index, arg in enumerate(node.args)]

    def _call(self, node: Call, path: Path) -> Element:
        writer = _WRITERS.get(node.op)
        if writer is not None:
            return writer(self, node, path)
        made = FUNCTIONS.get(node.op.lower())
        if made is None:
            raise BadParameter(f"there is no function {node.op[:60]!r}", f"没有函数 {node.op[:60]!r}", place=node.at)
        args = self._args(node, path)
        if node.op.lower() == "year":
            args = cql2_times.by_days(args, [self.kind(node.args[0])])
        return made(*args)

    def logic(self, node: Call, path: Path) -> Element:
        """AND, OR, NOT."""
        args = self._args(node, path)
        return sa.not_(args[0]) if node.op == "not" else (sa.and_ if node.op == "and" else sa.or_)(*args)

    def compared(self, node: Call, path: Path) -> Element:
        """Two values; where one is a date, by days."""
        left, right = self._args(node, path)
        return cql2_times.compared(node.op, (left, right), (self.kind(node.args[0]), self.kind(node.args[1])))

    def between(self, node: Call, path: Path) -> Element:
        """Both ends included."""
        value, low, high = cql2_times.alike(self._args(node, path), list(map(self.kind, node.args)))
        return sa.between(value, low, high)

    def like(self, node: Call, path: Path) -> Element:
        """The escape character of CQL2 is PostgreSQL's own."""
        value, pattern = self._args(node, path)
        found: Element = value.like(pattern)
        return found

    def is_null(self, node: Call, path: Path) -> Element:
        """Whether there is no value."""
        return self.of(node.args[0], (*path, 0)).is_(None)

    def contained(self, node: Call, path: Path) -> Element:
        """IN: literals of one kind are one array, whatever their number."""
        value, items = node.args[0], node.args[1]
        assert isinstance(items, Items)  # noqa: S101  (the parser says so)
        sorts = set(map(_sort, items.items))
        if not items.items:
            return sa.and_(self.of(value, (*path, 0)).is_not(None), sa.false())
        kinds = {self.kind(part) for part in (value, *items.items)}
        if all(isinstance(item, LITERALS) for item in items.items) and not {Kind.DATE, Kind.INSTANT} <= kinds:
            type_: TypeEngine[Any] = sa.Double() if sorts == {"int", "float"} else self._type(items.items[0])
            values = self._bind((*path, 1), ARRAY(type_), lambda found: [item.value for item in found.items])
            return self.of(value, (*path, 0)) == sa.any_(values)
        parts = [self.of(value, (*path, 0)), *(self.of(item, (*path, 1, index)) for index, item in enumerate(items.items))]
        first, *others = cql2_times.alike(parts, list(map(self.kind, (value, *items.items))))
        return sa.or_(*[first == other for other in others])

    def arithmetic(self, node: Call, path: Path) -> Element:
        """In double precision; NULL where there is no result."""
        left, right = self._args(node, path)
        return calculated(node.op, left, right, self._table)

    def folded(self, node: Call, path: Path) -> Element:
        """CASEI, ACCENTI."""
        return FOLDS[node.op](self.of(node.args[0], (*path, 0)))

    def spatial(self, node: Call, path: Path) -> Element:
        """In two dimensions; PostGIS adds the search by index itself."""
        made: Element = getattr(sa.func, _SPATIAL[node.op])(*self._args(node, path))
        return made

    def _shape(self, node: Geometry | Collection | Box, path: Path) -> Element:
        """A geometry literal in the system of storage; what must be worked out first is worked out once, not for each row."""
        made: Element = sa.func.ST_GeomFromEWKB(self._bind(path, sa.LargeBinary(), ewkb))
        if not crs_of(node).is_degrees:
            made = sa.func.ST_Transform(sa.func.ST_Segmentize(made, self._bind(path, sa.Double(), step_m)), _STORAGE)
        elif not is_area(node):
            return made
        if is_area(node):
            made = sa.func.ST_MakeValid(made)
            made = made if isinstance(node, Collection) else sa.func.ST_CollectionExtract(made, sa.literal_column("3"))
        return sa.select(made).scalar_subquery()

    def temporal(self, node: Call, path: Path) -> Element:
        """T_…: each operand as its two ends."""
        spans = [self._span(arg, (*path, index)) for index, arg in enumerate(node.args)]
        return cql2_times.related(node.op, *spans)

    def _span(self, node: Expression, path: Path) -> cql2_times.Span:
        if not isinstance(node, Interval):
            value, kind = self.of(node, path), self.kind(node)
            return cql2_times.Span(value, value, (kind,), isinstance(node, LITERALS))
        ends = [end for end in (node.start, node.end) if end is not None]
        made = {id(end): self.of(end, (*path, index)) for index, end in enumerate(ends)}
        start, end = (None if found is None else made[id(found)] for found in (node.start, node.end))
        return cql2_times.Span(start, end, tuple(map(self.kind, ends)), all(isinstance(end, LITERALS) for end in ends))

    def arrays(self, node: Call, path: Path) -> Element:
        """A_…: each operand as a set."""
        sets = [self._set(arg, (*path, index)) for index, arg in enumerate(node.args)]
        return cql2_sets.related(node.op, *sets)

    def _set(self, node: Expression, path: Path) -> Element:
        if not isinstance(node, Items):
            return cql2_sets.stored(self.of(node, path), self._table)
        if _is_constant(node):
            return self._bind(path, ARRAY(JSONB()), lambda found: [cql2_sets.as_json(item) for item in found.items])
        return cql2_sets.made([self._item(item, (*path, index)) for index, item in enumerate(node.items)])

    def _item(self, node: Expression, path: Path) -> Element:
        if _is_constant(node):
            return self._bind(path, JSONB(), cql2_sets.as_json)
        if isinstance(node, Items):
            raise BadParameter(
                f"{node.at}: an array within an array holds literals only", f"{node.at} 处：数组中的数组只能含常量", place=node.at
            )
        return cql2_sets.element(self.of(node, path), self.kind(node))


def _by(ops: Sequence[str], writer: Callable[[_Compiler, Call, Path], Element]) -> dict[str, Callable[[_Compiler, Call, Path], Element]]:
    return dict.fromkeys(ops, writer)


_WRITERS: Final = (
    _by(("and", "or", "not"), _Compiler.logic)
    | _by(COMPARISONS, _Compiler.compared)
    | _by(("between",), _Compiler.between)
    | _by(("like",), _Compiler.like)
    | _by(("isNull",), _Compiler.is_null)
    | _by(("in",), _Compiler.contained)
    | _by(ARITHMETIC, _Compiler.arithmetic)
    | _by(tuple(FOLDS), _Compiler.folded)
    | _by(SPATIAL, _Compiler.spatial)
    | _by((*TEMPORAL_ANY, *TEMPORAL_INTERVALS), _Compiler.temporal)
    | _by(ARRAYS, _Compiler.arrays)
)
