"""The rows of a View as columns of a file: types that Arrow has, geometry as WKB, validity as two instants, a box where a format wants one."""

from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select

from postgis import drawing
from postgis.features import Columns, compile_asyncpg, published, select_rows
from postgis.sqltypes import TEXT
from postgis.statement import Binds, Statement
from twin.fields import FieldType
from twin.layer import Layer
from twin.sheet import SIDES, Sheet
from twin.view import View

_BOUNDS = ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax")


def arrow_statement(view: View, layer: Layer, sheet: Sheet, boxes: bool = False) -> Statement:
    """The rows of `view` under the names of `sheet`, then SIDES if `boxes`. Raises BadParameter as `statement` does."""
    return compile_asyncpg(select_rows(view, layer, partial(_columns, sheet, boxes)))


def _columns(sheet: Sheet, boxes: bool, view: View, layer: Layer, table: Columns, binds: Binds[View]) -> Select[Any]:
    fields = [
        (sa.cast(value, TEXT) if field.type is FieldType.JSON else value).label(field.name)
        for field, value in published(view, layer, table, view.fields)
    ]
    return sa.select(
        table.c.oid.label(sheet.oid),
        *fields,
        _end(sa.func.lower(table.c.valid)).label(sheet.valid_from),
        _end(sa.func.upper(table.c.valid)).label(sheet.valid_to),
        *([drawing.geometry(table, view, binds).label(sheet.geometry)] if sheet.geometry else []),
        *(_box(table, view, binds) if boxes and sheet.geometry else []),
    )


def _end(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """An end of time that is infinite is none: files know no infinity."""
    return sa.case((sa.func.isfinite(moment), moment))


def _box(table: Columns, view: View, binds: Binds[View]) -> list[ColumnElement[Any]]:
    shape, _ = drawing.shaped(table, view, binds)
    return [getattr(sa.func, bound)(shape).label(side) for bound, side in zip(_BOUNDS, SIDES, strict=True)]
