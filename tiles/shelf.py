"""Tiles on disk, shared by the web processes of a host: each appends to files of its own and reads those of all.

No database, and nothing mapped: a file that was cut short or damaged in any place is found out by its checksums and
forgotten, where LMDB ends the process (SIGBUS), and what was read does not count as memory of the process.
"""

import os
import struct
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zlib import crc32

#: Raise the number when records mean something else: files of other formats are taken away.
_MAGIC: Final = b"yuetu tiles 0001"
_HEAD: Final = struct.Struct("<16sII")
_SEAL: Final = struct.Struct("<I")
_HEAD_BYTES: Final = _HEAD.size + _SEAL.size
_SUFFIX: Final = ".tiles"
_FILES: Final = 16
#: Processes come and go and leave small files; each is a descriptor in every process.
_MOST_FILES: Final = 64
_GUESS: Final = 16_384
_OFFSET_BITS: Final = 40
_OFFSET_MASK: Final = (1 << _OFFSET_BITS) - 1
#: Longest look at what other processes wrote, in seconds, before the caller is answered.
_LOOK_S: Final = 0.02
KEY_BYTES: Final = 16


class _Damaged(Exception):
    """What is in the file is not what was written there."""


@dataclass(slots=True)
class _Volume:
    """One file: `known` is how far its records are in the index."""

    number: int
    path: Path
    descriptor: int
    known: int = len(_MAGIC)
    keys: "array[int]" = field(default_factory=lambda: array("Q"))


