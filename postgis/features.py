"""The one select builder: a View and its Layer become SQL over the layer's typed view, the scope first, every value bound.

The text depends only on the *shape* of a view (which of its parts are there), so it is built once per shape and bound thereafter.
"""

from collections.abc import Callable, Hashable, Iterator
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on
from sqlalchemy.types import TypeEngine

from postgis import cql2, drawing, sorting
from postgis.sqltypes import BIGINT, INSTANT, NUMBER, TEXT, literal
from postgis.statement import Binds, Statement, Template, compile_asyncpg, compile_template
from twin.errors import BadParameter
from twin.fields import BASE_COLUMNS, Field, FieldType
from twin.grids import tile_bounds_4490
from twin.layer import Bounds, Layer
from twin.view import Bbox, ProjectedBox, TileArea, View

__all__ = ["compile_asyncpg", "count_statement", "fingerprint", "select_rows", "statement"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Columns = sa.FromClause
Condition = ColumnElement[bool]
MakeColumns = Callable[[View, Layer, Columns, Binds[View]], Select[Any]]

_TYPES: dict[FieldType, TypeEngine[Any]] = {
    FieldType.TEXT: TEXT,
    FieldType.INTEGER: BIGINT,
    FieldType.NUMBER: NUMBER,
    FieldType.BOOLEAN: sa.Boolean(),
    FieldType.DATE: sa.Date(),
    FieldType.INSTANT: INSTANT,
    FieldType.JSON: JSONB(),
}
#: The column of a stamped view that says since when a row is known; no field can be called so, for its name has a space in front.
STAMP = " sys"
_REMEMBERED = 4096

_templates: dict[Hashable, Template[View]] = {}
_fingerprints: dict[int, tuple[Layer, str]] = {}


def statement(view: View, layer: Layer) -> Statement:
    """The rows of `view`: oid, geom (GeoJSON text in `view.crs`, longitude or easting first), valid, then the fields by their public names.

    Raises BadParameter for a field or filter that the layer does not publish to this scope.
    """
    key = (fingerprint(layer), shape(view, layer))
    template = _templates.get(key)
    if template is None:
        binds = Binds(view)
        template = remember(_templates, key, compile_template(_rows(view, layer, binds, _columns), binds.readers))
    return template.bind(view)


def count_statement(view: View, layer: Layer) -> Statement:
    """How many objects `view` matches over all pages, as one row with the column `matched`."""
    binds, table = Binds(view), source(view, layer)
    counted = sa.func.count() if one_version(view) else sa.func.count(sa.distinct(table.c.oid))
    return compile_asyncpg(sa.select(counted.label("matched")).select_from(table).where(*conditions(view, layer, table, binds)))


def select_rows(view: View, layer: Layer, columns: MakeColumns | None = None) -> Select[Any]:
    """The select behind `statement`, for those who build on it; `columns` begin it otherwise."""
    return _rows(view, layer, Binds(view), columns or _columns)


def remember(cache: dict[K, V], key: K, value: V) -> V:
    """Store in a bounded cache: full means start again, which costs a few milliseconds once in thousands of shapes."""
    if len(cache) >= _REMEMBERED:
        cache.clear()
    cache[key] = value
    return value


def fingerprint(layer: Layer) -> str:
    """What of a layer decides its SQL, as a short text that is equal in every process."""
    known = _fingerprints.get(id(layer))
    if known is not None and known[0] is layer:
        return known[1]
    text = layer.model_dump_json(include={"id", "fields", "geometry_type", "min_zoom", "archive", "tile_source"})
    return remember(_fingerprints, id(layer), (layer, blake2b(text.encode(), digest_size=12).hexdigest()))[1]


def shape(view: View, layer: Layer) -> Hashable:
    """What of a view decides the text of its SQL; values are left out."""
    scope, area = view.scope, view.area
    return (
        scope.may_read(layer.access),
        bool(scope.divisions),
        scope.masked_fields,
        _wraps(scope.area_4490),
        area.epsg if isinstance(area, ProjectedBox) else _wraps(area.bounds_4490) if isinstance(area, Bbox) else area and TileArea,
        view.valid_at is None or view.valid_at.start is None or view.valid_at.start != view.valid_at.end,
        view.valid_at is None,
        view.known_at is None,
        view.plan is None,
        tuple([term.field for term in view.filters]),
        view.where and cql2.structure(view.where),
        view.fields,
        view.oid is None,
        view.crs,
        *drawing.shape(view),
        *sorting.shape(view),
        view.stamped,
    )


def source(view: View, layer: Layer) -> Columns:
    """The typed view to read: live rows for the present, live and past ones for any other moment."""
    present = view.valid_at is None and view.known_at is None and not view.stamped
    names = (*BASE_COLUMNS, *(field.column for field in layer.fields))
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in dict.fromkeys(names)]
    return sa.table(layer.id, *columns, schema="layer" if present else "history").alias("o")


