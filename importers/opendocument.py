"""OpenDocument sheets as the library reads them: it takes the line breaks that GDAL writes between tags for text of the cells, and refuses."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_CONTENT = "content.xml"
_KEPT = ("mimetype", "META-INF/manifest.xml")
_BLOCK = 1 << 20
#: White space before a tag of a table or a paragraph never means anything: neither stands inside text.
_BREAK = re.compile(rb">\s+(?=<(?:/?table:|text:p(?![\w:.-])))")


def without_breaks(book: Path, folder: Path) -> Path:
    """A copy with no white space between the tags of its tables; the book itself where there is none."""
    with zipfile.ZipFile(book) as archive:
        names = set(archive.namelist())
        if _CONTENT not in names or not _has_breaks(archive):
            return book
        path = folder / "plain.ods"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for name in filter(names.__contains__, _KEPT):
                out.writestr(name, archive.read(name))
            with archive.open(_CONTENT) as content, out.open(_CONTENT, "w", force_zip64=True) as target:
                target.writelines(_closed_up(content))
    return path


def _has_breaks(archive: zipfile.ZipFile) -> bool:
    """Told by the beginning: a program writes all its tags alike."""
    with archive.open(_CONTENT) as content:
        return bool(_BREAK.search(content.read(_BLOCK)))


def _closed_up(content: IO[bytes]) -> Iterator[bytes]:
    """The document in pieces; what follows the last tag of a block waits for the next."""
    left = b""
    while block := content.read(_BLOCK):
        text = left + block
        cut = max(text.rfind(b">"), 0)
        yield _BREAK.sub(b">", text[:cut])
        left = text[cut:]
    yield left
