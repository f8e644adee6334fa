"""A layer of a server: its features as rows, tables and scenes, and edits of them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Unpack

from web.client.asking import Asked, Feature, Page, moment, pages, words
from web.client.edits import Done, Edit, Written, feature
from web.client.frames import arrow_table, geo_frame
from web.client.scenes import Scene, scene_of
from web.client.wire import Answer, Wire

if TYPE_CHECKING:
    import geopandas
    import pyarrow

_GEOJSON: Final = {"Content-Type": "application/geo+json"}
_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_LINES: Final = {"Content-Type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Item:
    """One object as it is now; hand it to an edit, and the edit is refused when somebody else was first."""

    id: int
    etag: str
    feature: Feature


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; reading asks the server each time."""

    id: str
    title_zh: str
    title_en: str
    card: Mapping[str, Any] = field(repr=False)
    """All that the server says of it: fields, kind, extent, count, epoch, licence …"""
    wire: Wire = field(repr=False, compare=False)

    @property
    def fields(self) -> dict[str, str]:
        """Names of the properties with their types: text, integer, number, boolean, date, instant, json."""
        return {entry["name"]: entry["type"] for entry in self.card["fields"]}

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees; None for an empty layer."""
        found = self.card["bounds_4490"]
        return None if found is None else (found[0], found[1], found[2], found[3])

    # ---- reading

    def features(self, **asked: Unpack[Asked]) -> Iterator[Feature]:
        """The features one by one, read page by page."""
        for page in self._pages(asked):
            yield from page.features

    def count(self, **asked: Unpack[Asked]) -> int:
        """How many features there are exactly."""
        query = words(asked) | {"limit": "1", "count": "exact", "skipGeometry": "true"}
        return int(self.wire.get("collections", self.id, "items", query=query).json()["numberMatched"])

    def frame(self, **asked: Unpack[Asked]) -> "geopandas.GeoDataFrame":
        """The features as a GeoDataFrame with their ids as index, columns of the fields' types, x before y in every system."""
        return geo_frame(self._pages(asked), self._columns(asked))

    def table(self, **asked: Unpack[Asked]) -> "pyarrow.Table":
        """The features as an Arrow table, geometry as GeoArrow WKB."""
        return arrow_table(self.frame(**asked))

    def scene(self, **asked: Unpack[Asked]) -> Scene:
        """The features as a pydeck scene that needs no network; always in longitude and latitude."""
        wanted: Asked = {**asked, "crs": None}
        return scene_of([(self.features(**wanted), None)], self.title_zh)

    def item(self, item_id: int) -> Item:
        """One object with the etag of its present version; Missing when there is none."""
        answer = self.wire.get("collections", self.id, "items", item_id)
        return Item(item_id, answer.headers["etag"], answer.json())

    def _pages(self, asked: Asked) -> Iterator[Page]:
        """Where rows come from. A whole layer would come faster as one file from an export door, to be read here."""
        return pages(self.wire, self.id, asked)

    def _columns(self, asked: Asked) -> dict[str, str]:
        wanted = asked.get("properties")
        return {name: kind for name, kind in self.fields.items() if wanted is None or name in wanted}

    # ---- writing

    def create(
        self, geometry: Mapping[str, Any] | None, properties: Mapping[str, Any] | None = None, *, valid_from: datetime | str | None = None
    ) -> Written:
        """A new object; geometry is GeoJSON in longitude and latitude."""
        body = json.dumps(feature(geometry, properties, whole=True), ensure_ascii=False).encode()
        return _written(self.wire.send("POST", "collections", self.id, "items", body=body, headers=_GEOJSON, query=_since(valid_from)))

    def replace(
        self,
        what: Item | int,
        geometry: Mapping[str, Any] | None,
        properties: Mapping[str, Any],
        *,
        valid_from: datetime | str | None = None,
    ) -> Written:
        """All of an object anew: properties left out are emptied. Changed when `what` is an Item that is not the present version any more."""
        body = json.dumps(feature(geometry, properties, whole=True), ensure_ascii=False).encode()
        return _written(self._send("PUT", what, body, _GEOJSON, valid_from))

    def update(
        self,
        what: Item | int,
        properties: Mapping[str, Any] | None = None,
        geometry: Mapping[str, Any] | None = None,
        *,
        valid_from: datetime | str | None = None,
    ) -> Written:
        """Some of an object: what is left out stays, None empties. Changed as in `replace`."""
        body = json.dumps(feature(geometry, properties, whole=False), ensure_ascii=False).encode()
        return _written(self._send("PATCH", what, body, _PATCH, valid_from))

    def delete(self, what: Item | int, *, valid_from: datetime | str | None = None) -> None:
        """The object ends; its history stays. Changed as in `replace`."""
        self._send("DELETE", what, b"", {}, valid_from)

    def transaction(self, edits: Iterable[Edit], *, key: str | None = None) -> Done:
        """All edits or none. Refused.errors names the faulty lines; with a `key` of your own the same transaction is never done twice."""
        headers = _LINES | ({} if key is None else {"Idempotency-Key": key})
        body = b"".join(edit.line() for edit in edits)
        told = self.wire.send("POST", "collections", self.id, "transactions", body=body, headers=headers).json()
        return Done(told["counts"], tuple(told["created"]), told["repaired"])

    def _send(self, method: str, what: Item | int, body: bytes, headers: Mapping[str, str], valid_from: datetime | str | None) -> Answer:
        item_id = what.id if isinstance(what, Item) else what
        guarded = dict(headers) | ({"If-Match": what.etag} if isinstance(what, Item) else {})
        return self.wire.send(method, "collections", self.id, "items", item_id, body=body, headers=guarded, query=_since(valid_from))


def _since(valid_from: datetime | str | None) -> dict[str, str]:
    """`valid_from` as the editing doors take it: an instant."""
    return {} if valid_from is None else {"valid_from": moment(valid_from)}


def _written(answer: Answer) -> Written:
    told = answer.json()
    return Written(told["id"], answer.headers.get("etag", ""), tuple(told["repaired"]))
