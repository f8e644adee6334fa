"""What the query of the items' doors says beyond filters: reference system, moments, plan, properties, drawing, order. Each as a value."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from twin.errors import BadParameter
from twin.layer import Layer
from twin.view import Bbox, Drawing, ProjectedBox, SortKey, TimeSpan, View
from web import budgets, crs, ogc, paging, values
from web.params import AFTER, DATETIME, Parameter, Query, text_value

_CRS_SCHEMA: Final = {"type": "string", "format": "uri", "default": crs.CRS84.uri}
_BOOLEAN: Final = {"type": "boolean", "default": False}


def _tolerance(text: str, place: str) -> float:
    """Metres over zero and within the budget."""
    value = values.number(text, place, 0.0, budgets.SIMPLIFY_M)
    if value == 0:
        raise values.refuse(place, text, "more than 0 metres", "大于 0 的米数")
    return value


CRS: Parameter[crs.Served] = Parameter(
    "crs", crs.read, _CRS_SCHEMA, "System of the answer, one of the collection's `crs`; axes come in the order the system defines."
)
BBOX_CRS: Parameter[crs.Served] = Parameter("bbox-crs", crs.read, _CRS_SCHEMA, "System of `bbox`, whose numbers come in its order of axes.")
BBOX_TEXT: Parameter[str] = Parameter(
    "bbox",
    lambda text, _: text,
    {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
    "minx,miny,maxx,maxy in CRS84 or `bbox-crs`; degrees with minx > maxx cross the antimeridian.",
)
VALID_AT: Parameter[TimeSpan] = Parameter(
    "valid_at", values.timespan, {"type": "string"}, "What held then in the real world; another word for `datetime`, so only one of them."
)
KNOWN_AT: Parameter[datetime] = Parameter(
    "known_at", values.instant, {"type": "string", "format": "date-time"}, "As it was known here at that instant, before later corrections."
)
PLAN: Parameter[str] = Parameter("plan", text_value, {"type": "string"}, "Facts overlaid by the objects of this plan.")
PROPERTIES: Parameter[str] = Parameter(
    "properties",
    lambda text, _: text,
    {"type": "array", "items": {"type": "string"}},
    "Only these properties; empty: none.",
)
SKIP_GEOMETRY: Parameter[bool] = Parameter("skipGeometry", values.boolean, _BOOLEAN, "Leave the geometries out.")
SIMPLIFY: Parameter[float] = Parameter(
    "simplify",
    _tolerance,
    {"type": "number", "exclusiveMinimum": 0, "maximum": budgets.SIMPLIFY_M},
    "Leave out vertices that matter less than so many metres; for drawing, not for measuring.",
)
SORTBY: Parameter[str] = Parameter(
    "sortby",
    text_value,
    {"type": "array", "minItems": 1, "maxItems": budgets.SORT_KEYS, "items": {"type": "string", "pattern": "[+|-]?.*"}},
    "Order by sortables: `+name,-height`. Features without a value come last either way.",
)
CURSOR: Parameter[str] = Parameter("cursor", text_value, {"type": "string"}, "Place in a sorted collection (taken from the `next` link).")

#: What says how a feature is written and of which moment it is; every door of features takes them.
SHAPING: Final[tuple[Parameter[Any], ...]] = (CRS, PROPERTIES, SKIP_GEOMETRY, SIMPLIFY, DATETIME, VALID_AT, KNOWN_AT, PLAN)
PLACING: Final[tuple[Parameter[Any], ...]] = (BBOX_TEXT, BBOX_CRS, SORTBY, AFTER, CURSOR)


def area(query: Query) -> Bbox | ProjectedBox | None:
    """`bbox` in `bbox-crs`; BadParameter for the second without the first."""
    text, system = query.get(BBOX_TEXT), query.get(BBOX_CRS)
    if text is None:
        if system is not None:
            raise BadParameter("bbox-crs needs a bbox", "bbox-crs 须与 bbox 一起使用", place=BBOX_CRS.name)
        return None
    return crs.box(text, BBOX_TEXT.name, system or crs.CRS84)


def shaped(view: View, query: Query, layer: Layer) -> View:
    """`view` with what SHAPING says."""
    served = system(query, layer)
    return replace(
        view,
        valid_at=_moment(query),
        known_at=query.get(KNOWN_AT),
        plan=query.get(PLAN),
        fields=_fields(query, layer),
        crs=served.epsg,
        drawing=Drawing(served.north_first, served.flat, query.get(SKIP_GEOMETRY) is True, query.get(SIMPLIFY)),
    )


def system(query: Query, layer: Layer) -> crs.Served:
    """The reference system of the answer."""
    return crs.for_layer(query.get(CRS), layer)


def _moment(query: Query) -> TimeSpan | None:
    """`datetime` or `valid_at`; BadParameter for both."""
    if DATETIME.name in query.texts and VALID_AT.name in query.texts:
        raise BadParameter(
            "datetime and valid_at say the same: send one of them", "datetime 与 valid_at 含义相同，只能使用其一", place=VALID_AT.name
        )
    return query.get(DATETIME) or query.get(VALID_AT)


def _fields(query: Query, layer: Layer) -> tuple[str, ...] | None:
    """The properties asked for, in the layer's order; None is all of them."""
    text = query.get(PROPERTIES)
    if text is None:
        return None
    asked, known = set(text.split(",")) if text else set(), [field.name for field in layer.fields]
    if not asked <= set(known):
        listed = ", ".join(known) or "none"
        raise values.refuse(PROPERTIES.name, text, f"some of {listed}", f"以下属性中的若干：{listed}")
    return tuple(name for name in known if name in asked)


def sort(query: Query, layer: Layer) -> tuple[SortKey, ...]:
    """`sortby`; BadParameter for `after` beside it, or a cursor without it."""
    text = query.get(SORTBY)
    if text is not None and AFTER.name in query.texts:
        raise BadParameter(
            "after is for the order of oid; follow the next link", "after 仅用于默认顺序，请使用 next 链接", place=AFTER.name
        )
    if text is None and CURSOR.name in query.texts:
        raise BadParameter("a cursor needs the sortby it was made for", "cursor 须与其 sortby 一起使用", place=CURSOR.name)
    return () if text is None else paging.sort_keys(text, SORTBY.name, [*ogc.queryables_of(layer)])


async def placed(view: View, query: Query, layer: Layer, fetch: paging.Fetch) -> View:
    """`view` on the page its cursor leads to."""
    text = query.get(CURSOR)
    if text is None or view.page is None:
        return view
    start = await paging.page_at(paging.decode(text, CURSOR.name, layer, view.sort), fetch, view, CURSOR.name)
    return replace(view, page=replace(start, limit=view.page.limit))


def step(layer: Layer, view: View, row: paging.Row) -> dict[str, str]:
    """What leads to the page after `row`."""
    return {CURSOR.name: paging.encode(layer, view, row)} if view.sort else {AFTER.name: str(row["oid"])}
