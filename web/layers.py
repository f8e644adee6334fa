"""The layers the caller may see, as the page and other programs read them."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from twin.layer import Layer
from web import caching
from web.collections import only_json
from web.deps import CatalogDep, LinksDep, ScopeDep
from web.json import Json
from web.links import Links
from web.params import FORMAT_JSON, documented

router = APIRouter(prefix="/layers", tags=["catalogue"])


@router.get("", openapi_extra=documented(FORMAT_JSON))
async def layers(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """All layers the caller may see."""
    only_json(request)
    return Json({"layers": [describe(layer, links) for layer in catalog.layers(scope)]}, headers=caching.headers(scope))


@router.get("/{layer}", openapi_extra=documented(FORMAT_JSON))
async def one_layer(layer: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """One layer."""
    only_json(request)
    return Json(describe(catalog.layer(layer, scope), links), headers=caching.headers(scope))


def describe(layer: Layer, links: Links) -> dict[str, Any]:
    """A layer with the addresses of its tiles and features."""
    return layer.model_dump(mode="json") | {
        "tilejson": links.to("tiles", layer.id + ".json"),
        "collection": links.to("collections", layer.id),
    }
