"""From degrees or metres to the units of a tile: what is small is only scaled, what is large is clipped.

ST_AsMVTGeom clips and mends at 4 µs a building; scaling and snapping to whole units costs a seventh of that, and a shape within the
tile's surroundings needs no more, if its rings turn the right way.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select

from postgis.sqltypes import NUMBER, literal
from postgis.statement import Binds
from twin.fields import Field, FieldType
from twin.grids import DEGREE_M, Grid, mercator_y, tile_bounds_3857, tile_bounds_4490
from twin.layer import Bounds, Layer
from twin.view import TileArea, View
from twin.webmercator import EXTENT

Views = tuple[View, ...]

TILE_ID, TILE_GEOMETRY = "tile id", "tile geometry"
"""Columns of a row as ST_AsMVT takes it, beside the properties: named as no field of a layer is."""
MAX_FEATURES = 65_536
"""Features of one layer in one tile, one for each pixel of a 256-pixel tile; more are cut off and the tile says so."""

_REACH = 0.5
"""How many tile widths beyond its tile an unclipped shape may go: MapLibre's buckets hold -2048 … 6144."""
_PLAIN = ("POLYGON", "MULTIPOLYGON", "LINESTRING", "MULTILINESTRING", "POINT", "MULTIPOINT")
_AS_TEXT = frozenset({FieldType.JSON, FieldType.DATE, FieldType.INSTANT})
_SURFACES = ("TIN", "TRIANGLE", "POLYHEDRALSURFACE")


class Space(Enum):
    """The plane in which a source keeps its shapes while they are made into a tile; the value is its EPSG code."""

    DEGREES = 4490
    METRES = 3857

    def bounds(self, area: TileArea) -> Bounds:
        """The tile without its buffer. In the plane of the other grid it is a box too, within which rows grow almost evenly from zoom 14 on."""
        if self is Space.DEGREES:
            return tile_bounds_4490(area.grid, area.z, area.x, area.y)
        if area.grid is Grid.WEB_MERCATOR:
            return tile_bounds_3857(area.z, area.x, area.y)
        west, south, east, north = tile_bounds_4490(area.grid, area.z, area.x, area.y)
        return (west * DEGREE_M, mercator_y(south), east * DEGREE_M, mercator_y(north))


def plane_of(area: TileArea) -> Space:
    """The plane in which the tiles of a grid are squares."""
    return Space.METRES if area.grid is Grid.WEB_MERCATOR else Space.DEGREES


class Part(Binds[View]):
    """One layer of a tile while its SQL is written; a parameter of the tile itself is the same for all layers and shares its placeholder."""

    def __init__(self, view: View, layer: Layer, index: int, ranked: bool) -> None:
        super().__init__(view)
        self.view, self.layer, self.ranked = view, layer, ranked
        self.area = area_of(view)
        self._index = index
        self.outer: dict[str, Callable[[Views], Any]] = {}

    def __call__(self, name: str, type_: Any, read: Callable[[View], Any]) -> sa.BindParameter[Any]:
        """The parameter, under a name of this layer's own."""
        return self._bind(f"{name}_{self._index}", type_, read)

    def shared(self, name: str, type_: Any, read: Callable[[TileArea], Any]) -> sa.BindParameter[Any]:
        """A parameter that depends on the tile alone."""
        return self._bind(f"tile_{name}", type_, lambda view: read(area_of(view)))

    def _bind(self, name: str, type_: Any, read: Callable[[View], Any]) -> sa.BindParameter[Any]:
        index = self._index
        self.outer[name] = lambda views: read(views[index])
        return super().__call__(name, type_, read)


def area_of(view: View) -> TileArea:
    """The tile of a view."""
    assert isinstance(view.area, TileArea)  # noqa: S101  (tile views are made by tiles/ only)
    return view.area


def value_label(index: int) -> str:
    """The name of a property until the last step, so that no field can hide a column of ours."""
    return f"v{index}"


