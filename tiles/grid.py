"""The address of a tile: strict reading of z/x/y, and the refusal of places outside the grid."""

import re
from dataclasses import dataclass
from functools import lru_cache

from postgis.catalog import COARSEST_LEVEL, FINEST_LEVEL
from twin.errors import BadParameter
from twin.grids import Grid, last_column, last_row, levels, tile_bounds_4490

_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TileAddress:
    """A tile of a grid: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int
    grid: Grid = Grid.WEB_MERCATOR


def read_address(z: str, x: str, y: str, grid: Grid = Grid.WEB_MERCATOR) -> TileAddress:
    """The tile at z/x/y; BadParameter (its place is z, x or y) unless all are ASCII integers inside the grid."""
    zooms = levels(grid)
    zoom = _read(z, "z", zooms[-1], zooms[0])
    return TileAddress(zoom, _read(x, "x", last_column(grid, zoom)), _read(y, "y", last_row(grid, zoom)), grid)


@lru_cache(maxsize=8192)
def coarse_cells(address: TileAddress, buffer: int) -> tuple[int, ...]:
    """The cells whose changes can show in a tile widened by `buffer` / 4096: at most nine, of the level nearest its size.

    Numbers as the database gives them (level << 48 | row << 24 | column of CGCS2000Quad); none above level 4, where any change counts.
    """
    if address.z < COARSEST_LEVEL:
        return ()
    level = min(address.z, FINEST_LEVEL)
    size = 360.0 / (1 << level)
    west, south, east, north = tile_bounds_4490(address.grid, address.z, address.x, address.y, buffer)
    columns = range(int((west + 180.0) / size), int((east + 180.0) / size) + 1)
    rows = range(int((90.0 - north) / size), int((90.0 - south) / size) + 1)
    return tuple([level << 48 | row << 24 | column for row in rows for column in columns])


def _read(text: str, place: str, last: int, first: int = 0) -> int:
    if not _NUMBER.fullmatch(text) or not first <= int(text) <= last:
        shown = text[:60]
        raise BadParameter(
            f"{place}={shown!r} is outside the grid: expected an integer from {first} to {last}",
            f"{place}={shown!r} 超出瓦片网格，应为 {first} 到 {last} 的整数",
            place=place,
        )
    return int(text)
