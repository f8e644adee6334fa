"""CSV that a spreadsheet opens as it is: a byte order mark for Chinese, and no cell that would be run as a formula.

Cells are neutralised as OWASP's page on CSV injection says: one that begins with = + - @, a tab, a line end or a full-width twin of these gets an
apostrophe in front. Numbers stay numbers, also those that are text.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from layers.export.text import Row, TextSheet, dump, moment
from twin.fields import Field, FieldType
from twin.layer import GeometryType
from twin.sheet import free_names

BOM: Final = "\ufeff"
_DANGEROUS: Final = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DEGREES: Final = frozenset({"OGC:CRS84", "EPSG:4490", "EPSG:4326"})


class CsvTable:
    """One line for each row; points in columns of their own (lon, lat or x, y; height), all else as WKT."""

    def __init__(self, about: TextSheet) -> None:
        sheet = about.sheet
        self._texts = io.StringIO(newline="")
        self._lines = csv.writer(self._texts)
        self._cells: list[tuple[str, Callable[[Any], Any]]] = [(field.name, _reader(field)) for field in sheet.fields]
        self._point = sheet.shape is GeometryType.POINT
        self._ordinates = 3 if sheet.heights else 2
        places = (_POINT_NAMES[sheet.crs in _DEGREES][: self._ordinates]) if self._point else ("wkt",)
        fields = [field.name for field in sheet.fields]
        oid, *others = free_names(("oid", "valid_from", "valid_to", *places), fields)
        self._header = [safe(name) for name in (oid, *fields, *others)]

    def head(self) -> bytes:
        """The names of the columns."""
        self._lines.writerow(self._header)
        return (BOM + self._taken()).encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """The lines of these rows."""
        self._lines.writerows([self._line(row) for row in rows])
        return self._taken().encode()

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """A table has no end of its own."""
        return b""

    def _line(self, row: Row) -> list[Any]:
        valid = row["valid"]
        ends = (None, None) if valid is None else (moment(valid.lower), moment(valid.upper))
        return [row["oid"], *[read(row[name]) for name, read in self._cells], *ends, *self._place(row["geom"])]

    def _place(self, wkt: str | None) -> Sequence[str | None]:
        if not self._point:
            return (wkt,)
        ordinates = wkt[wkt.index("(") + 1 : -1].split(" ") if wkt and "(" in wkt else []
        return [*ordinates, *[None] * self._ordinates][: self._ordinates]

    def _taken(self) -> str:
        text = self._texts.getvalue()
        self._texts.seek(0)
        self._texts.truncate()
        return text


_POINT_NAMES: Final = {True: ("lon", "lat", "height"), False: ("x", "y", "height")}


def safe(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula."""
    if text and (text[0] in _DANGEROUS or text.lstrip()[:1] in _DANGEROUS) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def _reader(field: Field) -> Callable[[Any], Any]:
    """How a value of the field becomes a cell."""
    return _READERS.get(field.type, _as_is)


def _as_is(value: Any) -> Any:
    return value


def _text(value: str | None) -> str | None:
    return None if value is None else safe(value)


def _json(value: Any) -> str | None:
    return None if value is None else safe(value if isinstance(value, str) else dump(value).decode())


def _boolean(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _instant(value: datetime | None) -> str | None:
    return moment(value)


_READERS: Final[dict[FieldType, Callable[[Any], Any]]] = {
    FieldType.TEXT: _text,
    FieldType.JSON: _json,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _day,
    FieldType.INSTANT: _instant,
}
