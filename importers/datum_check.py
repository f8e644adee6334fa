"""Measures whether a file fits what is known better under another datum than the declared one: outlines beside the divisions of the same
name, points and lines in the divisions their rows name, objects where the last import of the same source put them."""

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

_TOLERANCE_M = 50.0
_LEAST_OUTSIDE = 5
_READINGS = (Datum.WGS84, Datum.GCJ02, Datum.BD09)

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


def check_points(points: Coordinates, of_division: NDArray[np.int64], divisions: Sequence[bytes], declared: Datum) -> DatumCheck | None:
    """Points as placed and, for each, the position of the division (WKB) that its row names; None when there is nothing to compare."""
    if not len(points):
        return None
    distances = {reading: _outside_each_m(_as_if(points, declared, reading), of_division, divisions) for reading in _READINGS}
    explained = (
        np.min(list(distances.values()), axis=0) <= _TOLERANCE_M
    )  # what no reading puts inside is named wrongly, or older than the boundary
    if not explained.any():
        return None
    outside: dict[Datum, int] = {}
    far: dict[Datum, float] = {}
    for reading, each in distances.items():
        missed = each[explained & (each > _TOLERANCE_M)]
        outside[reading] = len(missed)
        far[reading] = round(float(np.percentile(missed, 95)), 1) if len(missed) else 0.0
    as_declared = Datum.WGS84 if declared is Datum.CGCS2000 else declared
    fits = min(_READINGS, key=lambda reading: (outside[reading], far[reading], reading is not as_declared))
    doubtful = fits is not as_declared and outside[as_declared] >= _LEAST_OUTSIDE and outside[fits] * 4 <= outside[as_declared]
    return DatumCheck(
        by="points",
        compared=int(explained.sum()),
        declared=declared.value,
        offset_m=far[as_declared],
        readings_m={reading.value: metres for reading, metres in far.items()},
        fits=fits.value,
        doubtful=doubtful,
        outside={reading.value: count for reading, count in outside.items()},
    )


def check_earlier(now: Coordinates, before: Coordinates, declared: Datum) -> DatumCheck | None:
    """The same objects as the file places them and as they lie; None for fewer than five."""
    if len(now) < _LEAST_OUTSIDE:
        return None
    offsets = {reading: round(float(np.median(_apart_m(_as_if(now, declared, reading), before))), 1) for reading in _READINGS}
    as_declared = Datum.WGS84 if declared is Datum.CGCS2000 else declared
    fits = min(_READINGS, key=lambda reading: offsets[reading])
    doubtful = fits is not as_declared and offsets[as_declared] > _DOUBT_FROM_M and offsets[fits] < _TOLERANCE_M
    return DatumCheck(
        by="earlier",
        compared=len(now),
        declared=declared.value,
        offset_m=offsets[as_declared],
        readings_m={reading.value: metres for reading, metres in offsets.items()},
        fits=fits.value,
        doubtful=doubtful,
    )


def said(check: DatumCheck) -> tuple[str, str]:
    """A doubtful check in words, zh and en."""
    here, there = check.offset_m, check.readings_m[check.fits]
    if check.by == "points":
        out, out2 = check.outside[_known(check.declared)], check.outside[check.fits]
        return (
            f"按 {check.declared}：{check.compared} 个点中 {out} 个落在所属行政区之外（至 {here:.0f} m）；按 {check.fits}：{out2} 个",
            f"as {check.declared}: {out} of {check.compared} points lie outside the division they name (up to {here:.0f} m); "
            f"as {check.fits}: {out2}",
        )
    what = ("边界", "boundaries") if check.by == "boundaries" else ("上次导入的位置", "the places of the last import")
    return (
        f"按 {check.declared}：距{what[0]} {here:.0f} m；按 {check.fits}：{there:.0f} m（{check.compared} 个对象）",
        f"as {check.declared}: {here:.0f} m from {what[1]}; as {check.fits}: {there:.0f} m ({check.compared} objects)",
    )


def _known(declared: str) -> str:
    return Datum.WGS84.value if declared == Datum.CGCS2000.value else declared


def _outside_each_m(points: Coordinates, of_division: NDArray[np.int64], divisions: Sequence[bytes]) -> Coordinates:
    """Distance in metres of each point from its own division, 0 inside."""
    out = np.zeros(len(points))
    for at in np.unique(of_division):
        here = of_division == at
        out[here] = _outside_m(points[here], shapely.from_wkb(divisions[at]))
    return out


def _outside_m(points: Coordinates, shape: shapely.Geometry) -> Coordinates:
    """Distance of points from an area in metres, 0 inside."""
    scale = np.array([np.cos(np.radians(points[:, 1].mean())), 1.0]) * _METRES_PER_DEGREE
    flat = shapely.transform(shape, lambda xy: xy * scale)
    shapely.prepare(flat)
    out: Coordinates = shapely.distance(shapely.points(points * scale), flat)
    return out


def _apart_m(one: Coordinates, other: Coordinates) -> Coordinates:
    scale = np.array([np.cos(np.radians(other[:, 1].mean())), 1.0]) * _METRES_PER_DEGREE
    out: Coordinates = np.hypot(*((one - other) * scale).T)
    return out


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
