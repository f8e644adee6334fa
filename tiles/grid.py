"""The address of a tile: strict reading of z/x/y, and the refusal of places outside the grid."""

import re
from dataclasses import dataclass

from twin.errors import BadParameter
from twin.webmercator import MAX_ZOOM

_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TileAddress:
    """A tile of WebMercatorQuad: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int


def read_address(z: str, x: str, y: str) -> TileAddress:
    """The tile at z/x/y; BadParameter (its place is z, x or y) unless all are ASCII integers inside the grid of zooms 0 to 22."""
    zoom = _read(z, "z", MAX_ZOOM)
    last = (1 << zoom) - 1
    return TileAddress(zoom, _read(x, "x", last), _read(y, "y", last))


def _read(text: str, place: str, last: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > last:
        shown = text[:60]
        raise BadParameter(
            f"{place}={shown!r} is outside the grid: expected an integer from 0 to {last}",
            f"{place}={shown!r} 超出瓦片网格，应为 0 到 {last} 的整数",
            place=place,
        )
    return int(text)
