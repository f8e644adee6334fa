"""The host's shelf of tiles, off the event loop: one thread reads at once and writes what came together a moment later."""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Final

from tiles.cache import Kept
from tiles.encodings import Encoding
from tiles.shelf import KEY_BYTES, Shelf
from twin.errors import Unavailable

_LOG = logging.getLogger("twin.tiles")
_TOGETHER_S: Final = 0.1
_LOOK_EVERY_S: Final = 5.0
_MOST_PENDING: Final = 2048
_FLAGS: Final = struct.Struct("<BB")
_FORM: Final = struct.Struct("<BI")


class Disk:
    """Tiles by tag on the shelf; keys begin with whose data they are, for epochs of two databases say nothing to each other."""

    def __init__(self, shelf: Shelf, whose: Callable[[], Awaitable[str]]) -> None:
        self._shelf = shelf
        self._whose = whose
        self._salt = b""
        self._thread = ThreadPoolExecutor(1, "tiles on disk")
        self._pending: dict[bytes, bytes] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looked = 0.0

    async def get(self, tag: str) -> Kept | None:
        """The tile with all its forms, if it is there whole."""
        if not self._salt and not await self._learn_whose():
            return None
        key = self._key(tag)
        packed = self._pending.get(key) or await asyncio.get_running_loop().run_in_executor(self._thread, self._shelf.read, key)
        return None if packed is None else _unpack(tag, packed)

    def put(self, kept: Kept) -> None:
        """Write it soon; when the disk is far behind, not at all."""
        if self._salt and kept.forms and len(self._pending) < _MOST_PENDING:
            self._pending[self._key(kept.tag)] = _pack(kept)
            self._timer = self._timer or asyncio.get_running_loop().call_later(_TOGETHER_S, self._flush)

    def size(self) -> int:
        """Bytes on disk, of all processes."""
        return self._shelf.size()

    async def close(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()
        await asyncio.to_thread(self._thread.shutdown)
        self._shelf.close()

    async def _learn_whose(self) -> bool:
        """Ask the database who it is; while it does not say, the disk keeps nothing."""
        try:
            self._salt = (await self._whose()).encode()
        except Unavailable:
            return False
        except Exception:
            _LOG.exception("tiles are not kept on disk: the database does not say which one it is")
            return False
        return True

    def _key(self, tag: str) -> bytes:
        return blake2b(tag.encode(), digest_size=KEY_BYTES, key=self._salt[:64]).digest()

    def _flush(self) -> None:
        """Hand over what waits, and now and then see what the others took away: a file held open is not free."""
        pending, self._pending, self._timer = self._pending, {}, None
        now = asyncio.get_running_loop().time()
        look = now > self._looked + _LOOK_EVERY_S
        if look:
            self._looked = now
        self._thread.submit(self._write, pending, look)

    def _write(self, pending: dict[bytes, bytes], look: bool) -> None:
        try:
            self._shelf.write(pending.items())
            if look:
                self._shelf.look()
        except Exception:
            _LOG.exception("tiles could not be kept on disk")


def _pack(kept: Kept) -> bytes:
    """One body of all forms."""
    heads = [_FORM.pack(encoding, len(body)) for encoding, body in kept.forms.items()]
    return b"".join((_FLAGS.pack(kept.truncated, len(heads)), *heads, *kept.forms.values()))


def _unpack(tag: str, packed: bytes) -> Kept:
    truncated, count = _FLAGS.unpack_from(packed)
    offset, forms = _FLAGS.size + count * _FORM.size, {}
    for number in range(count):
        encoding, length = _FORM.unpack_from(packed, _FLAGS.size + number * _FORM.size)
        forms[Encoding(encoding)] = packed[offset : offset + length]
        offset += length
    return Kept(tag, forms, bool(truncated))
