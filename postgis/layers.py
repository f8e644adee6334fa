"""Layers in the catalogue: making, reading and dropping them, on whichever connection the caller works."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, field_validator

from postgis.catalog import LAYERS, to_layer
from postgis.pool import scope_setting
from postgis.queries import load_queries
from twin.errors import BadParameter
from twin.fields import BASE_COLUMNS, BASE_ROLES, Field
from twin.layer import Access, GeometryType, Layer, LayerKind, check_layer_id
from twin.view import EVERYTHING

Connection = psycopg.Connection[Any]

MAX_NAME_BYTES = 63
"""Longest PostgreSQL identifier; a longer field name would be cut without a word."""

_QUERIES = load_queries(__file__)


class LayerSpec(BaseModel):
    """What a layer is to be: the part of `Layer` that is decided by people, not by its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: LayerKind = LayerKind.OBJECTS
    title_zh: str
    title_en: str = ""
    description_zh: str = ""
    geometry_type: GeometryType = GeometryType.MIXED
    fields: tuple[Field, ...] = ()
    min_zoom: int = 0
    max_zoom: int = 16
    access: Access = Access.PUBLIC
    synthetic: bool = False
    attribution: str = ""
    licence: str = ""
    accuracy_note_zh: str = ""
    vertical_datum: str = ""

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        return check_layer_id(value)

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        check_fields(fields)
        return fields


def check_fields(fields: tuple[Field, ...]) -> None:
    """Raise BadParameter for a field that cannot be a view column: over 63 bytes, repeated, or hiding a base column."""
    counts = Counter(field.column for field in fields)
    for field in fields:
        too_long = len(field.column.encode()) > MAX_NAME_BYTES
        hides = field.role not in BASE_ROLES and field.name in BASE_COLUMNS
        if too_long or hides or counts[field.column] > 1:
            raise BadParameter(
                f"field {field.name!r} cannot be a column: over {MAX_NAME_BYTES} bytes, repeated, or a reserved name",
                f"字段 {field.name!r} 不能作为列名：超过 {MAX_NAME_BYTES} 字节、重复，或为保留名称",
                place=f"fields.{field.name}",
            )


def make_layer(connection: Connection, spec: LayerSpec) -> int:
    """Make the layer with empty tables and views, or bring a known one up to `spec`; returns its number. Role importer."""
    return _number(connection, "make", spec)


def reserve_layer(connection: Connection, spec: LayerSpec, number: int | None = None) -> int:
    """Write only the catalogue row, for an import that attaches its own table; returns the layer's number: `number` for a new one. Role importer."""
    return _number(connection, "reserve", spec, {} if number is None else {"reserved": number})


def drop_layer(connection: Connection, layer_id: str) -> bool:
    """Forget a layer, its rows and their history; False when there is none."""
    row = connection.execute(_QUERIES["drop"], {"id": layer_id}).fetchone()
    return bool(row and row[0])


def update_extent(connection: Connection, number: int) -> bool:
    """Recount rows, bounds and time extent; True when the catalogue now says something else. Holds the catalogue row until commit."""
    row = connection.execute(_QUERIES["update_extent"], {"number": number}).fetchone()
    return bool(row and row[0])


def recount(connection: Connection, number: int) -> None:
    """The same after a change that is visible already; who shows the catalogue is told when it says something else."""
    connection.execute(_QUERIES["recount"], {"number": number})


def read_layers(connection: Connection) -> list[Layer]:
    """All layers, whatever their access, in order of id."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_QUERIES["scope"], {"scope": scope_setting(EVERYTHING)})
        return [to_layer(row) for row in cursor.execute(LAYERS.text)]


async def aread_layers(connection: Any) -> list[Layer]:
    """All layers by an asyncpg connection, in order of id; the connection keeps the scope it had."""
    async with connection.transaction():
        await connection.execute(_QUERIES["ascope"], scope_setting(EVERYTHING))
        return [to_layer(row) for row in await connection.fetch(LAYERS.text)]


def _number(connection: Connection, query: str, spec: LayerSpec, more: Mapping[str, int] = MappingProxyType({})) -> int:
    row = connection.execute(_QUERIES[query], {"spec": Jsonb(spec.model_dump(mode="json") | dict(more))}).fetchone()
    assert row is not None  # noqa: S101  (a function call returns one row)
    return int(row[0])
