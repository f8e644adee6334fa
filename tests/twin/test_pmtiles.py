"""Reading PMTiles: addresses and directories agree with the format's own package."""

import random

import pytest
from pmtiles.tile import Entry, serialize_directory, zxy_to_tileid

from twin.errors import BadFile
from twin.pmtiles import GZIP, MAX_DIRECTORY_BYTES, inflate, read_directory, tile_id

RANDOM = random.Random(7)


@pytest.mark.parametrize("zoom", range(25))
def test_numbers_of_tiles(zoom: int) -> None:
    for _ in range(50):
        x, y = RANDOM.randrange(1 << zoom), RANDOM.randrange(1 << zoom)
        assert tile_id(zoom, x, y) == zxy_to_tileid(zoom, x, y)


def test_directories() -> None:
    at, entries = 0, []
    for number in sorted(RANDOM.sample(range(10_000_000), 3000)):
        offset = at if RANDOM.random() < 0.7 else RANDOM.randrange(2**40)
        entries.append(Entry(number, offset, RANDOM.randrange(1, 70000), RANDOM.choice((0, 1))))
        at = offset + entries[-1].length
    read = read_directory(inflate(serialize_directory(entries), GZIP, MAX_DIRECTORY_BYTES))
    rows = zip(read.ids, read.offsets, read.lengths, read.runs, strict=True)
    assert [tuple(map(int, row)) for row in rows] == [(e.tile_id, e.offset, e.length, e.run_length) for e in entries]
    assert read.find(entries[0].tile_id - 1) == -1 and read.find(entries[5].tile_id) == 5


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x01", b"\x80", b"\xff" * 12 + b"\x01", b"\x05\x01\x01\x01\x01", b"\x01\x01\x01\x00\x01", b"\x01\x01\x01\x01\x00"],
)
def test_broken_directories(data: bytes) -> None:
    with pytest.raises(BadFile):
        read_directory(data)
