"""A file is what its bytes say: each function looks at the first bytes only, never at the name alone."""

import codecs
import re
import struct
from pathlib import Path

from importers.base import Member
from twin.errors import BadFile

HEAD_BYTES = 65_536
_SQLITE = b"SQLite format 3\x00"
_SHAPEFILE_CODE = 9994
_BOM = b"\xef\xbb\xbf"
_SEPARATORS = (b",", b"\t", b";", b"|")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WORKBOOK = re.compile(rb"xl/workbook\.(xml|bin)|application/vnd\.oasis\.opendocument\.spreadsheet", re.IGNORECASE)
_ELEMENT = re.compile(r"<([\w.:-]+)([^>]*)")
_BEFORE_ROOT = (("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE", ">"))
_DXF = re.compile(rb"\s*(999\s*\n[^\n]*\n\s*)*0\s*\n\s*SECTION\s*\n")
_MIF = re.compile(rb"\s*version\s+\d+.*\n", re.IGNORECASE)
_TAB = re.compile(rb"\s*!table\b", re.IGNORECASE)
#: The first table of a file geodatabase, its list of tables; the folder that has it is one.
GDB_CATALOGUE = "a00000001.gdbtable"

#: What GDAL would take as an instruction to open something else: a description of data, not data.
_INSTRUCTIONS = re.compile(
    rb"<\s*(OGRVRT|VRTDataset|GDALTileIndex|GDAL_WMS|WMS_|OGRWFSDataSource|GMLASConfiguration|STACIT|ogr_)|"
    rb"^\s*(MAP\b|driver_name=|\{\s*\"(stac_version|gdal_pipeline|type\"\s*:\s*\"gdal))",
    re.IGNORECASE,
)


def stripped(head: bytes) -> bytes:
    """`head` without byte order mark and leading white space."""
    return head.removeprefix(_BOM).lstrip()


def is_gzip(head: bytes) -> bool:
    """Whether the bytes begin a gzip member."""
    return head.startswith(b"\x1f\x8b")


def is_zip(head: bytes) -> bool:
    """Whether the bytes begin a zip archive (an empty one too)."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


def is_pmtiles(head: bytes, member: Member) -> bool:
    """Whether the bytes begin a PMTiles archive, of whatever version."""
    return head.startswith(b"PMTiles")


def is_geopackage(head: bytes, member: Member) -> bool:
    """Whether the bytes begin an SQLite database; the reader asks it for its feature tables."""
    return head.startswith(_SQLITE)


def is_shapefile(head: bytes, member: Member) -> bool:
    """Whether the bytes begin the main file of a shapefile; its index has the same head, so the suffix tells them apart."""
    return len(head) >= 100 and struct.unpack(">i", head[:4])[0] == _SHAPEFILE_CODE and member.suffix != ".shx"


def is_filegdb(head: bytes, member: Member) -> bool:
    """Whether this is the list of tables of a file geodatabase; the other files of its folder belong to it."""
    return head[:4] in (b"\x03\0\0\0", b"\x04\0\0\0") and member.base.lower() == GDB_CATALOGUE


def is_flatgeobuf(head: bytes, member: Member) -> bool:
    """Whether the bytes begin a FlatGeobuf file, of whatever version."""
    return head.startswith(b"fgb") and head[4:7] == b"fgb"


def is_parquet(head: bytes, member: Member) -> bool:
    """Whether the bytes begin a Parquet file (an encrypted one too: its reader says so)."""
    return head.startswith((b"PAR1", b"PARE"))


def is_osm(head: bytes, member: Member) -> bool:
    """Whether the bytes begin an OSM extract: the header block of a PBF file, or an `osm` element."""
    return (head[4:6] == b"\x0a\x09" and head[6:15] == b"OSMHeader") or xml_root(head)[0] == "osm"


def is_kml(head: bytes, member: Member) -> bool:
    """Whether the document's element is `kml`."""
    return xml_root(head)[0] == "kml"


def is_gml(head: bytes, member: Member) -> bool:
    """Whether the document's element names the namespace of GML (or of WFS, whose answers are GML)."""
    name, rest = xml_root(head)
    return bool(name) and ("opengis.net/gml" in rest or "opengis.net/wfs" in rest)


def is_dxf(head: bytes, member: Member) -> bool:
    """Whether the bytes begin a DXF file, as text or binary."""
    return head.startswith(b"AutoCAD Binary DXF") or bool(_DXF.match(head.removeprefix(_BOM)))


def is_mapinfo(head: bytes, member: Member) -> bool:
    """Whether the bytes begin a MapInfo table description (`.tab`) or interchange file (`.mif`)."""
    text = head.removeprefix(_BOM)
    return bool(_TAB.match(text)) or (bool(_MIF.match(text)) and b"columns" in text.lower())


def is_spreadsheet(head: bytes, member: Member) -> bool:
    """Whether this is an Excel or OpenDocument workbook: an OLE file, or a zip with a workbook in it."""
    return head.startswith(_OLE) or (is_zip(head) and is_workbook(head, member.path))


def is_workbook(head: bytes, path: Path) -> bool:
    """Whether a zip archive holds a workbook: told by the list of entries at its end, or by its first entry."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - HEAD_BYTES, 0))
        tail = file.read(HEAD_BYTES)
    return bool(_WORKBOOK.search(tail) or _WORKBOOK.search(head[:200]))


def xml_root(head: bytes) -> tuple[str, str]:
    """Local name of a document's element, and its attributes as they are written; empty when this is no XML."""
    text = _text(head)
    at = _after_prolog(text)
    found = _ELEMENT.match(text, at)
    return (found[1].rpartition(":")[2], found[2]) if found else ("", "")


def _after_prolog(text: str) -> int:
    """Where declarations, comments and the document type end."""
    at = 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        end = next((end for start, end in _BEFORE_ROOT if text.startswith(start, at)), None)
        if end is None:
            return at
        close = text.find(end, at)
        inner = text.find("[", at, close) if end == ">" else -1
        if inner >= 0:
            close = text.find(end, text.find("]", inner))
        if close < 0:
            return len(text)
        at = close + len(end)


def _text(head: bytes) -> str:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if wide else "utf-8", errors="ignore").lstrip("\ufeff")


def is_geojson_sequence(head: bytes, member: Member) -> bool:
    """Whether the bytes are one JSON object per line, or separated by the RS character."""
    text = stripped(head)
    if text.startswith(b"\x1e"):
        return True
    first, newline, rest = text.partition(b"\n")
    complete = first.startswith(b"{") and first.rstrip().endswith(b"}") and b'"Feature"' in first
    return bool(newline) and complete and rest.lstrip().startswith(b"{")


def is_json(head: bytes, member: Member) -> bool:
    """Whether the bytes begin a JSON object or list."""
    return stripped(head)[:1] in (b"{", b"[")


def is_table(head: bytes, member: Member) -> bool:
    """Whether the first line is a table header: text with a separator, not markup."""
    line = stripped(head).splitlines()[0] if stripped(head) else b""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return wide or (b"\x00" not in head and not line.startswith(b"<") and any(mark in line for mark in _SEPARATORS))


def refuse_instructions(head: bytes, name: str) -> None:
    """Raise BadFile when the bytes tell a reader to open something else (VRT and its family), whatever the name says."""
    if _INSTRUCTIONS.search(stripped(head)[:4096]):
        raise BadFile(
            "the file is an instruction to open other files (VRT or its family), not data",
            "该文件是指向其他文件的指令（VRT 一类），不是数据，已拒绝",
            place=name,
            mend="导出为 GeoJSON、GeoPackage 或 Shapefile 后再导入 / export the data itself",
        )
