"""OGC API – Features over the catalogue: landing, conformance, collections, items, one item, queryables, sortables, schema."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from layers.export.formats import Format
from postgis.features import STAMP, fingerprint, statement
from twin.errors import BadParameter, NotFound
from twin.layer import Layer, LayerKind, layer_number_of
from twin.view import Page, Scope, View
from web import (
    asking,
    budgets,
    caching,
    counting,
    crs,
    features,
    filters,
    formats,
    item_query,
    item_writers,
    ogc,
    ogc_tilesets,
    pages,
    paging,
    pieces,
    values,
)
from web.counting import COUNT
from web.deps import CatalogDep, House, HouseDep, LinksDep, ScopeDep
from web.features import CollectionFrame
from web.json import GeoJson, Json, SchemaJson
from web.leaving import Watch
from web.links import Links
from web.params import FORMAT_JSON, FORMAT_PAGE, Query, documented

router = APIRouter(tags=["features"])
#: What hangs below the landing page; some clients (GDAL) join paths to its address `/ogc` instead of following its links.
doors = APIRouter(tags=["features"])

_MAX_OID: Final = 2**53
_LEFT: Final = 499


def only_json(request: Request) -> None:
    """BadParameter for any query parameter but `f=json`."""
    Query(request.scope["query_string"], [FORMAT_JSON.name]).get(FORMAT_JSON)


@router.get("/", openapi_extra=documented(FORMAT_PAGE), summary="The map page, or the landing page as JSON")
async def root(request: Request, links: LinksDep) -> Response:
    """The map for browsers; the landing page for programs that ask for JSON."""
    if _wants_landing(request):
        return Json(ogc.landing(links), headers={"vary": "Accept"})
    return await pages.map_page(request)


def _wants_landing(request: Request) -> bool:
    """`f` decides; without it the Accept header. The page reads its own state from any other parameter."""
    raw = request.scope["query_string"]
    if raw.startswith(b"f=") or b"&f=" in raw:
        return Query(raw, [FORMAT_PAGE.name]).get(FORMAT_PAGE) == "json"
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept


@router.get("/ogc/", include_in_schema=False)
@router.get("/ogc", openapi_extra=documented(FORMAT_JSON))
async def landing(request: Request, links: LinksDep) -> Response:
    """The landing page of the OGC API."""
    only_json(request)
    return Json(ogc.landing(links))


@doors.get("/conformance", openapi_extra=documented(FORMAT_JSON))
async def conformance(request: Request) -> Response:
    """The conformance classes that hold."""
    only_json(request)
    return Json({"conformsTo": [*ogc.CONFORMANCE, *filters.CONFORMANCE, *ogc_tilesets.CONFORMANCE]})


@doors.get("/collections", openapi_extra=documented(FORMAT_JSON))
async def collections(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """The collections the caller may read."""
    only_json(request)
    return Json(ogc.collections(tuple(catalog.layers(scope)), links), headers=caching.headers(scope))


@doors.get("/collections/{collection}", openapi_extra=documented(FORMAT_JSON))
async def collection(collection: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """One collection."""
    only_json(request)
    return Json(ogc.collection(catalog.layer(collection, scope), links), headers=caching.headers(scope))


@doors.get("/collections/{collection}/queryables", openapi_extra=documented(FORMAT_JSON))
async def queryables(collection: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """What a filter may ask for, as JSON Schema; all but JSON values may be asked for as `?name=value` too."""
    only_json(request)
    return SchemaJson(ogc.queryables(catalog.layer(collection, scope), links), headers=caching.headers(scope))


@doors.get("/collections/{collection}/sortables", openapi_extra=documented(FORMAT_JSON))
async def sortables(collection: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """What `sortby` may name, as JSON Schema."""
    only_json(request)
    return SchemaJson(ogc.sortables(catalog.layer(collection, scope), links), headers=caching.headers(scope))


@doors.get("/collections/{collection}/schema", openapi_extra=documented(FORMAT_JSON))
async def schema(collection: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """What a feature of the collection is made of, as JSON Schema."""
    only_json(request)
    return SchemaJson(ogc.schema(catalog.layer(collection, scope), links), headers=caching.headers(scope))


@doors.get("/collections/{collection}/items", openapi_extra=documented(*item_query.ITEMS), response_class=StreamingResponse)
async def items(collection: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Features in pages, as GeoJSON, a GeoJSON sequence, JSON-FG, CSV or a web page; each queryable is a parameter too."""
    layer = with_items(catalog.layer(collection, scope))
    query = item_query.read(request, layer, item_query.ITEMS)
    format_, served = formats.asked(query, request), asking.system(query, layer)
    view = item_query.view_of(layer, scope, query, item_query.page_of(query))
    etag = caching.weak_etag(layer.id, layer.epoch, layer.updated_at, scope.key, links.base, format_.name)
    headers = _headers(scope, format_, served, etag)
    headers["link"] = ", ".join(filter(None, (headers.get("link"), _queryables_link(links, layer))))
    if caching.unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    writer, drawn = item_writers.writer_for(format_, layer, view, served, links)
    fetch = _fetcher(house, layer, "items_s", budgets.ITEMS_S)
    with Watch(request.receive) as watch:
        drawn = await asking.placed(drawn, query, layer, fetch)
        rest = paging.pages(fetch, drawn, _fetcher(house, layer, "items_s", budgets.ITEMS_S, budgets.BEGUN_WAIT_S))
        first = await anext(rest)
        matched = await counting.matched(house.pool, layer, drawn, query.get(COUNT), first.more)
    if watch.gone:
        return Response(status_code=_LEFT)
    frame = CollectionFrame(
        _items_links(links, layer, query, format_),
        _next_link(links, layer, query, drawn, format_),
        matched,
        first_page=drawn.page == Page(item_query.limit_of(query)),
        count=query.get(COUNT) != "none",
    )
    _say_next(headers, frame, first, item_query.limit_of(query))
    short = not first.more or item_query.limit_of(query) <= paging.CHUNK
    return await pieces.answer(features.collection(writer, frame, first, rest), format_.media_type, headers, short=short)


