"""Words of CQL2 text, one at a time: every character is looked at once, and nothing is read twice."""

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from layers.cql2.faults import unreadable
from twin.cql2.names import is_name_part, is_name_start
from twin.cql2.nodes import Number

_SPACE: Final = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
_ESCAPES: Final = {"'": "'", "\\": "\\", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_DIGITS: Final = frozenset("0123456789")
_PAIRS: Final = frozenset({"<>", "<=", ">="})
_SINGLE: Final = frozenset("()=<>+-*/%^,")
WHOLE_DIGITS: Final = 18
_NUMBER_CHARS: Final = 60


class Sort(Enum):
    """What kind of word it is."""

    NAME = auto()
    QUOTED = auto()
    TEXT = auto()
    NUMBER = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Word:
    """One word and where it begins."""

    sort: Sort
    text: str
    start: int

    @property
    def at(self) -> str:
        """Its place for people, counted from 1."""
        return f"filter:{self.start + 1}"

    @property
    def shown(self) -> str:
        """As it is named in a refusal."""
        return "end of filter" if self.sort is Sort.END else self.text


class Scanner:
    """Gives the words of a text in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def next(self) -> Word:
        """The next word; at the end always END."""
        text, at = self._text, self._at
        while at < len(text) and text[at] in _SPACE:
            at += 1
        if at >= len(text):
            return self._word(Sort.END, "", at, at)
        char = text[at]
        if is_name_start(char):
            return self._name(at)
        if char in "'\"":
            return self._literal(at) if char == "'" else self._quoted(at)
        if char in _DIGITS or (char == "." and text[at + 1 : at + 2] in _DIGITS):
            return self._number(at)
        return self._symbol(at)

    def _symbol(self, at: int) -> Word:
        text, char = self._text, self._text[at]
        if text[at : at + 2] in _PAIRS:
            return self._word(Sort.SYMBOL, text[at : at + 2], at, at + 2)
        if char in _SINGLE:
            return self._word(Sort.SYMBOL, char, at, at + 1)
        raise unreadable(f"filter:{at + 1}", char, "a name, a literal or an operator", "字段名、常量或运算符")

    def _word(self, sort: Sort, text: str, start: int, end: int) -> Word:
        self._at = end
        return Word(sort, text, start)

    def _name(self, start: int) -> Word:
        end = start + 1
        while end < len(self._text) and is_name_part(self._text[end]):
            end += 1
        return self._word(Sort.NAME, self._text[start:end], start, end)

    def _literal(self, start: int) -> Word:
        """A text in single quotes: '' and \\' are a quote, a backslash before any other character than those escaped stays."""
        text, parts, at = self._text, [], start + 1
        while at < len(text):
            char, pair = text[at], text[at + 1 : at + 2]
            if char == "\\" and pair in _ESCAPES and pair:
                parts.append(_ESCAPES[pair])
                at += 2
            elif char != "'":
                parts.append(char)
                at += 1
            elif pair == "'":
                parts.append("'")
                at += 2
            else:
                return self._word(Sort.TEXT, "".join(parts), start, at + 1)
        raise unreadable(f"filter:{start + 1}", text[start:], "a text that ends with '", "以 ' 结束的文本")

    def _quoted(self, start: int) -> Word:
        """A name in double quotes; two of them are one within it."""
        text, parts, at = self._text, [], start + 1
        while at < len(text):
            if text[at] != '"':
                parts.append(text[at])
                at += 1
            elif text[at + 1 : at + 2] == '"':
                parts.append('"')
                at += 2
            elif parts:
                return self._word(Sort.QUOTED, "".join(parts), start, at + 1)
            else:
                break
        raise unreadable(f"filter:{start + 1}", text[start:], 'a name that ends with "', '以 " 结束的字段名')

    def _number(self, start: int) -> Word:
        end = self._digits(start)
        if self._text[end : end + 1] == ".":
            end = self._digits(end + 1)
        if self._text[end : end + 1] in ("e", "E"):
            sign = 1 if self._text[end + 1 : end + 2] in ("+", "-") else 0
            after = self._digits(end + 1 + sign)
            end = after if after > end + 1 + sign else end
        return self._word(Sort.NUMBER, self._text[start:end], start, end)

    def _digits(self, at: int) -> int:
        while self._text[at : at + 1] in _DIGITS:
            at += 1
        return at


def number(text: str, at: str, sign: int = 1) -> Number:
    """An unsigned number as a literal; BadParameter beyond the finite ones."""
    if len(text) <= WHOLE_DIGITS and text.isdecimal():
        return Number(sign * int(text), at=at)
    value = float(text) if len(text) <= _NUMBER_CHARS else math.inf
    if not math.isfinite(value):
        raise unreadable(at, text, f"a finite number of at most {_NUMBER_CHARS} characters", f"不超过 {_NUMBER_CHARS} 个字符的有限数")
    return Number(sign * value, at=at)
