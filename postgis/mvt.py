"""Vector tiles in one query: ST_AsMVT per layer over its rows, its twin or its overview, the layers' bytes joined in SQL."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select
from sqlalchemy.dialects.postgresql import array

from postgis import mvt_units
from postgis.features import fingerprint, remember, shape
from postgis.mvt_live import live_rows
from postgis.mvt_overview import BELOW_ZOOM, overview_rows
from postgis.mvt_twin import is_fresh, twin_rows
from postgis.mvt_units import TILE_GEOMETRY, TILE_ID, Part, Views, area_of
from postgis.sqltypes import literal
from postgis.statement import Statement, Template, compile_template
from twin.fields import Field
from twin.grids import Grid
from twin.layer import Layer, TileSource
from twin.view import TileArea, View
from twin.webmercator import EXTENT, LINEAR_ZOOM

_templates: dict[Hashable, Template[Views]] = {}
_ROWS: dict[TileSource, Callable[[Part, tuple[str, ...]], Select[Any]]] = {
    TileSource.LIVE: live_rows,
    TileSource.TWIN: twin_rows,
    TileSource.OVERVIEW: overview_rows,
}
_STATE = {TileSource.TWIN: "base", TileSource.OVERVIEW: "overview"}


def best_source(view: View, layer: Layer) -> TileSource:
    """What a tile of `view` is made from: a twin knows the present facts only, and rows that a division bounds, but not an area."""
    special = (
        view.filters
        or view.where
        or view.valid_at
        or view.known_at
        or view.plan is not None
        or view.oid is not None
        or view.fields is not None
    )
    if special or view.scope.area_4490 is not None or layer.tile_source is TileSource.LIVE:
        return TileSource.LIVE
    area = area_of(view)
    if area.z < BELOW_ZOOM and layer.tile_source is TileSource.OVERVIEW:
        return TileSource.OVERVIEW
    return TileSource.TWIN if area.grid is Grid.WEB_MERCATOR or _is_even(area) else TileSource.LIVE


def _is_even(area: TileArea) -> bool:
    """Whether metres grow evenly enough from the south to the north of a tile of CGCS2000Quad."""
    return area.z >= LINEAR_ZOOM and abs(90 - (area.y + 0.5) * 360 / (1 << area.z)) < 60


def tile_statement(
    views: Sequence[View], layers: Sequence[Layer], sources: Sequence[TileSource] | None = None, ranked: bool = False
) -> Statement:
    """One row for a tile of `layers`: body (bytea, MVT 2.1, feature id = oid), truncated, and fresh, one boolean for each layer.

    Each view's area is that tile. What was read from a twin that is not fresh is nothing: ask again with TileSource.LIVE for it.
    `ranked` keeps the largest of too many features; without it, those that come first.
    """
    views = tuple(views)
    sources = tuple(sources or map(best_source, views, layers))
    parts = zip(views, layers, sources, strict=True)
    key = (
        ranked,
        tuple([(layer.number, fingerprint(layer), _tile_kind(view), shape(view, layer), source) for view, layer, source in parts]),
    )
    template = _templates.get(key)
    if template is None:
        template = remember(_templates, key, _template(views, layers, sources, ranked))
    return template.bind(views)


def fields_at(layer: Layer, zoom: int) -> tuple[Field, ...]:
    """The fields a tile of this zoom carries."""
    return tuple(field for field in layer.fields if field.in_tiles_from_zoom is not None and field.in_tiles_from_zoom <= zoom)


def _tile_kind(view: View) -> Hashable:
    return area_of(view).grid, area_of(view).z


def _template(views: Views, layers: Sequence[Layer], sources: Sequence[TileSource], ranked: bool) -> Template[Views]:
    readers: dict[str, Callable[[Views], Any]] = {}
    parts: list[Select[Any]] = []
    fresh: list[ColumnElement[bool]] = []
    for index, (view, layer, source) in enumerate(zip(views, layers, sources, strict=True)):
        part = Part(view, layer, index, ranked)
        parts.append(_layer(part, source))
        fresh.append(sa.func.coalesce(is_fresh(layer, _STATE[source]), sa.false()) if source in _STATE else sa.true())
        readers.update(part.outer)
    return compile_template(_joined(parts, fresh), readers, all(map(_by_place_alone, views)))


def _by_place_alone(view: View) -> bool:
    """Whether the spatial index is the way to the rows, whatever the values; a filter may know a better one."""
    return not view.filters and view.where is None and view.plan is None and view.valid_at is None and view.known_at is None


def _joined(parts: list[Select[Any]], fresh: list[ColumnElement[bool]]) -> Select[Any]:
    made = [part.subquery(f"m{index}") for index, part in enumerate(parts)]
    body: ColumnElement[Any] = made[0].c.body
    truncated: ColumnElement[Any] = made[0].c.truncated
    for part in made[1:]:
        body, truncated = body.op("||")(part.c.body), truncated.op("OR")(part.c.truncated)
    return sa.select(body.label("body"), truncated.label("truncated"), array(fresh).label("fresh")).select_from(*made)


def _layer(part: Part, source: TileSource) -> Select[Any]:
    """Body and truncation flag of one layer."""
    view, layer = part.view, part.layer
    names = view.fields if view.fields is not None else tuple(field.name for field in fields_at(layer, part.area.z))
    rows = _ROWS[source](part, names).subquery("t")
    columns = (_quoted(layer.id), EXTENT, _quoted(TILE_GEOMETRY), _quoted(TILE_ID))
    body = sa.func.ST_AsMVT(literal("t.*"), *map(literal, columns))
    too_many = sa.func.count() >= literal(mvt_units.MAX_FEATURES + (not part.ranked))
    return sa.select(body.label("body"), too_many.label("truncated")).select_from(rows)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
