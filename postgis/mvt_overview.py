"""Tile rows below zoom 14 read from a layer's overview: what is large enough as itself, the rest as squares or points that stand for many.

Both carry what they stand for: count (left out of a thing that is itself only), area_m2, floor_area_m2 and population.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select
from sqlalchemy.dialects.postgresql import ARRAY

from postgis.features import published, scope_terms
from postgis.mvt_twin import is_fresh, meets_tile
from postgis.mvt_units import TILE_GEOMETRY, TILE_ID, Part, Space, area_of, in_units, limited, plane_of, property_value, units, value_label
from postgis.sqltypes import BIGINT, literal
from twin.fields import Field, Role
from twin.grids import DEGREE_M, WORLD_HALF_M, Grid, descendants
from twin.layer import GeometryType
from twin.view import View
from twin.webmercator import EXTENT

BELOW_ZOOM = 14
_BANDS = (5, 8, 11, 13)
_POINTS = frozenset({GeometryType.POINT, GeometryType.MULTIPOINT})
#: Names that a column of `tile_kept` cannot have; there the field's has an underscore more.
_TAKEN = frozenset({"zoom_from", "zoom_to", "size", "count", "quad", "area_m2", "floor_area_m2", "population", "centre_x", "centre_y"})
_EARTH_M = 6378137
_SUMS = {"count": None, "area_m2": None, "floor_area_m2": Role.FLOORS, "population": Role.POPULATION}
"""What a thing stands for, and the role of the field whose absence or masking hides it."""


def overview_rows(part: Part, names: tuple[str, ...]) -> Select[Any]:
    """What is drawn as itself with the fields called `names`, and what is folded."""
    drawn = sa.union_all(_kept(part, names), _folded(part, names)).subquery("u")
    return sa.select(drawn)


def _sums(part: Part, names: tuple[str, ...]) -> tuple[str, ...]:
    """The sums this reader may see; a field of the same name comes first."""
    roles = {field.role for field in part.layer.fields if field.name not in part.view.scope.masked_fields}
    flat = part.layer.geometry_type in _POINTS
    return tuple(
        [name for name, role in _SUMS.items() if name not in names and role in {None, *roles} and not (flat and name == "area_m2")]
    )


def _sum_value(table: FromClause, name: str) -> ColumnElement[Any]:
    """Whole numbers: they say enough, and there are fewer different ones to send."""
    value = table.c[name]
    if name == "count":
        return value
    if name == "population":
        return sa.func.round(value * literal(10)) / literal("10::float8")
    return sa.cast(sa.func.round(value), BIGINT)


def _kept(part: Part, names: tuple[str, ...]) -> Select[Any]:
    layer, sums = part.layer, _sums(part, names)
    columns = dict.fromkeys(("zoom_from", "zoom_to", "oid", "geom", "size", "division", *_SUMS, *map(_kept_column, layer.fields)))
    table = sa.table(layer.id, *map(sa.column, columns), schema="tile_kept").alias("k")
    space = plane_of(part.area)
    geometry: ColumnElement[Any] = table.c.geom
    if space is Space.DEGREES:
        geometry = sa.func.ST_Transform(geometry, literal(space.value))
    own = [property_value(*pair) for pair in published(part.view, layer, table, names, _kept_column)]
    stood_for = [sa.func.nullif(_sum_value(table, name), literal(1)) if name == "count" else _sum_value(table, name) for name in sums]
    values = [value.label(value_label(index)) for index, value in enumerate([*own, *stood_for])]
    rows: Select[Any] = sa.select(table.c.oid, *values, geometry.label("geom")).where(
        is_fresh(layer, "overview"),
        *scope_terms(part.view, layer, table, part),
        table.c.zoom_to == literal(next(zoom for zoom in _BANDS if zoom >= part.area.z)),
        table.c.zoom_from <= literal(part.area.z),
        meets_tile(part, table.c.geom),
    )
    rows = limited(rows, part, [table.c.size.desc(), table.c.oid])
    return in_units(rows, (*names, *sums), part, space, trusted=space is Space.METRES, all_drawn=True)


def _kept_column(field: Field) -> str:
    return field.column + "_" if field.column in _TAKEN else field.column


def _folded(part: Part, names: tuple[str, ...]) -> Select[Any]:
    """One feature for each cell that holds anything; its properties are NULL but for the class that prevails and the sums."""
    cell = _in_tile(part, _cells(part))
    here = _is_here(part, cell)
    own = [_fold_value(part, name, cell).label(name) for name in names]
    sums = [sa.case((here, _sum_value(cell, name))).label(name) for name in _sums(part, names)]
    shape = _point(cell) if part.layer.geometry_type in _POINTS else _square(cell)
    if part.layer.geometry_type is GeometryType.MIXED:
        shape = sa.case((cell.c.mercator_area > literal(0), shape), else_=_point(cell))
    row = sa.select(cell.c.oid.label(TILE_ID), *own, *sums, shape.label(TILE_GEOMETRY))
    if part.area.grid is Grid.WEB_MERCATOR:
        return row
    if part.layer.geometry_type in _POINTS:
        return row.where(here)
    return row.where(cell.c.north < literal(EXTENT), cell.c.north + cell.c.height > literal(0))


def _is_here(part: Part, cell: FromClause) -> ColumnElement[bool]:
    """Whether a cell counts in this tile: one over the edge of a tile of CGCS2000Quad is drawn in both, and counts where its centre is."""
    if part.area.grid is Grid.WEB_MERCATOR:
        return sa.true()
    return sa.and_(cell.c.down >= literal(0), cell.c.down < literal(EXTENT))


def _fold_value(part: Part, name: str, cell: FromClause) -> ColumnElement[Any]:
    field = part.layer.field(name)
    if field is None or name in part.view.scope.masked_fields:
        return sa.null()
    if field.role is Role.CLASS:
        return cell.c["class"]
    return cell.c.population if field.role is Role.POPULATION else sa.null()


def _levels(part: Part) -> int:
    """How many levels below the tile the cells of its fold are."""
    return 5 if part.layer.geometry_type in _POINTS else 7


def _cells(part: Part) -> Select[Any]:
    """Rows of the fold under the tile: one run of cells for a tile of WebMercatorQuad, a few for one of CGCS2000Quad."""
    layer, area, levels = part.layer, part.area, _levels(part)
    names = ("oid", "zoom", "quad", "division", *_SUMS, "class", "x", "y", "mercator_area")
    fold = sa.table(layer.id, *map(sa.column, names), schema="tile_fold").alias("f")
    rows = sa.select(*[fold.c[name] for name in ("oid", *_SUMS, "class", "x", "y", "mercator_area")]).where(
        is_fresh(layer, "overview"), *scope_terms(part.view, layer, fold, part), fold.c.zoom == literal(area.z)
    )
    if area.grid is Grid.WEB_MERCATOR:
        first, last = (part(name, BIGINT, _run(levels, index)) for index, name in enumerate(("first", "last")))
        return rows.where(fold.c.quad.between(first, last))
    ends = [part(name, ARRAY(BIGINT), _runs(levels, index)) for index, name in enumerate(("first", "last"))]
    runs = sa.func.unnest(*ends).table_valued("first", "last").render_derived().alias("runs")
    return rows.join_from(fold, runs, fold.c.quad.between(runs.c.first, runs.c.last))


def _run(levels: int, end: int) -> Callable[[View], int]:
    return lambda view: _runs(levels, end)(view)[0]


def _runs(levels: int, end: int) -> Callable[[View], list[int]]:
    def read(view: View) -> list[int]:
        area = area_of(view)
        return [run[end] for run in descendants(area.grid, area.z, area.x, area.y, levels)]

    return read


def _in_tile(part: Part, cells: Select[Any]) -> FromClause:
    """The cells with their squares in units: west and north corner, width and height, and the centre (across, down).

    A square has the area of what it stands for, lies about its centre and does not leave its cell: neighbours never hide each other.
    """
    space = plane_of(part.area)
    count = 2 ** (part.area.z + _levels(part))
    cell_m, cells_per_m = _constant(2 * WORLD_HALF_M / count), _constant(count / (2 * WORLD_HALF_M))
    breadth = literal(EXTENT >> _levels(part))
    half = _constant(WORLD_HALF_M)
    c = cells.offset(literal(0)).subquery("c")
    column, row = sa.func.floor((c.c.x + half) * cells_per_m), sa.func.floor((half - c.c.y) * cells_per_m)
    placed = _with(
        c,
        across=_across(part, space, c.c.x),
        down=_down(part, space, c.c.y),
        left=sa.func.round(_across(part, space, column * cell_m - half)),
        top=_down(part, space, half - row * cell_m),
        bottom=_down(part, space, half - (row + literal(1)) * cell_m),
        side=sa.func.sqrt(c.c.mercator_area) * _constant(EXTENT * 2**part.area.z / (2 * WORLD_HALF_M)),
    )
    p = placed.c
    width = sa.func.least(breadth, sa.func.greatest(literal(1), sa.func.round(p.side)))
    fitting = sa.func.round(_over(p.side * p.side * (p.bottom - p.top) * _constant(1 / (EXTENT >> _levels(part))), width))
    sized = _with(placed, width=width, height=sa.func.greatest(literal(1), sa.func.least(sa.func.round(p.bottom - p.top), fitting)))
    s = sized.c
    return _with(
        sized,
        west=_between(s.left, s.across - s.width * _constant(0.5), s.left + breadth - s.width),
        north=_between(s.top, s.down - s.height * _constant(0.5), s.bottom - s.height),
    )


def _with(table: FromClause, **more: ColumnElement[Any]) -> FromClause:
    """The table with more columns, behind a fence that keeps the planner from working them out again at each use."""
    return sa.select(table, *[value.label(name) for name, value in more.items()]).offset(literal(0)).subquery()


def _over(value: ColumnElement[Any], by: ColumnElement[Any]) -> ColumnElement[Any]:
    """Division of doubles as it is; SQLAlchemy's own goes by way of numeric."""
    return value.op("/", precedence=8)(by)


