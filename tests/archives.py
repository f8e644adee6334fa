"""PMTiles archives for tests: honest ones by the package's writer, hostile ones by changing bytes of those."""

import gzip
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mapbox_vector_tile
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

Address = tuple[int, int, int]
#: Where in the header each number is.
ROOT_OFFSET, ROOT_LENGTH, METADATA_OFFSET, METADATA_LENGTH, LEAF_OFFSET, LEAF_LENGTH, DATA_OFFSET, DATA_LENGTH = range(8, 72, 8)
INTERNAL, TILES, TYPE, MIN_ZOOM, MAX_ZOOM = 97, 98, 99, 100, 101


def mvt(layer: str = "roads", count: int = 1, note: str = "") -> bytes:
    """A small vector tile."""
    features = [{"geometry": f"POINT({10 + i} 20)", "properties": {"name": f"路{i}", "note": note}, "id": i + 1} for i in range(count)]
    made = mapbox_vector_tile.encode([{"name": layer, "features": features}], default_options={"extents": 4096})
    return bytes(made)


def write_archive(
    path: Path,
    tiles: Mapping[Address, bytes],
    contents: tuple[str, ...] = ("roads",),
    compression: Compression = Compression.GZIP,
    **metadata: Any,
) -> Path:
    """An honest archive of uncompressed tiles."""
    listed = [{"id": name, "fields": {"name": "String", "note": "String"}, "minzoom": 0, "maxzoom": 22} for name in contents]
    with path.open("wb") as file:
        writer = Writer(file)
        for address in sorted(tiles, key=lambda address: zxy_to_tileid(*address)):
            body = tiles[address]
            writer.write_tile(zxy_to_tileid(*address), gzip.compress(body, mtime=0) if compression is Compression.GZIP else body)
        header = {"tile_type": TileType.MVT, "tile_compression": compression}
        bounds = {"min_lon_e7": 1130000000, "min_lat_e7": 220000000, "max_lon_e7": 1150000000, "max_lat_e7": 230000000}
        writer.finalize(header | bounds, {"name": "试验", "vector_layers": listed} | metadata)
    return path


def put(path: Path, at: int, value: int, size: str = "<Q") -> Path:
    """Change one number of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(struct.pack(size, value))
    return path


def number(path: Path, at: int) -> int:
    """A number of the header."""
    return int(struct.unpack_from("<Q", path.read_bytes(), at)[0])


def varints(*numbers: int) -> bytes:
    """Numbers in base 128."""
    return b"".join(map(_varint, numbers))


def _varint(value: int) -> bytes:
    return bytes([value]) if value <= 0x7F else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def hand_made(path: Path, root: bytes, leaves: bytes = b"", data: bytes = b"", metadata: bytes | None = None) -> Path:
    """An archive of given sections; directories are packed already."""
    text = metadata if metadata is not None else gzip.compress(b'{"vector_layers": [{"id": "a", "fields": {}}]}')
    offsets, at = [], 127
    for part in (root, text, leaves, data):
        offsets += [at, len(part)]
        at += len(part)
    zooms = bytes([1, 2, 2, 1, 0, 14])
    head = b"PMTiles\x03" + struct.pack("<11Q", *offsets, 0, 0, 0) + zooms + struct.pack("<4iB2i", 0, 0, 10, 10, 0, 5, 5)
    path.write_bytes(head + root + text + leaves + data)
    return path


def directory(*entries: tuple[int, int, int, int]) -> bytes:
    """Entries (id, run, length, offset) as a packed directory."""
    ids = [entry[0] for entry in entries]
    steps = [after - before for before, after in zip([0, *ids], ids, strict=False)]
    columns = [steps, [entry[1] for entry in entries], [entry[2] for entry in entries], [entry[3] + 1 for entry in entries]]
    return gzip.compress(varints(len(entries), *(value for column in columns for value in column)))
