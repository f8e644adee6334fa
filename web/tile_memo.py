"""The shortest way to a tile that is at hand: from the address as it came to the finished answer, while the catalogue is the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from layers.catalog import Catalog
from tiles.cache import MOST_CHANCES, Kept
from tiles.encodings import Encoding, Wish, wish_of
from tiles.vector import LiveSnapshot
from twin.view import PUBLIC
from web.callers import COOKIE
from web.front import CORS_READ, SECURITY_HEADERS, Headers, Ready, request_id

_SLOTS: Final = 16_384
_WISHES: Final = 1024
_LONGEST_TAG: Final = 80
_SESSION: Final = COOKIE.encode()
_ALWAYS: Final = (*SECURITY_HEADERS, *CORS_READ)
_PUBLIC: Final = PUBLIC.key
#: Address, query, number of the wish, key of the scope, entity tags held.
Key = tuple[str, bytes, int, str, bytes]


@dataclass(slots=True)
class _Slot:
    """An answer under one address; the bytes stay the cache's, which may let go of them at any time."""

    snapshot: Catalog
    status: int
    headers: Headers
    whole: Headers
    """With those that every answer carries."""
    kept: Kept | None = None
    revision: int = 0
    encoding: Encoding = Encoding.IDENTITY


@dataclass(slots=True)
class TileMemo:
    """Finished answers of tiles that were asked for again, and 304s; each is good for one snapshot of the catalogue."""

    catalog: LiveSnapshot
    hits: int = 0
    _slots: dict[Key, _Slot] = field(default_factory=dict)
    _wishes: dict[bytes, int] = field(default_factory=dict)
    """By header as it came; two headers that say the same have one number."""
    _numbers: dict[Wish, int] = field(default_factory=dict)
    _by_number: dict[int, Wish] = field(default_factory=dict)

    def quick(self, request: Mapping[str, Any]) -> Ready | None:
        """The whole answer to a GET of somebody without credentials, or None: then the long way is gone."""
        headers = request["headers"]
        fields: dict[bytes, bytes] = dict(headers)
        if request["method"] != "GET" or len(fields) != len(headers) or b"authorization" in fields or b"x-api-key" in fields:
            return None
        cookie = fields.get(b"cookie")
        if cookie is not None and _SESSION in cookie:
            return None
        wish = self._wishes.get(fields.get(b"accept-encoding", b""), -1)
        slot = self._find((request["path"], request["query_string"], wish, _PUBLIC, fields.get(b"if-none-match", b"")))
        if slot is None:
            return None
        headers = [*slot.whole, (b"x-request-id", request_id(fields.get(b"x-request-id")))]
        return slot.status, headers, b"" if slot.kept is None else slot.kept.forms[slot.encoding]

    def find(self, key: Key) -> Ready | None:
        """The answer under `key` without what every answer carries."""
        slot = self._find(key)
        if slot is None:
            return None
        return slot.status, slot.headers, b"" if slot.kept is None else slot.kept.forms[slot.encoding]

    def _find(self, key: Key) -> _Slot | None:
        """The slot of `key`, if it is still good."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        kept = slot.kept
        if slot.snapshot is not self.catalog.snapshot or (kept is not None and kept.revision != slot.revision):
            del self._slots[key]
            return None
        self.hits += 1
        if kept is not None:
            kept.chances = MOST_CHANCES
        return slot

    def number_of(self, header: bytes) -> tuple[int, Wish]:
        """What an Accept-Encoding header takes, and the number that stands for it in keys."""
        known = self._wishes.get(header)
        if known is not None:
            return known, self._by_number[known]
        wish = wish_of(header.decode("latin-1"))
        if len(self._wishes) >= _WISHES:
            self._wishes.clear()
        number = self._wishes[header] = self._numbers.setdefault(wish, len(self._numbers))
        self._by_number[number] = wish
        return number, wish

    def keep(self, key: Key, status: int, headers: Headers, kept: Kept, encoding: Encoding) -> None:
        """Answer the next request under `key` with this form of a tile of the cache."""
        self._keep(key, _Slot(self.catalog.snapshot, status, headers, [*headers, *_ALWAYS], kept, kept.revision, encoding))

    def keep_unmodified(self, key: Key, headers: Headers) -> None:
        """Answer the next request under `key` with this 304."""
        if len(key[-1]) <= _LONGEST_TAG:
            self._keep(key, _Slot(self.catalog.snapshot, 304, headers, [*headers, *_ALWAYS]))

    def _keep(self, key: Key, slot: _Slot) -> None:
        if len(self._slots) >= _SLOTS:
            self._slots.clear()
        self._slots[key] = slot
