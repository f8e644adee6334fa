"""Whether a filter makes sense for a layer: its names are queryables, its types fit, and it is true or false."""

from collections.abc import Collection as Some
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from twin.cql2.limits import FILTER_ARITHMETIC, FILTER_CALCULATION_DEPTH, FILTER_WILDCARDS, over
from twin.cql2.names import (
    ARITHMETIC,
    ARRAYS,
    COMPARISONS,
    FOLDS,
    FUNCTIONS,
    GEOMETRY_PROPERTY,
    KIND_OF,
    LOGIC,
    SPATIAL,
    TEMPORAL,
    TEMPORAL_ANY,
    TEMPORAL_INTERVALS,
    Kind,
)
from twin.cql2.nodes import (
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
    children,
)
from twin.errors import BadParameter
from twin.layer import GeometryType, Layer

_LITERAL: Final = {
    Text: Kind.TEXT,
    Number: Kind.NUMBER,
    Boolean: Kind.BOOLEAN,
    Day: Kind.DATE,
    Moment: Kind.INSTANT,
    Geometry: Kind.GEOMETRY,
    Collection: Kind.GEOMETRY,
    Box: Kind.GEOMETRY,
}
_ORDERED: Final = frozenset({Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, *TEMPORAL})
_TIMES: Final = TEMPORAL | {Kind.INTERVAL}
#: Operators all of whose arguments are of these kinds, and what they give.
_PLAIN: Final[Mapping[str, tuple[Some[Kind], Kind]]] = (
    dict.fromkeys(LOGIC, ((Kind.BOOLEAN,), Kind.BOOLEAN))
    | dict.fromkeys(ARITHMETIC, ((Kind.NUMBER,), Kind.NUMBER))
    | dict.fromkeys(FOLDS, ((Kind.TEXT,), Kind.TEXT))
    | dict.fromkeys(SPATIAL, ((Kind.GEOMETRY,), Kind.BOOLEAN))
    | dict.fromkeys(TEMPORAL_ANY, (_TIMES, Kind.BOOLEAN))
    | dict.fromkeys(TEMPORAL_INTERVALS, ((Kind.INTERVAL,), Kind.BOOLEAN))
    | dict.fromkeys(ARRAYS, ((Kind.ARRAY,), Kind.BOOLEAN))
)
_CALCULATIONS: Final = frozenset((*ARITHMETIC, *FOLDS))
_ALIKE: Final = frozenset((*COMPARISONS, "between", "in"))
_ZH: Final = {
    Kind.TEXT: "文本",
    Kind.NUMBER: "数",
    Kind.BOOLEAN: "布尔值",
    Kind.DATE: "日期",
    Kind.INSTANT: "时刻",
    Kind.INTERVAL: "时间区间",
    Kind.GEOMETRY: "几何",
    Kind.ARRAY: "数组",
}


def filterables(layer: Layer) -> dict[str, Kind]:
    """What a filter of this layer may name, with its kind."""
    shape = {} if layer.geometry_type is GeometryType.NONE else {GEOMETRY_PROPERTY: Kind.GEOMETRY}
    return shape | {field.name: KIND_OF[field.type] for field in layer.fields if field.queryable}


def check(filter_: Expression, layer: Layer, hidden: Some[str] = ()) -> None:
    """BadParameter unless the filter is true or false for each object of the layer; `hidden` names are as if they were not there."""
    known = {name: kind for name, kind in filterables(layer).items() if name not in hidden}
    _Checker(known, layer.id).need(filter_, (Kind.BOOLEAN,))
    _check_calculations(filter_)


