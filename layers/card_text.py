"""What a catalogue card is found by, made ready once: titles, code, keywords and description as written and as typed in letters."""

import unicodedata
from dataclasses import dataclass

from twin import pinyin
from twin.product import Product

#: Tiers from here on: the words are in the card, but not next to each other.
SCATTERED = 10


@dataclass(frozen=True, slots=True)
class CardText:
    """The words of one card in the spelling they are compared in."""

    names: tuple[str, ...]
    keywords: tuple[str, ...]
    prose: str
    title_typed: pinyin.Spelling
    keywords_typed: pinyin.Spelling
    title_order: str
    """Where the Chinese title stands among others, by its pinyin."""

    def tier(self, text: str) -> int | None:
        """How well `text` fits: 0 a whole name, 1–2 a part of one, 3–4 its pinyin, 5 a keyword, 6 the description; None: not at all."""
        wanted = normal(text)
        together = self._tier(wanted)
        words = wanted.split(" ")
        if together is not None or len(words) == 1:
            return together
        tiers = [self._tier(word) for word in words]
        return SCATTERED + max(tier or 0 for tier in tiers) if None not in tiers else None

    def _tier(self, wanted: str) -> int | None:
        if wanted in self.names:
            return 0
        if any(name.startswith(wanted) for name in self.names):
            return 1
        if any(wanted in name for name in self.names):
            return 2
        typed = pinyin.letters(wanted)
        place = pinyin.find(typed, self.title_typed)
        if place is not None:
            return 4 if place else 3
        if any(wanted in word for word in self.keywords) or pinyin.find(typed, self.keywords_typed) is not None:
            return 5
        return 6 if wanted in self.prose else None


def card_text(product: Product) -> CardText:
    """The text of a card, ready to be searched."""
    return CardText(
        names=(normal(product.title_zh), normal(product.title_en), product.code),
        keywords=tuple(map(normal, product.keywords)),
        prose=normal("\n".join((product.description_zh, product.description_en, product.owner))),
        title_typed=pinyin.spelling(product.title_zh),
        keywords_typed=pinyin.spelling(*product.keywords),
        title_order=pinyin.first_readings(product.title_zh),
    )


def normal(text: str) -> str:
    """One spelling of what is compared: full width = half width, upper = lower case, runs of space = one space."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())
