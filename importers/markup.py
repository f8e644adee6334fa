"""XML of strangers: its encoding found out, entity declarations refused, and never anything fetched that it names."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from importers.base import Finding, Member, Report
from importers.text import as_utf8, blocks, decodes, encoding_named, encoding_of
from importers.unpack import place_as, read_head, rewrite
from twin.errors import BadFile, BadParameter

_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.-]+)[\"']", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


class _RootSeen(Exception):
    """The document's element has begun: nothing can be declared any more."""


def encoding_of_xml(member: Member, declared: str, report: Report) -> str:
    """Declared by the person, else by the document if its bytes agree, else what the bytes show."""
    said = _DECLARED.match(read_head(member.path).removeprefix(b"\xef\xbb\xbf"))
    if declared or not said:
        return encoding_of(member.path, declared)
    word = said[1].decode("ascii", "replace")
    try:
        named = encoding_named(word)
    except BadParameter:
        named = ""
    if named and decodes(blocks(member.path), named):
        return encoding_of(member.path) if named == "utf-8" else named  # a mark is taken off
    found = encoding_of(member.path)
    text = (f"XML 声明 {word}，实为 {found}", f"the XML declaration says {word}, the text is {found}")
    report(Finding(rule="encoding-mismatch", detail_zh=text[0], detail_en=text[1]))
    return found


def check_prolog(member: Member, encoding: str, *, whole: bool = False) -> None:
    """BadFile when the document declares entities: a few lines of them can name files or fill any memory.

    With `whole` the markup is followed to its end, for a reader that would take half a document for all of it.
    """
    parser = expat.ParserCreate("utf-8")

    def entity(name: str, *_: object) -> None:
        raise BadFile(
            f"the document declares an entity ({name})",
            f"文档声明了实体（{name}），已拒绝",
            place=f"{member.name}: line {parser.CurrentLineNumber}",
            mend="去掉 DOCTYPE 声明 / remove the DOCTYPE",
        )

    def root(*_: object) -> None:
        raise _RootSeen

    parser.EntityDeclHandler = entity
    if not whole:
        parser.StartElementHandler = root
    try:
        for block in as_utf8(member.path, encoding):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except _RootSeen:
        return
    except expat.ExpatError as exc:
        raise broken(member, exc) from exc


def broken(member: Member, exc: expat.ExpatError) -> BadFile:
    """What is wrong with the markup, and where."""
    said = expat.errors.messages.get(exc.code, str(exc.code))
    return BadFile(f"the XML is broken: {said}", f"XML 有误：{said}", place=f"{member.name}: line {exc.lineno}, column {exc.offset + 1}")


def as_plain_xml(member: Member, folder: Path, name: str, encoding: str) -> Path:
    """The document under a private name; copied as UTF-8 where it is something else."""
    if encoding == "utf-8":
        return place_as(member, folder, name)
    return rewrite(folder / name, _without_declaration(as_utf8(member.path, encoding)))


def _without_declaration(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"").decode()
    yield b'<?xml version="1.0" encoding="UTF-8"?>' + _DECLARATION.sub("", first, count=1).encode()
    yield from pieces
