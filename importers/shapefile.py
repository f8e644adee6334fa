"""Shapefile: side files gathered whatever their letter case, the attribute encoding found out, a lost index restored."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from importers.base import Chunk, Finding, Member, Opened, ReadRequest, Report
from importers.columns import carry
from importers.dbf import NAME_BYTES, DbfTable, names_of, needs_plain_names, plain_name, read_table, with_plain_names, without_tail
from importers.gdal import Dataset, open_dataset
from importers.mixed import MIXED, decode_cut, kind_of, odd_row, usual_kind
from importers.text import CANDIDATES, decodes, encoding_named
from importers.unpack import place_as
from twin.errors import BadFile, BadParameter
from twin.fields import FieldType

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
_LATIN_1 = "ISO-8859-1"
"""GDAL knows it in capitals only."""
_SIDE = ("dbf", "shx", "prj", "cpg")
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
    table = read_table(side["dbf"].path) if "dbf" in side else None
    encoding = _encoding(table, side, request.encoding, report)
    names = names_of(table, encoding, report) if table else []
    plain = table is not None and needs_plain_names(table, names, encoding)
    if table and plain:
        (request.folder / "shapes.dbf").unlink()
        with_plain_names(table, request.folder / "shapes.dbf")
    raw = _LATIN_1 if encoding == MIXED else encoding  # every byte a letter: decoded here, row by row
    opened = open_dataset(Dataset(path, "shapefile", encoding=raw, restore_index="shx" not in side), report)
    if plain:
        opened = _renamed(opened, {plain_name(at): name for at, name in enumerate(names)})
    return _decoded(opened, usual_kind(list(table.rows())), report) if table and encoding == MIXED else opened


def _renamed(opened: Opened, names: Mapping[str, str]) -> Opened:
    columns = tuple(column.model_copy(update={"name": names.get(column.name, column.name)}) for column in opened.meta.columns)
    return replace(opened, meta=opened.meta.model_copy(update={"columns": columns}))


def _decoded(opened: Opened, usual: str, report: Report) -> Opened:
    """Text that was read byte by byte, in the encoding of its row."""
    text = [at for at, column in enumerate(opened.meta.columns) if column.type is FieldType.TEXT]
    return Opened(
        opened.meta.model_copy(update={"encoding": MIXED.upper()}), (_row_by_row(chunk, text, usual, report) for chunk in opened.chunks)
    )


def _row_by_row(chunk: Chunk, text: Sequence[int], usual: str, report: Report) -> Chunk:
    raw = [[None if value is None else value.encode("latin-1") for value in chunk.columns[at].to_pylist()] for at in text]
    kinds = []
    for row, values in zip(chunk.rows.tolist(), zip(*raw, strict=True), strict=True):
        whole = b"\n".join(without_tail(value) for value in values if value)
        kind = kind_of(whole, usual)
        kinds.append(kind or usual)
        if kind != usual:
            report(odd_row(row, kind))
    columns = list(chunk.columns)
    for at, values in zip(text, raw, strict=True):
        decoded = [None if value is None else decode_cut(value, kind) for value, kind in zip(values, kinds, strict=True)]
        columns[at] = carry(pa.array(decoded, pa.string()), FieldType.TEXT, chunk.rows, str(at + 1), report)
    return replace(chunk, columns=tuple(columns))


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


def _encoding(table: DbfTable | None, side: dict[str, Member], declared: str, report: Report) -> str:
    """Declared, else what the side files say if the text agrees, else what the text itself shows."""
    if declared:
        return encoding_named(declared)
    if table is None:
        return "utf-8"
    said, by = _stated(side, table)
    names = [_judged(field.name) + b"\n" for field in table.fields]
    sample = list(table.rows())
    if usual_kind(sample):
        return MIXED
    if said and decodes(iter([*names, *sample]), said):
        return said
    found = next((name for name in CANDIDATES if decodes(iter([*names, *sample]), name)), _LATIN_1)
    if said:
        report(
            Finding(
                rule="encoding-mismatch", detail_zh=f"{by} 声明 {said}，实为 {found}", detail_en=f"{by} says {said}, the text is {found}"
            )
        )
    elif any(byte > 127 for piece in [*names, *sample] for byte in piece):
        report(Finding(rule="encoding-detected", detail_zh=f"判定为 {found}", detail_en=f"taken as {found}"))
    return found


def _judged(name: bytes) -> bytes:
    """A field's name without the bytes that may be half a character; what fills the ten bytes is often cut."""
    return name if len(name) < NAME_BYTES else without_tail(name)


def _stated(side: dict[str, Member], table: DbfTable) -> tuple[str, str]:
    """The encoding named by the `.cpg` file or the table's language driver, and which of them said so."""
    if page := side.get("cpg"):
        word = _CPG_WORD.match(page.path.read_bytes()[:64].decode("ascii", errors="replace").strip())
        try:
            return (encoding_named(word[0]) if word else "", ".cpg")
        except BadParameter:
            return "", ".cpg"
    return _LANGUAGE_DRIVERS.get(table.language, ""), "DBF"