@doors.get("/collections/{collection}/items/{item}", openapi_extra=documented(*item_query.ITEM))
async def item(
    collection: str, item: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep
) -> Response:
    """One feature as GeoJSON or JSON-FG; at another moment with `datetime`. Its ETag is of this version."""
    layer = with_items(catalog.layer(collection, scope))
    query = Query(request.scope["query_string"], [parameter.name for parameter in item_query.ITEM])
    format_, served = formats.asked(query, request, formats.ITEM), asking.system(query, layer)
    view = asking.shaped(View(layer.id, scope, oid=oid_of(item, layer), stamped=True), query, layer)
    with Watch(request.receive) as watch:
        rows = await _fetcher(house, layer, "item_s", budgets.ITEM_S)(view)
    if watch.gone:
        return Response(status_code=_LEFT)
    if not rows:
        raise _no_item(item)
    row = rows[-1]
    etag = caching.version_etag(row["oid"], row[STAMP], row["valid"], fingerprint(layer))
    headers = _headers(scope, format_, served, etag)
    if caching.unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    known = {"links": _item_links(links, layer, item, query)}
    return GeoJson(item_writers.alone(format_, layer, view, served, links, row, known), headers=headers)


def _headers(scope: Scope, format_: Format, served: crs.Served, etag: str) -> dict[str, str]:
    """What every answer with features says of itself."""
    known = caching.headers(scope) | crs.header(served) | formats.headers(format_) | {"etag": etag}
    return known | {"vary": f"{known['vary']}, Accept"}


def _say_next(headers: dict[str, str], frame: CollectionFrame, first: paging.RowPage, limit: int) -> None:
    """The next page as a header, for formats that have no place for links, where the answer is one piece and so known by now."""
    if first.more and len(first.rows) == limit:
        headers["link"] = ", ".join([*filter(None, [headers.get("link")]), f'<{frame.next_link(first.rows[-1])["href"]}>; rel="next"'])


def with_items(layer: Layer) -> Layer:
    """The layer; NotFound when it has tiles only."""
    if layer.kind is not LayerKind.OBJECTS:
        raise NotFound(
            f"layer {layer.id!r} is ready-made tiles: it has no items",
            f"图层 {layer.id!r} 是现成瓦片，没有要素可取",
            place="collection",
            mend=f"瓦片在 /tiles/{layer.id}.json / its tiles are described there",
        )
    return layer


def oid_of(text: str, layer: Layer) -> int:
    """The feature id in a path; NotFound when no feature of the layer can have it."""
    try:
        oid = values.integer(text, "item", 0, _MAX_OID)
    except BadParameter as exc:
        raise _no_item(text) from exc
    if layer_number_of(oid) != layer.number:
        raise _no_item(text)
    return oid


def _no_item(text: str) -> NotFound:
    """The refusal of a feature that is not there, or not for this caller: the same answer."""
    return NotFound(f"there is no feature {text[:60]!r} here", f"没有要素 {text[:60]!r}", place="item")


def _fetcher(house: House, layer: Layer, budget: str, seconds: float, wait_s: float | None = None) -> paging.Fetch:
    """Reads a view of `layer` within a budget; `wait_s` as in `HotPool.fetch`."""

    async def fetch(view: View) -> paging.Rows:
        return await budgets.in_time(budget, seconds, house.pool.fetch(statement(view, layer), view.scope, seconds, wait_s))

    return fetch


def _queryables_link(links: Links, layer: Layer) -> str:
    """Where the queryables are, as a header: Part 3 wants it of every resource that can be filtered."""
    address = links.to("collections", layer.id, "queryables")
    return f'<{address}>; rel="{ogc.QUERYABLES}"; type="{ogc.SCHEMA_JSON}"'


def _items_links(links: Links, layer: Layer, query: Query, chosen: Format) -> tuple[dict[str, Any], ...]:
    """self, the other formats, and collection."""
    here = links.to("collections", layer.id, "items", **query.texts)
    return (
        ogc.link(here, "self", chosen.media_type),
        *formats.alternates(links, layer, query.texts, chosen),
        ogc.link(links.to("collections", layer.id), "collection", ogc.JSON, layer.title_zh),
        *([ogc.link(chosen.profile, "profile", "text/html")] if chosen.profile else []),
    )


def _next_link(links: Links, layer: Layer, query: Query, view: View, chosen: Format) -> Callable[[paging.Row], dict[str, Any]]:
    """The link to the page after a feature."""

    def link(row: paging.Row) -> dict[str, Any]:
        texts = query.texts | asking.step(layer, view, row) | ({} if chosen.name == "geojson" else {"f": chosen.name})
        return ogc.link(links.to("collections", layer.id, "items", **texts), "next", chosen.media_type)

    return link


def _item_links(links: Links, layer: Layer, item: str, query: Query) -> list[dict[str, Any]]:
    """self and collection."""
    here = ("collections", layer.id)
    return [
        ogc.link(links.to(*here, "items", item, **query.texts), "self", ogc.GEOJSON),
        ogc.link(links.to(*here), "collection", ogc.JSON, layer.title_zh),
    ]
