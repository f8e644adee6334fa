"""Pages by key: what a sorted page begins after travels in the `next` link as a checked cursor, so rows that come and go move nobody else."""

import base64
import binascii
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final, cast

import orjson

from postgis.sorting import label
from twin.errors import BadParameter
from twin.fields import FieldType
from twin.layer import Layer
from twin.view import Drawing, Page, SortKey, SortValue, View
from web import budgets, values
from web.json import dump

CHUNK: Final = 1_000
_MARK_BYTES: Final = 8
_MAX_OID: Final = 2**53
#: Whether a JSON value is one of a field; the types whose values are texts of another form are read as such first.
_PLAIN: Final[dict[FieldType, Callable[[Any], bool]]] = {
    FieldType.TEXT: lambda value: isinstance(value, str) and "\0" not in value,
    FieldType.INTEGER: lambda value: type(value) is int and abs(value) < 2**63,
    FieldType.NUMBER: lambda value: type(value) in (int, float) and math.isfinite(value),
    FieldType.BOOLEAN: lambda value: isinstance(value, bool),
    FieldType.DATE: lambda value: False,
    FieldType.INSTANT: lambda value: False,
    FieldType.JSON: lambda value: False,
}

Row = Mapping[str, Any]
Rows = Sequence[Row]
Fetch = Callable[[View], Awaitable[Rows]]


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows, and whether others follow."""

    rows: Rows
    more: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: its oid and its sort values, or only their digest where they are too long for an address."""

    oid: int
    values: tuple[SortValue, ...] | None
    digest: str = ""


async def pages(fetch: Fetch, view: View, then: Fetch | None = None) -> AsyncIterator[RowPage]:
    """The rows of `view.page` in pieces of at most CHUNK, all but the first read by `then`; the last knows whether the whole has a successor."""
    page = view.page or Page()
    left = page.limit
    while left > 0:
        size = min(CHUNK, left)
        rows = await _read(fetch, replace(view, page=replace(page, limit=size + 1)))
        piece = RowPage(rows[:size], len(rows) > size)
        yield piece
        if not piece.more:
            return
        left -= size
        page, fetch = after(view, piece.rows[-1]), then or fetch


async def _read(fetch: Fetch, view: View) -> Rows:
    """A page; where the rows with a value for the first sort key end, those without one follow."""
    rows = list(await fetch(view))
    page = view.page or Page()
    if view.sort and not page.nulls and len(rows) < page.limit:
        rows += await fetch(replace(view, page=Page(page.limit - len(rows), nulls=True)))
    return rows


def after(view: View, row: Row) -> Page:
    """The page that begins after `row`."""
    return _page_after(row["oid"], _values_of(view, row) if view.sort else None)


def _page_after(oid: int, known: tuple[SortValue, ...] | None) -> Page:
    return Page(after_oid=oid, after=known, nulls=known is not None and known[0] is None)


def _values_of(view: View, row: Row) -> tuple[SortValue, ...]:
    """What a row is sorted by."""
    return tuple(row[label(index)] for index in range(len(view.sort)))


def sort_keys(text: str, place: str, sortable: Sequence[str]) -> tuple[SortKey, ...]:
    """`+a,-b` as keys ("+" may arrive as a space); BadParameter for what is not sortable, repeated, or over the budget."""
    keys = [SortKey(part[1:] if part[:1] in ("+", "-", " ") else part, part.startswith("-")) for part in text.split(",")]
    if len(keys) > budgets.SORT_KEYS:
        raise BadParameter(
            f"more than sort_keys = {budgets.SORT_KEYS} fields to sort by", f"排序字段超过限额 sort_keys = {budgets.SORT_KEYS}", place=place
        )
    names = [key.field for key in keys]
    if len(set(names)) < len(names) or not set(names) <= set(sortable):
        listed = ", ".join(sortable) or "none"
        raise values.refuse(place, text, f"each once, of {listed}", f"以下字段各至多一次：{listed}")
    return tuple(keys)


