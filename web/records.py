"""OGC API – Records Part 1 over the map products: a searchable catalogue at /records, with a landing page of its own."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.catalog import Catalog
from layers.product_search import Found, ProductQuery, find
from twin.errors import NotFound
from twin.product import Product
from twin.view import Scope
from web import caching, record_docs
from web.collections import only_json
from web.deps import CatalogDep, HouseDep, LinksDep, ScopeDep
from web.json import GeoJson, Json
from web.ogc import GEOJSON, link
from web.params import BBOX, DATETIME, FORMAT_JSON, Parameter, Query, documented, text_value
from web.product_query import AFTER, LIMIT, mark

router = APIRouter(prefix="/records", tags=["catalogue"])

_DEFAULT_LIMIT: Final = 10
_LIST: Final = {"type": "array", "items": {"type": "string"}}
Q: Final = Parameter("q", text_value, _LIST, "Terms; a comma is or, a space is and, in this order.")
IDS: Final = Parameter("ids", text_value, _LIST, "Codes of products.")
EXTERNAL_IDS: Final = Parameter("externalIds", text_value, _LIST, "Codes of products, with or without `yuetu:product:` in front.")
TYPE: Final = Parameter("type", text_value, _LIST, f"Every record is a {record_docs.RECORD_TYPE}.")
PARAMETERS: Final[tuple[Parameter[Any], ...]] = (BBOX, DATETIME, LIMIT, Q, TYPE, IDS, EXTERNAL_IDS, AFTER, FORMAT_JSON)


class CatalogJson(Json):
    """The catalogue under the media type the standard gives it."""

    media_type = record_docs.CATALOG_JSON


@router.get("", openapi_extra=documented(FORMAT_JSON))
async def landing(request: Request, links: LinksDep) -> Response:
    """The landing page of the catalogue."""
    only_json(request)
    return Json(record_docs.landing(links))


@router.get("/conformance", openapi_extra=documented(FORMAT_JSON))
async def conformance(request: Request) -> Response:
    """The conformance classes of the catalogue that hold."""
    only_json(request)
    return Json({"conformsTo": list(record_docs.CONFORMANCE)})


@router.get("/collections", openapi_extra=documented(FORMAT_JSON))
async def catalogs(request: Request, links: LinksDep) -> Response:
    """The catalogues: one."""
    only_json(request)
    return Json(record_docs.catalogs(links))


@router.get("/collections/{catalog}", openapi_extra=documented(FORMAT_JSON))
async def one_catalog(catalog: str, request: Request, links: LinksDep) -> Response:
    """The catalogue of map products as a collection of records."""
    only_json(request)
    _check(catalog)
    return CatalogJson(record_docs.catalog_document(links))


@router.get("/collections/{catalog}/items", openapi_extra=documented(*PARAMETERS))
async def records(catalog: str, request: Request, snapshot: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Records of the products the caller may see, in pages."""
    _check(catalog)
    query = Query(request.scope["query_string"], [parameter.name for parameter in PARAMETERS])
    query.get(FORMAT_JSON)
    found = _found(query, snapshot, scope)
    here = ("records", "collections", catalog, "items")
    onward = [link(links.to(*here, **query.texts), "self", GEOJSON)]
    if found.next is not None:
        onward.append(link(links.to(*here, **(query.texts | {AFTER.name: mark(found.next)})), "next", GEOJSON))
    document = record_docs.records(found.products, found.matched, snapshot, links, onward)
    return GeoJson(document | {"timeStamp": datetime.now(UTC)}, headers=caching.headers(scope))


@router.get("/collections/{catalog}/items/{record}", openapi_extra=documented(FORMAT_JSON))
async def one_record(
    catalog: str, record: str, request: Request, house: HouseDep, snapshot: CatalogDep, scope: ScopeDep, links: LinksDep
) -> Response:
    """One record."""
    only_json(request)
    _check(catalog)
    product = snapshot.product(record, scope)
    house.uses.saw(product.code)
    return GeoJson(record_docs.record(product, snapshot, links), headers=caching.headers(scope))


def _found(query: Query, catalog: Catalog, scope: Scope) -> Found:
    """The page asked for, by code: every predicate holds."""
    cards = [product for product in catalog.products(scope) if _is_named(product, query)]
    wanted = ProductQuery(
        bounds_4490=query.get(BBOX),
        date=query.get(DATETIME),
        sort="code",
        limit=query.get(LIMIT) or _DEFAULT_LIMIT,
        after=query.get(AFTER),
    )
    terms = [term.strip() for term in (query.get(Q) or "").split(",") if term.strip()]
    if terms:
        fits = {
            card.code
            for term in terms
            for card in find(cards, catalog, replace(wanted, text=term, limit=len(cards) or 1, after=None)).products
        }
        cards = [card for card in cards if card.code in fits]
    return find(cards, catalog, wanted)


def _is_named(product: Product, query: Query) -> bool:
    """Whether the lists of ids and types in the query have this product."""
    ids, types = _listed(query.get(IDS)), _listed(query.get(TYPE))
    outside = {value.removeprefix("yuetu:product:") for value in _listed(query.get(EXTERNAL_IDS)) or ()}
    if query.get(EXTERNAL_IDS) is not None and product.code not in outside and "yuetu:product" not in outside:
        return False
    return (ids is None or product.code in ids) and (types is None or record_docs.RECORD_TYPE in types)


def _listed(text: str | None) -> set[str] | None:
    return None if text is None else {part.strip() for part in text.split(",")}


def _check(catalog: str) -> None:
    """NotFound for any catalogue but the one there is."""
    if catalog != record_docs.CATALOG:
        raise NotFound(f"no catalogue {catalog[:60]!r}", f"没有目录 {catalog[:60]!r}", place="catalog")
