"""Tiles of WebMercatorQuad as degrees: closed form, so neither PROJ nor the antimeridian can bend a tile's box."""

import math
from functools import lru_cache

from twin.layer import Bounds

EXTENT = 4096
"""Units across one vector tile."""
MAX_ZOOM = 22
LINEAR_ZOOM = 14
"""From this zoom on, latitude grows so evenly within a tile that a straight scale from degrees errs by less than 0.2 units of 4096."""


@lru_cache(maxsize=8192)
def tile_bounds_4490(z: int, x: int, y: int, buffer: int = 0) -> Bounds:
    """West, south, east, north of a tile in degrees (CGCS2000 taken as WGS 84, as PROJ does), widened by `buffer` / 4096 of its width.

    Longitudes end at ±180: PROJ would wrap a widened box round to the other side and lose the whole tile.
    """
    count, margin = 2.0**z, buffer / EXTENT
    west, east = ((column / count) * 360.0 - 180.0 for column in (x - margin, x + 1 + margin))
    return (max(west, -180.0), _latitude((y + 1 + margin) / count), min(east, 180.0), _latitude((y - margin) / count))


def _latitude(row_share: float) -> float:
    """Latitude in degrees of a row given as its share of the map's height from the top."""
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * row_share))))
