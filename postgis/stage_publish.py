"""Publishes staged rows in one transaction: a new layer is filled beside and attached, a known one gets the difference with its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import sql

from postgis.layers import LayerSpec, make_layer, reserve_layer
from postgis.queries import load_queries
from postgis.stage import Connection, Staging, compose
from postgis.stage_diff import Against
from postgis.stage_rows import QUERIES as ROW_QUERIES
from postgis.stage_rows import RowPlan, keeps_odd_values, object_rows
from twin.errors import Conflict
from twin.fields import Role
from twin.layer import Layer

QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class KnownLayer:
    """A layer that is in the catalogue already."""

    layer: Layer
    has_rows: bool
    """Whether anything is, or ever was, in it: then an import is a difference."""
    has_past: bool


@dataclass(frozen=True, slots=True)
class Publish:
    """How staged rows become the new version of a layer."""

    staging: Staging
    rows: RowPlan
    spec: LayerSpec
    source: str
    valid_from: datetime | None = None
    correct: bool = False
    refresh_fields: bool = False

    def valid_of_new(self, moment: datetime) -> sql.Composable:
        """The valid times of rows nobody knew before, as an expression over staged rows."""
        since = sql.SQL("coalesce(valid_from, {})").format(sql.Literal(self.valid_from or moment))
        return sql.SQL("tstzrange({0}, CASE WHEN valid_to > {0} THEN valid_to END)").format(since)


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish left: the layer's number, how many rows were written, and which objects a reader will see differently."""

    number: int
    added: int
    changed: int
    division_filled: int
    """Rows whose division was looked up by their place."""
    changed_oids: Sequence[int] | None
    """None: the whole layer is new."""
    moment: datetime | None = None
    """Since when all that was written is known (lower(sys))."""


def known_layer(connection: Connection, layer_id: str) -> KnownLayer | None:
    """The layer of this id, None when there is none yet."""
    row = connection.execute(QUERIES["layer_of"], {"layer": layer_id}).fetchone()
    if row is None:
        return None
    names = ("number", "id", "kind", "title_zh", "title_en", "description_zh", "geometry_type", "fields", "min_zoom", "max_zoom", "access")
    values = dict(zip((*names, "synthetic", "attribution", "licence", "accuracy_note_zh", "vertical_datum"), row[:-1], strict=True))
    layer = Layer.model_validate(values)
    if not row[-1]:
        return KnownLayer(layer, has_rows=False, has_past=False)
    live, past = sql.Identifier("twin", f"object_{layer.number}"), sql.Literal(f"twin.object_past_{layer.number}")
    has_rows, has_past = _row(connection, _fill("has_rows", live=live, past=past))
    return KnownLayer(layer, bool(has_rows or has_past), bool(has_past))


def has_divisions(connection: Connection) -> bool:
    """Whether a place can be looked up in the divisions at all."""
    return bool(_row(connection, sql.SQL(_text(ROW_QUERIES["has_divisions"])))[0])


def prepare_past(connection: Connection, number: int) -> None:
    """Make the past table before a difference, in a transaction of its own: its lock must not last as long as the publish."""
    connection.execute(QUERIES["ensure_past"], {"number": number})
    connection.commit()


def publish_new(connection: Connection, publish: Publish, number: int, moment: datetime) -> Published:
    """Publish the table that `stage_fill.fill` made for the layer `number`; the caller commits."""
    if reserve_layer(connection, publish.spec, number) != number:
        raise Conflict(f"layer {publish.spec.id} was made while the file was read; import again", "导入期间该图层已被新建，请重新导入")
    connection.execute(QUERIES["adopt"], {"run": publish.staging.run, "number": number})
    if publish.rows.has_z:
        connection.execute(QUERIES["ensure_shape"], {"number": number})
        parts = {
            "number": sql.Literal(number),
            "shape": sql.Identifier("twin", f"shape_{number}"),
            "prepared": object_rows(publish.staging, publish.rows),
            "valid": publish.valid_of_new(moment),
            "moment": sql.Literal(moment),
        }
        connection.execute(compose("shapes_of_new", publish.staging, QUERIES, **parts))
    rows = int(_row(connection, QUERIES["attach"], {"number": number})[0])
    if publish.rows.role(Role.VALID_TO):
        connection.execute(compose("note_ends_of_new", publish.staging, QUERIES, live=sql.Identifier("twin", f"object_{number}")))
    return _after(connection, publish, Against(number, publish.source), moment, (rows, 0))


