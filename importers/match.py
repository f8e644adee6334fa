"""Fits a file's columns to the fields of a layer that is there: what the person says, and suggestions by name, title, cut name and initials."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from importers.base import Column
from twin.errors import BadParameter
from twin.fields import Field, FieldType, Role

_CUT_BYTES = (9, 10)
"""A DBF name holds 10 bytes; one of 3-byte characters ends at 9."""
_SHORTEST_CUT = 3
_SHORTEST_INITIALS = 2
_SIMILAR_FROM = 0.8
_NUMBERS = frozenset((FieldType.NUMBER, FieldType.INTEGER))
_TIMES = frozenset((FieldType.DATE, FieldType.INSTANT))
#: First GB2312 code of each initial; its 3,755 common characters lie in the order of their sound, so no dictionary is needed.
_LETTERS = "abcdefghjklmnopqrstwxyz"
_STARTS = (
    0xB0A1,
    0xB0C5,
    0xB2C1,
    0xB4EE,
    0xB6EA,
    0xB7A2,
    0xB8C1,
    0xB9FE,
    0xBBF7,
    0xBFA6,
    0xC0AC,
    0xC2E8,
    0xC4C3,
    0xC5B6,
    0xC5BE,
    0xC6DA,
    0xC8BB,
    0xC8F6,
    0xCBFA,
    0xCDDA,
    0xCEF4,
    0xD1B9,
    0xD4D1,
)
_LAST_COMMON = 0xD7F9


class Why(StrEnum):
    """What made two names one."""

    SAME = "same"
    TITLE = "title"
    ROLE = "role"
    CUT = "cut"
    INITIALS = "initials"
    SIMILAR = "similar"


_SCORES = {Why.SAME: 1.0, Why.TITLE: 0.95, Why.ROLE: 0.9, Why.CUT: 0.85, Why.INITIALS: 0.8}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One column that probably is one field; `score` 0–1."""

    column: str
    field: str
    why: Why
    score: float


def suggest(columns: Sequence[Column], known: Sequence[Field], roles: Mapping[str, Role]) -> tuple[Suggestion, ...]:
    """The best field for each column, each used once; `roles` are those the columns' own names speak of."""
    pairs = sorted(_pairs(columns, known, roles), key=lambda pair: -pair.score)
    columns_taken: set[str] = set()
    fields_taken: set[str] = set()
    out = []
    for pair in pairs:
        if pair.column not in columns_taken and pair.field not in fields_taken:
            columns_taken.add(pair.column)
            fields_taken.add(pair.field)
            out.append(pair)
    return tuple(out)


def _pairs(columns: Sequence[Column], known: Sequence[Field], roles: Mapping[str, Role]) -> Iterator[Suggestion]:
    for column in columns:
        for field in known:
            if found := _fit(column, field, roles.get(column.name)):
                yield Suggestion(column.name, field.name, *found)


def _fit(column: Column, field: Field, role: Role | None) -> tuple[Why, float] | None:
    """How well one column fits one field, None when it does not."""
    own, names = plain(column.name), [plain(name) for name in (field.name, field.title_zh, field.title_en) if name]
    if column.name == field.name or own == names[0]:
        why = Why.SAME
    elif own in names:
        why = Why.TITLE
    elif role is not None and role is field.role:
        why = Why.ROLE
    elif _is_cut(column.name) and any(name.startswith(own) for name in names):
        why = Why.CUT
    elif len(own) >= _SHORTEST_INITIALS and own in (initials(field.name), initials(field.title_zh)):
        why = Why.INITIALS
    else:
        likeness = max(SequenceMatcher(None, own, name).ratio() for name in names)
        return (Why.SIMILAR, round(likeness * 0.75, 3)) if likeness >= _SIMILAR_FROM and _alike(column.type, field.type) else None
    return why, _SCORES[why]


def _alike(one: FieldType, other: FieldType) -> bool:
    """Whether a likeness of names is not contradicted by the types."""
    return one is other or {one, other} <= _NUMBERS or {one, other} <= _TIMES


def _is_cut(name: str) -> bool:
    """Whether a name has the length at which a DBF cuts it."""
    return len(name) >= _SHORTEST_CUT and any(len(name.encode(encoding, "replace")) in _CUT_BYTES for encoding in ("utf-8", "gb18030"))


def plain(name: str) -> str:
    """A name as people mean it: without blanks, underscores, hyphens and letter case."""
    return re.sub(r"[\s_-]", "", name).lower()


def initials(text: str) -> str:
    """The first letters of Chinese words as a table of codes names its columns (`行政区名称` → `xzqmc`); empty for other text."""
    return "".join(_initial(char) for char in text if not char.isspace()) if re.search(r"[\u3400-\u9fff]", text) else ""


def _initial(char: str) -> str:
    """The letter a character sounds with; itself when it is no Chinese one, a mark no name has when it is a rare one."""
    if char.isascii():
        return char.lower()
    raw = char.encode("gb2312", "ignore")
    code = int.from_bytes(raw, "big") if len(raw) == 2 else 0
    if not _STARTS[0] <= code <= _LAST_COMMON:
        return "\0"
    return _LETTERS[bisect_right(_STARTS, code) - 1]


@dataclass(frozen=True, slots=True)
class Renamed:
    """The columns under the names they are to have."""

    columns: tuple[Column, ...]
    original: Mapping[str, str]
    """New name → name in the file."""
    left_out: tuple[str, ...]


def rename(columns: Sequence[Column], match: Mapping[str, str]) -> Renamed:
    """Columns as `match` says: renamed, or left out for an empty name. BadParameter for a column that is not there or a field said twice."""
    names = {column.name for column in columns}
    said = {column: field for column, field in match.items() if field}
    if unknown := sorted(match.keys() - names):
        raise BadParameter(f"the file has no column {', '.join(unknown)}", f"文件没有列：{'、'.join(unknown)}", place="match")
    doubled = sorted({field for field in said.values() if list(said.values()).count(field) > 1})
    if doubled:
        listed = ", ".join(doubled)
        raise BadParameter(f"two columns are matched to the field {listed}", f"有两列对应同一字段：{listed}", place="match")
    taken = set(said.values())
    kept, original = [], {}
    for column in columns:
        if match.get(column.name) == "":
            continue
        name = said.get(column.name) or _free(column.name, taken)
        taken.add(name)
        kept.append(column.model_copy(update={"name": name}))
        original[name] = column.name
    return Renamed(tuple(kept), original, tuple(column.name for column in columns if match.get(column.name) == ""))


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number where another column has been given it."""
    nth, free = 1, name
    while free in taken:
        nth += 1
        free = f"{name}_{nth}"
    return free