def _between(least: ColumnElement[Any], value: ColumnElement[Any], most: ColumnElement[Any]) -> ColumnElement[Any]:
    return sa.func.round(sa.func.greatest(least, sa.func.least(most, value)))


def _across(part: Part, space: Space, x: ColumnElement[Any]) -> ColumnElement[Any]:
    scale, _, origin, _ = units(part, space)
    return (x if space is Space.METRES else x * _constant(1 / DEGREE_M)) * scale + origin


def _down(part: Part, space: Space, y: ColumnElement[Any]) -> ColumnElement[Any]:
    _, scale, _, origin = units(part, space)
    return (y if space is Space.METRES else sa.func.degrees(sa.func.atan(sa.func.sinh(y * _constant(1 / _EARTH_M))))) * scale + origin


def _constant(value: float) -> ColumnElement[Any]:
    return sa.literal_column(f"{value!r}::float8", sa.Double())


def _point(cell: FromClause) -> ColumnElement[Any]:
    """Rounded down, so that no point lies on the edge that belongs to the next tile."""
    return sa.func.ST_MakePoint(sa.func.floor(cell.c.across), sa.func.floor(cell.c.down))


def _square(cell: FromClause) -> ColumnElement[Any]:
    """West and east change places: that order makes an exterior ring of MVT."""
    c = cell.c
    north, south = sa.func.greatest(c.north, literal(0)), sa.func.least(c.north + c.height, literal(EXTENT))
    return sa.func.ST_MakeEnvelope(c.west + c.width, north, c.west, south)
