"""Finished chunks become one PMTiles file, written beside its place and renamed into it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pmtiles.tile import Compression, TileType
from pmtiles.writer import Writer as _Writer

from tiles.export_parts import Chunk, Parts
from twin.errors import NotFound
from twin.layer import Bounds

Writer: Any = _Writer
_E7 = 10_000_000
_TOLD_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Written:
    """What is in the file."""

    tiles: int
    contents: int
    bytes: int
    truncated: int


def assemble(
    parts: Parts, chunks: Sequence[Chunk], metadata: Mapping[str, Any], bounds: Bounds, tell: Callable[[int, int], None]
) -> Written:
    """Write every tile that holds something in the order of its id; equal bytes are kept once. NotFound when none holds anything."""
    rows, sources = _newest(chunks)
    if not len(rows):
        raise NotFound("every tile is empty: there is nothing to export", "所有瓦片均为空，没有可导出的内容", place="layer")
    draft = parts.folder / "archive.new"
    with draft.open("wb") as file:
        writer = _writer(file, parts)
        for done, (number, body) in enumerate(_bodies(chunks, rows, sources)):
            writer.write_tile(number, body)
            if done % _TOLD_EVERY == 0:
                tell(done, len(rows))
        writer.finalize(_header(bounds, rows), dict(metadata))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(parts.out)
    return Written(len(rows), len(writer.hash_to_offset), parts.out.stat().st_size, int(np.count_nonzero(rows["truncated"])))


def _newest(chunks: Sequence[Chunk]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The rows of all indexes by id, each tile from its last chunk, the empty ones left out; and the chunk each is in."""
    rows = np.concatenate([chunk.index for chunk in chunks])
    sources = np.repeat(np.arange(len(chunks)), [len(chunk.index) for chunk in chunks])
    _, last = np.unique(rows["id"][::-1], return_index=True)
    chosen = len(rows) - 1 - last
    chosen = chosen[rows["length"][chosen] > 0]
    return rows[chosen], sources[chosen]


def _bodies(chunks: Sequence[Chunk], rows: NDArray[Any], sources: NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """Each tile with its bytes; one file is open at a time, and they come in order, so it is seldom another."""
    open_number, file = -1, None
    try:
        for row, source in zip(rows, sources, strict=True):
            if source != open_number:
                if file is not None:
                    file.close()
                open_number, file = source, chunks[source].path.open("rb")
            assert file is not None  # noqa: S101  (opened above)
            file.seek(chunks[source].start + int(row["offset"]))
            yield int(row["id"]), file.read(int(row["length"]))
    finally:
        if file is not None:
            file.close()


def _writer(file: IO[bytes], parts: Parts) -> Any:
    """The package's writer, with its spool beside the archive: /tmp may be memory."""
    writer = Writer(file)
    writer.tile_f.close()
    writer.tile_f = tempfile.TemporaryFile(dir=parts.folder)  # noqa: SIM115  (the writer closes it)
    return writer


def _header(bounds: Bounds, rows: NDArray[Any]) -> dict[str, Any]:
    west, south, east, north = bounds
    lowest = (int(3 * int(rows["id"][0]) + 1).bit_length() - 1) // 2
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": round(west * _E7),
        "min_lat_e7": round(south * _E7),
        "max_lon_e7": round(east * _E7),
        "max_lat_e7": round(north * _E7),
        "center_zoom": lowest,
        "center_lon_e7": round((west + east) / 2 * _E7),
        "center_lat_e7": round((south + north) / 2 * _E7),
    }
