"""Which tiles hold anything, found from above: a tile that holds nothing has no children that do, so that neither empty land nor a million
rows cost anything."""

import numpy as np
from numpy.typing import NDArray

from postgis.tile_boxes import Look
from tiles.covering import MARGIN, Boxes, Codes, Covering, boxes_of

_ROWS_A_LOOK = 16
"""Looking whether a tile holds anything takes as long as reading so many rows."""
_BEYOND = 1_000.0
"""Degrees that reach what lies outside the square and was put on its edge."""


def descend(covering: Covering, rows: int, look: Look) -> bool:
    """Add the tiles that hold anything; False, and nothing, where it is better to read the `rows`: they are few, spread out, or large."""
    found: dict[int, Codes] = {}
    asked, left = np.zeros(1, np.int64), rows // _ROWS_A_LOOK
    for zoom in range(covering.max_zoom + 1):
        asked = covering.inside(_children(asked) if zoom else asked, zoom)
        seen = look(_degrees(asked, zoom))
        left -= len(asked)
        found[zoom] = asked = asked[seen > 0]
        if (seen < 0).any() or _looks_below(len(asked), covering.max_zoom - zoom) > left:
            return False
    for zoom in range(covering.min_zoom, covering.max_zoom + 1):
        covering.add_codes(zoom, found[zoom])
    return True


def _looks_below(tiles: int, zooms: int) -> int:
    """How many looks there are at least below so many tiles: each has a child that holds something."""
    return 4 * tiles * zooms


def _children(codes: Codes) -> Codes:
    """The four below each."""
    x, y = (codes & ((1 << 32) - 1)) * 2, (codes >> 32) * 2
    return np.concatenate([(y + down) << 32 | (x + right) for down in (0, 1) for right in (0, 1)])


def _degrees(codes: Codes, zoom: int) -> Boxes:
    """The places of tiles with their margin; those at an edge reach all that lies beyond."""
    west, north, east, south = (boxes_of(codes, zoom) + np.array([-1, -1, 1, 1]) * MARGIN * 2.0**-zoom).T
    return np.column_stack([_longitude(west), _latitude(south), _longitude(east), _latitude(north)])


def _longitude(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(share <= 0, -_BEYOND, np.where(share >= 1, _BEYOND, (share - 0.5) * 360))


def _latitude(share: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * np.clip(share, 0, 1)))))
    return np.where(share <= 0, _BEYOND, np.where(share >= 1, -_BEYOND, inside))
