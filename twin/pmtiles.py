"""The PMTiles format, version 3, as it is read: header, directories, addresses; every number is checked, for the file may be anyone's.

https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadFile
from twin.layer import Bounds

HEADER_BYTES = 127
NONE, GZIP = 1, 2
MVT = 1
MAX_ZOOM = 24
MAX_DEPTH = 4
"""Directories above a tile; three levels hold more tiles than there are."""
MAX_DIRECTORY_BYTES = 16 << 20
MAX_METADATA_BYTES = 8 << 20
MAX_TILE_BYTES = 32 << 20
"""Of one tile, unpacked."""
_MAGIC = b"PMTiles\x03"
_FIELDS = struct.Struct("<8s11Q6B4iB2i")
_COMPRESSIONS = {0: "unknown", 3: "brotli", 4: "zstd"}
_TYPES = {0: "unknown", 2: "png", 3: "jpeg", 4: "webp", 5: "avif", 6: "mlt"}
_E7 = 10_000_000
_MAX_VARINT_BYTES = 10

Column = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """Some bytes of the file."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Header:
    """Where everything is, and what it covers."""

    root: Span
    metadata: Span
    leaves: Span
    data: Span
    internal: int
    """Compression of directories and metadata."""
    tiles: int
    """Compression of tiles."""
    min_zoom: int
    max_zoom: int
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Directory:
    """Entries by id: `runs` 0 is a further directory, else so many tiles share the bytes."""

    ids: Column
    runs: Column
    lengths: Column
    offsets: Column

    def find(self, number: int) -> int:
        """The position of the entry that may hold tile `number`, or -1."""
        at = int(np.searchsorted(self.ids, number, side="right")) - 1
        if at < 0:
            return -1
        run = int(self.runs[at])
        return at if run == 0 or number < int(self.ids[at]) + run else -1


def broken(why_en: str, why_zh: str, place: str = "archive") -> BadFile:
    """The refusal of a file that is not what it says."""
    return BadFile(f"the PMTiles archive is broken: {why_en}", f"PMTiles 文件已损坏：{why_zh}", place=place)


def read_header(head: bytes, size: int) -> Header:
    """The header of a file of `size` bytes; BadFile unless all it points to lies inside and we can serve it."""
    if len(head) < HEADER_BYTES or not head.startswith(_MAGIC):
        raise BadFile("this is not a PMTiles archive of version 3", "不是 PMTiles 第 3 版文件", place="header")
    _, *n = _FIELDS.unpack(head[:HEADER_BYTES])
    spans = [Span(n[at], n[at + 1]) for at in (0, 2, 4, 6)]
    for span, name in zip(spans, ("root directory", "metadata", "leaf directories", "tile data"), strict=True):
        if span.length and not HEADER_BYTES <= span.offset <= span.end <= size:
            raise broken(f"its {name} end at byte {span.end} of {size} (truncated?)", f"{name} 超出文件末尾（截断？）", "header")
    internal, tiles, kind, low, high = n[12:17]
    _refuse_foreign(internal, tiles, kind)
    if not low <= high <= MAX_ZOOM:
        raise broken(f"zooms {low} to {high}", f"级别 {low}–{high}", "header")
    root, metadata, leaves, data = spans
    return Header(root, metadata, leaves, data, internal, tiles, low, high, _bounds(n[17:21]))


def _refuse_foreign(internal: int, tiles: int, kind: int) -> None:
    """What is well formed but not for us."""
    if kind != MVT:
        what = _TYPES.get(kind, str(kind))
        raise BadFile(
            f"its tiles are {what}; only vector tiles (MVT) are taken", f"瓦片类型为 {what}，只接受矢量瓦片（MVT）", place="header"
        )
    for value, where in ((internal, "directories"), (tiles, "tiles")):
        if value not in (NONE, GZIP):
            what = _COMPRESSIONS.get(value, str(value))
            raise BadFile(
                f"its {where} are compressed by {what}; only gzip or none is taken",
                f"压缩方式 {what} 不受支持，只接受 gzip 或不压缩",
                place="header",
                mend="pmtiles convert 可改写压缩方式 / write it again with gzip",
            )


