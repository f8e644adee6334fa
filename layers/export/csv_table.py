"""CSV that a spreadsheet opens as it is: a byte order mark for Chinese, and no cell that would be run as a formula.

Cells are neutralised as OWASP's page on CSV injection says: one that begins with = + - @, a tab, a line end or a full-width twin of these gets an
apostrophe in front. Numbers stay numbers, also those that are text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from layers.export.text import Row, TextSheet, dump, moment
from twin.fields import FieldType
from twin.layer import GeometryType
from twin.sheet import free_names

BOM: Final = "\ufeff"
_DANGEROUS: Final = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_SPECIAL: Final = re.compile('[,"\r\n]')
_DEGREES: Final = frozenset({"OGC:CRS84", "EPSG:4490", "EPSG:4326"})


class CsvTable:
    """One line for each row (RFC 4180); points in columns of their own (lon, lat or x, y; height), all else as WKT."""

    def __init__(self, about: TextSheet) -> None:
        sheet = about.sheet
        self._cells = [(field.name, _WRITERS.get(field.type, str)) for field in sheet.fields]
        self._point = sheet.shape is GeometryType.POINT
        self._ordinates = 3 if sheet.heights else 2
        places = (_POINT_NAMES[sheet.crs in _DEGREES][: self._ordinates]) if self._point else ("wkt",)
        fields = [field.name for field in sheet.fields]
        oid, *others = free_names(("oid", "valid_from", "valid_to", *places), fields)
        self._header = ",".join([_text(name) for name in (oid, *fields, *others)])

    def head(self) -> bytes:
        """The names of the columns."""
        return f"{BOM}{self._header}\r\n".encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """The lines of these rows."""
        return "".join([self._line(row) for row in rows]).encode()

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """A table has no end of its own."""
        return b""

    def _line(self, row: Row) -> str:
        cells = [str(row["oid"])]
        for name, write in self._cells:
            value = row[name]
            cells.append("" if value is None else write(value))
        valid = row["valid"]
        cells += ("", "") if valid is None else (moment(valid.lower) or "", moment(valid.upper) or "")
        cells += self._place(row["geom"])
        return ",".join(cells) + "\r\n"

    def _place(self, wkt: str | None) -> Sequence[str]:
        if not self._point:
            return (f'"{wkt}"' if wkt else "",)  # numbers and letters: there is nothing in it to escape
        ordinates = wkt[wkt.index("(") + 1 : -1].split(" ") if wkt and "(" in wkt else []
        return [*ordinates, *[""] * self._ordinates][: self._ordinates]


_POINT_NAMES: Final = {True: ("lon", "lat", "height"), False: ("x", "y", "height")}


def safe(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula."""
    if text and (text[0] in _DANGEROUS or text.lstrip()[:1] in _DANGEROUS) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def _text(value: str) -> str:
    """A cell of text, quoted where a separator, a quote or a line end is in it."""
    kept = safe(value)
    return '"' + kept.replace('"', '""') + '"' if _SPECIAL.search(kept) else kept


def _json(value: Any) -> str:
    return _text(value if isinstance(value, str) else dump(value).decode())


_WRITERS: Final[dict[FieldType, Callable[[Any], str]]] = {
    FieldType.TEXT: _text,
    FieldType.JSON: _json,
    FieldType.BOOLEAN: lambda value: "true" if value else "false",
    FieldType.DATE: date.isoformat,
    FieldType.INSTANT: lambda value: moment(value) or "",
}
