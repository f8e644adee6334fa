"""The reference system a person or a file names: EPSG code, map datum, WKT, PROJ string, or a local grid by its parameters."""

import re
from dataclasses import dataclass

import pyproj

from importers.local_grid import PREFIX, LocalGrid, parse_local_grid
from twin.crs import Datum, SourceCrs, parse_crs
from twin.errors import BadParameter

_OPEN = re.compile(r"\s*(\+(proj|init)=|[A-Za-z_]+(CS|CRS)\s*[\[(]|ESRI:\d{4,6}\s*$|COMPD_CS)", re.IGNORECASE)
#: Words by which a definition reaches files of this machine: grids of shifts and parameter files.
_FILES = re.compile(r"grids\s*=|\+(init|file|catalog|date)=|parameterfile|catalog\s*=|difference file|shift file|model file", re.IGNORECASE)
_MAX_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference system: an EPSG code, or a definition in `wkt` (WKT or PROJ string), or a local grid on an EPSG code."""

    crs: SourceCrs
    wkt: str = ""
    grid: LocalGrid | None = None


def parse_reference(text: str) -> Reference:
    """What `text` names; BadParameter when it is nothing known."""
    said = text.strip()
    if said.lower().startswith(PREFIX):
        grid = parse_local_grid(said)
        if not definition(str(grid.base.epsg)).is_projected:
            raise BadParameter(f"local grid: EPSG:{grid.base.epsg} is not projected", f"EPSG:{grid.base.epsg} 不是投影坐标系", place="crs")
        return Reference(grid.base, grid=grid)
    if not _OPEN.match(said):
        return Reference(parse_crs(said))
    found = definition(said)
    code = found.to_authority(auth_name="EPSG", min_confidence=100)
    return Reference(parse_crs(":".join(code))) if code and not found.is_bound else Reference(SourceCrs(4490, Datum.CGCS2000), wkt=said)


def definition(text: str) -> pyproj.CRS:
    """The parsed definition: an EPSG number, a WKT or a PROJ string; BadParameter when PROJ knows no such thing, or it names files."""
    shown = text.strip()[:80]
    if len(text) > _MAX_CHARS or _FILES.search(text):
        raise BadParameter(f"the reference system {shown!r} names files or is too long", f"坐标系定义引用文件或过长：{shown}", place="crs")
    try:
        return pyproj.CRS.from_user_input(int(text) if text.isdecimal() else text)
    except (pyproj.exceptions.CRSError, UnicodeError) as exc:
        shown = f"EPSG:{shown}" if text.isdecimal() else shown
        raise BadParameter(f"there is no reference system {shown}", f"没有坐标系 {shown}", place="crs") from exc
