"""MapInfo TAB and MIF: side files gathered by stem; a table that is a view of other tables is refused, for it may name any file."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from importers.base import Finding, Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, open_dataset
from importers.text import CANDIDATES, blocks, decodes, encoding_named
from importers.unpack import place_as, read_head, rewrite
from twin.errors import BadFile, BadParameter

_SIDE = {"tab": ("dat", "map", "id", "ind"), "mif": ("mid",)}
_NEEDED = {"tab": ("dat", "map", "id"), "mif": ("mid",)}
_TYPE = re.compile(rb"^\s*type\s+(\w+)", re.IGNORECASE | re.MULTILINE)
_CHARSET = re.compile(rb"^[^\n]*?!?\bcharset\s+\"?([\w-]+)", re.IGNORECASE | re.MULTILINE)
_ELSEWHERE = re.compile(rb"^\s*(create\s+view|open\s+table|select\b)|\\?isseamless\"?\s*=\s*\"?true", re.IGNORECASE | re.MULTILINE)
#: Names of MapInfo for encodings, where they are not the encoding's own.
_WORDS = {"gb18030": "WindowsSimpChinese", "big5": "WindowsTradChinese", "utf-8": "UTF-8", "cp1252": "WindowsLatin1"}
_ASCII_RUN = re.compile(rb"\x00+")
_CHARSETS = {"windowssimpchinese": "gb18030", "windowstradchinese": "big5", "windowslatin1": "cp1252", "utf-8": "utf-8", "utf8": "utf-8"}


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The table whose description or interchange file comes first, with its side files."""
    main = members[0]
    head = read_head(main.path)
    kind = "tab" if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(b"!table") else "mif"
    side = {member.suffix[1:]: member for member in members[1:] if member.suffix[1:] in _SIDE[kind]}
    if kind == "tab":
        _check_native(head, main)
    _check_side(kind, head, side, main)
    encoding = _encoding(request.encoding, head, [main, *side.values()], report)
    path = rewrite(request.folder / f"table.{kind}", _with_charset(main.path, encoding, kind))
    for suffix, member in side.items():
        place_as(member, request.folder, f"table.{suffix}")
    opened = open_dataset(Dataset(path, "mapinfo"), report)
    if not opened.meta.crs:
        report(Finding(rule="missing-prj"))
    return Opened(opened.meta.model_copy(update={"encoding": encoding.upper()}), opened.chunks)


def _check_native(head: bytes, main: Member) -> None:
    """BadFile for a table that is made of other tables."""
    kind = _TYPE.search(head)
    if _ELSEWHERE.search(head) or (kind and kind[1].lower() != b"native"):
        raise BadFile(
            "the table is a view of other tables or files, not data",
            "该表是其他表或文件的视图，不是数据，已拒绝",
            place=main.name,
            mend="另存为独立的 TAB 表后再导入 / save a copy of the table itself",
        )


def _check_side(kind: str, head: bytes, side: dict[str, Member], main: Member) -> None:
    no_columns = kind == "mif" and re.search(rb"^\s*columns\s+0\s*$", head, re.IGNORECASE | re.MULTILINE)
    if (missing := [f".{suffix}" for suffix in _NEEDED[kind] if suffix not in side]) and not no_columns:
        raise BadFile(
            f"beside {main.base} its {', '.join(missing)} is missing",
            f"缺少与 {main.base} 同名的 {'、'.join(missing)}",
            place=main.name,
            mend="把同名的全部文件放进一个 zip / put all files of that name into one zip",
        )


def _encoding(declared: str, head: bytes, members: Sequence[Member], report: Report) -> str:
    """Declared, else what the table says, else ("Neutral", or nothing) what its text shows."""
    if declared:
        return encoding_named(declared)
    found = _CHARSET.search(head)
    word = found[1].decode("ascii", "replace").lower() if found else ""
    with suppress(BadParameter):
        if word not in ("", "neutral"):
            return encoding_named(_CHARSETS.get(word, word.removeprefix("windows")))
    text = [_ASCII_RUN.sub(b"\n", read_head(member.path)) for member in members if member.suffix in (".tab", ".mif", ".mid", ".dat")]
    taken = next((name for name in CANDIDATES if decodes(iter(text), name)), "iso-8859-1")
    if any(byte > 127 for piece in text for byte in piece):
        report(Finding(rule="encoding-detected", detail_zh=f"判定为 {taken}", detail_en=f"taken as {taken}"))
    return taken


def _with_charset(path: Path, encoding: str, kind: str) -> Iterator[bytes]:
    """The description with its charset in words GDAL knows; what follows the first block stays as it is."""
    word = _WORDS.get(encoding, "WindowsLatin1").encode()
    pieces = blocks(path)
    first = next(pieces, b"").removeprefix(b"\xef\xbb\xbf")
    named = _CHARSET.sub(lambda found: found[0][: found.start(1) - found.start()] + word, first)
    if not _CHARSET.search(first) and kind == "mif":
        named = re.sub(rb"(?i)(version\s+\d+[^\n]*\n)", rb'\1Charset "' + word + b'"\n', first, count=1)
    elif not _CHARSET.search(first):
        named = re.sub(rb"(?i)(!version[^\n]*\n)", rb"\1!charset " + word + b"\n", first, count=1)
    yield named
    yield from pieces
