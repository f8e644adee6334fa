"""OGC API – Tiles but for the tiles themselves: lists of tile sets, tile sets, tile matrix sets; and the word on addresses that are none."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tiles.matrixsets import definition
from twin.errors import NotFound
from twin.grids import Grid
from web import caching, ogc_tilesets
from web.collections import only_json
from web.deps import CatalogDep, LinksDep, ScopeDep
from web.json import Json
from web.ogc_tilesets import DataType, Origin, chosen_names
from web.params import FORMAT_JSON, Parameter, Query, documented, text_value
from web.tile_sets import checked, members, tile_set

#: Also found below the landing page's own address, as the other OGC documents are.
doors = APIRouter(tags=["tiles"])
#: Asked last of all that begins with /tiles: what is no address here gets a word on what would be one.
rest = APIRouter(include_in_schema=False)

COLLECTIONS: Final[Parameter[str]] = Parameter(
    "collections",
    text_value,
    {"type": "array", "items": {"type": "string"}, "maxItems": 16},
    "Only these collections, bottom first; without it the product `base`, else the first 16 collections.",
)
_OPTIONS: Final[tuple[Parameter[Any], ...]] = (COLLECTIONS, FORMAT_JSON)


@doors.get("/tileMatrixSets", openapi_extra=documented(FORMAT_JSON))
async def matrix_sets(request: Request, links: LinksDep) -> Response:
    """The grids that tiles are cut by."""
    only_json(request)
    return Json(ogc_tilesets.matrix_sets(links))


@doors.get("/tileMatrixSets/{matrix_set}", openapi_extra=documented(FORMAT_JSON))
async def matrix_set(matrix_set: str, request: Request) -> Response:
    """One grid with all its levels."""
    only_json(request)
    return Json(definition(grid_called(matrix_set)))


async def _whole(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Origin:
    """The whole data set, or the collections asked for; as pictures below /map."""
    query = Query(request.scope["query_string"], [parameter.name for parameter in _OPTIONS])
    query.get(FORMAT_JSON)
    names = tuple((query.get(COLLECTIONS) or "").lower().split(",")) if COLLECTIONS.name in query.texts else ()
    ids = checked(names) if names else tile_set((), catalog, scope).ids
    layers = tuple(catalog.layer(layer_id, scope) for layer_id in ids) if names else members(ids, catalog)
    return Origin(layers, _data_type(request), links, chosen=chosen_names(names))


async def _single(collection: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Origin:
    """One collection, as features or (below its /map) as pictures."""
    only_json(request)
    return Origin((catalog.layer(collection, scope),), _data_type(request), links, collection)


WholeDep = Annotated[Origin, Depends(_whole)]
SingleDep = Annotated[Origin, Depends(_single)]


@doors.get("/tiles", openapi_extra=documented(*_OPTIONS), operation_id="yuetu.dataset.vector.getTileSetsList")
async def whole_vector_tilesets(origin: WholeDep, scope: ScopeDep) -> Response:
    """The tile sets of the whole data set."""
    return Json(ogc_tilesets.tilesets(origin), headers=caching.headers(scope))


@doors.get("/map/tiles", openapi_extra=documented(*_OPTIONS), operation_id="yuetu.dataset.map.getTileSetsList")
async def whole_map_tilesets(origin: WholeDep, scope: ScopeDep) -> Response:
    """The tile sets of the whole data set as pictures."""
    return Json(ogc_tilesets.tilesets(origin), headers=caching.headers(scope))


@doors.get("/tiles/{matrix_set}", openapi_extra=documented(*_OPTIONS), operation_id="yuetu.dataset.vector.getTileSet")
async def whole_vector_tileset(matrix_set: str, origin: WholeDep, scope: ScopeDep) -> Response:
    """One tile set of the whole data set."""
    return _tileset(origin, matrix_set, scope)


@doors.get("/map/tiles/{matrix_set}", openapi_extra=documented(*_OPTIONS), operation_id="yuetu.dataset.map.getTileSet")
async def whole_map_tileset(matrix_set: str, origin: WholeDep, scope: ScopeDep) -> Response:
    """One tile set of the whole data set as pictures."""
    return _tileset(origin, matrix_set, scope)


@doors.get("/collections/{collection}/tiles", openapi_extra=documented(FORMAT_JSON), operation_id="yuetu.collection.vector.getTileSetsList")
async def vector_tilesets(origin: SingleDep, scope: ScopeDep) -> Response:
    """The tile sets of a collection."""
    return Json(ogc_tilesets.tilesets(origin), headers=caching.headers(scope))


@doors.get(
    "/collections/{collection}/map/tiles", openapi_extra=documented(FORMAT_JSON), operation_id="yuetu.collection.map.getTileSetsList"
)
async def map_tilesets(origin: SingleDep, scope: ScopeDep) -> Response:
    """The tile sets of a collection as pictures."""
    return Json(ogc_tilesets.tilesets(origin), headers=caching.headers(scope))


@doors.get(
    "/collections/{collection}/tiles/{matrix_set}",
    openapi_extra=documented(FORMAT_JSON),
    operation_id="yuetu.collection.vector.getTileSet",
)
async def vector_tileset(matrix_set: str, origin: SingleDep, scope: ScopeDep) -> Response:
    """One tile set of a collection."""
    return _tileset(origin, matrix_set, scope)


@doors.get(
    "/collections/{collection}/map/tiles/{matrix_set}",
    openapi_extra=documented(FORMAT_JSON),
    operation_id="yuetu.collection.map.getTileSet",
)
async def map_tileset(matrix_set: str, origin: SingleDep, scope: ScopeDep) -> Response:
    """One tile set of a collection as pictures."""
    return _tileset(origin, matrix_set, scope)


@rest.get("/tiles/{rest:path}")
async def no_such_tile() -> Response:
    """What begins with /tiles and is nothing."""
    raise NotFound(
        "a tile is at /tiles/LAYERS/Z/X/Y (also .mvt, .pbf or .png), its description at /tiles/LAYERS.json",
        "瓦片地址为 /tiles/图层/Z/X/Y（可加 .mvt、.pbf 或 .png），说明文件为 /tiles/图层.json",
        place="path",
    )


def _tileset(origin: Origin, matrix_set: str, scope: ScopeDep) -> Response:
    grid = grid_called(matrix_set)
    if not origin.layers:
        raise NotFound("there is nothing to tile yet", "还没有可切片的数据", place="layers")
    return Json(ogc_tilesets.tileset(origin, grid), headers=caching.headers(scope))


def grid_called(name: str) -> Grid:
    """The grid of that exact name; NotFound else."""
    for grid in Grid:
        if grid.value == name:
            return grid
    known = ", ".join(Grid)
    raise NotFound(
        f"no tile matrix set {name[:60]!r}; there are {known}", f"没有瓦片矩阵集 {name[:60]!r}，可用：{known}", place="tileMatrixSet"
    )


def _data_type(request: Request) -> DataType:
    """Below /map everything is a picture; a layer of that name is not meant."""
    return "map" if "map" in str(request.scope["route"].path).split("/") else "vector"
