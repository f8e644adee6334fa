"""Sizes in metres of shapes in degrees, on the ellipsoid of CGCS2000, a whole array at once."""

import numpy as np
from numpy.typing import NDArray

from importers.geos import shapely

Shapes = NDArray[np.object_]
_SEMI_MAJOR_M, _ECCENTRICITY_2 = 6_378_137.0, 0.00669438002290


def sizes(shapes: Shapes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Area in m² and mean width in m (twice the area over the perimeter) of polygons in degrees."""
    flat = in_metres(shapes)
    area, length = shapely.area(flat), shapely.length(flat)
    width = np.divide(2 * area, length, out=np.zeros_like(area), where=length > 0)
    return area, width


def in_metres(shapes: Shapes) -> Shapes:
    """Shapes scaled to metres at the latitude of their middle: right to some millionths for anything as small as a county."""
    bounds = shapely.bounds(shapes)
    with np.errstate(invalid="ignore"):
        latitude = np.radians((bounds[:, 1] + bounds[:, 3]) / 2)
    bend = 1 - _ECCENTRICITY_2 * np.sin(latitude) ** 2
    north = np.radians(_SEMI_MAJOR_M * (1 - _ECCENTRICITY_2) / bend**1.5)
    east = np.radians(_SEMI_MAJOR_M / np.sqrt(bend) * np.cos(latitude))
    coordinates, of = shapely.get_coordinates(shapes, return_index=True)
    scale = np.column_stack([east, north])
    out: Shapes = shapely.set_coordinates(shapely.force_2d(shapes), coordinates * scale[of])
    return out