def property_value(field: Field, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """ST_AsMVT would spread a jsonb value over properties of its own; times become text either way."""
    return sa.cast(value, sa.Text()) if field.type in _AS_TEXT else value


def in_units(
    rows: Select[Any], names: Sequence[str], part: Part, space: Space, *, trusted: bool, all_drawn: bool = False, clear: bool = False
) -> Select[Any]:
    """Rows as ST_AsMVT takes them, from `rows` with oid, v0 … and geom in `space`.

    `trusted`: the shapes are plain ones whose exterior rings are clockwise. `all_drawn`: an area too thin for whole units becomes one unit.
    `clear`: rows tell their `clearance`. `rows` must end with a LIMIT or OFFSET, which keeps the planner from working its shapes out twice.
    """
    row = rows.subquery("r")
    scaled = _scaled(row.c.geom, part, space, trusted)
    if clear:
        scaled = sa.case((_is_clear(row, part, space), _shifted(row.c.geom, part, space)), else_=scaled)
    quick = sa.case((_may_be_scaled(row.c.geom, part, space, trusted), scaled), else_=None)
    tried = sa.select(row, quick.label("quick")).offset(literal(0)).subquery("q")
    # A ring that snapping made flat or turned round is not counter-clockwise: that shape is mended the slow way, or found too small.
    good = sa.and_(sa.func.ST_IsPolygonCCW(tried.c.quick), sa.not_(sa.func.ST_IsEmpty(tried.c.quick)))
    if clear:
        good = sa.case((_is_clear(tried, part, space), tried.c.quick.is_not(None)), else_=good)
    slow = _clipped(tried.c.geom, part, space, trusted)
    shape = sa.case((good, tried.c.quick), else_=sa.func.coalesce(slow, _one_unit(tried, part, space)) if all_drawn else slow)
    values = [tried.c[value_label(index)].label(name) for index, name in enumerate(names)]
    return sa.select(tried.c.oid.label(TILE_ID), *values, shape.label(TILE_GEOMETRY))


def limited(rows: Select[Any], part: Part, first: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """One row more than a tile takes tells that there are more; a ranked statement keeps what is `first` instead."""
    if part.ranked:
        return rows.order_by(*first).limit(literal(MAX_FEATURES))
    return rows.limit(literal(MAX_FEATURES + 1))


def by_extent(table: FromClause) -> list[ColumnElement[Any]]:
    """The largest first; things of one size, like points, are thinned evenly rather than from one side."""
    box = {side: getattr(sa.func, f"ST_{side}")(table.c.geom) for side in ("XMax", "XMin", "YMax", "YMin")}
    return [(box["XMax"] - box["XMin"] + box["YMax"] - box["YMin"]).desc(), sa.func.hashint8(table.c.oid)]


def envelope(part: Part, space: Space, name: str, read: Callable[[View], Bounds]) -> ColumnElement[Any]:
    """A box of this layer's own."""
    sides = [part(f"{name}_{side}", NUMBER, _item(read, index)) for index, side in enumerate("wsen")]
    return sa.func.ST_MakeEnvelope(*sides, literal(space.value))


def units(part: Part, space: Space) -> "tuple[ColumnElement[Any], ...]":
    """Units per metre or degree across and down, and the units from the tile's corner to the plane's origin."""
    return tuple([_of_tile(part, space, f"scale_{index}", _scale(index)) for index in range(4)])


def _scale(index: int) -> Callable[[Bounds], float]:
    def read(bounds: Bounds) -> float:
        west, south, east, north = bounds
        across, down = EXTENT / (east - west), EXTENT / (north - south)
        return (across, -down, -west * across, north * down)[index]

    return read


def _may_be_scaled(geometry: ColumnElement[Any], part: Part, space: Space, trusted: bool) -> ColumnElement[bool]:
    sides = [_of_tile(part, space, f"reach_{index}", _reach(index)) for index in range(4)]
    around = sa.select(sa.func.ST_MakeEnvelope(*sides, literal(space.value))).scalar_subquery()  # made once and not for each row
    near = geometry.op("@", is_comparison=True)(around)
    return near if trusted else sa.and_(near, _is_one_of(geometry, _PLAIN))


def _reach(index: int) -> Callable[[Bounds], float]:
    sign = -1 if index < 2 else 1
    return lambda bounds: bounds[index] + sign * _REACH * (bounds[2 + index % 2] - bounds[index % 2])


def _scaled(geometry: ColumnElement[Any], part: Part, space: Space, trusted: bool) -> ColumnElement[Any]:
    """Whole units; the flip of y turns a clockwise ring into the one MVT wants."""
    across, down, x, y = units(part, space)
    nought = literal(0)
    snapped = sa.func.ST_SnapToGrid(sa.func.ST_Affine(geometry, across, nought, nought, down, x, y), literal(1))
    return snapped if trusted else sa.func.ST_ForcePolygonCCW(snapped)


def _is_clear(row: FromClause, part: Part, space: Space) -> ColumnElement[bool]:
    """Whether a shape stays what it is when its vertices are rounded."""
    return row.c.clearance > _of_tile(part, space, "clear", _least_clearance)


def _shifted(geometry: ColumnElement[Any], part: Part, space: Space) -> ColumnElement[Any]:
    """In units, half a unit on: ST_AsMVT cuts what follows the point, which rounds."""
    across, down, _, _ = units(part, space)
    x, y = (_of_tile(part, space, f"shift_{index}", _shift(index)) for index in (2, 3))
    return sa.func.ST_Affine(geometry, across, literal(0), literal(0), down, x, y)


def _shift(index: int) -> Callable[[Bounds], float]:
    return lambda bounds: _scale(index)(bounds) + 0.5


def _least_clearance(bounds: Bounds) -> float:
    """Three units: rounding moves a vertex by up to half a unit each way, left of or above the tile by one more, and never two past each other."""
    west, south, east, north = bounds
    return 3 * max(east - west, north - south) / EXTENT


def _one_unit(tried: FromClause, part: Part, space: Space) -> ColumnElement[Any]:
    """A square of one unit where an area lies about the tile; its east comes first, for that makes an exterior ring of MVT."""
    across, down, x, y = units(part, space)
    centre = sa.func.ST_Centroid(tried.c.geom)
    column, row = sa.func.floor(sa.func.ST_X(centre) * across + x), sa.func.floor(sa.func.ST_Y(centre) * down + y)
    square = sa.func.ST_MakeEnvelope(column + literal(1), row, column, row + literal(1))
    return sa.case((sa.and_(tried.c.quick.is_not(None), sa.func.ST_Dimension(tried.c.geom) == literal(2)), square))


def _clipped(geometry: ColumnElement[Any], part: Part, space: Space, trusted: bool) -> ColumnElement[Any]:
    """What is large is clipped in the grid's own plane: a long edge that is straight there is bent elsewhere."""
    plane = plane_of(part.area)
    if space is not plane:
        space, geometry = plane, sa.func.ST_Transform(geometry, literal(plane.value))
    sides = [_of_tile(part, space, f"side_{index}", _side(index)) for index in range(4)]
    box = sa.func.ST_MakeEnvelope(*sides, literal(space.value))
    if not trusted:
        lines = (sa.func.ST_HasArc(geometry), sa.func.ST_CurveToLine(geometry))
        geometry = sa.case(lines, (sa.not_(_is_one_of(geometry, _SURFACES)), geometry), else_=None)
    buffer = part("buffer", sa.Integer(), lambda view: area_of(view).buffer)
    return sa.func.ST_AsMVTGeom(geometry, box, literal(EXTENT), buffer, literal("true"))


def _side(index: int) -> Callable[[Bounds], float]:
    return lambda bounds: bounds[index]


def _of_tile(part: Part, space: Space, name: str, read: Callable[[Bounds], float]) -> ColumnElement[Any]:
    return part.shared(f"{name}_{space.value}", NUMBER, lambda area: read(space.bounds(area)))


def _is_one_of(geometry: ColumnElement[Any], types: tuple[str, ...]) -> ColumnElement[bool]:
    return sa.func.GeometryType(geometry).in_([literal(f"'{name}'") for name in types])


def _item(read: Callable[[View], Any], index: int) -> Callable[[View], Any]:
    return lambda view: read(view)[index]
