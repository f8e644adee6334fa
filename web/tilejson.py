"""TileJSON of layers in either grid: the template carries the version, so that tiles may be kept for ever."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.catalog import Catalog
from tiles.tilejson import tilejson
from twin.grids import Grid
from twin.layer import Access, Layer
from twin.view import Scope
from web import caching
from web.deps import CatalogDep, LinksDep, ScopeDep
from web.json import Json
from web.links import Links
from web.ogc_tiles import grid_called
from web.params import VERSION, Query, documented
from web.tile_sets import checked, tile_set

router = APIRouter(tags=["tiles"])

_TILE: Final = "/{z}/{x}/{y}.mvt"


@router.get("/tiles/{layers}.json", openapi_extra=documented(VERSION), summary="TileJSON")
async def web_mercator(layers: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """The description of tiles of WebMercatorQuad."""
    return _answer(layers, Grid.WEB_MERCATOR, request, catalog, scope, links)


@router.get("/tiles/{layers}/{matrix_set}/tilejson.json", openapi_extra=documented(VERSION), summary="TileJSON of a grid")
async def any_grid(layers: str, matrix_set: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """The description of tiles of any of our grids; `tileMatrixSet` says which."""
    return _answer(layers, grid_called(matrix_set), request, catalog, scope, links)


def _answer(names: str, grid: Grid, request: Request, catalog: Catalog, scope: Scope, links: Links) -> Response:
    Query(request.scope["query_string"], [VERSION.name])
    ids = tile_set(checked(tuple(names.lower().split(","))), catalog, scope).ids
    layers = tuple(catalog.layer(layer_id, scope) for layer_id in ids)
    address = ("tiles", names) if grid is Grid.WEB_MERCATOR else ("tiles", names, grid.value)
    template = f"{links.to(*address)}{_TILE}?v={max(layer.epoch for layer in layers)}"
    grid_url = "" if grid is Grid.WEB_MERCATOR else links.to("tileMatrixSets", grid.value)
    made = tilejson(layers, template, grid, grid_url)
    body = made.model_dump_json(by_alias=True, exclude=None if grid_url else {"tile_matrix_set"}).encode()
    headers = {"cache-control": _sharing(layers), "vary": caching.VARY, "etag": caching.weak_etag(body)}
    if caching.unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Json(body, headers=headers)


def _sharing(layers: tuple[Layer, ...]) -> str:
    """Ask again each time; what not everybody sees stays out of shared caches."""
    public = all(layer.access is Access.PUBLIC for layer in layers)
    return "public, max-age=0, must-revalidate" if public else "private, max-age=0, must-revalidate"
