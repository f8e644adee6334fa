"""GeoJSON out: rows become features as they are read, a keyset page at a time, without a Python object per coordinate."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from twin.fields import Field, FieldType
from twin.layer import Layer
from twin.view import Equals
from web import values
from web.counting import Matched
from web.json import dump
from web.paging import Row, RowPage

_READERS: Final[dict[FieldType, Callable[[str, str], Any]]] = {
    FieldType.TEXT: lambda text, _: text,
    FieldType.INTEGER: lambda text, place: values.integer(text, place, -(2**63) + 1, 2**63 - 1),
    FieldType.NUMBER: values.number,
    FieldType.BOOLEAN: values.boolean,
    FieldType.DATE: values.day,
    FieldType.INSTANT: values.instant,
}


def equals(field: Field, text: str) -> Equals:
    """`?field=text` as a filter term of the field's own type; BadParameter when it is not of that type."""
    return Equals(field.name, _READERS[field.type](text, field.name))


def fields_of(layer: Layer, names: Sequence[str] | None) -> tuple[Field, ...]:
    """The fields called `names`; None: all of them."""
    return layer.fields if names is None else tuple(field for field in layer.fields if field.name in names)


def feature(row: Row, fields: Sequence[Field]) -> bytes:
    """One feature; the geometry is the text PostGIS made."""
    geometry = row["geom"].encode() if row["geom"] else b"null"
    named = dump({field.name: _value(field, row[field.name]) for field in fields})
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

    fields: tuple[Field, ...]
    links: tuple[dict[str, Any], ...]
    next_link: Callable[[Row], dict[str, Any]]
    matched: Matched
    first_page: bool
    count: bool = True
    """Whether numberMatched is wanted at all."""


async def collection(frame: CollectionFrame, first: RowPage, rest: AsyncIterator[RowPage]) -> AsyncIterator[bytes]:
    """A FeatureCollection in pieces; counts and links come last because they are known last."""
    yield b'{"type":"FeatureCollection","features":['
    count, page = 0, first
    while True:
        if page.rows:
            yield (b"," if count else b"") + b",".join([feature(row, frame.fields) for row in page.rows])
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
        tail["links"].append(frame.next_link(last.rows[-1]))
    return dump(tail | (_matched(frame, count, last.more) if frame.count else {}))


def _matched(frame: CollectionFrame, count: int, more: bool) -> dict[str, Any]:
    """numberMatched, exact when counted or when this answer is the whole; an estimate is never less than what is known to be there."""
    if frame.first_page and not more:
        return {"numberMatched": count}
    known = frame.matched
    if known.number is None:
        return {}
    return (
        {"numberMatched": max(known.number, count + more), "numberMatchedEstimated": True}
        if known.estimated
        else {"numberMatched": known.number}
    )


def with_links(made: bytes, links: Sequence[Mapping[str, Any]]) -> bytes:
    """A single feature with its links added."""
    return made[:-1] + b',"links":' + dump(links) + b"}"
