"""Tile rows read from a layer's own view: for any moment, plan and filter, and whenever the twin is not fresh."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select

from postgis.features import conditions, newest_only, one_version, published, source
from postgis.mvt_units import Part, Space, by_extent, in_units, limited, property_value, value_label
from postgis.sqltypes import literal
from twin.grids import Grid
from twin.webmercator import LINEAR_ZOOM


def live_rows(part: Part, names: tuple[str, ...]) -> Select[Any]:
    """Rows with the fields called `names`. Below zoom 14 of WebMercatorQuad vertices go through ST_Transform; elsewhere degrees are scaled
    straight to tile units, exact in CGCS2000Quad and an error under 0.2 of 4096 in the other."""
    view, layer = part.view, part.layer
    table = source(view, layer)
    space = Space.METRES if part.area.grid is Grid.WEB_MERCATOR and part.area.z < LINEAR_ZOOM else Space.DEGREES
    geometry: ColumnElement[Any] = table.c.geom
    if space is Space.METRES:
        geometry = sa.func.ST_Transform(geometry, literal(space.value))
    values = [property_value(*pair).label(value_label(index)) for index, pair in enumerate(published(view, layer, table, names))]
    rows: Select[Any] = sa.select(table.c.oid, *values, geometry.label("geom")).where(*conditions(view, layer, table, part))
    rows = newest_only(rows, view, table)
    return in_units(limited(rows, part, by_extent(table) if one_version(view) else ()), names, part, space, trusted=False)
