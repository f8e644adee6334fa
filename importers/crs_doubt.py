"""Whether coordinates can be what they are declared to be: other readings are tried, and measured by where they put the data.

A reading is *possible* where the reference system has an answer and the answer lies in its zone; it *fits* where it puts the data near known
divisions (without divisions: into China). What is impossible is read as the one thing that fits, with a warning; what is possible but lies
elsewhere stays as declared, with a warning; where nothing or more than one thing fits, the file is refused and says what was tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj
from numpy.typing import NDArray

from importers.report import CrsCheck, CrsReading
from importers.shift import Move
from twin.crs import CHINA_BOUNDS, Datum, SourceCrs, outside_china
from twin.zones import FARTHEST_M, NORTHINGS_M, PREFIX_M, GeodeticSystem, meridian_epsg, meridians, prefixed_zone, zone_epsg

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
POSSIBLE, FITS, ELSEWHERE, NAMED = 0.5, 0.9, 0.1, 0.5
"""Shares of the sampled rows."""
_MERCATOR_M = 20_048_967.0
_DEGREES_MOST = 180.0
_METRES_PER_DEGREE = 111_195.0
_SAME_M = 5.0
_SYSTEMS = {4490: GeodeticSystem.CGCS2000, 4610: GeodeticSystem.XIAN1980, 4214: GeodeticSystem.BEIJING1954}
_TRANSVERSE = ("transverse mercator", "gauss")
_DEGREES_EPSG, _MERCATOR_EPSG = 4490, 3857
_OFFSETS = (Datum.GCJ02, Datum.BD09)
_FARTHEST_ANYWHERE_M = 2 * FARTHEST_M
"""UTM of a whole country is used far beyond its zone; with a prefix the next zone begins after half a million metres."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where the data is expected: near known divisions, or in China where none are known. `named` counts rows inside the one they name."""

    bounds: tuple[float, float, float, float]
    near: Callable[[Array, Array], Flags]
    named: Callable[[Array, Array], float]
    by_divisions: bool
    has_names: bool = False
    """Whether rows name divisions at all."""

    @property
    def title(self) -> tuple[str, str]:
        """What it is called in zh and en."""
        return ("已知行政区", "known divisions") if self.by_divisions else ("中国范围", "China")


CHINA = Region(CHINA_BOUNDS, lambda lon, lat: ~outside_china(lon, lat), lambda lon, lat: 0.0, by_divisions=False)