def publish_difference(connection: Connection, publish: Publish, against: Against) -> Published:
    """Write added, changed and removed rows with their history; Conflict when somebody edited them meanwhile. The caller commits."""
    staging, number = publish.staging, against.number
    if publish.refresh_fields:
        make_layer(connection, publish.spec)
    if publish.rows.has_z:
        connection.execute(QUERIES["ensure_shape"], {"number": number})
    connection.execute(compose("lock_rows", staging, QUERIES, **against.parts()))
    now: datetime = _row(connection, QUERIES["moment"])[0]
    parts = _parts(publish, against, now)
    connection.execute(compose("make_fresh", staging, QUERIES, **parts, prepared=object_rows(staging, publish.rows)))
    expected, taken = _row(connection, compose("take_old", staging, QUERIES, **parts))
    if expected != taken:
        raise Conflict(
            f"{expected - taken} rows were edited while the file was read; import again",
            f"导入期间有 {expected - taken} 行被编辑，请重新导入",
        )
    put = _row(connection, compose("put_fresh", staging, QUERIES, **parts))[0] or []
    if publish.rows.has_z:
        connection.execute(compose("take_old_shapes", staging, QUERIES, **parts))
        connection.execute(compose("put_shapes", staging, QUERIES, **parts))
    added, changed = _row(connection, compose("count_fresh", staging, QUERIES))
    published = _after(connection, publish, against, now, (int(added), int(changed)))
    removed = _row(connection, compose("removed_oids", staging, QUERIES, **parts))[0] or []
    return replace(published, changed_oids=[*put, *removed])


def _parts(publish: Publish, against: Against, now: datetime) -> dict[str, sql.Composable]:
    """Fragments of a difference: T, V, the valid times of fresh rows, and the time of which each object is told anew."""
    parts = against.parts() | {
        "sequence": sql.Literal(f"twin.oid_{against.number}"),
        "now": sql.Literal(now),
        "moment_or_now": sql.Literal(publish.valid_from or now),
        "since": sql.SQL("coalesce(s.valid_from, {})").format(sql.Literal(publish.valid_from or now)),
        "correct": sql.Literal(publish.correct),
        "before": sql.SQL(QUERIES["before"]),
        "after": sql.SQL(QUERIES["after"]),
    }
    filled = {"plan_of": sql.SQL("n.plan"), "believed": _fill("believed", **parts), "valid": _valid_of_fresh(publish, parts)}
    if against.planned:
        filled["plan_of"] = _fill("plan_of_removed", **parts)
    return parts | filled | {"spans": compose("spans", publish.staging, QUERIES, **parts, **filled)}


def _valid_of_fresh(publish: Publish, parts: Mapping[str, sql.Composable]) -> sql.Composable:
    """From V until the next change that is known, or the end a row gives. With `correct` a changed row keeps the valid times it had."""
    later = _fill("next_known", **parts) if publish.rows.role(Role.VALID_TO) else sql.SQL("upper(t.valid_was)")
    end = sql.SQL("coalesce(t.valid_to, CASE WHEN t.valid_from IS NULL AND lower(t.valid_was) > since THEN lower(t.valid_was) ELSE {} END)")
    fresh = sql.SQL("(SELECT tstzrange(since, CASE WHEN u > since THEN u END) FROM (SELECT {}) e (u))").format(end.format(later))
    return sql.SQL("CASE WHEN t.action = 'changed' THEN t.valid_was ELSE {} END").format(fresh) if publish.correct else fresh


def _after(connection: Connection, publish: Publish, against: Against, now: datetime, written: tuple[int, int]) -> Published:
    """Findings and counts that only the written rows can tell."""
    parts = against.parts() | {"now": sql.Literal(now)}
    if keeps_odd_values(publish.rows):
        connection.execute(compose("report_values", publish.staging, QUERIES, **parts))
    looked_up = publish.rows.divisions and publish.rows.role(Role.DIVISION) is None
    filled = _row(connection, compose("division_filled", publish.staging, QUERIES, **parts))[0] if looked_up else 0
    return Published(against.number, *written, int(filled), None, now)


def _fill(name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(_text(QUERIES[name])).format(**parts)


def _text(text: str) -> Any:
    """A query of ours, for psycopg's LiteralString."""
    return text


def _row(connection: Connection, query: Any, values: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    row = connection.execute(query, values).fetchone()
    return row if row else (None,)
