"""Measures whether a file's polygons fit the known divisions of the same name better under another datum than the declared one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from importers.geos import shapely
from importers.report import DatumCheck
from twin.crs import Datum, to_wgs84, wgs84_to_bd09, wgs84_to_gcj02

_POINTS = 200
_METRES_PER_DEGREE = 111_195.0
_DOUBT_FROM_M = 150.0
"""Coarse boundaries are tens of metres off; the GCJ-02 offset is 300 to 700 m."""

Coordinates = NDArray[np.float64]


def check_datum(pairs: Sequence[tuple[bytes, bytes]], declared: Datum) -> DatumCheck | None:
    """Compare (the file's polygon as placed, the known polygon) pairs, both WKB in degrees; None when there is nothing to compare."""
    if not pairs:
        return None
    readings: dict[Datum, list[float]] = {Datum.WGS84: [], Datum.GCJ02: [], Datum.BD09: []}
    for ours, known in pairs:
        placed, boundary = shapely.from_wkb(ours), shapely.boundary(shapely.from_wkb(known))
        points = _sample(placed)
        for reading, distances in readings.items():
            distances.append(_median_distance_m(_as_if(points, declared, reading), boundary))
    offsets = {reading.value: round(float(np.median(distances)), 1) for reading, distances in readings.items()}
    as_declared = Datum.WGS84 if declared is Datum.CGCS2000 else declared
    fits = min(offsets, key=lambda name: offsets[name])
    doubtful = fits != as_declared.value and offsets[as_declared.value] > max(_DOUBT_FROM_M, 2 * offsets[fits])
    return DatumCheck(
        compared=len(pairs), declared=declared.value, offset_m=offsets[as_declared.value], readings_m=offsets, fits=fits, doubtful=doubtful
    )


def _sample(shape: shapely.Geometry) -> Coordinates:
    """Evenly chosen vertices of the outline."""
    points = shapely.get_coordinates(shapely.boundary(shape))
    step = max(1, len(points) // _POINTS)
    out: Coordinates = points[::step]
    return out


def _as_if(points: Coordinates, declared: Datum, reading: Datum) -> Coordinates:
    """Where the same source coordinates would lie had they been read as `reading`."""
    lon, lat = points[:, 0], points[:, 1]
    source = {Datum.GCJ02: wgs84_to_gcj02, Datum.BD09: wgs84_to_bd09}.get(declared, lambda x, y: (x, y))(lon, lat)
    return np.column_stack(to_wgs84(reading, *source))


def _median_distance_m(points: Coordinates, boundary: shapely.Geometry) -> float:
    """Median distance of points from a line, on a plane scaled at their mean latitude."""
    scale = np.array([np.cos(np.radians(points[:, 1].mean())), 1.0]) * _METRES_PER_DEGREE
    line = shapely.transform(boundary, lambda xy: xy * scale)
    return float(np.median(shapely.distance(shapely.points(points * scale), line)))