def _bounds(e7: list[int]) -> Bounds:
    west, south, east, north = (value / _E7 for value in e7)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise broken("its bounds are no box in degrees", "范围不是经纬度框", "header")
    return west, south, east, north


def inflate(packed: bytes, compression: int, limit: int) -> bytes:
    """Bytes as they were before compression; BadFile when they are not that, or would be more than `limit`."""
    if compression == NONE:
        data = packed
    else:
        unpack = zlib.decompressobj(wbits=31)
        try:
            data = unpack.decompress(packed, limit + 1)
        except zlib.error as exc:
            raise broken(f"bad gzip ({exc})", "gzip 数据有误") from exc
        if len(data) <= limit and not unpack.eof:
            raise broken("gzip ends too early", "gzip 数据不完整")
    if len(data) > limit:
        raise broken(f"something in it unpacks to more than {limit} bytes", f"解压后超过 {limit} 字节")
    return data


def read_directory(data: bytes) -> Directory:
    """An unpacked directory; BadFile unless its ids rise and its numbers are sane."""
    numbers = _varints(data)
    count = int(numbers[0]) if len(numbers) else 0
    if count == 0 or len(numbers) != 1 + 4 * count:
        raise broken("a directory is not as long as it says", "目录长度不符", "directory")
    steps, runs, lengths, raw = numbers[1:].reshape(4, count)
    ids = np.cumsum(steps)
    if count > 1 and not (steps[1:] > 0).all():
        raise broken("the ids of a directory do not rise", "目录编号未递增", "directory")
    if int(steps.max()) > first_id(MAX_ZOOM + 1) or int(ids[-1]) + int(runs[-1]) > first_id(MAX_ZOOM + 1) or (np.diff(ids) <= 0).any():
        raise broken("a directory names tiles beyond the finest zoom", "目录编号超出最大级别", "directory")
    if (lengths <= 0).any() or (runs[:-1] > np.diff(ids)).any():
        raise broken("an entry of a directory is empty or runs into the next", "目录项为空或相互重叠", "directory")
    return Directory(ids, runs, lengths, _offsets(raw, lengths))


def _offsets(raw: Column, lengths: Column) -> Column:
    """0 means right after the entry before; anything else is the offset plus one."""
    if raw[0] == 0:
        raise broken("the first entry of a directory has no offset", "目录首项没有偏移", "directory")
    said = np.maximum.accumulate(np.where(raw > 0, np.arange(len(raw)), 0))
    before = np.cumsum(lengths) - lengths
    found: Column = raw[said] - 1 + before - before[said]
    return found


def _varints(data: bytes) -> Column:
    """All numbers of a text of little-endian base-128 numbers."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    if not len(ends) or ends[-1] != len(octets) - 1:
        raise broken("a directory ends inside a number", "目录在数字中间结束", "directory")
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    if int(sizes.max()) >= _MAX_VARINT_BYTES:
        raise broken("a directory has a number beyond 63 bits", "目录中的数字超出 63 位", "directory")
    values = np.zeros(len(ends), np.int64)
    for nth in range(int(sizes.max())):
        longer = sizes > nth
        values[longer] |= (octets[starts[longer] + nth].astype(np.int64) & 0x7F) << (7 * nth)
    return values


def first_id(zoom: int) -> int:
    """The id of the first tile of a zoom: all tiles of coarser ones come before."""
    return int(((1 << 2 * zoom) - 1) // 3)


def tile_id(z: int, x: int, y: int) -> int:
    """The number of a tile along the Hilbert curve of its zoom, behind all coarser zooms."""
    place = first_id(z)
    for level in range(z - 1, -1, -1):
        side = 1 << level
        right, down = bool(x & side), bool(y & side)
        place += ((3 * right) ^ down) << (2 * level)
        x, y = x & (side - 1), y & (side - 1)
        if not down:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
    return place
