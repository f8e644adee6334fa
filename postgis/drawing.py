"""How geometries leave the database: reference system, order of axes, heights, and how much of the detail."""

import math
from collections.abc import Callable, Hashable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from postgis.sqltypes import INTEGER, NUMBER, TEXT, literal
from postgis.statement import Binds
from twin.view import GeometryForm, ProjectedBox, View

#: Degrees to a tenth of a millimetre, metres likewise.
_DEGREE_DIGITS, _METRE_DIGITS = 9, 4
_LON_LAT: Final = frozenset({4490, 4326})
#: Metres in a degree of latitude; one of longitude is shorter, so a tolerance in degrees never means more metres than asked for.
DEGREE_M: Final = 111_320.0
#: Into how many pieces the longer edge of a projected box is cut before its corners become degrees.
BOX_PIECES: Final = 128


def shape(view: View) -> tuple[Hashable, ...]:
    """What of a view's drawing decides the text of its SQL."""
    asked = view.drawing
    return (asked.north_first, asked.flat, asked.skip, asked.simplify_m is None, asked.form, asked.level)


def geometry(table: sa.FromClause, view: View, binds: Binds[View]) -> ColumnElement[Any]:
    """The geometry in the view's form, as GeoJSON without a crs member; EPSG:4490 and 4326 have the same numbers.

    `simplify_m` is Douglas-Peucker without its topology check (13 to 35 times the time), keeping what would collapse: an outline may touch
    itself, so it is for drawing and not for measuring. The digits written follow the tolerance.
    """
    asked = view.drawing
    if asked.skip:
        return sa.cast(sa.null(), sa.LargeBinary() if asked.form is GeometryForm.WKB else TEXT)
    drawn, digits = shaped(table, view, binds)
    if asked.form is GeometryForm.WKB:
        return sa.func.ST_AsBinary(drawn)
    if asked.form is GeometryForm.WKT:
        return sa.func.ST_AsText(drawn, digits)
    return sa.func.ST_AsGeoJSON(drawn, digits, literal(0))


def shaped(table: sa.FromClause, view: View, binds: Binds[View]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The geometry in the view's system and order of axes, simplified where asked for, and how many digits of it are worth writing."""
    asked = view.drawing
    drawn: ColumnElement[Any] = table.c.geom if asked.flat else sa.func.coalesce(table.c.geom_z, table.c.geom)
    digits: ColumnElement[Any] = literal(_digits(view))
    if view.crs not in _LON_LAT:
        drawn = sa.func.ST_Transform(drawn, literal(view.crs))
    if asked.simplify_m is not None:
        drawn = sa.func.ST_Simplify(drawn, binds("tolerance", NUMBER, _tolerance), literal("true"))
        digits = binds("digits", INTEGER, _digits)
    if asked.north_first:
        drawn = sa.func.ST_FlipCoordinates(drawn)
    if asked.level:
        drawn = sa.func.ST_Force3DZ(drawn, literal("'NaN'::double precision"))
    return drawn, digits


def _tolerance(view: View) -> float:
    """The view's tolerance in the unit of its reference system."""
    metres = view.drawing.simplify_m or 0.0
    return metres / DEGREE_M if view.crs in _LON_LAT else metres


def _digits(view: View) -> int:
    """Decimals worth writing: all, or those down to a tenth of the tolerance."""
    most = _DEGREE_DIGITS if view.crs in _LON_LAT else _METRE_DIGITS
    tolerance = _tolerance(view)
    return most if tolerance <= 0 else max(0, min(most, math.ceil(-math.log10(tolerance)) + 1))


def outline(epsg: int, binds: Binds[View]) -> ColumnElement[Any]:
    """The view's projected box in degrees, its edges cut fine before they bend: off by 5 mm for a box of 100 km, 0.3 m for one of 800 km."""
    corners = [binds(f"box_{side}", NUMBER, _corner(index)) for index, side in enumerate("wsen")]
    box = sa.func.ST_MakeEnvelope(*corners, literal(epsg))
    return sa.func.ST_Transform(sa.func.ST_Segmentize(box, binds("box_step", NUMBER, _step)), literal(4490))


def _projected(view: View) -> ProjectedBox:
    assert isinstance(view.area, ProjectedBox)  # noqa: S101  (the shape says so)
    return view.area


def _corner(index: int) -> Callable[[View], Any]:
    return lambda view: _projected(view).bounds[index]


def _step(view: View) -> float:
    """The length of a piece of the box's edge, in metres."""
    west, south, east, north = _projected(view).bounds
    return max((east - west) / BOX_PIECES, (north - south) / BOX_PIECES, 1.0)
