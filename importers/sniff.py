"""A file is what its bytes say: each function looks at the first bytes only, never at the name alone."""

import re
import struct

from importers.base import Member
from twin.errors import BadFile

HEAD_BYTES = 65_536
_SQLITE = b"SQLite format 3\x00"
_SHAPEFILE_CODE = 9994
_BOM = b"\xef\xbb\xbf"
_SEPARATORS = (b",", b"\t", b";", b"|")

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