@dataclass(frozen=True)
class Reading:
    """The sampled points read in one way."""

    move: Move
    points: Array
    region: Region

    @cached_property
    def degrees(self) -> tuple[Array, Array]:
        """Longitude and latitude; NaN where the reading is impossible."""
        x, y = self.points[:, 0], self.points[:, 1]
        lon, lat = self.move.degrees(x, y)
        good = _in_zone(self.move, x, y) & np.isfinite(lon) & np.isfinite(lat) & (abs(lon) <= 180) & (abs(lat) <= 90)
        return np.where(good, lon, np.nan), np.where(good, lat, np.nan)

    @cached_property
    def possible(self) -> float:
        """Share of the points that have a place."""
        return float(np.isfinite(self.degrees[0]).mean())

    @cached_property
    def inside(self) -> float:
        """Share of the points that lie where the data is expected."""
        lon, lat = self.degrees
        at = np.isfinite(lon)
        return float(self.region.near(lon[at], lat[at]).sum() / len(lon)) if at.any() else 0.0

    @cached_property
    def named(self) -> float:
        """Share of the points that lie in the division their row names."""
        lon, lat = self.degrees
        return self.region.named(lon, lat) if self.possible and self.region.has_names else 0.0

    @cached_property
    def middle(self) -> tuple[float, float] | None:
        """Median place in degrees."""
        return (float(np.nanmedian(self.degrees[0])), float(np.nanmedian(self.degrees[1]))) if self.possible else None

    @property
    def title(self) -> str:
        """Its name, with the axis order where it is not the usual one."""
        datum = f" {self.move.crs.datum}" if self.move.crs.is_offset else ""
        return f"{self.move.name}{datum}{' (north, east)' if self.move.swapped else ''}"

    def apart_m(self, other: "Reading") -> float | None:
        """Median distance of the same points by another reading, in metres."""
        (lon, lat), (lon2, lat2) = self.degrees, other.degrees
        if not np.isfinite(lon + lon2).any():
            return None
        east = (lon - lon2) * np.cos(np.radians((lat + lat2) / 2))
        return float(np.nanmedian(np.hypot(east, lat - lat2)) * _METRES_PER_DEGREE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How to read the file. `doubtful` asks for a look; `impossible` says that it cannot be read as declared."""

    declared: Reading | None
    fits: tuple[Reading, ...] = ()
    """Other readings that put the data where it is expected, each at a place of its own."""
    tried: tuple[Reading, ...] = ()
    doubtful: bool = False
    impossible: bool = False

    @property
    def move(self) -> Move | None:
        """The declared reading where it is possible, else the one that fits; None when nobody can tell."""
        if self.declared and not self.impossible:
            return self.declared.move
        return self.fits[0].move if len(self.fits) == 1 else None

    def check(self) -> CrsCheck:
        """What was measured, for the report."""
        used = next((reading for reading in self.tried if reading.move == self.move), None)
        zh, en = self.tried[0].region.title
        return CrsCheck(
            declared=self.declared.title if self.declared else "",
            used=used.title if used else "",
            compared=len(self.tried[0].points),
            region_zh=zh,
            region_en=en,
            readings=tuple(_told(reading, self.declared) for reading in self.tried),
        )


def judge(declared: Move | None, points: Array, region: Region, fixed_axes: bool = False) -> Verdict:
    """Weigh the declared reading of sampled source coordinates against the others that their size allows."""
    stated = Reading(declared, points, region) if declared else None
    if stated and stated.possible >= POSSIBLE and stated.inside > ELSEWHERE and not (region.has_names and stated.named < ELSEWHERE):
        return Verdict(stated, tried=(stated,))
    others = [Reading(move, points, region) for move in readings_of(points, declared, region, fixed_axes) if move != declared]
    fits = _best([reading for reading in others if reading.possible >= FITS and reading.inside >= FITS])
    tried = (*([stated] if stated else []), *others)
    if stated and stated.possible >= POSSIBLE and stated.inside > ELSEWHERE:
        # in the province, but not in the divisions that its rows name: the meridian of a neighbouring zone
        fits = tuple(reading for reading in fits if reading.named >= NAMED)
        return Verdict(stated, fits, tried, doubtful=bool(fits))
    if stated and stated.possible >= POSSIBLE:
        # far-away data of a world file also swaps into China: without divisions only an impossible reading is doubted
        return Verdict(stated, fits, tried, doubtful=bool(fits) and region.by_divisions)
    return Verdict(stated, fits, tried, doubtful=True, impossible=True)


def readings_of(points: Array, declared: Move | None, region: Region, fixed_axes: bool = False) -> list[Move]:
    """What the size of the coordinates allows: degrees, zones by prefix, central meridians of the region, Web Mercator; in both axis orders."""
    first, second = (float(np.median(points[:, at])) for at in (0, 1))
    datum = declared.crs.datum if declared else Datum.CGCS2000
    system = _system_of(declared)
    turns = (declared.swapped,) if fixed_axes and declared else (False, True)
    out: list[Move] = []
    for swapped in turns:
        east, north = (second, first) if swapped else (first, second)
        out += [
            Move(SourceCrs(epsg, datum if datum in _OFFSETS else _datum_of(epsg)), swapped=swapped)
            for epsg in _codes(east, north, system, region)
        ]
    return out


def _datum_of(epsg: int) -> Datum:
    return Datum.WGS84 if epsg == _MERCATOR_EPSG else Datum.CGCS2000


def _codes(east: float, north: float, system: GeodeticSystem, region: Region) -> list[int]:
    if abs(east) <= 180 and abs(north) <= 90:
        return [_DEGREES_EPSG]
    out = []
    if NORTHINGS_M[0] <= north <= NORTHINGS_M[1]:
        zone = prefixed_zone(east)
        out += [zone_epsg(zone, system)] if zone else []
        if abs(east - 500_000) <= FARTHEST_M:
            out += [meridian_epsg(at, system) for at in meridians(region.bounds[0], region.bounds[2])]
    if max(abs(east), abs(north)) <= _MERCATOR_M:
        out.append(_MERCATOR_EPSG)
    return out


def _system_of(declared: Move | None) -> GeodeticSystem:
    """The national system that is declared, so that a wrong zone of Xian 1980 is mended to a zone of Xian 1980."""
    geodetic = declared.source.geodetic_crs if declared else None
    code = geodetic.to_epsg() if geodetic else None
    return _SYSTEMS.get(code or 0, GeodeticSystem.CGCS2000)


def _in_zone(move: Move, x: Array, y: Array) -> Flags:
    """Whether coordinates can be of the system at all: near the meridian of a transverse Mercator, no degrees where metres belong."""
    if move.grid is not None or not move.source.is_projected:
        return np.ones(len(x), bool)
    east, north = (y, x) if move.swapped else (x, y)
    metres: Flags = (abs(x) > _DEGREES_MOST) | (abs(y) > _DEGREES_MOST)
    middle, reach = _zone_of(move.source)
    good: Flags = metres & (abs(east - middle) <= reach) & (abs(north) <= reach + _MERCATOR_M)
    return good


def _zone_of(system: pyproj.CRS) -> tuple[float, float]:
    """False easting and farthest distance from it, in the system's own unit; the whole world unless it is a transverse Mercator."""
    while system.is_bound or system.is_compound:
        system = system.source_crs if system.is_bound else system.sub_crs_list[0]  # type: ignore[assignment]  # both are there
    unit = system.axis_info[0].unit_conversion_factor if system.axis_info else 1.0
    operation = system.coordinate_operation
    method = operation.method_name.lower() if operation else ""
    if operation is None or not any(word in method for word in _TRANSVERSE):
        return 0.0, (1 if "mercator" in method else 3) * _MERCATOR_M / unit
    false = next((item for item in operation.params if item.name == "False easting"), None)
    metres = float(false.value) * float(false.unit_conversion_factor or 1.0) if false else 0.0
    return metres / unit, (FARTHEST_M if metres > PREFIX_M else _FARTHEST_ANYWHERE_M) / unit


def _best(fits: Sequence[Reading]) -> tuple[Reading, ...]:
    """Readings that fit, those of one place (3° and 6° zones on one meridian) as one; by the divisions that rows name where that decides."""
    apart: list[Reading] = []
    for reading in fits:
        if all((distance := reading.apart_m(other)) is None or distance > _SAME_M for other in apart):
            apart.append(reading)
    if len(apart) > 1:
        named = [reading for reading in apart if reading.named >= NAMED]
        best = max(apart, key=lambda reading: reading.named)
        if named and sum(reading.named > best.named / 2 for reading in apart) == 1:
            return (best,)
    return tuple(apart)


def _told(reading: Reading, stated: Reading | None) -> CrsReading:
    apart = reading.apart_m(stated) if stated and reading is not stated else None
    return CrsReading(
        crs=reading.title,
        possible=round(reading.possible, 3),
        inside=round(reading.inside, 3),
        point=reading.middle,
        offset_m=None if apart is None else round(apart, 1),
    )


def said(reading: Reading) -> tuple[str, str]:
    """One reading in words, zh and en."""
    zh, en = reading.region.title
    at = "" if reading.middle is None else f" ({reading.middle[0]:.4f}, {reading.middle[1]:.4f})"
    return f"{reading.title}：{reading.inside:.0%} 落在{zh}{at}", f"{reading.title}: {reading.inside:.0%} in {en}{at}"
