"""Edits of single objects on the two time axes; what each does to the versions is the table in schema/038_edits.sql."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from postgis.queries import load_queries
from twin.errors import BadParameter, Conflict, NotFound

Connection = psycopg.Connection[Any]
Patch = Mapping[str, Any]
"""Keys code, class, name, division, parent_oid, zmin, zmax, phase, plan, geom (GeoJSON, EPSG:4490 degrees), attrs (merged)."""

_QUERIES = load_queries(__file__)


def create_object(connection: Connection, layer_id: str, patch: Patch, valid_from: datetime | None = None) -> int:
    """Add an object that exists from `valid_from` (None: now) on; returns its oid. NotFound for the layer, BadParameter for the patch."""
    values = {"layer": layer_id, "patch": Jsonb(dict(patch)), "at": valid_from}
    with _refusals():
        row = connection.execute(_QUERIES["create"], values).fetchone()
    assert row is not None  # noqa: S101  (a function call returns one row)
    return int(row[0])


def change(connection: Connection, layer_id: str, oid: int, patch: Patch, valid_from: datetime | None = None) -> None:
    """The object became different at `valid_from` (None: now; later: announced; earlier: we learn it late)."""
    _call(connection, "change", {"layer": layer_id, "oid": oid, "patch": Jsonb(dict(patch)), "at": valid_from})


def correct(connection: Connection, layer_id: str, oid: int, patch: Patch, at: datetime | None = None) -> None:
    """The state the object had at `at` (None: now) was recorded wrongly; the time it held stays."""
    _call(connection, "correct", {"layer": layer_id, "oid": oid, "patch": Jsonb(dict(patch)), "at": at})


def end_object(connection: Connection, layer_id: str, oid: int, valid_from: datetime | None = None, plan: str | None = None) -> None:
    """The object is no more from `valid_from` (None: now) on; `plan` ends its version in a plan instead of the fact."""
    _call(connection, "end", {"layer": layer_id, "oid": oid, "at": valid_from, "plan": plan})


def _call(connection: Connection, query: str, values: Mapping[str, Any]) -> None:
    with _refusals():
        connection.execute(_QUERIES[query], values)


@contextmanager
def _refusals() -> Iterator[None]:
    """Say the database's refusals in our own words; the transaction is over then."""
    try:
        yield
    except psycopg.errors.NoDataFound as exc:
        raise NotFound(_message(exc), "没有该图层，或对象在该时刻不存在", place="oid") from exc
    except psycopg.IntegrityError as exc:
        raise Conflict("the object would break a rule of the store", "修改与已有数据冲突，未写入", place="patch") from exc
    except psycopg.DataError as exc:
        raise BadParameter(_message(exc), "修改内容无效", place="patch") from exc


def _message(error: psycopg.Error) -> str:
    return error.diag.message_primary or "refused"
