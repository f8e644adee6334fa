"""Edits by the set: what was sent is copied to a table of the session, and one function does it all or says why not (schema/054_edits.sql)."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
import psycopg
from psycopg.types.json import Jsonb

from postgis.pool import scope_setting
from postgis.queries import load_queries
from twin.errors import BadParameter, Conflict, NotFound
from twin.view import Scope

Connection = psycopg.Connection[Any]
Action = Literal["create", "replace", "update", "delete", "restore"]
Problem = Literal["missing", "mismatch", "forbidden", "doubled", "invalid"]

_QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit, its values checked already: columns of the row by name, attributes to be merged (None takes one away)."""

    line: int
    action: Action
    oid: int | None = None
    if_match: list[str] | None = None
    """Tags of versions, one of which must be the present one; None: any."""
    shape: str | None = None
    """GeoJSON text in the reference system of the request."""
    has_shape: bool = False
    columns: bytes = b"{}"
    attrs: bytes = b"{}"
    version: str | None = None


@dataclass(frozen=True, slots=True)
class EditOrder:
    """What holds for all edits of a request."""

    layer: str
    scope: Scope
    by: str
    valid_from: datetime | None = None
    """None: now."""
    correct: bool = False
    epsg: int = 4326
    turned: bool = False
    """Northing or latitude comes first."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one edit cannot be done."""

    line: int
    problem: Problem
    detail: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the edits; `refused` of any of them means that none was done, and that the transaction must be rolled back."""

    counts: Mapping[str, int]
    made: tuple[int, ...] = ()
    """Ids of new objects in the order they came, at most 10,000."""
    tag: str | None = None
    """Of a single edit: the tag of the present version."""
    repaired: int = 0
    repairs: tuple[Mapping[str, Any], ...] = ()
    refused: int = 0
    refusals: tuple[Refusal, ...] = ()


def apply_edits(connection: Connection, order: EditOrder, edits: Iterable[Edit]) -> Done:
    """Copy and apply; `edits` is read once, a row at a time. NotFound for the layer, BadParameter or Conflict for what only the rows know."""
    with refusals(), connection.cursor() as cursor:
        cursor.execute(_QUERIES["begin"], {"scope": scope_setting(order.scope)})
        with cursor.copy(_QUERIES["copy"]) as copy:
            for edit in edits:
                copy.write_row(_row(edit))
        row = cursor.execute(_QUERIES["apply"], _values(order)).fetchone()
    assert row is not None  # noqa: S101  (a function call returns one row)
    return _done(row[0])


def known_answer(connection: Connection, by: str, key: str, digest: bytes) -> Mapping[str, Any] | None:
    """What the request with this key was answered before, held until the transaction ends; Conflict when it was another request."""
    try:
        row = connection.execute(_QUERIES["answer"], {"by": by, "key": key, "digest": digest}).fetchone()
    except psycopg.errors.RaiseException as exc:
        raise Conflict(
            "this Idempotency-Key was sent with another request", "该 Idempotency-Key 已用于另一请求", place="Idempotency-Key"
        ) from exc
    return row[0] if row else None


def keep_answer(connection: Connection, by: str, key: str, digest: bytes, answer: Mapping[str, Any]) -> None:
    """Remember the answer together with what it tells of."""
    connection.execute(_QUERIES["keep"], {"by": by, "key": key, "digest": digest, "answer": Jsonb(dict(answer), dumps=orjson.dumps)})


def _row(edit: Edit) -> tuple[Any, ...]:
    columns, attrs = edit.columns.decode(), edit.attrs.decode()
    return edit.line, edit.action, edit.oid, edit.if_match, edit.shape, edit.has_shape, columns, attrs, edit.version


def _values(order: EditOrder) -> dict[str, Any]:
    return {
        "layer": order.layer, "valid_from": order.valid_from, "correct": order.correct, "epsg": order.epsg, "turned": order.turned,
        "area": None if order.scope.area_4490 is None else list(order.scope.area_4490), "by": order.by,
    }  # fmt: skip


def _done(told: Mapping[str, Any]) -> Done:
    refused = told.get("refused")
    if refused is not None:
        return Done({}, refused=refused["count"], refusals=tuple(Refusal(r["line"], r["problem"], r["detail"]) for r in refused["first"]))
    return Done(told["counts"], tuple(told["made"]), told["tag"], told["repaired"], tuple(told["repairs"]))


@contextmanager
def refusals() -> Iterator[None]:
    """Say the database's refusals in our own words; the transaction is over then."""
    try:
        yield
    except psycopg.errors.NoDataFound as exc:
        raise NotFound("there is no such layer", "没有该图层", place="collection") from exc
    except psycopg.IntegrityError as exc:
        raise Conflict("the edit would break a rule of the store", "修改与已有数据冲突，未写入", place="body") from exc
    except psycopg.DataError as exc:
        raise BadParameter("a value cannot be stored", "有无法存储的值", place="body") from exc
