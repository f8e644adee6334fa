"""Which tiles hold anything: boxes of rows become tile addresses for every zoom at once, as arrays, so that a million rows cost a second.

Boxes are shares of the Web Mercator square: west, north, east, south from 0 to 1, y from the top.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twin.errors import TooLarge
from twin.layer import Bounds
from twin.pmtiles import first_id

Boxes = NDArray[np.float64]
Codes = NDArray[np.int64]
"""Tiles of one zoom: row << 32 | column."""
Ids = NDArray[np.uint64]

MAX_TILES = 50_000_000
"""Most tiles of one export; more is a world at street level, and the plan alone would not fit."""
MARGIN = 0.04
"""Part of a tile by which rows are taken to reach further: the widest buffer (128 / 4096) and a little for simplification."""
_DIRECT_ZOOMS = 6
"""So many zooms from the finest are computed from the rows; below, a tile of the finest zoom is smaller than the margin."""
_BLOCK = 4_000_000
_LOW = (1 << 32) - 1


@dataclass(slots=True)
class Covering:
    """Collects boxes and answers which tiles from `min_zoom` to `max_zoom` they touch."""

    min_zoom: int
    max_zoom: int
    within: Bounds | None = None
    """Degrees; tiles outside are left out."""
    _found: dict[int, list[Codes]] = field(default_factory=dict)

    def add(self, boxes: Boxes) -> None:
        """Take some rows; TooLarge when they cover more tiles than an export may have."""
        lowest = max(self.min_zoom, self.max_zoom - _DIRECT_ZOOMS)
        for zoom in range(self.max_zoom, lowest - 1, -1):  # the finest first: what is too much shows there
            for codes in codes_of(boxes, zoom):
                self._keep(zoom, codes)

    def add_ids(self, numbers: Iterable[Ids]) -> None:
        """Take tiles themselves: those of an archive, exactly."""
        for some in numbers:
            for zoom in range(self.min_zoom, self.max_zoom + 1):
                here = some[(some >= first_id(zoom)) & (some < first_id(zoom + 1))]
                if len(here):
                    self._keep(zoom, codes_at(zoom, here))

    def add_codes(self, zoom: int, codes: Codes) -> None:
        """Take tiles of one zoom."""
        if len(codes):
            self._keep(zoom, codes)

    def ids(self) -> Ids:
        """PMTiles ids of all tiles, ascending: zoom by zoom, each along its Hilbert curve."""
        lowest = max(self.min_zoom, self.max_zoom - _DIRECT_ZOOMS)
        finest = _merged(self._found.get(self.max_zoom, []))
        for zoom in range(self.min_zoom, lowest):
            for codes in codes_of(boxes_of(finest, self.max_zoom), zoom):
                self._keep(zoom, codes)
        parts = [tile_ids(zoom, self.inside(codes, zoom)) for zoom, kept in self._found.items() for codes in [_merged(kept)]]
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)

    def _keep(self, zoom: int, codes: Codes) -> None:
        """Remember tiles; merged before they become many times as long as what they say."""
        kept = self._found.setdefault(zoom, [])
        kept.append(codes)
        if sum(map(len, kept)) > 2 * _BLOCK + 2 * len(kept[0]):
            kept[:] = [_merged(kept)]
            if len(kept[0]) > MAX_TILES:
                raise TooLarge(
                    f"more than export_tiles = {MAX_TILES:,} tiles at zoom {zoom}",
                    f"第 {zoom} 级瓦片超过限额 export_tiles = {MAX_TILES:,}",
                    place="max-zoom",
                    mend="用 --max-zoom 或 --bbox 缩小范围 / narrow it with --max-zoom or --bbox",
                )

    def inside(self, codes: Codes, zoom: int) -> Codes:
        """Those that touch what is asked for."""
        if self.within is None:
            return codes
        west, south, east, north = self.within
        (box,) = world_shares(np.array([[west, south, east, north]]))
        low, high = np.floor(box[:2] * 2.0**zoom), np.floor(box[2:] * 2.0**zoom)
        x, y = codes & _LOW, codes >> 32
        inside: Codes = codes[(x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])]
        return inside


def world_shares(degrees: Boxes) -> Boxes:
    """Boxes in degrees (west, south, east, north) as shares of the square; what lies beyond its edge is put on it."""
    x = np.clip(degrees[:, [0, 2]] / 360.0 + 0.5, 0.0, 1.0 - 1e-12)
    sine = np.sin(np.radians(np.clip(degrees[:, [3, 1]], -85.06, 85.06)))
    y = np.clip(0.5 - np.log((1.0 + sine) / (1.0 - sine)) / (4.0 * np.pi), 0.0, 1.0 - 1e-12)
    return np.column_stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]])


def boxes_of(codes: Codes, zoom: int) -> Boxes:
    """The places of tiles, as boxes."""
    x, y, size = (codes & _LOW).astype(np.float64), (codes >> 32).astype(np.float64), 2.0**-zoom
    return np.column_stack([x, y, x + 1.0, y + 1.0]) * size


def codes_of(boxes: Boxes, zoom: int) -> Iterator[Codes]:
    """The tiles of one zoom that boxes touch, widened by the margin; in pieces that may repeat each other."""
    count, last = 2.0**zoom, (1 << zoom) - 1
    low = np.clip(np.floor(boxes[:, :2] * count - MARGIN), 0, last).astype(np.int64)
    high = np.clip(np.floor(boxes[:, 2:] * count + MARGIN), 0, last).astype(np.int64)
    single = (low == high).all(axis=1)
    yield _unique(low[single, 1] << 32 | low[single, 0])
    for start, stop in _blocks(np.prod(high[~single] - low[~single] + 1, axis=1)):
        yield _enumerated(low[~single][start:stop], high[~single][start:stop])


def _blocks(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of rows whose sizes together stay below a block; one that is larger stands alone."""
    start, total = 0, np.cumsum(sizes)
    while start < len(sizes):
        before = total[start - 1] if start else 0
        if sizes[start] > MAX_TILES:
            raise TooLarge("one object covers more tiles than an export may have", "单个对象覆盖的瓦片过多", place="max-zoom")
        stop = max(start + 1, int(np.searchsorted(total, before + _BLOCK, side="right")))
        yield start, stop
        start = stop


