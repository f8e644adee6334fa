"""What may be asked of a layer, as one set of keyword arguments that every way of reading takes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, TypedDict

from web.client.errors import NoAnswer, YuetuError
from web.client.wire import Wire

Feature = dict[str, Any]
"""One GeoJSON feature."""
Moment = datetime | date | str

_PAGE: Final = 1000
_CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPSG: Final = "http://www.opengis.net/def/crs/EPSG/0/"


class Asked(TypedDict, total=False):
    """Which features, and what of them; everything may be left out."""

    bbox: Sequence[float] | None
    """West, south, east, north in degrees."""
    filter: str | Mapping[str, Any] | None
    """CQL2: text, or its JSON form as a mapping."""
    valid_at: Moment | None
    """What held then in the real world; datetimes without a zone are of this machine's."""
    known_at: Moment | None
    """As it was known here then."""
    plan: str | None
    properties: Sequence[str] | None
    sortby: str | None
    simplify: float | None
    """Tolerance in metres."""
    crs: int | str | None
    """EPSG code of the answer; CGCS2000 longitude and latitude (CRS84) when left out."""
    limit: int | None
    """At most so many features in all; every one when left out."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some features, and the system their coordinates are written in."""

    features: list[Feature]
    crs: str
    """`EPSG:4547`, `OGC:CRS84` …"""


def words(asked: Asked) -> dict[str, str]:
    """The query of an address."""
    given: Mapping[str, Any] = {name: value for name, value in asked.items() if value is not None and name != "limit"}
    return {name: value for key in given for name, value in _word(key, given[key])}


def _word(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if name == "bbox":
        yield name, ",".join(repr(float(number)) for number in value)
    elif name == "filter" and not isinstance(value, str):
        yield name, json.dumps(value, ensure_ascii=False)
        yield "filter-lang", "cql2-json"
    elif name in ("valid_at", "known_at"):
        yield name, moment(value)
    elif name == "properties":
        yield name, ",".join(value)
    elif name == "crs":
        yield name, _crs(value)
    else:
        yield name, str(value)


def moment(value: Moment) -> str:
    """A moment as the server reads it: an instant in UTC, or a whole day."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value if isinstance(value, str) else value.isoformat()


def _crs(value: int | str) -> str:
    text = str(value)
    code = text.upper().removeprefix("EPSG:")
    return _EPSG + code if code.isdigit() else _CRS84 if code == "OGC:CRS84" else text


def pages(wire: Wire, layer: str, asked: Asked) -> Iterator[Page]:
    """The features in pages of up to 1,000, following the server's `next` links; at least one page."""
    left = asked.get("limit")
    if left is not None and left < 1:
        raise YuetuError(f"limit must be at least 1, not {left} / limit 至少为 1")
    query: dict[str, str] | str = words(asked) | {"limit": str(_PAGE if left is None else min(left, _PAGE))}
    while query:
        answer = wire.get("collections", layer, "items", query=query)
        body = answer.json()
        features: list[Feature] = body["features"] if left is None else body["features"][:left]
        yield Page(features, _name(answer.headers.get("content-crs", "")))
        left = None if left is None else left - len(features)
        query = _next(body, answer.url) if left is None or left > 0 else ""


def _next(body: Mapping[str, Any], url: str) -> str:
    """The query of the next page. Only that: the server may know itself by another name, and the key is for the one we were given."""
    links = [link["href"] for link in body.get("links", ()) if link.get("rel") == "next"]
    if not links:
        return ""
    query = str(links[0]).partition("?")[2]
    if query == url.partition("?")[2]:
        raise NoAnswer(url, "the next page is this page")
    return query


def _name(header: str) -> str:
    """`EPSG:4547` from a Content-Crs header."""
    parts = header.strip("<> ").rsplit("/", 3)
    return f"{parts[1]}:{parts[3]}" if len(parts) == 4 else "OGC:CRS84"
