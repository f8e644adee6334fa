"""Geometry literals in CQL2 text: well-known text read by the filter's own parser, never by a library."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from layers.cql2 import shapes
from layers.cql2.scan import Sort, Word, number
from twin.cql2.limits import FILTER_VERTICES, Budget
from twin.cql2.names import GEOMETRIES
from twin.cql2.nodes import Box, Collection, Coordinates, Geometry, Position
from twin.cql2.systems import FilterCrs
from twin.errors import BadParameter

T = TypeVar("T")


class Words(Protocol):
    """What of the text parser is needed here."""

    crs: FilterCrs
    budget: Budget
    word: Word

    def take(self) -> Word: ...
    def expect(self, symbol: str) -> Word: ...
    def is_symbol(self, symbol: str) -> bool: ...
    def is_keyword(self, keyword: str) -> bool: ...
    def wrong(self, want_en: str, want_zh: str) -> BadParameter: ...


def geometry_literal(words: Words, kind: str, at: str) -> Geometry | Collection:
    """What follows the name of a geometry."""
    if words.is_keyword("Z"):
        words.take()
    if kind == "GeometryCollection":
        return Collection(tuple(_in_parentheses(words, lambda: _member(words))), at=at)
    return shapes.geometry(kind, _coordinates(words, kind), words.crs, at)


def box_literal(words: Words, at: str) -> Box:
    """What follows BBOX."""
    return shapes.box(_in_parentheses(words, lambda: _signed(words), 6), words.crs, words.budget, at)


def _member(words: Words) -> Geometry:
    """A geometry in a collection, which is no collection itself."""
    word = words.word
    kind = GEOMETRIES.get(word.text.upper()) if word.sort is Sort.NAME else None
    if kind is None or kind == "GeometryCollection":
        raise words.wrong("a geometry that is no collection", "集合以外的几何")
    words.budget.node(word.at)
    words.take()
    found = geometry_literal(words, kind, word.at)
    assert isinstance(found, Geometry)  # noqa: S101  (the kind says so)
    return found


def _coordinates(words: Words, kind: str) -> Coordinates:
    if kind == "Point":
        return _in_one(words)
    if kind == "MultiPoint":
        return tuple(_in_parentheses(words, lambda: _in_one(words) if words.is_symbol("(") else _position(words)))
    return _nested(words, shapes.DEPTH[kind])


def _nested(words: Words, depth: int) -> Coordinates:
    """Positions within `depth` parentheses."""
    part: Callable[[], Coordinates] = (lambda: _position(words)) if depth == 1 else (lambda: _nested(words, depth - 1))
    return tuple(_in_parentheses(words, part))


def _in_one(words: Words) -> Position:
    words.expect("(")
    found = _position(words)
    words.expect(")")
    return found


def _in_parentheses(words: Words, part: Callable[[], T], most: int = FILTER_VERTICES) -> list[T]:
    words.expect("(")
    parts = [part()]
    while words.is_symbol(",") and len(parts) < most:
        words.take()
        parts.append(part())
    words.expect(")")
    return parts


def _position(words: Words) -> Position:
    at, numbers = words.word.at, [_signed(words), _signed(words)]
    while words.word.sort is Sort.NUMBER or words.is_symbol("-") or words.is_symbol("+"):
        numbers.append(_signed(words))
        if len(numbers) > 3:
            break
    return shapes.position(numbers, words.crs, words.budget, at)


def _signed(words: Words) -> float:
    sign = 1
    if words.is_symbol("-") or words.is_symbol("+"):
        sign = -1 if words.take().text == "-" else 1
    if words.word.sort is not Sort.NUMBER:
        raise words.wrong("a number", "数")
    word = words.take()
    return float(number(word.text, word.at, sign).value)
