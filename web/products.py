"""Map products (地图产品): the catalogue of cards with where each can be had, and the door that stores one."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.catalog import Catalog
from layers.products import parse_product, put_product, theme_title
from tiles.vector import MAX_LAYERS
from twin.errors import BadParameter
from twin.product import Product
from twin.view import Scope
from web import caching
from web.collections import only_json
from web.deps import CatalogDep, HouseDep, LinksDep, PublisherDep, ScopeDep
from web.json import Json, read_object
from web.links import Links
from web.params import FORMAT_JSON, documented

router = APIRouter(prefix="/products", tags=["catalogue"])

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Product.model_json_schema()}}}}


@router.get("", openapi_extra=documented(FORMAT_JSON))
async def products(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """All published products of which the caller may see something."""
    only_json(request)
    cards = [describe(product, catalog, scope, links) for product in catalog.products(scope)]
    return Json({"products": cards}, headers=caching.headers(scope))


@router.get("/{code}", openapi_extra=documented(FORMAT_JSON))
async def product(code: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """One published product."""
    only_json(request)
    return Json(describe(catalog.product(code, scope), catalog, scope, links), headers=caching.headers(scope))


@router.put("/{code}", openapi_extra=_BODY)
async def store_product(code: str, request: Request, house: HouseDep, _caller: PublisherDep) -> Response:
    """Store a card under its status: a changed one becomes a new version, an equal one changes nothing."""
    content = await read_object(request)
    if content.setdefault("code", code) != code:
        raise BadParameter("the card's code is not the one in the address", "产品卡片的 code 与地址不一致", place="body.code")
    stored = await house.editor.run(put_product, parse_product(content, "body"), "body")
    answer = {"code": stored.code, "version": stored.version, "changed": stored.changed, "status": stored.status}
    return Json(answer, 201 if stored.changed and stored.version == 1 else 200)


def describe(product: Product, catalog: Catalog, scope: Scope, links: Links) -> dict[str, Any]:
    """A card with the titles of its theme, the time it was written, and where to have it."""
    theme_zh, theme_en = theme_title(product)
    return product.model_dump(mode="json") | {
        "theme_title_zh": theme_zh,
        "theme_title_en": theme_en,
        "updated_at": catalog.product_updated(product.code),
        "endpoints": _endpoints(product, links),
    }


def _endpoints(product: Product, links: Links) -> dict[str, Any]:
    """Where the product can be had: its style, all its layers as one set of tiles, each layer as features."""
    ids = [entry.layer for entry in product.layers]
    return {
        "self": links.to("products", product.code),
        "style": links.to("styles", product.code, "style.json"),
        "tilejson": links.to("tiles", ",".join(ids) + ".json") if len(ids) <= MAX_LAYERS else None,
        "collections": [links.to("collections", layer_id) for layer_id in ids],
    }
