"""Reference systems at the doors (OGC API – Features Part 2): which are served, by which names, in which order of axes."""

import math
import re
from dataclasses import dataclass
from typing import Final

from twin.errors import BadParameter
from twin.layer import Bounds, Layer
from twin.view import Bbox, ProjectedBox
from web import values

STORAGE: Final = 4490
_EARTH_M: Final = 6378137.0
_WORLD_M: Final = 20037508.3427893
#: Gauss-Krüger grids: this far from the central meridian and from the equator the numbers are still those of one place.
_GRID_REACH_M, _GRID_NORTH_M = 3_000_000.0, 9_900_000.0


@dataclass(frozen=True, slots=True)
class Served:
    """One reference system that answers come in."""

    uri: str
    epsg: int
    """What the numbers are made in; CRS84 has those of 4490."""
    north_first: bool = False
    flat: bool = False
    """Heights are left out."""
    easting: tuple[float, float] = (-180.0, 180.0)
    northing: tuple[float, float] = (-90.0, 90.0)


def _epsg(code: int) -> str:
    return f"http://www.opengis.net/def/crs/EPSG/0/{code}"


def _grid(code: int, false_easting: float) -> Served:
    """A Gauss-Krüger grid of CGCS2000: EPSG writes the northing first."""
    east = (false_easting - _GRID_REACH_M, false_easting + _GRID_REACH_M)
    return Served(_epsg(code), code, north_first=True, easting=east, northing=(-_GRID_NORTH_M, _GRID_NORTH_M))


CRS84: Final = Served("http://www.opengis.net/def/crs/OGC/1.3/CRS84", STORAGE, flat=True)
CRS84H: Final = Served("http://www.opengis.net/def/crs/OGC/0/CRS84h", STORAGE)
CGCS2000: Final = Served(_epsg(4490), 4490, north_first=True)
#: Three grids of Guangdong without and with the zone in front of the easting; 3857 for maps.
SERVED: Final = (
    CRS84,
    CGCS2000,
    Served(_epsg(4326), 4326, north_first=True),
    *(_grid(code, 500_000.0) for code in (4546, 4547, 4548)),
    *(_grid(code, zone * 1_000_000.0 + 500_000.0) for code, zone in ((4525, 37), (4526, 38), (4527, 39))),
    Served(_epsg(3857), 3857, easting=(-_WORLD_M, _WORLD_M), northing=(-_WORLD_M, _WORLD_M)),
)
_ALL: Final = (CRS84H, *SERVED)
_BY_URI: Final = {served.uri: served for served in _ALL}
_NAME: Final = re.compile(
    r"https?://www\.opengis\.net/def/crs/(?P<authority>EPSG|OGC)/(?:[0-9]{1,2}(?:\.[0-9]{1,3}){0,2})/(?P<code>[0-9A-Za-z]{4,6})"
    r"|urn:ogc:def:crs:(?P<authority2>EPSG|OGC):(?:[0-9]{1,2}(?:\.[0-9]{1,3}){0,2})?:(?P<code2>[0-9A-Za-z]{4,6})",
    re.ASCII | re.IGNORECASE,
)
_BY_CODE: Final = {("OGC", "CRS84"): CRS84, ("OGC", "CRS84H"): CRS84H} | {
    ("EPSG", str(served.epsg)): served for served in SERVED if served is not CRS84
}


def read(text: str, place: str) -> Served:
    """The reference system called `text`, an address or a URN; BadParameter naming all there are."""
    match = _NAME.fullmatch(text)
    found = None
    if match is not None:
        authority, code = match["authority"] or match["authority2"], match["code"] or match["code2"]
        found = _BY_CODE.get((authority.upper(), code.upper()))
    if found is None:
        listed = ", ".join(_BY_URI)
        raise values.refuse(place, text, f"one of {listed}", f"以下之一：{listed}")
    return found


def has_heights(layer: Layer) -> bool:
    """Whether features of the layer have heights in their geometry."""
    return bool(layer.vertical_datum)


def uris_of(layer: Layer) -> list[str]:
    """What a collection lists: the default first."""
    return [served.uri for served in (_ALL if has_heights(layer) else SERVED)]


def default_of(layer: Layer) -> Served:
    """What answers come in when nothing is asked for."""
    return CRS84H if has_heights(layer) else CRS84


def for_layer(asked: Served | None, layer: Layer) -> Served:
    """The system of an answer; CRS84h is refused where there are no heights."""
    if asked is CRS84H and not has_heights(layer):
        listed = ", ".join(uris_of(layer))
        raise BadParameter(
            f"layer {layer.id!r} has no heights; its systems are {listed}",
            f"图层 {layer.id!r} 没有高程；可用坐标系：{listed}",
            place="crs",
            mend=listed,
        )
    return asked or default_of(layer)


def box(text: str, place: str, served: Served) -> Bbox | ProjectedBox:
    """`bbox` in a system: its numbers in the system's own order of axes; BadParameter for numbers that are no place there."""
    if served.epsg in (4490, 4326) and not served.north_first:
        return Bbox(values.bbox(text, place))
    west, south, east, north = _corners(text, place, served)
    if south > north:
        raise values.refuse(place, text, "south before north", "南纬度在前、北纬度在后")
    if served.epsg in (4490, 4326):
        return Bbox((west, south, east, north))
    if west > east:
        raise values.refuse(place, text, "west before east", "西在前、东在后")
    return (
        Bbox(_from_mercator((west, south, east, north))) if served.epsg == 3857 else ProjectedBox((west, south, east, north), served.epsg)
    )


def _corners(text: str, place: str, served: Served) -> Bounds:
    """West, south, east, north out of 4 or 6 numbers (heights are checked, not used)."""
    parts = text.split(",")
    if len(parts) not in (4, 6):
        raise values.refuse(place, text, "4 or 6 numbers", "4 个或 6 个数")
    half = len(parts) // 2
    if half == 3 and values.number(parts[2], place) > values.number(parts[5], place):
        raise values.refuse(place, text, "lowest height before highest", "最低高程在前、最高高程在后")
    axes = (served.northing, served.easting) if served.north_first else (served.easting, served.northing)
    first, second, third, fourth = (
        values.number(parts[index], place, *axis) for index, axis in ((0, axes[0]), (1, axes[1]), (half, axes[0]), (half + 1, axes[1]))
    )
    return (second, first, fourth, third) if served.north_first else (first, second, third, fourth)


def _from_mercator(bounds: Bounds) -> Bounds:
    """Degrees of a box of EPSG:3857, whose edges are meridians and parallels."""
    west, south, east, north = bounds
    lon_w, lon_e = (max(-180.0, min(180.0, math.degrees(x / _EARTH_M))) for x in (west, east))
    lat_s, lat_n = (math.degrees(math.atan(math.sinh(y / _EARTH_M))) for y in (south, north))
    return (lon_w, lat_s, lon_e, lat_n)


def header(served: Served) -> dict[str, str]:
    """Says which system an answer is in."""
    return {"content-crs": f"<{served.uri}>"}