def conditions(view: View, layer: Layer, table: Columns, binds: Binds[View], exact: bool = True) -> list[Condition]:
    """WHERE of a view without its page; what the caller may see comes first. Inexact: areas by bounding box, for those who only guess."""
    return [
        *scope_terms(view, layer, table, binds, exact),
        *_area_terms(view, table, binds, exact),
        *_version_terms(view, table, binds),
        *_plan_terms(view, layer, table, binds),
        *_filter_terms(view, layer, table, binds),
        *cql2.condition(view, layer, table, binds),
        *([] if view.oid is None else [table.c.oid == binds("oid", BIGINT, lambda v: v.oid)]),
    ]


def newest_only(select: Select[Any], view: View, table: Columns) -> Select[Any]:
    """Over an interval, one row per object: its newest version."""
    if one_version(view):
        return select
    return select.ext(distinct_on(table.c.oid)).order_by(table.c.oid, sa.func.lower(table.c.valid).desc())


def published(
    view: View, layer: Layer, table: Columns, names: tuple[str, ...] | None, column: Callable[[Field], str] = attrgetter("column")
) -> Iterator[tuple[Field, ColumnElement[Any]]]:
    """The fields called `names` (None: all) with the expression for their value, in its `column`; a masked one is NULL."""
    wanted = [_known(layer, name) for name in names] if names is not None else list(layer.fields)
    for field in wanted:
        masked = field.name in view.scope.masked_fields
        yield field, sa.cast(sa.null(), _TYPES[field.type]) if masked else sa.type_coerce(table.c[column(field)], _TYPES[field.type])


def one_version(view: View) -> bool:
    """Whether an object can match with one of its versions only."""
    return view.valid_at is None or (view.valid_at.start is not None and view.valid_at.start == view.valid_at.end)


def _rows(view: View, layer: Layer, binds: Binds[View], columns: MakeColumns) -> Select[Any]:
    if view.sort:
        return _sorted_rows(view, layer, binds, columns)
    table = source(view, layer)
    select = columns(view, layer, table, binds)
    select = newest_only(select.where(*conditions(view, layer, table, binds)), view, table)
    if view.page is None:
        return select
    return (
        select.where(table.c.oid > binds("after", BIGINT, lambda v: v.page.after_oid if v.page else 0))
        .order_by(*([table.c.oid] if one_version(view) else []))
        .limit(binds("limit", BIGINT, sorting.limit_of))
    )


def _sorted_rows(view: View, layer: Layer, binds: Binds[View], columns: MakeColumns) -> Select[Any]:
    """Rows in the order of the view's keys, whose values come with a page too; over an interval the newest versions are found first."""
    table = source(view, layer)
    terms = conditions(view, layer, table, binds)
    if not one_version(view):
        table, terms = newest_only(sa.select(table).where(*terms), view, table).subquery("o"), []
    keys = [_sort_value(view, layer, table, key.field) for key in view.sort]
    select = columns(view, layer, table, binds).where(*terms)
    if view.page is None:
        return sorting.whole(select, view, keys, table.c.oid)
    marked = [value.label(sorting.label(index)) for index, value in enumerate(keys)]
    return sorting.page(select.add_columns(*marked), view, keys, table.c.oid, binds)


def _columns(view: View, layer: Layer, table: Columns, binds: Binds[View]) -> Select[Any]:
    """What a row is made of."""
    fields = [value.label(field.name) for field, value in published(view, layer, table, view.fields)]
    stamp = [table.c.sys.label(STAMP)] if view.stamped else []
    return sa.select(table.c.oid, drawing.geometry(table, view, binds).label("geom"), table.c.valid, *stamp, *fields)


def _sort_value(view: View, layer: Layer, table: Columns, name: str) -> ColumnElement[Any]:
    """The value rows are sorted by; a field that may not be asked by may not order rows either."""
    field = _askable(view, layer, name)
    return sa.type_coerce(table.c[field.column], _TYPES[field.type])


def scope_terms(view: View, layer: Layer, table: Columns, binds: Binds[View], exact: bool = True) -> Iterator[Condition]:
    """What the caller may see; the views ask the same of `twin.scope`, as a second wall."""
    if not view.scope.may_read(layer.access):
        yield sa.false()
    if view.scope.divisions:
        prefixes = binds("divisions", ARRAY(TEXT), lambda v: list(v.scope.divisions))
        yield table.c.division.op("^@", is_comparison=True)(sa.any_(prefixes))
    if view.scope.area_4490 is not None:
        yield _inside(table, _Box("scope", view.scope.area_4490, lambda v: v.scope.area_4490), binds, exact)


def _area_terms(view: View, table: Columns, binds: Binds[View], exact: bool) -> Iterator[Condition]:
    if isinstance(view.area, Bbox):
        yield _inside(table, _Box("box", view.area.bounds_4490, _box), binds, exact)
    elif isinstance(view.area, ProjectedBox):
        yield _meets(table, drawing.outline(view.area.epsg, binds), exact)
    elif view.area is not None:
        yield table.c.geom.op("&&", is_comparison=True)(_envelope(binds, "tile", tile_box))


