"""Gauss-Krüger zones of China: which EPSG code an easting with a zone prefix, or a central meridian, stands for.

A prefixed easting is zone · 1,000,000 m + 500,000 m + the distance from the zone's meridian. 3° zones are numbered 25 to 45 (75°E to 135°E),
6° zones 13 to 23, so the prefix alone says which kind it is.
"""

from dataclasses import dataclass
from enum import StrEnum

PREFIX_M = 1_000_000.0
FALSE_EASTING_M = 500_000.0
FARTHEST_M = 450_000.0
"""A coordinate farther than this from its meridian (some 4° in Guangdong) belongs to another zone."""
NORTHINGS_M = (300_000.0, 6_100_000.0)
"""Of China, from the Zengmu shoal to the Heilong river."""
_THREE, _SIX = range(25, 46), range(13, 24)


class GeodeticSystem(StrEnum):
    """The three national systems that Gauss-Krüger coordinates of China are in."""

    CGCS2000 = "CGCS2000"
    XIAN1980 = "Xian 1980"
    BEIJING1954 = "Beijing 1954"


@dataclass(frozen=True, slots=True)
class _Codes:
    """First EPSG code of each series: 3° zones from 25, 3° meridians from 75°E, 6° zones from 13, 6° meridians from 75°E."""

    three_zone: int
    three_meridian: int
    six_zone: int
    six_meridian: int


_CODES = {
    GeodeticSystem.CGCS2000: _Codes(4513, 4534, 4491, 4502),
    GeodeticSystem.XIAN1980: _Codes(2349, 2370, 2327, 2338),
    GeodeticSystem.BEIJING1954: _Codes(2401, 2422, 21413, 21453),
}


def prefixed_zone(easting_m: float) -> int | None:
    """The zone an easting names by its first two digits; None for one without a prefix, or one too far from its meridian."""
    zone, rest = divmod(easting_m, PREFIX_M)
    known = zone in _THREE or zone in _SIX
    return int(zone) if known and abs(rest - FALSE_EASTING_M) <= FARTHEST_M else None


def zone_epsg(zone: int, system: GeodeticSystem = GeodeticSystem.CGCS2000) -> int:
    """The code whose false easting carries the prefix `zone`: 38 → 4526, 19 → 4497."""
    codes = _CODES[system]
    return codes.three_zone + zone - _THREE.start if zone in _THREE else codes.six_zone + zone - _SIX.start


def meridian_epsg(longitude: int, system: GeodeticSystem = GeodeticSystem.CGCS2000) -> int:
    """The code of the 3° zone on a central meridian, false easting 500 km: 114 → 4547."""
    return _CODES[system].three_meridian + (longitude - 75) // 3


def meridians(west: float, east: float) -> tuple[int, ...]:
    """Central meridians of the 3° zones that a range of longitudes touches, one more at each side."""
    return tuple(at for at in range(75, 136, 3) if west - 3 <= at <= east + 3)
