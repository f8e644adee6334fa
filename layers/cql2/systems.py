"""`filter-crs`: which reference system the geometries of a filter are written in."""

from twin.cql2.systems import CRS84, FILTER_SYSTEMS, FilterCrs
from twin.errors import BadParameter

_BY_NAME = {
    name.upper(): crs
    for crs in FILTER_SYSTEMS
    for name in (crs.name, crs.uri, f"[{crs.name}]", *(() if crs is CRS84 else (f"urn:ogc:def:crs:EPSG::{crs.epsg}",)))
} | {"OGC:CRS84": CRS84, "URN:OGC:DEF:CRS:OGC:1.3:CRS84": CRS84, "[OGC:CRS84]": CRS84}


def filter_crs(text: str) -> FilterCrs:
    """The system called `text` (URI, CURIE, URN or EPSG:n); BadParameter for any other."""
    found = _BY_NAME.get(text.strip().upper())
    if found is None:
        known = ", ".join(crs.uri for crs in FILTER_SYSTEMS)
        raise BadParameter(
            f"filter-crs {text[:60]!r} is not supported; these are: {known}",
            f"不支持的 filter-crs {text[:60]!r}",
            place="filter-crs",
            mend="可用坐标系：" + "、".join(crs.uri for crs in FILTER_SYSTEMS),
        )
    return found
