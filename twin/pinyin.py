"""Chinese by its letters: a title typed as pinyin, as initials or as a mix of both, with every common reading of a character."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

#: All ways to type one character or one word, whole readings first.
Unit = tuple[str, ...]

_FILE = Path(__file__).with_name("codes") / "pinyin.txt"
_TWO_LETTERS = ("zh", "ch", "sh")
MAX_LETTERS = 64


@dataclass(frozen=True, slots=True)
class Spelling:
    """A text by units, with the letters each may begin with: most of them are passed over by these alone."""

    units: tuple[Unit, ...]
    firsts: tuple[str, ...]


def spelling(*texts: str) -> Spelling:
    """How the texts can be typed; nothing typed runs from one into the next."""
    joined = tuple(unit for text in texts for unit in (*units(text), ()))
    return Spelling(joined, tuple("".join({way[0] for way in unit}) for unit in joined))


def units(text: str) -> tuple[Unit, ...]:
    """The characters and words of `text`, each with the ways to type it; what is neither is left out."""
    found: list[Unit] = []
    word = ""
    for char in unicodedata.normalize("NFKC", text).lower():
        if char.isascii() and char.isalnum():
            word += char
            continue
        found += [(word,)] if word else []
        word = ""
        found += [_ways(readings)] if (readings := _readings().get(char)) else []
    return (*found, (word,)) if word else tuple(found)


def letters(text: str) -> str:
    """What somebody typed as letters to look for; empty when it is not letters."""
    typed = unicodedata.normalize("NFKC", text).lower().replace("ü", "v")
    typed = "".join(char for char in typed if char not in " '’·-_")
    return typed if typed.isascii() and typed.isalnum() and len(typed) <= MAX_LETTERS else ""


def find(typed: str, within: Spelling) -> int | None:
    """At which unit the letters begin, the last reading perhaps unfinished; None when they are nowhere."""
    if not typed:
        return None
    first = typed[0]
    return next((start for start, firsts in enumerate(within.firsts) if first in firsts and _fits(typed, within.units, start)), None)


def first_readings(text: str) -> str:
    """The text by the commonest readings: how Chinese titles are put in order."""
    return " ".join(unit[0] for unit in units(text))


def _fits(typed: str, within: tuple[Unit, ...], start: int) -> bool:
    """Whether the letters are spent somewhere along the units from `start`, each taking one of its ways."""
    places = {0}
    for unit in islice(within, start, None):
        further: set[int] = set()
        for place in places:
            for way in unit:
                if way.startswith(typed[place:]):
                    return True
                if typed.startswith(way, place):
                    further.add(place + len(way))
        if not further:
            return False
        places = further
    return False


@cache
def _ways(readings: tuple[str, ...]) -> Unit:
    """Whole readings, ü as v or u, then initials of one and two letters."""
    whole = [way for reading in readings for way in (reading, reading.replace("v", "u"))]
    initials = [way for reading in readings for way in (reading[:2] if reading.startswith(_TWO_LETTERS) else "", reading[0]) if way]
    return tuple(dict.fromkeys((*whole, *initials)))


@cache
def _readings() -> Mapping[str, tuple[str, ...]]:
    """Character → readings, the commonest first: the order of the file."""
    found: dict[str, tuple[str, ...]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        syllable, _, characters = line.partition(" ")
        for character in "" if syllable == "#" else characters:
            found[character] = (*found.get(character, ()), syllable)
    return found
