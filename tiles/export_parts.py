"""The folder of an unfinished export beside its file: the plan, and every finished chunk of tiles, so that a killed run goes on.

A chunk exists only whole (it is renamed into place). A later chunk may hold a tile again; the later one counts.
"""

import fcntl
import json
import os
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tiles.covering import Ids
from twin.errors import Conflict

CHUNK_TILES = 256
_HEAD = struct.Struct("<8sQQI")
_MAGIC = b"yuetu.c1"
_INDEX = np.dtype([("id", "<u8"), ("offset", "<u8"), ("length", "<u4"), ("truncated", "u1"), ("etag", "S24")])


@dataclass(frozen=True, slots=True)
class MadeTile:
    """One tile as it goes into the archive: `body` is compressed, empty when nothing is there."""

    id: int
    body: bytes
    truncated: bool
    etag: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """One finished file: which tiles are in it, and the event up to which the data were known when it was begun."""

    path: Path
    epoch: int
    index: NDArray[Any]

    @property
    def start(self) -> int:
        """Where the bytes of its first tile begin."""
        return int(_HEAD.size + self.index.nbytes)


class Parts:
    """The folder `OUT.part`, held by one process."""

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, out.with_name(out.name + ".part")
        self._lock = -1

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._lock)
            raise Conflict(f"another export writes {self.out}", f"另一个导出任务正在写 {self.out}", place=str(self.out)) from exc
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._lock)

    def resume(self, key: Mapping[str, Any]) -> bool:
        """Whether an unfinished run of the same arguments lies here; anything else that lies here is removed."""
        try:
            same = json.loads((self.folder / "plan.json").read_text("utf-8")) == key
        except (OSError, ValueError):
            same = False
        for path in self.folder.iterdir():
            if not same or path.suffix not in (".chunk", ".json", ".npy"):
                path.unlink()
        return bool(same)

    def keep_plan(self, key: Mapping[str, Any], ids: Ids) -> None:
        """Write which tiles are to be made; the key comes last, for it says that the plan is whole."""
        with (self.folder / "ids.npy").open("wb") as file:
            np.save(file, ids)
            os.fsync(file.fileno())
        (self.folder / "plan.json").write_text(json.dumps(key, ensure_ascii=False), "utf-8")

    def ids(self) -> Ids:
        """The planned tiles."""
        found: Ids = np.load(self.folder / "ids.npy", allow_pickle=False)
        return found

    def wanted(self, ids: Ids, round_: int = 0) -> Iterator[tuple[Path, list[int]]]:
        """The chunks of one round that are still to be made, each with its tiles."""
        for start in range(0, len(ids), CHUNK_TILES):
            path = self.folder / f"{round_:03}-{start // CHUNK_TILES:08}.chunk"
            if read_chunk(path) is None:
                yield path, [int(number) for number in ids[start : start + CHUNK_TILES]]

    def rounds(self) -> int:
        """How many rounds were begun."""
        return max((int(path.name[:3]) + 1 for path in self.folder.glob("*.chunk")), default=0)

    def chunks(self) -> list[Chunk]:
        """Every finished chunk, older rounds first."""
        found = (read_chunk(path) for path in sorted(self.folder.glob("*.chunk")))
        return [chunk for chunk in found if chunk is not None]

    def remove(self) -> None:
        """Everything goes: the archive is finished."""
        shutil.rmtree(self.folder)


def write_chunk(path: Path, epoch: int, tiles: Sequence[MadeTile]) -> None:
    """Write one chunk, whole or not at all."""
    lengths = [len(tile.body) for tile in tiles]
    index = np.zeros(len(tiles), _INDEX)
    index["id"], index["length"] = [tile.id for tile in tiles], lengths
    index["offset"] = np.cumsum([0, *lengths[:-1]])
    index["truncated"], index["etag"] = [tile.truncated for tile in tiles], [tile.etag.encode() for tile in tiles]
    part = path.with_suffix(".new")
    with part.open("wb") as file:
        file.write(_HEAD.pack(_MAGIC, epoch, sum(lengths), len(tiles)))
        file.write(index.tobytes())
        file.writelines(tile.body for tile in tiles)
    part.replace(path)


def read_chunk(path: Path) -> Chunk | None:
    """A chunk's index; None when it is not there, or not as long as it says (a power cut)."""
    try:
        with path.open("rb") as file:
            magic, epoch, size, count = _HEAD.unpack(file.read(_HEAD.size))
            index = np.frombuffer(file.read(count * _INDEX.itemsize), _INDEX)
            whole = path.stat().st_size == _HEAD.size + index.nbytes + size
    except (OSError, struct.error, ValueError):
        return None
    return Chunk(path, epoch, index) if magic == _MAGIC and whole and len(index) == count else None
