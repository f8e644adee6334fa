"""The tile matrix sets as documents (OGC Two Dimensional Tile Matrix Set 2.0), and which of their tiles a box of degrees needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tiles.tilejson import bounds_of
from twin.grids import DEGREE_M, WORLD_HALF_M, Grid, last_column, last_row, levels, mercator_y
from twin.layer import Bounds, Layer

TILE_PX: Final = 256
#: Size of a pixel in metres, as OGC has it.
OGC_PIXEL_M: Final = 0.00028

CRS: Final = {
    Grid.WEB_MERCATOR: "http://www.opengis.net/def/crs/EPSG/0/3857",
    Grid.CGCS2000: "http://www.opengis.net/def/crs/EPSG/0/4490",
}
#: Registers know WebMercatorQuad only.
URI: Final = {Grid.WEB_MERCATOR: "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"}
SCALE_SET: Final = {Grid.WEB_MERCATOR: "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible"}
_TITLES: Final = {
    Grid.WEB_MERCATOR: "Web Mercator（EPSG:3857）",
    Grid.CGCS2000: "CGCS2000 经纬度网格（EPSG:4490），与天地图 c 相同 · the grid `c` of Tianditu",
}
_AXES: Final = {Grid.WEB_MERCATOR: ["X", "Y"], Grid.CGCS2000: ["Lat", "Lon"]}


@dataclass(frozen=True, slots=True)
class Matrix:
    """One level of a set: how large a pixel is, in units of the CRS and in metres, and how many tiles there are."""

    id: str
    cell_size: float
    cell_m: float
    width: int
    height: int

    def scale(self, pixel_m: float = OGC_PIXEL_M) -> float:
        """The scale denominator on a screen with pixels of that size."""
        return self.cell_m / pixel_m


@dataclass(frozen=True, slots=True)
class Limits:
    """The tiles of one level that can hold anything."""

    level: int
    min_row: int
    max_row: int
    min_column: int
    max_column: int


@cache
def matrices(grid: Grid) -> tuple[Matrix, ...]:
    """All levels of a set."""
    return tuple(_matrix(grid, level) for level in levels(grid))


def _matrix(grid: Grid, level: int) -> Matrix:
    width, height = last_column(grid, level) + 1, last_row(grid, level) + 1
    if grid is Grid.CGCS2000:
        size = 360.0 / width / TILE_PX
        return Matrix(str(level), size, size * DEGREE_M, width, height)
    size = 2 * WORLD_HALF_M / width / TILE_PX
    return Matrix(str(level), size, size, width, height)


def origin(grid: Grid) -> tuple[float, float]:
    """The top left corner in the axis order of the CRS: latitude first in CGCS2000."""
    return (90.0, -180.0) if grid is Grid.CGCS2000 else (-WORLD_HALF_M, WORLD_HALF_M)


def definition(grid: Grid) -> dict[str, Any]:
    """The set as a TMS 2.0 JSON document."""
    registered = {"uri": URI[grid], "wellKnownScaleSet": SCALE_SET[grid]} if grid in URI else {}
    return {
        "id": grid.value,
        "title": _TITLES[grid],
        **registered,
        "crs": CRS[grid],
        "orderedAxes": _AXES[grid],
        "tileMatrices": [_document(grid, matrix) for matrix in matrices(grid)],
    }


def _document(grid: Grid, matrix: Matrix) -> dict[str, Any]:
    return {
        "id": matrix.id,
        "scaleDenominator": matrix.scale(),
        "cellSize": matrix.cell_size,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": list(origin(grid)),
        "tileWidth": TILE_PX,
        "tileHeight": TILE_PX,
        "matrixWidth": matrix.width,
        "matrixHeight": matrix.height,
    }


def limits_of(grid: Grid, layers: Sequence[Layer]) -> list[Limits]:
    """The levels and tiles in which these layers have anything to show."""
    box = bounds_of(layers, grid)
    return [limits(grid, level, box) for level in levels_of(grid, layers)]


def levels_of(grid: Grid, layers: Sequence[Layer]) -> range:
    """The levels in which these layers show; clients enlarge the last one."""
    first, last = min(layer.min_zoom for layer in layers), max(layer.max_zoom for layer in layers)
    return range(max(first, levels(grid)[0]), min(last, levels(grid)[-1]) + 1)


def limits(grid: Grid, level: int, box: Bounds) -> Limits:
    """The tiles of one level that a box of degrees touches."""
    columns, rows = last_column(grid, level), last_row(grid, level)
    west, east = (_cell((longitude + 180.0) / 360.0, columns) for longitude in (box[0], box[2]))
    north, south = (_cell(_from_top(grid, latitude), rows) for latitude in (box[3], box[1]))
    return Limits(level, north, south, west, east)


def _from_top(grid: Grid, latitude: float) -> float:
    """How far down the grid a latitude lies: 0 at its top, 1 at its bottom."""
    if grid is Grid.CGCS2000:
        return (90.0 - latitude) / 180.0
    return (WORLD_HALF_M - mercator_y(latitude)) / (2 * WORLD_HALF_M)


def _cell(part: float, last: int) -> int:
    return min(max(int(part * (last + 1)), 0), last)
