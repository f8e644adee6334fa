"""The quick way through the check of geometry: points and simple areas with nothing odd about them are told by their bytes alone.

Most rows of most files are such; only the others are made into shapes and looked at one by one (`wkb.check`).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.base import Report, Rows
from importers.geos import ArrowArray, arrow, compute
from importers.shapes import WIDE_DEG, Source, is_degrees, units_of
from importers.wkb import Checked, check

Marks = NDArray[np.bool_]
Floats = NDArray[np.float64]
_HEAD = 22
"""Bytes before the first vertex of a polygon in a multipolygon."""
_BLOCK_ROWS = 2048
"""So many at a time stay in the processor's cache."""
_WHOLE = 1 << 30
"""Where a slice ends that is to have all the rest; Arrow 26 fails on some arrays when no end is said."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Which rows of a batch are plain, what kinds they are, and the bounds of them all."""

    rows: Marks
    kinds: Counter[int]
    bounds: Floats


def check_batch(wkb: ArrowArray, rows: Rows, explode: bool, report: Report, source: Source) -> Checked:
    """`wkb.check`, of which plain rows are spared."""
    if explode or source.format == "shapefile" or not len(wkb) or wkb.type != pa.binary():
        return check(wkb, rows, explode, report, source)
    plain = find_plain(wkb, source)
    odd = np.flatnonzero(~plain.rows)
    if not len(odd):
        return Checked(np.arange(len(wkb)), np.zeros(len(wkb), np.int32), wkb, 0, plain.bounds, False, plain.kinds)
    rest = check(wkb.take(arrow.array(odd)), rows[odd], False, report, source)
    if len(odd) == len(wkb):
        return rest
    take = np.concatenate([np.flatnonzero(plain.rows), odd[rest.take]])
    order = np.argsort(take)
    out = arrow.concat_arrays([wkb.filter(pa.array(plain.rows)), rest.wkb]).take(arrow.array(order))
    bounds = np.concatenate([np.fmin(plain.bounds[:2], rest.bounds[:2]), np.fmax(plain.bounds[2:], rest.bounds[2:])])
    kinds = plain.kinds + Counter(rest.kinds)
    return Checked(take[order], np.zeros(len(take), np.int32), out, rest.refused, bounds, rest.has_z, kinds)


def find_plain(wkb: ArrowArray, source: Source) -> Plain:
    """Points, and areas of one closed ring that are no slivers: two-dimensional, finite, no vertex twice, degrees within the world."""
    buffers: Any = wkb.buffers()
    offsets = np.frombuffer(buffers[1], np.int32, len(wkb) + 1, 4 * wkb.offset).astype(np.int64)
    data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None and buffers[2].size else np.zeros(1, np.uint8)
    starts, sizes = offsets[:-1], np.diff(offsets)
    head = data[np.minimum(starts[:, None] + np.arange(_HEAD), len(data) - 1)]
    first, count = _vertices(head, sizes)
    fits = (first > 0) & (first + 16 * count == sizes)
    rows, boxes = np.zeros(len(wkb), np.bool_), np.full((len(wkb), 4), np.nan)
    for skipped in np.unique(first[fits]).tolist():
        at = np.flatnonzero(fits & (first == skipped))
        same = wkb if len(at) == len(wkb) else wkb.take(arrow.array(at))
        for block in range(0, len(at), _BLOCK_ROWS):
            here = at[block : block + _BLOCK_ROWS]
            rows[here], boxes[here] = _good(_points(same[block : block + _BLOCK_ROWS], skipped, count[here]), count[here], source)
    areas = int((count[rows] > 1).sum())
    kinds = Counter({kind: number for kind, number in ((0, int(rows.sum()) - areas), (2, areas)) if number})
    good = boxes[rows]
    bounds = np.concatenate([good[:, :2].min(axis=0), good[:, 2:].max(axis=0)]) if len(good) else np.full(4, np.nan)
    return Plain(rows, kinds, bounds)


def _points(wkb: ArrowArray, skipped: int, count: NDArray[np.int64]) -> Floats:
    """The vertices of shapes that all have `skipped` bytes before the first one."""
    bare = compute.binary_slice(wkb, skipped, _WHOLE)
    return np.frombuffer(bare.buffers()[2], "<f8", 2 * int(count.sum())).reshape(-1, 2)


def _vertices(head: NDArray[np.uint8], sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the vertices begin and how many there are; 0 for what is neither a point nor an area of one ring."""

    def word(at: int) -> NDArray[np.int64]:
        return np.ascontiguousarray(head[:, at : at + 4]).view("<u4")[:, 0].astype(np.int64)

    little, kind = head[:, 0] == 1, word(1)
    point = little & (sizes == 21) & (kind == 1)
    single = little & (sizes > 13) & (kind == 3) & (word(5) == 1)
    multi = little & (sizes > _HEAD) & (kind == 6) & (word(5) == 1) & (head[:, 9] == 1) & (word(10) == 3) & (word(14) == 1)
    first = np.select([point, single, multi], [5, 13, _HEAD], 0)
    count = np.select([point, single, multi], [np.int64(1), word(9), word(18)], 0)
    first[~point & (count < 4)] = 0
    return first, count


def _good(points: Floats, count: NDArray[np.int64], source: Source) -> tuple[Marks, Floats]:
    """Which of the rings and points have nothing odd, and the box of each."""
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    begin = np.cumsum(count) - count
    boxes = np.column_stack([narrow.reduceat(values, begin) for narrow in (np.minimum, np.maximum) for values in (x, y)])
    good: Marks = np.isfinite(boxes).all(axis=1)
    units = units_of(boxes, source)
    if is_degrees(source.crs) and units.degrees.any():
        good &= (np.abs(boxes) <= (180, 90, 180, 90)).all(axis=1) & (boxes[:, 2] - boxes[:, 0] <= WIDE_DEG)
    area, width = _measured(x, y, begin, count)
    return good & ((count == 1) | ((area > 0) & (width * units.metres >= units.limit_m))), boxes


def _measured(x: Floats, y: Floats, begin: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Area and mean width of each ring; no area where it is not closed or has a vertex twice in a row. Overwrites `x` and `y`."""
    end = begin + count - 1
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        first_x, first_y = x[begin], y[begin]
        closed = (first_x == x[end]) & (first_y == y[end])
        step_x, step_y = np.empty_like(x), np.empty_like(y)
        np.subtract(x[1:], x[:-1], out=step_x[:-1])
        np.subtract(y[1:], y[:-1], out=step_y[:-1])
        step_x[end] = step_y[end] = 0.0
        lengths = np.sqrt(step_x * step_x + step_y * step_y)
        around = np.add.reduceat(lengths, begin)
        lengths[end] = 1.0
        repeated = np.minimum.reduceat(lengths, begin) == 0
        x -= np.repeat(first_x, count)
        y -= np.repeat(first_y, count)
        x *= step_y
        y *= step_x
        area: Floats = np.abs(np.add.reduceat(x - y, begin)) / 2
        area[~closed | repeated] = 0.0
        width: Floats = 2 * area / around
    return area, width