def _box(view: View) -> Bounds:
    assert isinstance(view.area, Bbox)  # noqa: S101  (the shape says so)
    return view.area.bounds_4490


def tile_box(view: View) -> Bounds:
    """The box of the view's tile in degrees, buffer included."""
    area = view.area
    assert isinstance(area, TileArea)  # noqa: S101  (the shape says so)
    return tile_bounds_4490(area.grid, area.z, area.x, area.y, area.buffer)


class _Box(NamedTuple):
    """A box of degrees: the name of its parameters, its present bounds, and how they are read from any view of the same shape."""

    name: str
    bounds: Bounds
    read: Callable[[View], Any]


def _inside(table: Columns, box: _Box, binds: Binds[View], exact: bool) -> Condition:
    """Geometry meets the box; one with west > east is the two that meet at 180°."""
    name, bounds, read = box
    if not _wraps(bounds):
        return _meets(table, _envelope(binds, name, read), exact)
    west = _envelope(binds, f"{name}_a", lambda v: (read(v)[0], read(v)[1], 180.0, read(v)[3]))
    east = _envelope(binds, f"{name}_b", lambda v: (-180.0, *read(v)[1:]))
    return sa.or_(_meets(table, west, exact), _meets(table, east, exact))


def _meets(table: Columns, envelope: ColumnElement[Any], exact: bool) -> Condition:
    near = table.c.geom.op("&&", is_comparison=True)(envelope)
    return sa.and_(near, sa.func.ST_Intersects(table.c.geom, envelope)) if exact else near


def _envelope(binds: Binds[View], name: str, read: Callable[[View], Any]) -> ColumnElement[Any]:
    corners = [binds(f"{name}_{side}", NUMBER, _item(read, index)) for index, side in enumerate("wsen")]
    return sa.func.ST_MakeEnvelope(*corners, literal(4490))


def _item(read: Callable[[View], Any], index: int) -> Callable[[View], Any]:
    return lambda view: read(view)[index]


def _version_terms(view: View, table: Columns, binds: Binds[View]) -> Iterator[Condition]:
    """Valid when asked for, as known when asked for."""
    yield _valid(view, table, binds)
    if view.known_at is not None:
        yield _contains(table.c.sys, binds("known_at", INSTANT, lambda v: v.known_at))
    elif view.valid_at is not None or view.stamped:
        yield sa.func.upper_inf(table.c.sys)


def _valid(view: View, table: Columns, binds: Binds[View]) -> Condition:
    if view.valid_at is None:
        return _contains(table.c.valid, sa.func.now())
    if one_version(view):
        return _contains(table.c.valid, binds("at", INSTANT, lambda v: v.valid_at.start if v.valid_at else None))
    start = binds("from", INSTANT, lambda v: v.valid_at.start if v.valid_at else None)
    end = binds("to", INSTANT, lambda v: v.valid_at.end if v.valid_at else None)
    return table.c.valid.op("&&", is_comparison=True)(sa.func.tstzrange(start, end, sa.literal_column("'[]'")))


def _plan_terms(view: View, layer: Layer, table: Columns, binds: Binds[View]) -> Iterator[Condition]:
    """Facts only, or a plan laid over them: its rows hide the facts of the same object."""
    if view.plan is None:
        yield table.c.plan.is_(None)
        return
    plan = binds("plan", TEXT, lambda v: v.plan)
    planned = source(view, layer).alias("p")
    hidden = sa.exists().where(planned.c.oid == table.c.oid, planned.c.plan == plan, *_version_terms(view, planned, binds))
    yield sa.or_(table.c.plan == plan, sa.and_(table.c.plan.is_(None), ~hidden))


def _filter_terms(view: View, layer: Layer, table: Columns, binds: Binds[View]) -> Iterator[Condition]:
    for index, term in enumerate(view.filters):
        field = _askable(view, layer, term.field)
        value = binds(f"value_{index}", _TYPES[field.type], _value(index))
        yield sa.type_coerce(table.c[field.column], _TYPES[field.type]) == value


def _askable(view: View, layer: Layer, name: str) -> Field:
    """The field `name`, when rows may be chosen and ordered by it."""
    field = _known(layer, name)
    if not field.queryable or field.type is FieldType.JSON or name in view.scope.masked_fields:
        raise _unknown(layer, name)
    return field


def _value(index: int) -> Callable[[View], Any]:
    return lambda view: view.filters[index].value


def _known(layer: Layer, name: str) -> Field:
    field = layer.field(name)
    if field is None:
        raise _unknown(layer, name)
    return field


def _unknown(layer: Layer, name: str) -> BadParameter:
    return BadParameter(
        f"layer {layer.id!r} has no such field to ask by: {name[:60]!r}",
        f"图层 {layer.id!r} 没有可查询的字段 {name[:60]!r}",
        place=name[:60],
    )


def _wraps(bounds: Bounds | None) -> bool | None:
    return None if bounds is None else bounds[0] > bounds[2]


def _contains(range_: ColumnElement[Any], moment: ColumnElement[Any]) -> Condition:
    return range_.op("@>", is_comparison=True)(moment)
