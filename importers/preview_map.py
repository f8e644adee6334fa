"""The first shapes of a file on the map: moved, made simpler, as GeoJSON."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.geos import shapely
from importers.shift import Move
from twin.layer import Bounds

MOST_SHAPES = 500
MOST_POINTS = 60_000
_STEPS = 3000
"""Shapes are made simpler than this part of their whole extent."""
_DIGITS = 7

Geometries = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Rows with a place, in degrees of EPSG:4490."""

    collection: Mapping[str, Any]
    bounds: Bounds | None
    types: Mapping[str, int]


def shapes_of(rows: pa.Table, move: Move) -> Shapes:
    """The rows' shapes moved to where they would lie; rows without a place, or outside longitude and latitude, are left out."""
    found = shapely.from_wkb(rows.column("wkb").to_numpy())
    moved = move.geometry(found) if move.needed else found
    placed = np.array([shape is not None and not shape.is_empty and _in_degrees(shape.bounds) for shape in moved], dtype=bool)
    at = np.flatnonzero(placed)
    whole = shapely.force_2d(moved[placed])
    bounds = tuple(map(float, shapely.total_bounds(whole))) if len(whole) else None
    types = Counter(str(shape.geom_type) for shape in found if shape is not None)
    return Shapes(_collection(rows, at, whole, bounds), bounds, dict(types.most_common()))  # type: ignore[arg-type]


def _in_degrees(bounds: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bounds
    return west >= -180 and east <= 180 and south >= -90 and north <= 90


def _collection(rows: pa.Table, at: NDArray[np.int64], whole: Geometries, bounds: Any) -> Mapping[str, Any]:
    features: list[dict[str, Any]] = []
    numbers = rows.column("row").to_numpy()
    left = MOST_POINTS
    step = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) / _STEPS if bounds else 0.0
    for place, shape in zip(at[:MOST_SHAPES], whole[:MOST_SHAPES], strict=True):
        simple = shapely.set_precision(shapely.simplify(shape, step), 10.0**-_DIGITS, mode="pointwise")
        left -= int(shapely.get_num_coordinates(simple))
        if left < 0:
            break
        features.append({"type": "Feature", "properties": {"row": int(numbers[place])}, "geometry": json.loads(shapely.to_geojson(simple))})
    return {"type": "FeatureCollection", "features": features}
