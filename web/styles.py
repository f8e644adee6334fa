"""MapLibre styles of products and of the base map, with absolute addresses."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.styles import base_style, product_style
from web import caching
from web.collections import only_json
from web.deps import CatalogDep, HouseDep, LinksDep, ScopeDep
from web.json import Json
from web.params import FORMAT_JSON, documented

router = APIRouter(prefix="/styles", tags=["catalogue"])


@router.get("/base/style.json", openapi_extra=documented(FORMAT_JSON))
async def base(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """The base map, made of our own layers; bare ground where there are none."""
    only_json(request)
    return Json(base_style(catalog, links.base, scope), headers=caching.headers(scope))


@router.get("/{product}/style.json", openapi_extra=documented(FORMAT_JSON))
async def style(product: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """The style of one product."""
    only_json(request)
    card = catalog.product(product, scope)
    house.uses.saw(card.code)
    return Json(product_style(card, catalog, links.base, scope), headers=caching.headers(scope))
