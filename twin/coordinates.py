"""Coordinates as people type them: decimal degrees in either order, or degrees, minutes and seconds with letters or 北纬 and 东经."""

import re
import unicodedata
from dataclasses import dataclass

_NUMBER = r"\d{1,3}(?:\.\d{1,15})?"
_MINUTES = rf"(?P<min{{n}}>{_NUMBER})\s*['′分]"
_SECONDS = rf"(?P<sec{{n}}>{_NUMBER})\s*(?:[\"”秒]|''|′′|’’)"
_ANGLE = (
    rf"(?P<side{{n}}>[NSEW]|北纬|南纬|东经|西经)?\s*(?P<sign{{n}}>[+-])?(?P<deg{{n}}>{_NUMBER})"
    rf"(?:\s*[°度]\s*(?:{_MINUTES}\s*(?:{_SECONDS})?)?)?(?(side{{n}})|(?:\s*(?P<end{{n}}>[NSEW]))?)"
)
_BETWEEN = r"(?:\s*[,;、]\s*|\s+|(?<=[^\d.\s])|(?=[NSEW北南东西]))"
_PAIR = re.compile(
    rf"\s*{_ANGLE.replace('{n}', '1')}{_BETWEEN}{_ANGLE.replace('{n}', '2')}\s*",
    re.IGNORECASE | re.ASCII,
)
_SIDES = {"N": ("lat", 1), "S": ("lat", -1), "E": ("lon", 1), "W": ("lon", -1)}
_SIDES |= {"北纬": _SIDES["N"], "南纬": _SIDES["S"], "东经": _SIDES["E"], "西经": _SIDES["W"]}
_MAX_CHARS = 80
_CHINA_LON, _CHINA_LAT = (73, 136), (3, 54)


@dataclass(frozen=True, slots=True)
class _Angle:
    degrees: float
    axis: str


def parse_coordinate(text: str) -> tuple[float, float] | None:
    """Longitude and latitude in degrees from 113.3,23.1 or 23.1 113.3, 23°6′N 113°18′E, 北纬23度6分 东经113度18分; None when it is none.

    Without letters the order is what can be: a value over 90 is the longitude, then what lies in China, else longitude first.
    """
    match = _PAIR.fullmatch(unicodedata.normalize("NFKC", text)) if len(text) <= _MAX_CHARS else None
    first, second = (_angle(match, "1"), _angle(match, "2")) if match else (None, None)
    if match is None or first is None or second is None or _is_bare(match):
        return None
    if first.axis and first.axis == second.axis:
        return None
    swapped = _latitude_first(first, second)
    lon, lat = (second.degrees, first.degrees) if swapped else (first.degrees, second.degrees)
    return (lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None


def _angle(match: re.Match[str], n: str) -> _Angle | None:
    """One angle with sign and axis; None when minutes or seconds reach 60."""
    side, end = ((match[f"side{n}"] or "").upper(), (match[f"end{n}"] or "").upper())
    degrees, minutes, seconds = (float(match[f"{part}{n}"] or 0) for part in ("deg", "min", "sec"))
    if minutes >= 60 or seconds >= 60:
        return None
    axis, sign = _SIDES.get(side or end, ("", 1))
    if match[f"sign{n}"] == "-":
        sign = -sign
    return _Angle(sign * (degrees + minutes / 60 + seconds / 3600), axis)


def _is_bare(match: re.Match[str]) -> bool:
    """Two whole numbers with a space are more likely a house number than a place."""
    return re.fullmatch(r"\s*\d+\s+\d+\s*", match[0]) is not None


def _latitude_first(first: _Angle, second: _Angle) -> bool:
    if first.axis or second.axis:
        return first.axis == "lat" or second.axis == "lon"
    if abs(first.degrees) > 90 or abs(second.degrees) > 90:
        return abs(first.degrees) <= 90
    return _in_china(second, first) and not _in_china(first, second)


def _in_china(lon: _Angle, lat: _Angle) -> bool:
    return _CHINA_LON[0] <= lon.degrees <= _CHINA_LON[1] and _CHINA_LAT[0] <= lat.degrees <= _CHINA_LAT[1]
