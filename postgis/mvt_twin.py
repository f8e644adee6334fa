"""Tile rows read from a layer's twin: present facts in web mercator metres, turned the right way, with typed columns, kept beside the rows."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select

from postgis.features import published, scope_terms
from postgis.mvt_units import Part, Space, area_of, by_extent, envelope, in_units, limited, property_value, value_label
from postgis.sqltypes import literal
from twin.grids import DEGREE_M, Grid, mercator_y, tile_bounds_3857, tile_bounds_4490
from twin.layer import Bounds, Layer
from twin.view import View
from twin.webmercator import EXTENT

CLEARANCE = "tile clearance"
"""How far apart, in metres, vertices and edges are at the least: named as no field of a layer is."""


def twin_rows(part: Part, names: tuple[str, ...]) -> Select[Any]:
    """Rows with the fields called `names`, of a tile of WebMercatorQuad, or from zoom 14 on of the other grid: there its rows are scaled
    as if metres grew evenly from south to north, an error under 0.35 units of 4096 up to 60° of latitude."""
    layer = part.layer
    columns = dict.fromkeys(("oid", "geom", "division", CLEARANCE, *(field.column for field in layer.fields)))
    table = sa.table(layer.id, *map(sa.column, columns), schema="tile").alias("o")
    values = [property_value(*pair).label(value_label(index)) for index, pair in enumerate(published(part.view, layer, table, names))]
    rows: Select[Any] = sa.select(table.c.oid, *values, table.c.geom, table.c[CLEARANCE].label("clearance"))
    rows = rows.where(is_fresh(layer, "base"), *scope_terms(part.view, layer, table, part), meets_tile(part, table.c.geom))
    return in_units(limited(rows, part, by_extent(table)), names, part, Space.METRES, trusted=True, clear=True)


def is_fresh(layer: Layer, what: str) -> ColumnElement[bool]:
    """Whether the twin (or overview) shows, in this very snapshot, what the rows say; as a filter it spares the reading of a stale one."""
    state = sa.table("tile_state", sa.column("layer"), sa.column(what), schema="door")
    return sa.select(state.c[what] == literal("'fresh'")).where(state.c.layer == literal(layer.number)).scalar_subquery()


def meets_tile(part: Part, geometry: ColumnElement[Any]) -> ColumnElement[bool]:
    """The index condition of shapes in metres: the tile with its buffer."""
    return geometry.op("&&", is_comparison=True)(envelope(part, Space.METRES, "box", _box))


def _box(view: View) -> Bounds:
    """In metres; beyond the edges of the world, where there is nothing, it does no harm."""
    area = area_of(view)
    if area.grid is Grid.WEB_MERCATOR:
        west, south, east, north = tile_bounds_3857(area.z, area.x, area.y)
        margin = (east - west) * area.buffer / EXTENT
        return (west - margin, south - margin, east + margin, north + margin)
    west, south, east, north = tile_bounds_4490(area.grid, area.z, area.x, area.y, area.buffer)
    return (west * DEGREE_M, mercator_y(south), east * DEGREE_M, mercator_y(north))
