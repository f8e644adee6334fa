"""Rows of map products: versions of cards and their status."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from postgis.queries import load_queries
from postgis.statement import Statement
from twin.fields import Field
from twin.product import Product, Status

Connection = psycopg.Connection[Any]

_QUERIES = load_queries(__file__)
_FIELDS = TypeAdapter(tuple[Field, ...])

#: All published products for the serving role; `to_rows` reads its answer.
PUBLISHED = Statement(_QUERIES["published"])


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One version of a product as stored."""

    code: str
    version: int
    card: Mapping[str, Any]
    status: str
    updated_at: datetime

    @property
    def product(self) -> Product:
        """The card, checked again: a table can be edited by hand."""
        return Product.model_validate(self.card)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a card: its version, and whether anything changed."""

    version: int
    changed: bool


@dataclass(frozen=True, slots=True)
class LogLine:
    """One step in the life of a version: who moved it when from where to where."""

    at: datetime
    by_whom: str
    version: int
    from_status: str | None
    to_status: str | None


def put_product(connection: Connection, product: Product, by: str = "") -> Stored:
    """Store a card under its status: a changed one as a new version, an equal one as no new version. `by` goes into the log."""
    connection.execute(_QUERIES["act_as"], {"by": by})
    with connection.cursor(row_factory=class_row(Stored)) as cursor:
        row = cursor.execute(_QUERIES["put"], {"card": Jsonb(product.model_dump(mode="json"))}).fetchone()
    assert row is not None  # noqa: S101  (the function returns one row)
    return row


def move_product(
    connection: Connection, code: str, version: int, status: Status, allowed_from: Iterable[Status], by: str = ""
) -> str | None:
    """Give a version a status if it has one of `allowed_from`; publishing withdraws the one before. Returns the status found, None for no such version."""
    values = {"code": code, "version": version, "status": str(status), "allowed": list(map(str, allowed_from)), "by": by}
    row = connection.execute(_QUERIES["move"], values).fetchone()
    return row[0] if row else None


def read_log(connection: Connection, code: str) -> list[LogLine]:
    """What happened to the versions of a product, newest first."""
    with connection.cursor(row_factory=class_row(LogLine)) as cursor:
        return cursor.execute(_QUERIES["log"], {"code": code}).fetchall()


def read_unpublished(connection: Connection, status: Status) -> list[ProductRow]:
    """The newest version in `status` of each product that has one, by code."""
    with connection.cursor(row_factory=class_row(ProductRow)) as cursor:
        return cursor.execute(_QUERIES["in_status"], {"status": str(status)}).fetchall()


def read_versions(connection: Connection, code: str) -> list[ProductRow]:
    """All versions of a product, newest first."""
    with connection.cursor(row_factory=class_row(ProductRow)) as cursor:
        return cursor.execute(_QUERIES["versions"], {"code": code}).fetchall()


def read_layer_fields(connection: Connection, layer_ids: Iterable[str]) -> dict[str, tuple[Field, ...]]:
    """The fields of those of `layer_ids` that exist."""
    rows = connection.execute(_QUERIES["layer_fields"], {"ids": list(layer_ids)}).fetchall()
    return {layer_id: _FIELDS.validate_python(fields) for layer_id, fields in rows}


def to_rows(records: Sequence[Mapping[str, Any]]) -> list[ProductRow]:
    """Rows of `PUBLISHED` from any driver; `card` may be JSON text."""
    return [ProductRow(**{**record, "card": _json(record["card"])}) for record in map(dict, records)]


def _json(value: Any) -> Any:
    return TypeAdapter(dict[str, Any]).validate_json(value) if isinstance(value, str) else value
