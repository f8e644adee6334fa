"""Pages of features out: rows are written as they are read, a keyset page at a time; and filter terms in."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from layers.export.text import TextWriter
from twin.fields import Field, FieldType
from twin.layer import Layer
from twin.view import Equals
from web import values
from web.counting import Matched
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


@dataclass(frozen=True, slots=True)
class CollectionFrame:
    """What surrounds the features of one answer."""

    links: tuple[dict[str, Any], ...]
    next_link: Callable[[Row], dict[str, Any]]
    matched: Matched
    first_page: bool
    count: bool = True
    """Whether numberMatched is wanted at all."""


async def collection(writer: TextWriter, frame: CollectionFrame, first: RowPage, rest: AsyncIterator[RowPage]) -> AsyncIterator[bytes]:
    """A page of features in pieces; counts and links come last because they are known last."""
    yield writer.head()
    count, page = 0, first
    while True:
        if page.rows:
            yield writer.rows(page.rows)
        count += len(page.rows)
        following = await anext(rest, None)
        if following is None:
            break
        page = following
    yield writer.tail(_tail(frame, count, page))


def _tail(frame: CollectionFrame, count: int, last: RowPage) -> dict[str, Any]:
    """numberReturned, numberMatched where it is known, timeStamp, links."""
    tail: dict[str, Any] = {"numberReturned": count, "timeStamp": datetime.now(UTC), "links": list(frame.links)}
    if last.more and last.rows:
        tail["links"].append(frame.next_link(last.rows[-1]))
    return tail | (_matched(frame, count, last.more) if frame.count else {})


def _matched(frame: CollectionFrame, count: int, more: bool) -> dict[str, Any]:
    """numberMatched, only where it is exact; an estimate is `numberMatchedEstimated`, never less than what is known to be there."""
    if frame.first_page and not more:
        return {"numberMatched": count}
    known = frame.matched
    if known.number is None:
        return {}
    return {"numberMatchedEstimated": max(known.number, count + more)} if known.estimated else {"numberMatched": known.number}