def _check_calculations(filter_: Expression) -> None:
    """BadParameter for more arithmetic, or deeper calculations, than the limits."""
    waiting, operations = [(filter_, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, Call):
            operations += node.op in ARITHMETIC
            depth += node.op in _CALCULATIONS or node.op.lower() in FUNCTIONS
            if operations > FILTER_ARITHMETIC:
                raise over("filter_arithmetic", FILTER_ARITHMETIC, node.at)
            if depth > FILTER_CALCULATION_DEPTH:
                raise over("filter_calculation_depth", FILTER_CALCULATION_DEPTH, node.at)
        waiting.extend((part, depth) for part in children(node))


class _Checker:
    """Finds the kind of each part, from the leaves up."""

    def __init__(self, known: dict[str, Kind], layer_id: str) -> None:
        self._known, self._layer_id = known, layer_id

    def need(self, node: Expression, wanted: Some[Kind]) -> Kind:
        """The kind of a part, which must be one of these."""
        found = self.kind(node)
        if found not in wanted:
            en, zh = " or ".join(sorted(wanted)), "或".join(_ZH[kind] for kind in sorted(wanted))
            raise BadParameter(
                f"{node.at}: this is a {found}, expected a {en}", f"{node.at} 处是{_ZH[found]}，应为{zh}", place=node.at, mend=self._mend()
            )
        return found

    def kind(self, node: Expression) -> Kind:
        """The kind of a part; everything below it is checked."""
        if isinstance(node, Property):
            return self._property(node)
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Interval):
            return self._interval(node)
        if isinstance(node, Items):
            return self._array(node)
        return _LITERAL[type(node)]

    def _property(self, node: Property) -> Kind:
        found = self._known.get(node.name)
        if found is None:
            raise BadParameter(
                f"{node.at}: layer {self._layer_id!r} has no queryable {node.name[:60]!r}",
                f"{node.at} 处：图层 {self._layer_id!r} 没有可查询的字段 {node.name[:60]!r}",
                place=node.at,
                mend=self._mend(),
            )
        return found

    def _mend(self) -> str:
        return "可查询字段 queryables: " + ("、".join(f"{name}（{kind}）" for name, kind in self._known.items()) or "无 none")

    def _call(self, node: Call) -> Kind:
        plain = _PLAIN.get(node.op)
        if plain is not None:
            for arg in node.args:
                self.need(arg, plain[0])
            return plain[1]
        if node.op in _ALIKE:
            self._alike(node)
        elif node.op == "like":
            self._like(node)
        elif node.op == "isNull":
            self.need(node.args[0], frozenset(Kind) - {Kind.INTERVAL})
        else:
            return self._function(node)
        return Kind.BOOLEAN

    def _alike(self, node: Call) -> None:
        """All arguments of one kind that has an order; a date and an instant are compared by days."""
        wanted: Some[Kind] = _ORDERED - {Kind.TEXT, Kind.BOOLEAN} if node.op == "between" else _ORDERED
        first, *others = node.args
        found = self.need(first, wanted)
        for other in others[0].items if node.op == "in" and isinstance(others[0], Items) else others:
            self.need(other, TEMPORAL if found in TEMPORAL else (found,))

    def _like(self, node: Call) -> None:
        for arg in node.args:
            self.need(arg, (Kind.TEXT,))
        pattern = node.args[1]
        while isinstance(pattern, Call) and pattern.op in FOLDS:
            pattern = pattern.args[0]
        if not isinstance(pattern, Text):
            raise BadParameter(
                f"{pattern.at}: the pattern of LIKE is a text", f"{pattern.at} 处：LIKE 的模式应为文本常量", place=pattern.at
            )
        if pattern.value.count("%") > FILTER_WILDCARDS:
            raise over("filter_wildcards", FILTER_WILDCARDS, pattern.at)
        if (len(pattern.value) - len(pattern.value.rstrip("\\"))) % 2:
            raise BadParameter(
                f"{pattern.at}: nothing follows the escape character", f"{pattern.at} 处：转义符“\\”之后没有字符", place=pattern.at
            )

    def _interval(self, node: Interval) -> Kind:
        ends = [end for end in (node.start, node.end) if end is not None]
        for end in ends:
            self.need(end, TEMPORAL)
        values = [_comparable(end) for end in ends if isinstance(end, Day | Moment)]
        if len(values) == 2 and values[0] > values[1]:
            raise BadParameter(f"{node.at}: the interval ends before it begins", f"{node.at} 处：区间终点早于起点", place=node.at)
        return Kind.INTERVAL

    def _array(self, node: Items) -> Kind:
        for item in node.items:
            self.need(item, frozenset(Kind) - {Kind.INTERVAL})
        return Kind.ARRAY

    def _function(self, node: Call) -> Kind:
        known = FUNCTIONS.get(node.op.lower())
        if known is None:
            raise BadParameter(
                f"{node.at}: there is no function {node.op[:60]!r}; these are: {', '.join(FUNCTIONS)}",
                f"{node.at} 处：没有函数 {node.op[:60]!r}",
                place=node.at,
                mend="可用函数 functions: " + "、".join(FUNCTIONS),
            )
        if len(node.args) != len(known.args):
            raise BadParameter(
                f"{node.at}: {known.name} takes {len(known.args)} arguments, not {len(node.args)}",
                f"{node.at} 处：函数 {known.name} 需要 {len(known.args)} 个参数，而非 {len(node.args)} 个",
                place=node.at,
            )
        for arg, wanted in zip(node.args, known.args, strict=True):
            self.need(arg, wanted)
        return known.returns


def _comparable(end: Day | Moment) -> date:
    """By days: an interval may begin with a date and end with a timestamp."""
    return end.value.date() if isinstance(end.value, datetime) else end.value
