"""Text of which part is UTF-8 and part GB18030, as files joined from two offices are: told row by row, and said."""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from importers.base import Finding, Report

MIXED = "utf-8+gb18030"
"""Stands for an encoding where one is named."""
_CHINESE_FROM = "\u2e80"
_KINDS = ("utf-8", "gb18030")
_MOST_ODD = 0.1


def kind_of(raw: bytes, usual: str = "utf-8") -> str:
    """`utf-8` or `gb18030` for the text of one row, `usual` where both are possible, empty where neither is."""
    if raw.isascii():
        return usual
    possible = [kind for kind in _KINDS if _decodes(raw, kind)]
    if len(possible) == 2:
        return "utf-8" if max(raw.decode("utf-8")) >= _CHINESE_FROM else usual
    return possible[0] if possible else ""


def usual_kind(rows: Iterable[bytes]) -> str:
    """The encoding of most rows when they are not all of one; empty when they are, or when too many are neither."""
    counts = Counter(kind_of(row, "either") for row in rows if not row.isascii())
    odd, sure = counts[""], counts["utf-8"] + counts["gb18030"]
    few = odd <= _MOST_ODD * counts.total()
    if not few or not ((counts["utf-8"] and counts["gb18030"]) or (odd and sure >= counts.total() / 2)):
        return ""
    return max(_KINDS, key=lambda kind: counts[kind])


def decode_cut(raw: bytes, kind: str) -> str:
    """Text that may end inside a character because its field was full: the rest of that character is left away."""
    decoder = codecs.getincrementaldecoder(kind)(errors="replace")
    return decoder.decode(raw, final=False)


def lines_usual(path: Path) -> str:
    """As `usual_kind`, for the lines of a text file."""
    with path.open("rb") as file:
        return usual_kind(file)


def lines_as_utf8(path: Path) -> Iterator[bytes]:
    """Every line as UTF-8, whichever it was."""
    usual = lines_usual(path) or "utf-8"
    with path.open("rb") as file:
        for line in file:
            yield line if line.isascii() else line.decode(kind_of(line, usual) or usual, errors="replace").encode()


def tell_lines(path: Path, report: Report, first_row: int) -> None:
    """Report each line that is in the less usual encoding; the first line of the file is row `first_row`."""
    usual = lines_usual(path)
    with path.open("rb") as file:
        for row, line in enumerate(file, start=first_row):
            if not line.isascii() and (kind := kind_of(line, usual)) != usual:
                report(odd_row(max(row, 0), kind))


def odd_row(row: int, kind: str) -> Finding:
    """The finding that a row is in another encoding than most, or in none that is known."""
    if not kind:
        return Finding(rule="bad-text", row=row)
    return Finding(rule="mixed-encodings", row=row, detail_zh=f"该行为 {kind.upper()}", detail_en=f"this row is {kind.upper()}")


def _decodes(raw: bytes, kind: str) -> bool:
    try:
        raw.decode(kind)
    except UnicodeDecodeError:
        return False
    return True
