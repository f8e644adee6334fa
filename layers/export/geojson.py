"""GeoJSON (RFC 7946) and its text sequence (RFC 8142): the geometry is the text PostGIS made, so no coordinate becomes a Python object."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from layers.export.text import Row, TextSheet, dump
from twin.fields import Field, FieldType

_RECORD_SEPARATOR: Final = b"\x1e"


class GeoJson:
    """One FeatureCollection."""

    def __init__(self, about: TextSheet) -> None:
        self._fields = about.sheet.fields
        self._begun = False

    def head(self) -> bytes:
        """The members before the features; counts and links come last because they are known last."""
        return b'{"type":"FeatureCollection","features":['

    def rows(self, rows: Sequence[Row]) -> bytes:
        """The features, a comma before each but the first of all."""
        made = b",\n".join([self.feature(row) for row in rows])
        joined = b",\n" + made if self._begun and made else made
        self._begun = self._begun or bool(made)
        return joined

    def feature(self, row: Row) -> bytes:
        """One feature."""
        return feature(row, self._fields)

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """The end of the collection with its other members."""
        return b"]," + dump(members)[1:] if members else b"]}"


class GeoJsonSeq:
    """One feature a line, each after a record separator."""

    def __init__(self, about: TextSheet) -> None:
        self._fields = about.sheet.fields

    def head(self) -> bytes:
        """A sequence has no beginning of its own."""
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """The features."""
        return b"".join([_RECORD_SEPARATOR + feature(row, self._fields) + b"\n" for row in rows])

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """Nor an end."""
        return b""


def feature(row: Row, fields: Sequence[Field]) -> bytes:
    """One feature."""
    geometry = row["geom"].encode() if row["geom"] else b"null"
    time = time_of(row)
    return b'{"type":"Feature","id":%d,"geometry":%b,"properties":%b%b}' % (
        row["oid"],
        geometry,
        properties(row, fields),
        b',"time":' + time if time else b"",
    )


def properties(row: Row, fields: Sequence[Field]) -> bytes:
    """The properties as one object."""
    return dump({field.name: _value(field, row[field.name]) for field in fields})


def _value(field: Field, value: Any) -> Any:
    """A property; JSON comes as text and goes through unread."""
    return orjson.Fragment(value) if field.type is FieldType.JSON and isinstance(value, str) else value


def time_of(row: Row) -> bytes:
    """When the feature holds in the real world, as JSON-FG writes it; nothing when that is for ever."""
    valid = row["valid"]
    if valid is None or (valid.lower is None and valid.upper is None):
        return b""
    return dump({"interval": [".." if end is None else end for end in (valid.lower, valid.upper)]})