def _enumerated(low: NDArray[np.int64], high: NDArray[np.int64]) -> Codes:
    """Every tile of each range."""
    wide, tall = (high - low + 1).T
    sizes = wide * tall
    row = np.repeat(np.arange(len(sizes)), sizes)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return _unique((low[row, 1] + nth // wide[row]) << 32 | (low[row, 0] + nth % wide[row]))


def _merged(parts: Iterable[Codes]) -> Codes:
    parts = list(parts)
    return _unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _unique(codes: Codes) -> Codes:
    return np.unique(codes)


def tile_ids(zoom: int, codes: Codes) -> Ids:
    """Tiles of one zoom as PMTiles numbers them: all coarser zooms first, then along the Hilbert curve."""
    x, y = (codes & _LOW).astype(np.uint64), (codes >> 32).astype(np.uint64)
    place = np.full(len(codes), first_id(zoom), np.uint64)
    for level in range(zoom - 1, -1, -1):
        side = np.uint64(1 << level)
        right, down = (x & side) > 0, (y & side) > 0
        quarter = (np.uint64(3) * right.astype(np.uint64)) ^ down.astype(np.uint64)
        place += quarter << np.uint64(2 * level)
        x, y = x & (side - np.uint64(1)), y & (side - np.uint64(1))
        flip = right & ~down
        x, y = np.where(flip, side - np.uint64(1) - x, x), np.where(flip, side - np.uint64(1) - y, y)
        x, y = np.where(down, x, y), np.where(down, y, x)
    return place


def codes_at(zoom: int, ids: Ids) -> Codes:
    """The tiles of one zoom that have these ids."""
    place = ids - np.uint64(first_id(zoom))
    x, y = np.zeros_like(place), np.zeros_like(place)
    for level in range(zoom):
        side = np.uint64(1 << level)
        right = (place >> np.uint64(1)) & np.uint64(1)
        down = (place ^ right) & np.uint64(1)
        flip = (down == 0) & (right == 1)
        x, y = np.where(flip, side - np.uint64(1) - x, x), np.where(flip, side - np.uint64(1) - y, y)
        x, y = np.where(down == 1, x, y), np.where(down == 1, y, x)
        x, y = x + right * side, y + down * side
        place >>= np.uint64(2)
    return (y.astype(np.int64) << 32) | x.astype(np.int64)
