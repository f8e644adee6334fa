"""The attribute table of a shapefile looked at as bytes: its fields, samples of its text, and names that GDAL could not take."""

import shutil
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from importers.base import Finding, Report
from importers.mixed import MIXED, decode_cut, kind_of

NAME_BYTES = 10
_HEAD_BYTES = 32
_SAMPLE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class DbfField:
    """One field as the table describes it: raw name, type letter, place in the record and width in bytes."""

    name: bytes
    kind: bytes
    at: int
    width: int


@dataclass(frozen=True, slots=True)
class DbfTable:
    """The head of a table."""

    path: Path
    fields: tuple[DbfField, ...]
    header_bytes: int
    record_bytes: int
    language: int

    def rows(self) -> Iterator[bytes]:
        """Character values of records spread over the whole table, each value ended by a line feed so that no cut joins two characters."""
        size = max(self.record_bytes, 1)
        there = max(self.path.stat().st_size - self.header_bytes, 0) // size
        every = max(1, there * size // _SAMPLE_BYTES)
        text = [field for field in self.fields if field.kind == b"C"]
        with self.path.open("rb") as file:
            for number in range(0, there, every):
                file.seek(self.header_bytes + number * size)
                record = file.read(size)
                yield b"".join(_whole(record[field.at : field.at + field.width]) for field in text)


def read_table(path: Path) -> DbfTable | None:
    """The head of a table, None when the file is too short to have one."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if len(head) < _HEAD_BYTES:
            return None
        header_bytes, record_bytes = struct.unpack("<HH", head[8:12])
        fields = tuple(_fields(file.read(max(header_bytes - _HEAD_BYTES, 0))))
    return DbfTable(path, fields, header_bytes, record_bytes, head[29])


def _fields(descriptors: bytes) -> Iterator[DbfField]:
    at = 1
    for start in range(0, len(descriptors) - 31, 32):
        field = descriptors[start : start + 32]
        if field[0] in (0x0D, 0x00):
            return
        yield DbfField(field[:11].split(b"\x00")[0].rstrip(), field[11:12], at, field[16])
        at += field[16]


def _whole(value: bytes) -> bytes:
    """A value without its padding; one that fills its field may be cut inside a character, so its last bytes are not judged."""
    text = value.rstrip(b" \x00")
    return (text if len(text) < len(value) else without_tail(text)) + b"\n"


def without_tail(text: bytes) -> bytes:
    """`text` without a last character that was cut in two, whichever encoding it is in; UTF-8 first, which nothing else looks like."""
    for kept in range(len(text), max(len(text) - 4, -1), -1):
        if not text[:kept].isascii() and kind_of(text[:kept], "either") == "utf-8":
            return text[:kept]
    return next((text[:kept] for kept in (len(text), len(text) - 1) if kept >= 0 and kind_of(text[:kept])), text)


def names_of(table: DbfTable, encoding: str, report: Report) -> list[str]:
    """The fields' names as text, each different from the others in any letter case; cuts and doubles are reported."""
    seen: Counter[str] = Counter()
    out: list[str] = []
    for at, field in enumerate(table.fields, start=1):
        kind = (kind_of(field.name, "utf-8") or "gb18030") if encoding == MIXED else encoding
        name = decode_cut(field.name, kind).strip() or f"field_{at}"
        if len(field.name) >= NAME_BYTES and name.encode(kind, errors="replace") != field.name:
            report(Finding(rule="name-cut", detail_zh=f"字段 {name}…", detail_en=f"field {name}…"))
        given, nth = name, 1
        while seen[given.casefold()]:
            nth += 1
            given = f"{name}_{nth}"
        seen[given.casefold()] += 1
        if given != name:
            report(Finding(rule="doubled-name", detail_zh=f"{name} → {given}", detail_en=f"{name} → {given}"))
        out.append(given)
    return out


def with_plain_names(table: DbfTable, target: Path) -> Path:
    """A copy of the table whose fields are called F1, F2 …: what GDAL cannot decode or takes for the same name it would refuse or lose."""
    shutil.copyfile(table.path, target)
    with target.open("r+b") as file:
        for at in range(len(table.fields)):
            file.seek(_HEAD_BYTES * (at + 1))
            file.write(plain_name(at).encode().ljust(11, b"\x00"))
    return target


def plain_name(at: int) -> str:
    """What field number `at` (from 0) is called in such a copy."""
    return f"F{at + 1}"


def needs_plain_names(table: DbfTable, names: Sequence[str], encoding: str) -> bool:
    """Whether GDAL would read other names than `names`."""
    if encoding == MIXED:
        return True
    return any(_strict(field.name, encoding) != name for field, name in zip(table.fields, names, strict=True))


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None
