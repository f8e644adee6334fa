"""Which coordinates a source speaks: its reference system by EPSG code and the Chinese map offsets, undone with numpy.

GCJ-02 (国测局偏移) and BD-09 are not reference systems but deliberate offsets of WGS84 inside China. The polynomial, the Krasovsky 1940
ellipsoid it is scaled with (a = 6378245 m, e² = 0.006693421622965943) and the BD-09 swirl are those of the public implementations that all
agree on them (googollee/eviltransform, wandergis/coordtransform); no official text gives them. WGS84 and CGCS2000 differ by centimetres
and are treated as one. All angles are degrees, longitude first.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadParameter

Degrees = NDArray[np.float64]
Pair = tuple[Degrees, Degrees]

STORAGE_EPSG = 4490
SEMI_MAJOR_M = 6378245.0
ECCENTRICITY_SQUARED = 0.00669342162296594323
BD_SWIRL = np.pi * 3000.0 / 180.0
CHINA_BOUNDS = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north of the rectangle inside which GCJ-02 is applied; outside it coordinates pass unchanged."""

INVERSE_TOLERANCE_DEGREES = 1e-11
_MAX_STEPS = 30
#: Geographic systems that are taken as 4490 without a transformation: CGCS2000 and WGS84, 2D and 3D.
SAME_AS_STORAGE = frozenset({4490, 4480, 4326, 4979})


class Datum(StrEnum):
    """What longitude and latitude of a source mean."""

    CGCS2000 = "CGCS2000"
    WGS84 = "WGS84"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"


@dataclass(frozen=True, slots=True)
class SourceCrs:
    """How the coordinates of a source are read: an EPSG code (4326/4490 for degrees) and the datum of its degrees."""

    epsg: int
    datum: Datum

    @property
    def is_degrees_of_storage(self) -> bool:
        """Whether coordinates can be stored as they are."""
        return self.epsg in SAME_AS_STORAGE and not self.is_offset

    @property
    def is_offset(self) -> bool:
        """Whether a Chinese map offset must be undone."""
        return self.datum in (Datum.GCJ02, Datum.BD09)


_DATUM_WORDS = {
    "cgcs2000": Datum.CGCS2000,
    "wgs84": Datum.WGS84,
    "gcj02": Datum.GCJ02,
    "bd09": Datum.BD09,
    "bd09ll": Datum.BD09,
}
_DATUM_EPSG = {Datum.CGCS2000: 4490, Datum.WGS84: 4326, Datum.GCJ02: 4326, Datum.BD09: 4326}
_EPSG = re.compile(r"(?:urn:ogc:def:crs:)?epsg:(?:[0-9.]*:)?([0-9]{4,6})", re.IGNORECASE | re.ASCII)
_CRS84 = re.compile(r"(urn:ogc:def:crs:)?ogc:(1\.3)?:?crs84", re.IGNORECASE | re.ASCII)


def parse_datum(text: str) -> Datum:
    """The datum called `text` (case, dash and space do not matter); BadParameter for any other word."""
    datum = _DATUM_WORDS.get(re.sub(r"[\s_-]", "", text).lower())
    if datum is None:
        raise BadParameter(
            f"datum {text!r} is none of {', '.join(Datum)}", f"坐标基准 {text!r} 不是 {'、'.join(Datum)} 之一", place="datum"
        )
    return datum


def parse_crs(text: str) -> SourceCrs:
    """Read `CGCS2000`, `WGS84`, `GCJ-02`, `BD-09`, `CRS84`, `EPSG:n` or its URN; BadParameter for anything else."""
    if match := _EPSG.fullmatch(text.strip()):
        epsg = int(match[1])
        return SourceCrs(epsg, Datum.WGS84 if epsg in (4326, 4979, 3857) else Datum.CGCS2000)
    if _CRS84.fullmatch(text.strip()):
        return SourceCrs(4326, Datum.WGS84)
    try:
        datum = parse_datum(text)
    except BadParameter as exc:
        raise BadParameter(
            f"crs {text!r} is neither EPSG:n nor one of {', '.join(Datum)}",
            f"坐标系 {text!r} 既不是 EPSG:n，也不是 {'、'.join(Datum)} 之一",
            place="crs",
        ) from exc
    return SourceCrs(_DATUM_EPSG[datum], datum)


