"""Which encoding a file's text is in: UTF-8 where every byte agrees, else GB18030 where every byte agrees, else refused."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from importers.mixed import MIXED, lines_as_utf8, lines_usual
from twin.errors import BadFile, BadParameter

_BLOCK = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
CANDIDATES = ("utf-8", "gb18030")

#: Names that mean GBK in practice; GB18030 reads all of them and more.
_CHINESE = {"gbk", "gb2312", "cp936", "936", "gb18030", "ms936", "hz", "ansi 936", "cp-936", "54936"}
_UTF8 = {"utf-8", "utf8", "65001", "cp65001", "utf-8-sig"}


def encoding_named(name: str) -> str:
    """The codec for a declared encoding (a `.cpg`, an option); BadParameter when there is none."""
    word = name.strip().strip("\x00").lower()
    if word in _CHINESE:
        return "gb18030"
    if word in _UTF8:
        return "utf-8"
    for spelled in (word, f"cp{word}", word.replace("ansi ", "cp")):
        try:
            return codecs.lookup(spelled).name
        except LookupError:
            continue
    raise BadParameter(f"there is no encoding called {name!r}", f"没有名为 {name!r} 的编码", place="encoding")


def blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a megabyte at a time."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def decodes(pieces: Iterator[bytes], encoding: str) -> bool:
    """Whether all of the bytes are text in `encoding`."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        for piece in pieces:
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def encoding_of(path: Path, declared: str = "") -> str:
    """The encoding of a text file: declared, marked, or found by reading it whole, line by line where it is mixed; BadFile when none fits."""
    with path.open("rb") as file:
        head = file.read(4)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    tried = (encoding_named(declared),) if declared else (marked,) if marked else CANDIDATES
    if not declared and not marked and not decodes(blocks(path), CANDIDATES[0]) and lines_usual(path):
        return MIXED
    for encoding in tried:
        if decodes(blocks(path), encoding):
            return encoding
    raise BadFile(
        f"the text is not {' nor '.join(tried)}",
        f"文本编码不是 {'、'.join(tried)}",
        mend="用 --encoding 指明编码 / declare it with --encoding",
    )


def as_utf8(path: Path, encoding: str) -> Iterator[bytes]:
    """The text of a file as UTF-8 bytes without a mark; every byte has been checked by `encoding_of`."""
    if encoding == MIXED:
        yield from lines_as_utf8(path)
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    for block in blocks(path):
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()
