"""The district's ground as an ESRI ASCII grid, for terrain later: made up, like everything on it."""

from pathlib import Path

import numpy as np

from importers.demo.district.city import City
from importers.demo.district.frame import Floats
from importers.geos import shapely

_RIVERBED_M, _NO_DATA = -4.0, -9999


def write_elevation(city: City, path: Path, step_m: float = 30.0) -> tuple[int, int]:
    """Write heights in metres on a grid of square degrees about `step_m` apart (EPSG:4490); returns columns and rows."""
    west, south, east, north = city.recipe.bbox_4490
    step = step_m / city.frame.metres_per_lat
    columns, rows = int((east - west) / step), int((north - south) / step)
    lon = west + step * (np.arange(columns) + 0.5)
    lat = south + step * (np.arange(rows)[::-1] + 0.5)
    mesh = np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)
    heights = np.round(_heights(city, mesh), 1).reshape(rows, columns)
    head = f"ncols {columns}\nnrows {rows}\nxllcorner {west:.8f}\nyllcorner {south:.8f}\ncellsize {step:.10f}\nNODATA_value {_NO_DATA}\n"
    with path.open("w", encoding="ascii") as file:
        file.write(head)
        np.savetxt(file, heights, fmt="%g")
    return columns, rows


def _heights(city: City, degrees: Floats) -> Floats:
    board = city.frame.board(degrees)
    outside = (np.abs(board[:, 0]) > city.frame.half_u) | (np.abs(board[:, 1]) > city.frame.half_v)
    height = city.terrain.ground(board[:, 0], board[:, 1])
    wet = city.terrain.water
    shapely.prepare(wet)
    height = np.where(shapely.contains_xy(wet, board[:, 0], board[:, 1]), _RIVERBED_M, height)
    heights: Floats = np.where(outside, _NO_DATA, height)
    return heights
