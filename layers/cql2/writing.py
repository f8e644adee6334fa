"""An expression back as text and as JSON; read again, either gives the same expression."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from layers.cql2.times import write_moment
from twin.cql2.names import ARITHMETIC, COMPARISONS, NAMED
from twin.cql2.nodes import (
    Boolean,
    Box,
    Call,
    Collection,
    Coordinates,
    Day,
    Expression,
    Geometry,
    Interval,
    Items,
    Moment,
    Number,
    Property,
    Text,
)

_JOINED: Final = frozenset((*COMPARISONS, *ARITHMETIC, "and", "or", "like"))
_INFIX: Final = _JOINED | {"not", "between", "in", "isNull"}
_NAMED: Final = frozenset(NAMED)


def to_text(node: Expression) -> str:
    """The expression as CQL2 text; property names are always quoted."""
    return _TEXT[type(node)](node)


def to_json(node: Expression) -> str:
    """The expression as CQL2 JSON."""
    return orjson.dumps(as_document(node)).decode()


def _quote(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _call(node: Call) -> str:
    op, args = node.op, list(map(_operand, node.args))
    if op in _JOINED:
        return f" {op.upper()} ".join(args)
    if op in ("not", "in"):
        last = to_text(node.args[-1])
        return f"NOT ({last})" if op == "not" else f"{args[0]} IN {last}"
    if op == "between":
        return f"{args[0]} BETWEEN {args[1]} AND {args[2]}"
    return f"{args[0]} IS NULL" if op == "isNull" else _function(node)


def _function(node: Call) -> str:
    name = node.op.upper() if node.op in _NAMED else node.op
    return f"{name}({', '.join(map(to_text, node.args))})"


def _is_infix(node: Expression) -> bool:
    return isinstance(node, Call) and node.op in _INFIX


def _operand(node: Expression) -> str:
    return f"({to_text(node)})" if _is_infix(node) else to_text(node)


def _coordinates(coordinates: Coordinates) -> str:
    """Positions with spaces, everything else with commas in parentheses."""
    if isinstance(coordinates[0], float):
        return " ".join(map(repr, coordinates))
    return f"({', '.join(_coordinates(part) for part in coordinates)})"


def _geometry(node: Geometry) -> str:
    has_heights = len(_first(node.coordinates)) == 3
    written = _coordinates(node.coordinates)
    if node.kind == "MultiPoint":
        written = "(" + ", ".join(f"({_coordinates(part)})" for part in node.coordinates) + ")"  # type: ignore[arg-type]
    elif node.kind == "Point":
        written = f"({written})"
    return f"{node.kind.upper()}{' Z' if has_heights else ''} {written}"


def _first(coordinates: Coordinates) -> Coordinates:
    while not isinstance(coordinates[0], float):
        coordinates = coordinates[0]
    return coordinates


def _end(end: Expression | None) -> str:
    if end is None:
        return "'..'"
    return _quote(_instant(end)) if isinstance(end, Day | Moment) else to_text(end)


def _instant(node: Day | Moment) -> str:
    return node.value.isoformat() if isinstance(node, Day) else write_moment(node.value)


_TEXT: Final[dict[type, Callable[[Any], str]]] = {
    Text: lambda node: _quote(node.value),
    Number: lambda node: repr(node.value),
    Boolean: lambda node: "TRUE" if node.value else "FALSE",
    Day: lambda node: f"DATE('{_instant(node)}')",
    Moment: lambda node: f"TIMESTAMP('{_instant(node)}')",
    Property: lambda node: _name(node.name),
    Interval: lambda node: f"INTERVAL({_end(node.start)}, {_end(node.end)})",
    Items: lambda node: f"({', '.join(map(to_text, node.items))})",
    Geometry: _geometry,
    Collection: lambda node: f"GEOMETRYCOLLECTION ({', '.join(map(to_text, node.members))})",
    Box: lambda node: f"BBOX({', '.join(map(repr, node.numbers))})",
    Call: _call,
}


def as_document(node: Expression) -> Any:
    """The expression as what JSON is made of."""
    return _JSON[type(node)](node)


def _json_end(end: Expression | None) -> Any:
    if end is None:
        return ".."
    return _instant(end) if isinstance(end, Day | Moment) else as_document(end)


_JSON: Final[dict[type, Callable[[Any], Any]]] = {
    Text: lambda node: node.value,
    Number: lambda node: node.value,
    Boolean: lambda node: node.value,
    Day: lambda node: {"date": _instant(node)},
    Moment: lambda node: {"timestamp": _instant(node)},
    Property: lambda node: {"property": node.name},
    Interval: lambda node: {"interval": [_json_end(node.start), _json_end(node.end)]},
    Items: lambda node: list(map(as_document, node.items)),
    Geometry: lambda node: {"type": node.kind, "coordinates": node.coordinates},
    Collection: lambda node: {"type": "GeometryCollection", "geometries": list(map(as_document, node.members))},
    Box: lambda node: {"bbox": list(node.numbers)},
    Call: lambda node: {"op": node.op, "args": list(map(as_document, node.args))},
}
