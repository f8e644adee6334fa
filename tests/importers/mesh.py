"""A planar coverage made by hand: neighbours share every vertex of their borders, so nothing may be found wrong with it."""

import numpy as np
import shapely
from numpy.typing import NDArray


def coverage(side: int, size: float = 0.002, seed: int = 1, bends: int = 3) -> NDArray[np.object_]:
    """`side`² crooked cells of about `size` degrees, `bends` points on each border between two cells."""
    random = np.random.default_rng(seed)
    across, up = np.meshgrid(np.arange(side + 1), np.arange(side + 1), indexing="ij")
    corners = np.stack([113 + across * size, 22 + up * size], -1) + random.uniform(-0.3, 0.3, (side + 1, side + 1, 2)) * size
    flat, steep = _borders(corners[:-1], corners[1:], bends), _borders(corners[:, :-1], corners[:, 1:], bends)
    for border, axis in ((flat, 1), (steep, 0)):
        border[1:-1, ..., axis] += random.uniform(-0.05, 0.05, border[1:-1, ..., axis].shape) * size
    rings = np.concatenate([flat[:-1, :, :-1], steep[:-1, 1:], flat[::-1, :, 1:][:-1], steep[::-1, :-1]])
    return shapely.polygons(np.moveaxis(rings, 0, 2).reshape(side * side, -1, 2))


def _borders(start: NDArray[np.float64], end: NDArray[np.float64], bends: int) -> NDArray[np.float64]:
    share = np.linspace(0, 1, bends + 2)[:, None, None, None]
    points = start + (end - start) * share
    points[0], points[-1] = start, end
    return points
