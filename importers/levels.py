"""Heights of an import: their unit and the datum they count from, said by a person or by the file; labelled, never moved."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyproj

from importers.base import Summary
from importers.geoid import ERROR_M, MODEL, undulation_m
from importers.running import Run
from importers.shift import Move
from twin.errors import BadParameter
from twin.fields import Field, Role
from twin.heights import FOOT_M, UNITS, UNKNOWN, VerticalDatum, parse_vertical_datum
from twin.layer import Bounds

_FOOT_LEAST = 0.999 * FOOT_M


def in_metres(run: Run, move: Move, summary: Summary) -> Move:
    """The move with the unit of its heights: said, else that of a vertical part of the reference system, else metres."""
    if not summary.has_z:
        return move
    vertical = _vertical_part(move.source)
    factor = UNITS[run.options.height_unit] if run.options.height_unit else _unit(vertical)
    if factor != 1.0:
        run.note("height-unit", f"× {factor:.10g}")
    elif not run.options.height_unit and vertical is None and _FOOT_LEAST < _horizontal_unit(move.source) < 0.9:
        run.note("height-unit-unknown", move.name)
    return replace(move, height_m=factor)


def datum_of_heights(run: Run, move: Move, summary: Summary, fields: Sequence[Field], before: str) -> str | None:
    """What the layer says about its heights; None when it has none. Notes the datum, how far it lies from the ellipsoid, or that nobody knows."""
    has_heights = summary.has_z or any(field.role is Role.BASE_HEIGHT for field in fields)
    said = run.options.vertical_datum or _stated(move.source)
    if not has_heights:
        return None
    name = said or before or UNKNOWN
    if before not in {"", UNKNOWN, name}:
        run.note("height-datum-mixed", f"{before} → {name}")
    if name == UNKNOWN:
        run.note(
            "height-datum-unknown",
            "可用 --vertical-datum 说明，例如 1985国家高程基准",
            "say it with --vertical-datum, for example EPSG:5737",
        )
    else:
        run.note("height-datum", *_relation(_named(name), move, summary.bounds))
    return name


def _relation(datum: VerticalDatum, move: Move, bounds: Bounds | None) -> tuple[str, str]:
    """How these heights lie to the ellipsoid, with the error; zh and en."""
    if datum.is_ellipsoidal:
        return f"{datum.name}：即椭球高", f"{datum.title_en}: heights above the ellipsoid"
    found = _undulations(move, bounds)
    if found is None:
        return (
            f"{datum.name}：本机无大地水准面格网，与椭球高的关系未知",
            f"{datum.title_en}: no geoid grid on this machine, the relation to ellipsoidal heights is unknown",
        )
    low, high = found
    beside_zh = "" if datum.epsg in _GEOIDS else "，另加基准零点与大地水准面之差（分米级，各地不同）"
    beside_en = "" if datum.epsg in _GEOIDS else ", and the datum's own zero beside the geoid (decimetres, differs by place) on top"
    return (
        f"{datum.name}：椭球高 = 高程 + ({low:.1f} … {high:.1f}) m，{MODEL}，误差约 ±{ERROR_M:.0f} m{beside_zh}",
        f"{datum.title_en}: ellipsoidal height = height + ({low:.1f} … {high:.1f}) m by {MODEL}, about ±{ERROR_M:.0f} m{beside_en}",
    )


_GEOIDS = (5773, 3855)


def _undulations(move: Move, bounds: Bounds | None) -> tuple[float, float] | None:
    """Least and greatest height of the geoid over a grid across the file's box, in metres."""
    if bounds is None:
        return None
    x, y = (side.ravel() for side in np.meshgrid(np.linspace(bounds[0], bounds[2], 5), np.linspace(bounds[1], bounds[3], 5)))
    lon, lat = move.degrees(x, y)
    good = np.isfinite(lon) & np.isfinite(lat)
    heights = undulation_m(lon[good], lat[good]) if good.any() else None
    if heights is None or not np.isfinite(heights).any():
        return None
    return float(np.nanmin(heights)), float(np.nanmax(heights))


def _vertical_part(system: pyproj.CRS) -> pyproj.CRS | None:
    """The vertical system of a compound one, or a system of three axes itself."""
    if system.is_compound:
        return next((part for part in system.sub_crs_list if part.is_vertical), None)
    return system if len(system.axis_info) == 3 else None


def _unit(vertical: pyproj.CRS | None) -> float:
    return float(vertical.axis_info[-1].unit_conversion_factor) if vertical is not None and vertical.axis_info else 1.0


def _horizontal_unit(system: pyproj.CRS) -> float:
    return float(system.axis_info[0].unit_conversion_factor) if system.is_projected and system.axis_info else 1.0


def _stated(system: pyproj.CRS) -> str:
    """The datum that the file's own reference system names, empty where it names none that is known here."""
    vertical = _vertical_part(system)
    code = vertical.to_epsg(min_confidence=70) if vertical is not None else None
    if vertical is None:
        return ""
    found = _named(f"EPSG:{code}" if code else vertical.name)
    return vertical.name if found.name.startswith("EPSG:") else found.name


def _named(text: str) -> VerticalDatum:
    """A datum of the list, or one that only the file knows, by its own name."""
    try:
        return parse_vertical_datum(text)
    except BadParameter:
        return VerticalDatum(text, text)
