"""How far the EGM96 geoid lies above the ellipsoid, from the grid of Debian's `proj-data`; without the grid nothing is said."""

from functools import cache
from pathlib import Path

import numpy as np
import pyproj
from numpy.typing import NDArray

Array = NDArray[np.float64]
ERROR_M = 1.0
"""Accuracy that EPSG gives the transformation of WGS 84 to EGM96 (code 10084). A national datum's zero lies decimetres beside the geoid, on top of it."""
MODEL = "EGM96 15′"
_PLACES = (Path("/usr/share/proj"), Path("/usr/local/share/proj"), Path(pyproj.datadir.get_data_dir()))
_NAMES = ("egm96_15.gtx", "us_nga_egm96_15.tif")


def grid_file(places: tuple[Path, ...] = _PLACES) -> Path | None:
    """The grid on this machine, None where there is none."""
    return next((place / name for place in places for name in _NAMES if (place / name).is_file()), None)


def undulation_m(lon: Array, lat: Array, grid: Path | None = None) -> Array | None:
    """Height of the geoid above the ellipsoid in metres at degrees (ellipsoidal height = height above the geoid + this); None without a grid."""
    grid = grid or grid_file()
    if grid is None:
        return None
    _, _, out = _shift(grid).transform(lon, lat, np.zeros_like(lon), errcheck=False)
    found: Array = np.asarray(out, dtype=np.float64)
    return found


@cache
def _shift(grid: Path) -> pyproj.Transformer:
    steps = ("+proj=unitconvert +xy_in=deg +xy_out=rad", f"+proj=vgridshift +grids={grid} +multiplier=1")
    return pyproj.Transformer.from_pipeline(f"+proj=pipeline +step {' +step '.join(steps)} +step +proj=unitconvert +xy_in=rad +xy_out=deg")
