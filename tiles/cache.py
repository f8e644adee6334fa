"""Tiles in the memory of one process, as the bytes that are sent: bounded, and kept by how often they are asked for (S3-FIFO)."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from tiles.encodings import Encoding

#: What a tile costs beside its bytes: objects, keys, and the headers prepared for it.
_OVERHEAD: Final = 2048
_PROBATION: Final = 0.1
MOST_CHANCES: Final = 3


@dataclass(slots=True, eq=False)
class Kept:
    """One version of one tile, in one or more forms; a 204 has an empty plain form."""

    tag: str
    """Names the version: what was asked and the epochs it was made at, without the suffix of a form."""
    forms: dict[Encoding, bytes]
    """Never changed, only exchanged; exchanged for none when the cache lets go, so that who still points here frees the bytes and sees it."""
    truncated: bool = False
    place: Hashable = None
    """The same for all versions of what was asked."""
    revision: int = 0
    """Grows with every change of `forms`."""
    chances: int = 0
    in_main: bool = False

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(map(len, self.forms.values())) + _OVERHEAD


@dataclass(slots=True)
class MemoryCache:
    """Tiles by tag: new ones on probation in a tenth of the room, from where only those asked for again move on."""

    limit: int
    """Bytes; nothing is kept when it is smaller than a tile."""
    size: int = 0
    _probation_size: int = 0
    _probation: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    _main: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    _by_tag: dict[str, Kept] = field(default_factory=dict)
    _by_place: dict[Hashable, Kept] = field(default_factory=dict)
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """Tags let go from probation lately: who comes back from there is popular."""

    def __len__(self) -> int:
        return len(self._by_tag)

    def get(self, tag: str) -> Kept | None:
        """The tile, and a chance to stay."""
        kept = self._by_tag.get(tag)
        if kept is not None and kept.chances < MOST_CHANCES:
            kept.chances += 1
        return kept

    def last(self, place: Hashable) -> Kept | None:
        """The newest version of what is at `place`."""
        return self._by_place.get(place)

    def put(self, kept: Kept) -> None:
        """Keep a tile; an older version of it goes, for nobody will ask for that again."""
        for older in (self._by_tag.get(kept.tag), self._by_place.get(kept.place)):
            if older is not None and older is not kept:
                self._drop(older)
        self._by_tag[kept.tag] = self._by_place[kept.place] = kept
        kept.in_main = kept.tag in self._seen
        self._seen.pop(kept.tag, None)
        (self._main if kept.in_main else self._probation)[kept.tag] = kept
        self._count(kept, kept.size)
        self._make_room()

    def add(self, kept: Kept, encoding: Encoding, body: bytes) -> None:
        """Keep another form of a tile that is here; the better gzip takes the place of the quick one."""
        if self._by_tag.get(kept.tag) is not kept:
            return
        before, forms = kept.size, {**kept.forms, encoding: body}
        if encoding is Encoding.GZIP_BETTER:
            forms.pop(Encoding.GZIP, None)
        kept.forms = forms
        kept.revision += 1
        self._count(kept, kept.size - before)
        self._make_room()

    def _count(self, kept: Kept, grown: int) -> None:
        self.size += grown
        if not kept.in_main:
            self._probation_size += grown

    def _make_room(self) -> None:
        while self.size > self.limit and self._by_tag:
            if self._probation and (self._probation_size > self.limit * _PROBATION or not self._main):
                self._judge()
            else:
                self._main_out()

    def _judge(self) -> None:
        """The oldest on probation moves on if it was asked for again, else it goes and its tag is remembered."""
        tag, kept = next(iter(self._probation.items()))
        if not kept.chances:
            self._drop(kept)
            self._seen[tag] = None
            while len(self._seen) > len(self._main) + 64:
                self._seen.popitem(last=False)
            return
        del self._probation[tag]
        self._probation_size -= kept.size
        kept.chances, kept.in_main = 0, True
        self._main[tag] = kept

    def _main_out(self) -> None:
        """The oldest goes, unless a chance is left."""
        tag, kept = next(iter(self._main.items()))
        if kept.chances:
            kept.chances -= 1
            self._main.move_to_end(tag)
        else:
            self._drop(kept)

    def _drop(self, kept: Kept) -> None:
        self._count(kept, -kept.size)
        (self._main if kept.in_main else self._probation).pop(kept.tag, None)
        self._by_tag.pop(kept.tag, None)
        if self._by_place.get(kept.place) is kept:
            del self._by_place[kept.place]
        kept.forms = {}
        kept.revision += 1
