"""The query of the doors that answer with features of a layer, as one View; items and export read it alike."""

from typing import Any, Final

from starlette.requests import Request

from twin.layer import Layer
from twin.view import Page, Scope, View
from web import asking, features, filters, formats, ogc
from web.counting import COUNT
from web.params import AFTER, LIMIT, Parameter, Query

ITEMS: Final[tuple[Parameter[Any], ...]] = (
    LIMIT,
    *asking.PLACING,
    *filters.PARAMETERS,
    *asking.SHAPING,
    COUNT,
    formats.ITEMS,
)
ITEM: Final[tuple[Parameter[Any], ...]] = (*asking.SHAPING, formats.ITEM)
EXPORT: Final[tuple[Parameter[Any], ...]] = (
    formats.EXPORT,
    asking.BBOX_TEXT,
    asking.BBOX_CRS,
    asking.SORTBY,
    *filters.PARAMETERS,
    *asking.SHAPING,
)
_NOT_FILTERS: Final = frozenset(parameter.name for parameter in (*ITEMS, *EXPORT))
_DEFAULT_LIMIT: Final = 10


def read(request: Request, layer: Layer, parameters: tuple[Parameter[Any], ...]) -> Query:
    """The query of a request: the door's own parameters and the layer's queryables; BadParameter for any other."""
    named = {parameter.name for parameter in parameters}
    asked = {name for name in ogc.queryables_of(layer) if name not in _NOT_FILTERS}
    return Query(request.scope["query_string"], named | asked)


def page_of(query: Query) -> Page:
    """The page asked for by `limit` and `after`."""
    return Page(limit_of(query), query.get(AFTER) or 0)


def limit_of(query: Query) -> int:
    """How many features a page has at most."""
    return query.get(LIMIT) or _DEFAULT_LIMIT


def view_of(layer: Layer, scope: Scope, query: Query, page: Page | None) -> View:
    """What is asked for, as one value; no page: everything."""
    asked = ogc.queryables_of(layer)
    view = View(
        layer.id,
        scope,
        area=asking.area(query),
        filters=tuple(features.equals(asked[name], text) for name, text in query.texts.items() if name not in _NOT_FILTERS),
        where=filters.filter_of(query.texts, (layer,), scope),
        page=page,
        sort=asking.sort(query, layer),
    )
    return asking.shaped(view, query, layer)
