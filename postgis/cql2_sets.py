"""Arrays in a filter: a JSON array is the set of its elements, compared with another as PostgreSQL compares arrays of jsonb."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array

from twin.cql2.names import Kind
from twin.cql2.nodes import Box, Collection, Day, Expression, Geometry, Items, Moment

Element = ColumnElement[Any]

_SET: Final = ARRAY(JSONB())
_ISO: Final[Element] = sa.literal_column("""'YYYY-MM-DD"T"HH24:MI:SS"Z"'""")
_OPERATORS: Final = {"a_contains": "@>", "a_containedBy": "<@", "a_overlaps": "&&"}


def as_json(node: Expression) -> str:
    """A literal as it would be stored in a JSON array."""
    return orjson.dumps(_document(node)).decode()


def _document(node: Expression) -> Any:
    if isinstance(node, Items):
        return list(map(_document, node.items))
    if isinstance(node, Collection):
        return {"type": "GeometryCollection", "geometries": list(map(_document, node.members))}
    if isinstance(node, Geometry):
        return {"type": node.kind, "coordinates": node.coordinates}
    if isinstance(node, Box):
        return list(node.numbers)
    if isinstance(node, Day | Moment):
        return node.value.isoformat() if isinstance(node, Day) else node.value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return node.value  # type: ignore[union-attr]


def stored(value: Element, table: FromClause) -> Element:
    """A column as a set; NULL where it holds no array."""
    elements = sa.select(sa.func.jsonb_array_elements(value)).correlate(table).scalar_subquery()
    is_array = sa.func.jsonb_typeof(value) == sa.literal_column("'array'")
    return sa.case((is_array, sa.type_coerce(sa.func.array(elements), _SET)))


def made(items: Sequence[Element]) -> Element:
    """A set of values that are worked out for each row."""
    return sa.cast(array(items), _SET)


def element(value: Element, kind: Kind) -> Element:
    """A value as it would be stored in a JSON array."""
    if kind is Kind.INSTANT:
        value = sa.func.to_char(sa.func.timezone(sa.literal_column("'UTC'"), value), _ISO)
    return sa.cast(sa.func.ST_AsGeoJSON(value), JSONB()) if kind is Kind.GEOMETRY else sa.func.to_jsonb(value)


def related(op: str, first: Element, second: Element) -> ColumnElement[bool]:
    """Whether the sets stand in the relation `op`."""
    if op == "a_equals":
        return sa.and_(first.op("@>", is_comparison=True)(second), first.op("<@", is_comparison=True)(second))
    return first.op(_OPERATORS[op], is_comparison=True)(second)