@dataclass(slots=True)
class Shelf:
    """Bodies by key, the oldest files going first when `limit` bytes are reached. For one thread at a time."""

    folder: Path
    limit: int
    _volumes: dict[str, _Volume] = field(default_factory=dict)
    _by_number: dict[int, _Volume] = field(default_factory=dict)
    _index: dict[int, int] = field(default_factory=dict)
    """First half of the key → number of the file and offset in it, in one integer: a hundred bytes for each tile."""
    _own: _Volume | None = None
    _numbers: int = 0

    def read(self, key: bytes) -> bytes | None:
        """The body kept under `key`; one in an old file is written again, so that what is read stays."""
        found = self._find(key)
        if found is None:
            self.look()
            found = self._find(key)
        if found is None:
            return None
        volume, offset = found
        try:
            body = _record(volume.descriptor, offset, key)
        except _Damaged:
            self._forget(volume, remove=True)
            return None
        if body is not None and volume is not self._own and self._is_old(volume):
            self.write([(key, body)])
        return body

    def write(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Append bodies; what does not fit, or meets a full disk, is not kept."""
        for key, body in entries:
            size = _HEAD_BYTES + len(body)
            if size <= self._volume_bytes:
                try:
                    self._append(key, body, size)
                except OSError:
                    self._own = None

    def look(self, patience_s: float = _LOOK_S) -> bool:
        """Learn what the other processes wrote and took away; False when that is not finished within `patience_s`."""
        deadline = time.monotonic() + patience_s
        present = self._present()
        for name in [name for name in self._volumes if name not in present]:
            self._forget(self._volumes[name])
        for name in present:
            volume = self._volumes.get(name) or self._open(self.folder / name)
            if volume is not None and volume is not self._own and not self._learn(volume, deadline):
                return False
        return True

    def size(self) -> int:
        """Bytes of all files."""
        total = 0
        for name in self._present():
            with suppress(OSError):
                total += (self.folder / name).stat().st_size
        return total

    def close(self) -> None:
        """Let go of the files; they stay."""
        for volume in self._volumes.values():
            os.close(volume.descriptor)
        for held in (self._volumes, self._by_number, self._index):
            held.clear()
        self._own = None

    @property
    def _volume_bytes(self) -> int:
        return self.limit // _FILES

    def _present(self) -> list[str]:
        """Names of the files, oldest first."""
        with suppress(OSError):
            return sorted(name for name in os.listdir(self.folder) if name.endswith(_SUFFIX))  # noqa: PTH208  (names, and often)
        return []

    def _is_old(self, volume: _Volume) -> bool:
        """Whether its file is among the next to go, and some soon will."""
        if sum(known.known for known in self._volumes.values()) < self.limit * 3 // 4:
            return False
        return volume.path.name in sorted(self._volumes)[: len(self._volumes) // 4]

    def _find(self, key: bytes) -> tuple[_Volume, int] | None:
        place = self._index.get(int.from_bytes(key[:8], "little"))
        volume = None if place is None else self._by_number.get(place >> _OFFSET_BITS)
        return None if place is None or volume is None else (volume, place & _OFFSET_MASK)

    def _append(self, key: bytes, body: bytes, size: int) -> None:
        own = self._own_volume(size)
        head = _HEAD.pack(key, len(body), crc32(body))
        if os.write(own.descriptor, b"".join((head, _SEAL.pack(crc32(head)), body))) != size:
            self._own = None  # nobody reads beyond half a record, so the next one needs a new file
            return
        self._note(own, key, own.known)
        own.known += size

    def _own_volume(self, size: int) -> _Volume:
        """The file we append to, with room for `size`: a new one when it is full or was taken away."""
        own = self._own
        if own is None or own.known + size > self._volume_bytes or not _is_whole(own):
            self._make_room()
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self.folder / f"{time.time_ns():020d}-{os.getpid()}{_SUFFIX}"
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.write(descriptor, _MAGIC)
            own = self._own = self._take(path, descriptor)
        return own

    def _make_room(self) -> None:
        """Take the oldest files away until one more fits, whoever wrote them."""
        names = self._present()
        taken = [self._claim(name) for name in names]
        while names and (len(names) >= _MOST_FILES or sum(taken) + self._volume_bytes > self.limit):
            name = names.pop(0)
            taken.pop(0)
            if name in self._volumes:
                self._forget(self._volumes[name])
            (self.folder / name).unlink(missing_ok=True)

    def _claim(self, name: str) -> int:
        """Bytes a file may come to: a living process may still fill its own."""
        if Path("/proc", name.removesuffix(_SUFFIX).rpartition("-")[2]).exists():
            return self._volume_bytes
        with suppress(OSError):
            return (self.folder / name).stat().st_size
        return 0

    def _open(self, path: Path) -> _Volume | None:
        """A file of another process; one that is not of our format is taken away."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        magic = os.pread(descriptor, len(_MAGIC), 0)
        if magic == _MAGIC:
            return self._take(path, descriptor)
        os.close(descriptor)
        if len(magic) == len(_MAGIC) or time.time() - path.stat().st_mtime > 1:
            path.unlink(missing_ok=True)
        return None

    def _take(self, path: Path, descriptor: int) -> _Volume:
        self._numbers += 1
        volume = _Volume(self._numbers, path, descriptor)
        self._volumes[path.name] = self._by_number[volume.number] = volume
        return volume

    def _learn(self, volume: _Volume, deadline: float) -> bool:
        """Put further records of a file into the index; False when time is up. Half a record may become whole later."""
        for count, (key, offset, size) in enumerate(_heads(volume.descriptor, volume.known)):
            self._note(volume, key, offset)
            volume.known = offset + size
            if count % 64 == 63 and time.monotonic() > deadline:
                return False
        return True

    def _note(self, volume: _Volume, key: bytes, offset: int) -> None:
        short = int.from_bytes(key[:8], "little")
        self._index[short] = volume.number << _OFFSET_BITS | offset
        volume.keys.append(short)

    def _forget(self, volume: _Volume, *, remove: bool = False) -> None:
        """Let a file go, with what the index says of it."""
        for short in volume.keys:
            if self._index.get(short, 0) >> _OFFSET_BITS == volume.number:
                del self._index[short]
        del self._volumes[volume.path.name], self._by_number[volume.number]
        os.close(volume.descriptor)
        if volume is self._own:
            self._own = None
        if remove:
            volume.path.unlink(missing_ok=True)


def _is_whole(volume: _Volume) -> bool:
    """Whether the file is still there, and as long as we know it."""
    status = os.fstat(volume.descriptor)
    return status.st_nlink > 0 and status.st_size == volume.known


def _heads(descriptor: int, offset: int) -> Iterator[tuple[bytes, int, int]]:
    """Key, offset and size of the whole records from `offset` on."""
    end = os.fstat(descriptor).st_size
    while offset + _HEAD_BYTES <= end:
        head = _head(os.pread(descriptor, _HEAD_BYTES, offset))
        if head is None or offset + _HEAD_BYTES + head[1] > end:
            return
        size = _HEAD_BYTES + head[1]
        yield head[0], offset, size
        offset += size


def _head(data: bytes) -> tuple[bytes, int, int] | None:
    """Key, length and checksum of a body, or None when its head is damaged."""
    if len(data) < _HEAD_BYTES or _SEAL.unpack_from(data, _HEAD.size)[0] != crc32(data[: _HEAD.size]):
        return None
    key, length, checksum = _HEAD.unpack_from(data)
    return key, length, checksum


def _record(descriptor: int, offset: int, key: bytes) -> bytes | None:
    """The body at `offset`, None if it is that of another key with the same first half; _Damaged unless it is as it was written."""
    data = os.pread(descriptor, _GUESS, offset)
    head = _head(data)
    if head is None:
        raise _Damaged
    found, length, checksum = head
    body = data[_HEAD_BYTES : _HEAD_BYTES + length]
    if len(body) < length:
        body += os.pread(descriptor, length - len(body), offset + len(data))
    if len(body) < length or crc32(body) != checksum:
        raise _Damaged
    return body if found == key else None
