"""A reference system as a file writes it, as the rest of the importer wants it: `EPSG:n` where it is a known one, else WKT, else nothing."""

from typing import Any

import pyproj


def plain_crs(crs: str | dict[str, Any] | None) -> str:
    """`EPSG:n` where the reference system is a known one, else its WKT, else empty; WKT, PROJJSON and names are read."""
    if not crs:
        return ""
    if isinstance(crs, str) and crs.upper().startswith("EPSG:"):
        return crs
    try:
        parsed = pyproj.CRS.from_user_input(crs)
        authority = parsed.to_authority(auth_name="EPSG", min_confidence=70)
        degrees = parsed.to_authority(auth_name="OGC", min_confidence=90)
    except (pyproj.exceptions.CRSError, TypeError, ValueError, KeyError):
        return ""
    if degrees and degrees[1] == "CRS84":
        return "EPSG:4326"
    return ":".join(authority) if authority else str(parsed.to_wkt())
