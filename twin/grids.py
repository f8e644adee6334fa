"""The two tile grids we serve, as pure arithmetic: how many tiles a level has, and which degrees each covers."""

import math
from enum import StrEnum
from functools import lru_cache

from twin.layer import Bounds
from twin.webmercator import EXTENT, MAX_ZOOM
from twin.webmercator import tile_bounds_4490 as _mercator_bounds

CGCS2000_LEVELS = range(1, 19)
"""Levels of CGCS2000Quad, numbered as 天地图 does; level 1 is two tiles side by side."""
WORLD_HALF_M = 20037508.342789244
"""Half the width of the Web Mercator square, in metres."""
DEGREE_M = WORLD_HALF_M / 180
"""A degree of the equator: of Web Mercator's metres, and of the ground as OGC scale denominators count it (17-083r4, 6378137 m · π / 180)."""


class Grid(StrEnum):
    """A tile matrix set; the value is its name in addresses and documents."""

    WEB_MERCATOR = "WebMercatorQuad"
    CGCS2000 = "CGCS2000Quad"


def levels(grid: Grid) -> range:
    """The zooms that exist in a grid."""
    return CGCS2000_LEVELS if grid is Grid.CGCS2000 else range(MAX_ZOOM + 1)


def last_column(grid: Grid, z: int) -> int:
    """The easternmost column of a level."""
    return (1 << z) - 1


def last_row(grid: Grid, z: int) -> int:
    """The southernmost row of a level; CGCS2000Quad is half as high as wide."""
    return (1 << (z - 1)) - 1 if grid is Grid.CGCS2000 else (1 << z) - 1


@lru_cache(maxsize=8192)
def tile_bounds_4490(grid: Grid, z: int, x: int, y: int, buffer: int = 0) -> Bounds:
    """West, south, east, north of a tile in degrees, widened by `buffer` / 4096 of its width but never beyond the edge of the world."""
    if grid is Grid.WEB_MERCATOR:
        return _mercator_bounds(z, x, y, buffer)
    size, margin = 360.0 / (1 << z), buffer / EXTENT
    west, east = ((x + part) * size - 180.0 for part in (-margin, 1 + margin))
    north, south = (90.0 - (y + part) * size for part in (-margin, 1 + margin))
    return (max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0))


@lru_cache(maxsize=8192)
def tile_bounds_3857(z: int, x: int, y: int) -> Bounds:
    """West, south, east, north in metres of a tile of WebMercatorQuad."""
    size = 2 * WORLD_HALF_M / (1 << z)
    return (x * size - WORLD_HALF_M, WORLD_HALF_M - (y + 1) * size, (x + 1) * size - WORLD_HALF_M, WORLD_HALF_M - y * size)


def mercator_y(latitude: float) -> float:
    """Northing in metres of EPSG:3857, of a latitude in degrees; the poles are where the square ends."""
    half = math.radians(min(max(latitude, -89.9), 89.9)) / 2
    return min(max(math.log(math.tan(math.pi / 4 + half)) / math.pi, -1.0), 1.0) * WORLD_HALF_M


def morton(x: int, y: int) -> int:
    """The bits of a column at even places and of a row at odd ones, so that a tile's descendants follow each other."""
    return sum((x >> place & 1) << 2 * place | (y >> place & 1) << 2 * place + 1 for place in range(max(x, y).bit_length()))


@lru_cache(maxsize=8192)
def descendants(grid: Grid, z: int, x: int, y: int, levels: int) -> tuple[tuple[int, int], ...]:
    """Runs of Morton codes, first and last, of the cells `levels` below `z` in WebMercatorQuad that lie under a tile of `grid`.

    A tile of that grid is one run. The other grid's are told to a quarter of a tile, so a few cells may lie outside.
    """
    if grid is Grid.WEB_MERCATOR:
        return ((morton(x, y) << 2 * levels, (morton(x, y) + 1 << 2 * levels) - 1),)
    _, south, _, north = tile_bounds_4490(grid, z, x, y)
    rows = range(_mercator_row(z + 2, north), _mercator_row(z + 2, south) + 1)
    runs: list[tuple[int, int]] = []
    for code in sorted([morton(column, row) for column in range(x << 2, x + 1 << 2) for row in rows]):
        first, last = code << 2 * (levels - 2), (code + 1 << 2 * (levels - 2)) - 1
        if runs and runs[-1][1] + 1 == first:
            first = runs.pop()[0]
        runs.append((first, last))
    return tuple(runs)


def _mercator_row(z: int, latitude: float) -> int:
    return min(max(int((WORLD_HALF_M - mercator_y(latitude)) / (2 * WORLD_HALF_M) * (1 << z)), 0), (1 << z) - 1)