def outside_china(lon: Degrees, lat: Degrees) -> NDArray[np.bool_]:
    """Where the GCJ-02 offset is not applied (also true for NaN)."""
    west, south, east, north = CHINA_BOUNDS
    return ~((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))


def _offset(lon: Degrees, lat: Degrees) -> Pair:
    """GCJ-02 minus WGS84 in degrees at WGS84 (lon, lat)."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = 20.0 * (np.sin(6.0 * x * np.pi) + np.sin(2.0 * x * np.pi))
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    d_lat += (waves + 20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    d_lon += (waves + 20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    d_lon += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    w2 = 1.0 - ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    w = np.sqrt(w2)
    meridian_m = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / (w2 * w)
    parallel_m = SEMI_MAJOR_M / w * np.cos(phi)
    return np.degrees(d_lon / parallel_m), np.degrees(d_lat / meridian_m)


def wgs84_to_gcj02(lon: Degrees, lat: Degrees) -> Pair:
    """Apply the GCJ-02 offset; coordinates outside China pass unchanged."""
    outside = outside_china(lon, lat)
    d_lon, d_lat = _offset(np.where(outside, 105.0, lon), np.where(outside, 35.0, lat))
    return np.where(outside, lon, lon + d_lon), np.where(outside, lat, lat + d_lat)


def gcj02_to_bd09(lon: Degrees, lat: Degrees) -> Pair:
    """Add Baidu's swirl to GCJ-02; coordinates outside China pass unchanged."""
    outside = outside_china(lon, lat)
    x, y = np.where(outside, 105.0, lon), np.where(outside, 35.0, lat)
    z = np.hypot(x, y) + 0.00002 * np.sin(y * BD_SWIRL)
    theta = np.arctan2(y, x) + 0.000003 * np.cos(x * BD_SWIRL)
    return np.where(outside, lon, z * np.cos(theta) + 0.0065), np.where(outside, lat, z * np.sin(theta) + 0.006)


def _invert(forward: Callable[[Degrees, Degrees], Pair], lon: Degrees, lat: Degrees) -> Pair:
    """Fixed point of `forward(x) = (lon, lat)`; the offsets vary so slowly that a few steps reach 1e-11°."""
    outside = outside_china(lon, lat)
    to_lon, to_lat = np.where(outside, 105.0, lon), np.where(outside, 35.0, lat)
    x, y = to_lon, to_lat
    for _ in range(_MAX_STEPS):
        at_lon, at_lat = forward(x, y)
        e_lon, e_lat = to_lon - at_lon, to_lat - at_lat
        x, y = x + e_lon, y + e_lat
        if max(np.abs(e_lon).max(initial=0.0), np.abs(e_lat).max(initial=0.0)) < INVERSE_TOLERANCE_DEGREES:
            break
    return np.where(outside, lon, x), np.where(outside, lat, y)


def gcj02_to_wgs84(lon: Degrees, lat: Degrees) -> Pair:
    """Undo GCJ-02, to 1e-9° and better."""
    return _invert(wgs84_to_gcj02, lon, lat)


def bd09_to_gcj02(lon: Degrees, lat: Degrees) -> Pair:
    """Undo Baidu's swirl, to 1e-9° and better."""
    return _invert(gcj02_to_bd09, lon, lat)


def bd09_to_wgs84(lon: Degrees, lat: Degrees) -> Pair:
    """Undo BD-09 down to WGS84."""
    return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))


def wgs84_to_bd09(lon: Degrees, lat: Degrees) -> Pair:
    """Apply both offsets."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def to_wgs84(datum: Datum, lon: Degrees, lat: Degrees) -> Pair:
    """Degrees of `datum` as WGS84 (taken equal to CGCS2000)."""
    if datum is Datum.GCJ02:
        return gcj02_to_wgs84(lon, lat)
    if datum is Datum.BD09:
        return bd09_to_wgs84(lon, lat)
    return lon, lat
