"""A column of a text table that holds shapes: WKT, EWKT, WKB in hexadecimal or a GeoJSON geometry, told by its values."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.base import Finding, Report, Rows
from importers.geos import ArrowArray, is_missing, shapely

_NAMES = ("wkt", "geom", "geometry", "the_geom", "wkb", "wkb_geometry", "wkt_geom", "geom_wkt", "shape", "几何", "空间数据", "图形")
_KINDS = "POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION"
_WKT = re.compile(rf"\s*(SRID\s*=\s*(\d+)\s*;)?\s*({_KINDS})\s*(Z|M|ZM)?\s*(\(|EMPTY)", re.IGNORECASE)
_HEX = re.compile(r"\s*(\\x|0x)?(00|01)[0-9a-fA-F]{8,}", re.IGNORECASE)
_JSON = re.compile(r"\s*\{\s*\"(type|coordinates)\"\s*:")
_SHOWN = 60


def shape_column(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """The first column whose values are shapes; a usual name decides between several."""
    width = len(names)
    good = [at for at in range(width) if _holds_shapes([row[at] for row in rows if at < len(row)])]
    named = [at for at in good if names[at].strip().lower() in _NAMES]
    return next(iter(named or good), None)


def _holds_shapes(values: Sequence[str]) -> bool:
    filled = [value for value in values if value and value.strip()]
    return bool(filled) and all(_WKT.match(value) or _HEX.match(value) or _JSON.match(value) for value in filled)


def stated_crs(values: Sequence[str]) -> str:
    """`EPSG:n` where the first shape says it (EWKT or EWKB), else empty."""
    first = next((value for value in values if value and value.strip()), "")
    if (found := _WKT.match(first)) and found[2]:
        return f"EPSG:{found[2]}"
    shape = _read(first)
    srid = int(shapely.get_srid(shape)) if shape is not None else 0
    return f"EPSG:{srid}" if srid else ""


def read_shapes(column: ArrowArray, rows: Rows, report: Report) -> tuple[NDArray[np.bool_], ArrowArray]:
    """The rows that are kept (a good shape or none at all) and their shapes as WKB."""
    values = column.to_pylist()
    shapes = np.array([_read(value) if value and value.strip() else None for value in values] + [None], dtype=object)[:-1]
    empty = np.array([not (value and value.strip()) for value in values], dtype=bool)
    keep: NDArray[np.bool_] = empty | ~is_missing(shapes)
    for at in np.flatnonzero(~keep):
        shown = (values[int(at)] or "")[:_SHOWN]
        report(Finding(rule="bad-coordinates", row=int(rows[at]), detail_zh=f"几何 {shown!r}", detail_en=f"shape {shown!r}"))
    return keep, pa.array(shapely.to_wkb(shapes[keep]), pa.binary())


def _read(text: str) -> Any:
    """One shape, None when the text is none."""
    text = text.strip()
    if _HEX.match(text):
        return shapely.from_wkb(text.removeprefix("\\x").removeprefix("0x"), on_invalid="ignore")
    if text.startswith("{"):
        return shapely.from_geojson(text, on_invalid="ignore")
    return shapely.from_wkt(text.partition(";")[2] if text[:4].upper() == "SRID" else text, on_invalid="ignore")
