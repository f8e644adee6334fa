"""Shapefile: side files gathered whatever their letter case, the attribute encoding found out, a lost index restored."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from importers.base import Finding, Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, open_dataset
from importers.text import CANDIDATES, decodes, encoding_named
from importers.unpack import place_as
from twin.errors import BadFile, BadParameter

#: Language driver ids of the DBF header that name one code page beyond doubt.
_LANGUAGE_DRIVERS = {
    0x4D: "gb18030",
    0x7A: "gb18030",
    0x4F: "big5",
    0x78: "big5",
    0x7B: "cp932",
    0x13: "cp932",
    0x79: "cp949",
    0x4E: "cp949",
}
_SIDE = ("dbf", "shx", "prj", "cpg")
_SAMPLE_BYTES = 8 << 20
_CPG_WORD = re.compile(r"[\w .-]+", re.ASCII)


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The main file (first member) with the side files of its stem."""
    main = members[0]
    _check_length(main, report)
    side = {member.suffix[1:]: member for member in members[1:] if member.suffix[1:] in _SIDE}
    path = place_as(main, request.folder, "shapes.shp")
    for suffix, member in side.items():
        if suffix != "cpg":
            place_as(member, request.folder, f"shapes.{suffix}")
    for suffix in _SIDE[:3]:
        if suffix not in side:
            report(Finding(rule=f"missing-{suffix}"))
    encoding = _encoding(side, request.encoding, report)
    dataset = Dataset(path, "shapefile", encoding=encoding, restore_index="shx" not in side)
    return open_dataset(dataset, report)


def _check_length(main: Member, report: Report) -> None:
    """The header counts the file's length in 16-bit words; a shorter file was cut off."""
    with main.path.open("rb") as file:
        promised = 2 * struct.unpack(">i", file.read(28)[24:])[0]
    size = main.path.stat().st_size
    if size < promised:
        raise BadFile(
            f"the main file is truncated: {size} of {promised} bytes",
            f"主文件被截断：应有 {promised} 字节，实有 {size} 字节",
            place=main.name,
        )
    if size > promised:
        text = (f"the main file has {size - promised} bytes beyond its stated end", f"主文件末尾多出 {size - promised} 字节")
        report(Finding(rule="reader-warning", detail_en=text[0], detail_zh=text[1]))


def _encoding(side: dict[str, Member], declared: str, report: Report) -> str:
    """Declared, else what the side files say if the text agrees, else what the text itself shows."""
    table = side.get("dbf")
    if declared:
        return encoding_named(declared)
    if table is None:
        return "utf-8"
    said, by = _stated(side, table.path)
    sample = list(_text_of(table.path))
    if said and decodes(iter(sample), said):
        return said
    found = next((name for name in CANDIDATES if decodes(iter(sample), name)), "iso-8859-1")
    if said:
        report(
            Finding(
                rule="encoding-mismatch", detail_zh=f"{by} 声明 {said}，实为 {found}", detail_en=f"{by} says {said}, the text is {found}"
            )
        )
    elif any(byte > 127 for piece in sample for byte in piece):
        report(Finding(rule="encoding-detected", detail_zh=f"判定为 {found}", detail_en=f"taken as {found}"))
    return found


def _stated(side: dict[str, Member], table: Path) -> tuple[str, str]:
    """The encoding named by the `.cpg` file or the table's language driver, and which of them said so."""
    if page := side.get("cpg"):
        word = _CPG_WORD.match(page.path.read_bytes()[:64].decode("ascii", errors="replace").strip())
        try:
            return (encoding_named(word[0]) if word else "", ".cpg")
        except BadParameter:
            return "", ".cpg"
    with table.open("rb") as file:
        head = file.read(32)
    return _LANGUAGE_DRIVERS.get(head[29], "") if len(head) == 32 else "", "DBF"


def _text_of(table: Path) -> Iterator[bytes]:
    """Field names and character values of the first megabytes, each ended by a line feed so that no cut joins two characters."""
    with table.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            return
        header_bytes, record_bytes = struct.unpack("<HH", head[8:12])
        fields = list(_fields(file.read(max(header_bytes - 32, 0))))
        yield from (name + b"\n" for name, _, _, _ in fields)
        file.seek(header_bytes)
        for _ in range(_SAMPLE_BYTES // max(record_bytes, 1)):
            if len(record := file.read(record_bytes)) < max(record_bytes, 1):
                return
            yield from (_whole(record[at : at + width]) for _, kind, at, width in fields if kind == b"C")


def _whole(value: bytes) -> bytes:
    """A value without its padding; one that fills its field may be cut inside a character, so its last bytes are not judged."""
    text = value.rstrip(b" \x00")
    return (text if len(text) < len(value) else text[: max(len(text) - 4, 0)].rstrip(bytes(range(128, 256)))) + b"\n"


def _fields(descriptors: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Name, type, offset in the record and width of each field."""
    at = 1
    for start in range(0, len(descriptors) - 31, 32):
        field = descriptors[start : start + 32]
        if field[0] in (0x0D, 0x00):
            return
        yield field[:11].split(b"\x00")[0], field[11:12], at, field[16]
        at += field[16]
