"""Reading what was: the versions of an object, what lies between two moments, and which objects each event touched."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import ARRAY

from postgis.features import Columns, published, scope_terms, source
from postgis.queries import load_queries
from postgis.sqltypes import BIGINT, INSTANT
from postgis.statement import Binds, Statement, compile_asyncpg
from twin.layer import Layer
from twin.view import TimeSpan, View

_QUERIES = load_queries(__file__)
_DIGITS: Final = 9


def versions_statement(view: View, layer: Layer, limit: int, offset: int) -> Statement:
    """The facts of the object `view.oid`, oldest state first and of each the newest belief last, with `sys` and whether they are known now."""
    table = _history(view, layer)
    select = _rows(view, layer, table).where(table.c.oid == sa.literal(view.oid, BIGINT))
    order = (sa.func.lower(table.c.sys), sa.func.lower(table.c.valid).nulls_first())
    return compile_asyncpg(select.order_by(*order).limit(limit).offset(offset))


def differing_statement(view: View, layer: Layer, between: tuple[datetime, datetime], known: bool, page: tuple[int, int]) -> Statement:
    """Ids, after `page[1]` and at most `page[0]`, of objects with a version that holds at just one of two moments."""
    table = _history(view, layer)
    held = [_held(table, moment, known) for moment in between]
    select = sa.select(table.c.oid).distinct().where(*_seen(view, layer, table), held[0] != held[1])
    return compile_asyncpg(select.where(table.c.oid > sa.literal(page[1], BIGINT)).order_by(table.c.oid).limit(page[0]))


def states_statement(view: View, layer: Layer, between: tuple[datetime, datetime], known: bool, oids: Sequence[int]) -> Statement:
    """The versions of these objects at the two moments, with the columns `before` and `after`."""
    table = _history(view, layer)
    held = [_held(table, moment, known) for moment in between]
    select = _rows(view, layer, table).add_columns(held[0].label("before"), held[1].label("after"))
    return compile_asyncpg(select.where(_among(table, oids), held[0] | held[1]).order_by(table.c.oid))


def seen_statement(view: View, layer: Layer, oids: Sequence[int]) -> Statement:
    """Which of these objects the scope has ever seen, and whether it sees them now."""
    table = _history(view, layer)
    now = sa.func.upper_inf(table.c.sys) & table.c.valid.op("@>", is_comparison=True)(sa.func.now())
    select = sa.select(table.c.oid, sa.func.bool_or(now).label("now")).where(*_seen(view, layer, table), _among(table, oids))
    return compile_asyncpg(select.group_by(table.c.oid))


def window_statement(layer: Layer, since: int) -> Statement:
    """`first` and `last` event that is kept, the `newest` of the layer, and the newest after `since` that touched everything (`renewed`)."""
    return Statement(_QUERIES["window"], (layer.number, since))


def changes_statement(layer: Layer, after: tuple[int, int], limit: int, last: int) -> Statement:
    """Objects touched after (seq, oid) and by `last`, in that order: seq, at, oid, put, taken."""
    return Statement(_QUERIES["changes"], (layer.number, *after, limit, last))


def writers_statement(layer: Layer, moments: Sequence[datetime], oid: int) -> Statement:
    """Who or what wrote the versions of an object that became known at these moments."""
    return Statement(_QUERIES["writers"], (layer.number, list(moments), oid))


def _history(view: View, layer: Layer) -> Columns:
    return source(replace(view, valid_at=TimeSpan(None, None)), layer)


def _seen(view: View, layer: Layer, table: Columns) -> list[ColumnElement[bool]]:
    """Facts that the scope shows."""
    return [*scope_terms(view, layer, table, Binds(view)), table.c.plan.is_(None)]


def _rows(view: View, layer: Layer, table: Columns) -> sa.Select[Any]:
    fields = [value.label(field.name) for field, value in published(view, layer, table, None)]
    geometry = sa.func.ST_AsGeoJSON(sa.func.coalesce(table.c.geom_z, table.c.geom), sa.literal_column(str(_DIGITS)), sa.literal_column("0"))
    select = sa.select(table.c.oid, geometry.label("geom"), table.c.valid, table.c.sys, *fields)
    return select.where(*_seen(view, layer, table))


def _held(table: Columns, moment: datetime, known: bool) -> ColumnElement[bool]:
    """Whether a version holds at `moment`: as it is known now, or (`known`) as it was known then."""
    at = sa.literal(moment, INSTANT)
    belief = table.c.sys.op("@>", is_comparison=True)(at) if known else sa.func.upper_inf(table.c.sys)
    return sa.and_(table.c.valid.op("@>", is_comparison=True)(at), belief)


def _among(table: Columns, oids: Sequence[int]) -> ColumnElement[bool]:
    return table.c.oid == sa.any_(sa.literal(list(oids), ARRAY(BIGINT)))