def encode(layer: Layer, view: View, row: Row) -> str:
    """The cursor of the page after `row`."""
    known = _values_of(view, row)
    text = _sealed(layer, view.sort, [row["oid"], known])
    return text if len(text) <= budgets.CURSOR_CHARS else _sealed(layer, view.sort, [row["oid"], _digest(known)])


def decode(text: str, place: str, layer: Layer, sort: tuple[SortKey, ...]) -> Cursor:
    """What `encode` wrote for this layer and this order; BadParameter for anything else."""
    if len(text) > budgets.CURSOR_CHARS:
        raise BadParameter(
            f"longer than the budget cursor_chars = {budgets.CURSOR_CHARS}",
            f"长度超过限额 cursor_chars = {budgets.CURSOR_CHARS}",
            place=place,
        )
    try:
        sealed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        oid, known = orjson.loads(sealed[_MARK_BYTES:])
    except (binascii.Error, ValueError, TypeError) as exc:  # UnicodeEncodeError and JSONDecodeError are ValueErrors
        raise _no_cursor(text, place) from exc
    if (
        _written(sealed) != text
        or _mark(layer, sort, sealed[_MARK_BYTES:]) != sealed[:_MARK_BYTES]
        or type(oid) is not int
        or not 0 <= oid <= _MAX_OID
    ):
        raise _no_cursor(text, place)
    if isinstance(known, str):
        return Cursor(oid, None, known)
    if not isinstance(known, list) or len(known) != len(sort):
        raise _no_cursor(text, place)
    return Cursor(oid, tuple(_typed(value, layer, key, place) for value, key in zip(known, sort, strict=True)))


async def page_at(cursor: Cursor, fetch: Fetch, view: View, place: str) -> Page:
    """Where a cursor leads; one without its values is looked up, and BadParameter when its row is not what it was."""
    if cursor.values is not None:
        return _page_after(cursor.oid, cursor.values)
    alone = replace(view, oid=cursor.oid, area=None, filters=(), fields=(), drawing=Drawing(skip=True), page=Page(1))
    rows = await _read(fetch, alone)
    known = _values_of(view, rows[0]) if rows else ()
    if not known or _digest(known) != cursor.digest:
        raise BadParameter(
            "the row this page begins after has changed: begin with the first page",
            "此页所依据的要素已变更，请从第一页重新开始",
            place=place,
        )
    return _page_after(cursor.oid, known)


def _sealed(layer: Layer, sort: tuple[SortKey, ...], value: Any) -> str:
    body = dump(value)
    return _written(_mark(layer, sort, body) + body)


def _written(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _mark(layer: Layer, sort: tuple[SortKey, ...], body: bytes) -> bytes:
    """Ties a cursor to its layer and order. It guards against mistakes; what a cursor may hold is checked by type besides."""
    order = dump([layer.number, layer.id, *[[key.field, key.descending] for key in sort]])
    return blake2b(order + b"\0" + body, digest_size=_MARK_BYTES).digest()


def _digest(known: tuple[SortValue, ...]) -> str:
    return blake2b(dump(known), digest_size=12).hexdigest()


def _typed(value: Any, layer: Layer, key: SortKey, place: str) -> SortValue:
    """A value in a cursor as the type of its field; BadParameter when it is of another."""
    field = layer.field(key.field)
    if value is None or field is None:
        return None
    if field.type is FieldType.DATE and isinstance(value, str):
        return values.day(value, place)
    if field.type is FieldType.INSTANT and isinstance(value, str):
        return values.instant(value, place)
    if not _PLAIN[field.type](value):
        raise _no_cursor(str(value), place)
    return float(value) if field.type is FieldType.NUMBER else cast(SortValue, value)


def _no_cursor(text: str, place: str) -> BadParameter:
    return values.refuse(place, text, "a cursor of this layer and order, as its next link has it", "本图层该排序方式 next 链接给出的游标")
