"""GeoJSON out: rows become features as they are read, a keyset page at a time, without a Python object per coordinate."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from twin.fields import Field, FieldType
from twin.layer import Layer
from twin.view import Equals, Page, View
from web import values
from web.json import dump

CHUNK: Final = 1_000
_READERS: Final[dict[FieldType, Callable[[str, str], Any]]] = {
    FieldType.TEXT: lambda text, _: text,
    FieldType.INTEGER: lambda text, place: values.integer(text, place, -(2**63) + 1, 2**63 - 1),
    FieldType.NUMBER: values.number,
    FieldType.BOOLEAN: values.boolean,
    FieldType.DATE: values.day,
    FieldType.INSTANT: values.instant,
}

Rows = Sequence[Mapping[str, Any]]
Fetch = Callable[[View], Awaitable[Rows]]


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows, and whether others follow."""

    rows: Rows
    more: bool


def equals(field: Field, text: str) -> Equals:
    """`?field=text` as a filter term of the field's own type; BadParameter when it is not of that type."""
    return Equals(field.name, _READERS[field.type](text, field.name))


async def pages(fetch: Fetch, view: View) -> AsyncIterator[RowPage]:
    """The rows of `view.page` in pieces of at most CHUNK; the last piece knows whether the whole has a successor."""
    wanted = view.page or Page()
    left, after = wanted.limit, wanted.after_oid
    while left > 0:
        size = min(CHUNK, left)
        rows = await fetch(replace(view, page=Page(size + 1, after)))
        page = RowPage(rows[:size], len(rows) > size)
        yield page
        if not page.more:
            return
        left -= size
        after = page.rows[-1]["oid"]


def feature(row: Mapping[str, Any], layer: Layer) -> bytes:
    """One feature; the geometry is the text PostGIS made."""
    geometry = row["geom"].encode() if row["geom"] else b"null"
    named = dump({field.name: _value(field, row[field.name]) for field in layer.fields})
    time = _time(row["valid"])
    return b"".join(
        (b'{"type":"Feature","id":', str(row["oid"]).encode(), b',"geometry":', geometry, b',"properties":', named, time, b"}"),
    )


def _value(field: Field, value: Any) -> Any:
    """A property; JSON comes as text and goes through unread."""
    return orjson.Fragment(value) if field.type is FieldType.JSON and isinstance(value, str) else value


def _time(valid: Any) -> bytes:
    """When the feature holds in the real world, as JSON-FG writes it; nothing when that is for ever."""
    if valid is None or (valid.lower is None and valid.upper is None):
        return b""
    return b',"time":' + dump({"interval": [".." if end is None else end for end in (valid.lower, valid.upper)]})


@dataclass(frozen=True, slots=True)
class CollectionFrame:
    """What surrounds the features of one answer."""

    layer: Layer
    links: tuple[dict[str, Any], ...]
    next_link: Callable[[int], dict[str, Any]]
    total: int | None
    """How many match in all, as the catalogue remembers it; None when that is not cheap."""
    first_page: bool


async def collection(frame: CollectionFrame, first: RowPage, rest: AsyncIterator[RowPage]) -> AsyncIterator[bytes]:
    """A FeatureCollection in pieces; counts and links come last because they are known last."""
    yield b'{"type":"FeatureCollection","features":['
    count, page = 0, first
    while True:
        if page.rows:
            yield (b"," if count else b"") + b",".join([feature(row, frame.layer) for row in page.rows])
        count += len(page.rows)
        following = await anext(rest, None)
        if following is None:
            break
        page = following
    yield b"]," + _tail(frame, count, page)[1:]


def _tail(frame: CollectionFrame, count: int, last: RowPage) -> bytes:
    """numberReturned, numberMatched where it is known, timeStamp, links."""
    tail: dict[str, Any] = {"numberReturned": count, "timeStamp": datetime.now(UTC), "links": list(frame.links)}
    if last.more and last.rows:
        tail["links"].append(frame.next_link(last.rows[-1]["oid"]))
    if frame.first_page and not last.more:
        tail["numberMatched"] = count
    elif frame.total is not None:
        tail |= {"numberMatched": max(frame.total, count), "numberMatchedEstimated": True}
    return dump(tail)


def with_links(made: bytes, links: Sequence[Mapping[str, Any]]) -> bytes:
    """A single feature with its links added."""
    return made[:-1] + b',"links":' + dump(links) + b"}"
