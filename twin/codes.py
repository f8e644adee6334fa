"""Code lists kept as data in `twin/codes/*.csv`: themes, land use, phases, levels; each code with its titles and colour."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from twin.errors import NotFound

_FOLDER = Path(__file__).with_name("codes")
_HEADER = ["code", "title_zh", "title_en", "color", "parent"]
_COLOR = re.compile(r"^#[0-9A-F]{6}$")

#: Names of all code lists: the files in the folder.
CODE_LISTS = tuple(sorted(path.stem for path in _FOLDER.glob("*.csv")))


@dataclass(frozen=True, slots=True)
class Code:
    """One value of a code list; `color` is #RRGGBB, `parent` the code above it or empty."""

    code: str
    title_zh: str
    title_en: str
    color: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class CodeList:
    """A closed list of codes in the order people expect them."""

    name: str
    entries: Mapping[str, Code]

    def get(self, code: str) -> Code | None:
        """The code, or None when the list does not have it."""
        return self.entries.get(code)

    def children(self, parent: str = "") -> tuple[Code, ...]:
        """Codes right below `parent`; the top level by default."""
        return tuple(code for code in self.entries.values() if code.parent == parent)


@cache
def code_list(name: str) -> CodeList:
    """The code list called `name`; NotFound names those there are."""
    if name not in CODE_LISTS:
        raise NotFound(f"no code list {name!r}; there are {', '.join(CODE_LISTS)}", f"没有代码表 {name!r}", place="code_list")
    return CodeList(name, MappingProxyType(_read(_FOLDER / f"{name}.csv")))


def _read(path: Path) -> dict[str, Code]:
    """Read and check one file; ValueError names it, for a broken list is our own fault."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    if rows[0] != _HEADER:
        raise ValueError(f"{path.name}: the header must be {','.join(_HEADER)}")
    codes = {row[0]: Code(*row) for row in rows[1:]}
    if len(codes) != len(rows) - 1:
        raise ValueError(f"{path.name}: a code occurs twice")
    for code in codes.values():
        if not _COLOR.match(code.color) or (code.parent and code.parent not in codes):
            raise ValueError(f"{path.name}: {code.code} has a bad colour or an unknown parent")
    return codes
