"""JSON-FG (OGC 21-045r1, version 1.0): GeoJSON that says its time, its type, and its coordinates in whatever system they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from layers.export.geojson import properties, time_of
from layers.export.text import Row, TextSheet, dump
from twin.layer import GeometryType

CORE: Final = "http://www.opengis.net/spec/json-fg-1/1.0/conf/core"
TYPES_SCHEMAS: Final = "http://www.opengis.net/spec/json-fg-1/1.0/conf/types-schemas"
_DIMENSIONS: Final = {
    GeometryType.POINT: 0,
    GeometryType.MULTIPOINT: 0,
    GeometryType.LINE: 1,
    GeometryType.MULTILINE: 1,
    GeometryType.POLYGON: 2,
    GeometryType.MULTIPOLYGON: 2,
}


class JsonFg:
    """One FeatureCollection; coordinates that a GeoJSON reader would take for others are in `place`, and `geometry` is null then."""

    def __init__(self, about: TextSheet) -> None:
        self._about = about
        self._begun = False

    def head(self) -> bytes:
        """What the whole collection says once: classes, type, schema, reference system."""
        return dump({"type": "FeatureCollection"} | self._root())[:-1] + b',"features":['

    def rows(self, rows: Sequence[Row]) -> bytes:
        """The features, a comma before each but the first of all."""
        made = b",\n".join([self._feature(row) for row in rows])
        joined = b",\n" + made if self._begun and made else made
        self._begun = self._begun or bool(made)
        return joined

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """The end of the collection with its other members."""
        return b"]," + dump(members)[1:] if members else b"]}"

    def alone(self, row: Row, members: Mapping[str, Any]) -> bytes:
        """One feature as a document of its own."""
        return self._feature(row)[:-1] + b"," + dump({**self._root(), **members})[1:]

    def _root(self) -> dict[str, Any]:
        about = self._about
        return {
            "conformsTo": [CORE, TYPES_SCHEMAS],
            "featureType": about.sheet.name,
            **({"featureSchema": about.schema_url} if about.schema_url else {}),
            "geometryDimension": _DIMENSIONS.get(about.sheet.shape),
            "coordRefSys": about.crs_uri,
        }

    def _feature(self, row: Row) -> bytes:
        drawn = row["geom"].encode() if row["geom"] else b"null"
        place, geometry = (b"null", drawn) if self._about.plain else (drawn, b"null")
        return b'{"type":"Feature","id":%d,"time":%b,"place":%b,"geometry":%b,"properties":%b}' % (
            row["oid"],
            time_of(row) or b"null",
            place,
            geometry,
            properties(row, self._about.sheet.fields),
        )
