"""Map products (地图产品): the catalogue of cards with where each can be had, and the door that stores one."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.access import require
from layers.catalog import Catalog
from layers.product_search import Found, find
from layers.products import drafts, parse_product, put_product, theme_title
from tiles.vector import MAX_LAYERS
from twin.errors import BadParameter
from twin.product import Product, Status
from web import caching
from web.collections import only_json
from web.deps import CallerDep, CatalogDep, HouseDep, LinksDep, PublisherDep, ScopeDep
from web.json import Json, read_object
from web.links import Links
from web.ogc import JSON, link
from web.params import FORMAT_JSON, Query, documented
from web.product_query import AFTER, PARAMETERS, STATUS, mark, product_query

router = APIRouter(prefix="/products", tags=["catalogue"])

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Product.model_json_schema()}}}}


@router.get("", openapi_extra=documented(*PARAMETERS))
async def products(request: Request, house: HouseDep, catalog: CatalogDep, caller: CallerDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Products of which the caller may see something, best first, in pages; other than published ones for publishers only."""
    query = Query(request.scope["query_string"], [parameter.name for parameter in PARAMETERS])
    wanted, status = product_query(query), Status(query.get(STATUS) or Status.PUBLISHED)
    if status is Status.PUBLISHED:
        cards: Iterable[Product] = catalog.products(scope)
    else:
        require(caller, "publish")
        cards = await house.editor.read(drafts, status)
    found = find(cards, catalog, wanted)
    return Json(_page(found, query, catalog, links), headers=caching.headers(scope))


def _page(found: Found, query: Query, catalog: Catalog, links: Links) -> dict[str, Any]:
    """One page of cards with how many there are in all, and the way to the next."""
    onward = [] if found.next is None else [link(links.to("products", **(query.texts | {AFTER.name: mark(found.next)})), "next", JSON)]
    return {
        "products": [describe(product, catalog, links) for product in found.products],
        "numberMatched": found.matched,
        "numberReturned": len(found.products),
        "links": [link(links.to("products", **query.texts), "self", JSON), *onward],
    }


@router.get("/{code}", openapi_extra=documented(FORMAT_JSON))
async def product(code: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """One published product."""
    only_json(request)
    card = catalog.product(code, scope)
    house.uses.saw(code)
    return Json(describe(card, catalog, links), headers=caching.headers(scope))


@router.put("/{code}", openapi_extra=_BODY)
async def store_product(code: str, request: Request, house: HouseDep, caller: PublisherDep) -> Response:
    """Store a card under its status: a changed one becomes a new version, an equal one changes nothing."""
    content = await read_object(request)
    if content.setdefault("code", code) != code:
        raise BadParameter("the card's code is not the one in the address", "产品卡片的 code 与地址不一致", place="body.code")
    stored = await house.editor.run(put_product, parse_product(content, "body"), "body", caller.name or "")
    answer = {"code": stored.code, "version": stored.version, "changed": stored.changed, "status": stored.status}
    return Json(answer, 201 if stored.changed and stored.version == 1 else 200)


def describe(product: Product, catalog: Catalog, links: Links) -> dict[str, Any]:
    """A card with the titles of its theme, the time it was written, and where to have it."""
    theme_zh, theme_en = theme_title(product)
    return product.model_dump(mode="json") | {
        "theme_title_zh": theme_zh,
        "theme_title_en": theme_en,
        "updated_at": catalog.product_updated(product.code),
        "endpoints": endpoints(product, links),
    }


def endpoints(product: Product, links: Links) -> dict[str, Any]:
    """Where the product can be had: its style, all its layers as one set of tiles, each layer as features."""
    ids = [entry.layer for entry in product.layers]
    return {
        "self": links.to("products", product.code),
        "style": links.to("styles", product.code, "style.json"),
        "tilejson": links.to("tiles", ",".join(ids) + ".json") if len(ids) <= MAX_LAYERS else None,
        "collections": [links.to("collections", layer_id) for layer_id in ids],
    }
