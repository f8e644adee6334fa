"""Vector tiles in one query: ST_AsMVT per layer over the select builder's WHERE, the layers' bytes joined in SQL."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select

from postgis.features import NUMBER, conditions, fingerprint, literal, newest_only, published, remember, shape, source
from postgis.statement import Binds, Statement, Template, compile_template
from twin.fields import Field, FieldType
from twin.layer import Layer
from twin.view import TileArea, View
from twin.webmercator import EXTENT, LINEAR_ZOOM, tile_bounds_4490

MAX_FEATURES = 65_536
"""Features of one layer in one tile, one for each pixel of a 256-pixel tile; more are cut off and the tile says so."""

Views = tuple[View, ...]
_templates: dict[Hashable, Template[Views]] = {}
_OF_THE_TILE = frozenset({"inner_w", "inner_s", "inner_e", "inner_n", "z", "x", "y"})
_AS_TEXT = frozenset({FieldType.JSON, FieldType.DATE, FieldType.INSTANT})


def tile_statement(views: Sequence[View], layers: Sequence[Layer]) -> Statement:
    """One row for a tile of `layers`: body (bytea, MVT 2.1, feature id = oid) and truncated; each view's area is that tile.

    Below zoom 14 vertices go through ST_Transform; from there on degrees are scaled straight to tile units, an error under 0.2 of 4096.
    """
    views = tuple(views)
    key = tuple([(fingerprint(layer), _area(view).z, shape(view, layer)) for view, layer in zip(views, layers, strict=True)])
    template = _templates.get(key)
    if template is None:
        template = remember(_templates, key, _template(views, layers))
    return template.bind(views)


def fields_at(layer: Layer, zoom: int) -> tuple[Field, ...]:
    """The fields a tile of this zoom carries."""
    return tuple(field for field in layer.fields if field.in_tiles_from_zoom is not None and field.in_tiles_from_zoom <= zoom)


def _template(views: Views, layers: Sequence[Layer]) -> Template[Views]:
    readers: dict[str, Callable[[Views], Any]] = {}
    parts: list[Select[Any]] = []
    for index, (view, layer) in enumerate(zip(views, layers, strict=True)):
        binds = _Nth(view, index)
        parts.append(_layer(view, layer, binds))
        readers.update(binds.outer)
    return compile_template(parts[0] if len(parts) == 1 else _joined(parts), readers, all(map(_by_place_alone, views)))


def _by_place_alone(view: View) -> bool:
    """Whether the spatial index is the way to the rows, whatever the values; a filter may know a better one."""
    return not view.filters and view.plan is None and view.valid_at is None and view.known_at is None


class _Nth(Binds[View]):
    """Binds of one of several views; what belongs to the tile is the same for all and shares its placeholders."""

    def __init__(self, view: View, index: int) -> None:
        super().__init__(view)
        self._index = index
        self.outer: dict[str, Callable[[Views], Any]] = {}

    def __call__(self, name: str, type_: Any, read: Callable[[View], Any]) -> sa.BindParameter[Any]:
        """The parameter, under a name of this view's own unless it is the tile's."""
        index, named = self._index, name if name in _OF_THE_TILE else f"{name}_{self._index}"
        self.outer[named] = lambda views: read(views[index])
        return super().__call__(named, type_, read)


def _joined(parts: list[Select[Any]]) -> Select[Any]:
    made = [part.subquery(f"m{index}") for index, part in enumerate(parts)]
    body: ColumnElement[Any] = made[0].c.body
    truncated: ColumnElement[Any] = made[0].c.truncated
    for part in made[1:]:
        body, truncated = body.op("||")(part.c.body), truncated.op("OR")(part.c.truncated)
    return sa.select(body.label("body"), truncated.label("truncated")).select_from(*made)


def _layer(view: View, layer: Layer, binds: Binds[View]) -> Select[Any]:
    """Body and truncation flag of one layer."""
    rows = _features(view, layer, binds).subquery("t")
    body = sa.func.ST_AsMVT(literal("t.*"), literal(_quoted(layer.id)), literal(EXTENT), literal("'geom'"), literal("'oid'"))
    return sa.select(body.label("body"), (sa.func.count() > literal(MAX_FEATURES)).label("truncated")).select_from(rows)


def _features(view: View, layer: Layer, binds: Binds[View]) -> Select[Any]:
    """Rows as ST_AsMVT takes them: oid, the fields of this zoom, geom in tile units."""
    table = source(view, layer)
    names = view.fields if view.fields is not None else tuple(field.name for field in fields_at(layer, _area(view).z))
    values = [_mvt_value(field, value).label(field.name) for field, value in published(view, layer, table, names)]
    select: Select[Any] = sa.select(table.c.oid, *values, _tile_geometry(view, table, binds).label("geom"))
    select = newest_only(select.where(*conditions(view, layer, table, binds)), view, table)
    return select.limit(literal(MAX_FEATURES + 1))


def _mvt_value(field: Field, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """ST_AsMVT would spread a jsonb value over properties of its own; times become text either way."""
    return sa.cast(value, sa.Text()) if field.type in _AS_TEXT else value


def _tile_geometry(view: View, table: sa.FromClause, binds: Binds[View]) -> ColumnElement[Any]:
    area = _area(view)
    geometry: ColumnElement[Any] = table.c.geom
    box = _degrees_box(binds)
    if area.z < LINEAR_ZOOM:
        geometry, box = sa.func.ST_Transform(geometry, literal(3857)), _metres_box(binds)
    buffer = binds("buffer", sa.Integer(), lambda v: _area(v).buffer)
    return sa.func.ST_AsMVTGeom(geometry, box, literal(EXTENT), buffer, literal("true"))


def _degrees_box(binds: Binds[View]) -> ColumnElement[Any]:
    sides = [binds(f"inner_{side}", NUMBER, _side(index)) for index, side in enumerate("wsen")]
    return sa.func.ST_MakeEnvelope(*sides, literal(4490))


def _side(index: int) -> Callable[[View], float]:
    def read(view: View) -> float:
        area = _area(view)
        return tile_bounds_4490(area.z, area.x, area.y)[index]

    return read


def _metres_box(binds: Binds[View]) -> ColumnElement[Any]:
    address = [binds(axis, sa.Integer(), _axis(axis)) for axis in "zxy"]
    return sa.func.ST_TileEnvelope(*address)


def _axis(axis: str) -> Callable[[View], int]:
    return lambda view: int(getattr(_area(view), axis))


def _area(view: View) -> TileArea:
    assert isinstance(view.area, TileArea)  # noqa: S101  (tile views are made by tiles/ only)
    return view.area


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
