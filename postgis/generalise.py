"""Polygons that share edges, made simpler together: PostGIS 3.3 cannot, and one by one they would come apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely as _shapely

shapely: Any = _shapely  # it ships no types

_ENOUGH_POINTS = 256
"""A shape that cannot be simplified stays as it is up to here, and becomes its narrowest box beyond."""


def simplify_coverage(wkb: Sequence[bytes], tolerance_m: float) -> list[bytes]:
    """The polygons, shared edges still shared, none empty; parts under `tolerance_m` squared go, the largest stays.

    What a polygon becomes depends only on itself and what it touches, so a few can be made anew among their neighbours.
    An invalid one is simplified by itself: GEOS refuses the whole coverage for it.
    """
    shapes = shapely.from_wkb(list(wkb))
    simple = shapes.copy()
    valid = shapely.is_valid(shapes)
    simple[valid] = shapely.coverage_simplify(shapes[valid], tolerance_m)
    simple[~valid] = shapely.simplify(shapes[~valid], tolerance_m, preserve_topology=False)
    return [shapely.to_wkb(_drawn(*pair, tolerance_m)) for pair in zip(simple, shapes, strict=True)]


def _drawn(simple: Any, original: Any, tolerance_m: float) -> Any:
    """The simple shape without specks, or what can stand in for it."""
    parts = shapely.get_parts(simple)
    areas = shapely.area(parts)
    if not areas.size or areas.max() <= 0:
        return original if shapely.get_num_coordinates(original) <= _ENOUGH_POINTS else shapely.minimum_rotated_rectangle(original)
    kept = parts[(areas >= tolerance_m**2) | (np.arange(len(parts)) == areas.argmax())]
    return kept[0] if len(kept) == 1 else shapely.multipolygons(kept)
