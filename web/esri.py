"""Vector tiles as ArcGIS and SuperMap ask for them: the catalogue of services, one service, its style. Tiles are answered in front of this."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response

from layers.catalog import Catalog
from layers.pictures import picture_layers
from tiles.tilejson import bounds_of
from twin.errors import NotFound
from twin.grids import WORLD_HALF_M, mercator_y
from twin.layer import Bounds, Layer
from twin.picture import SOURCE
from twin.product import Product
from twin.view import Scope
from web import caching, sprites
from web.deps import CatalogDep, ScopeDep
from web.dialect_route import DialectRoute
from web.errors import NotAcceptable
from web.json import Json, dump
from web.params import Parameter, documented, words
from web.tile_paths import pairs_of
from web.tile_sets import TileSet, members, product_of, tile_set

_VERSION: Final = 11.2
_TILE_PX: Final = 512
#: ArcGIS counts scales with 96 dots and 39.37 inches to the metre.
_DOTS_PER_METRE: Final = 96 * 39.37
_WEB_MERCATOR: Final = {"wkid": 102100, "latestWkid": 3857}
_LEVELS: Final = 23
_FORMATS: Final = ("json", "pjson")
#: ArcGIS's names of the icon files, and ours.
_SPRITES: Final = {f"sprite{suffix}": f"icons{suffix}" for suffix in (".json", ".png", "@2x.json", "@2x.png")}
_F: Final[Parameter[str]] = Parameter("f", words(*_FORMATS), {"type": "string", "enum": list(_FORMATS)}, "pjson is indented; no html.")


class _EsriRoute(DialectRoute):
    """Whatever goes wrong below is told as ArcGIS tells it."""

    dialect = "esri"


router = APIRouter(prefix="/arcgis/rest", tags=["tiles"], route_class=_EsriRoute)


@dataclass(frozen=True, slots=True)
class Service:
    """One VectorTileServer: a layer, or a product with the layers the caller may read."""

    name: str
    title: str
    about: str
    layers: tuple[Layer, ...]
    product: Product | None = None


async def _written(request: Request) -> bool:
    """Whether to indent; other parameters are ArcGIS's own and mean nothing here."""
    wanted = pairs_of(request.scope["query_string"]).get("f", "json").lower()
    if wanted not in _FORMATS:
        raise NotAcceptable("only f=json and f=pjson are made here", "此处仅提供 f=json 和 f=pjson", place="f", mend="f=json")
    return wanted == "pjson"


async def _service(name: str, catalog: CatalogDep, scope: ScopeDep) -> Service:
    """What a name stands for; NotFound when it is nothing the caller may read."""
    found = tile_set((name.lower(),), catalog, scope)
    for layer_id in found.ids:
        catalog.layer(layer_id, scope)
    return _described(name.lower(), found, catalog, scope)


def _described(name: str, found: TileSet, catalog: Catalog, scope: Scope) -> Service:
    layers = members(found.ids, catalog)
    product = product_of(found.product, catalog, scope) if found.product else None
    if product is None:
        return Service(name, layers[0].title_zh, layers[0].description_zh, layers)
    return Service(name, product.title_zh, product.description_zh, layers, product)


WrittenDep = Annotated[bool, Depends(_written)]
ServiceDep = Annotated[Service, Depends(_service)]


@router.get("/info", openapi_extra=documented(_F), summary="ArcGIS REST: this server")
async def info(written: WrittenDep) -> Response:
    """What ArcGIS asks first: no token is needed."""
    return _json({"currentVersion": _VERSION, "fullVersion": "11.2.0", "authInfo": {"isTokenBasedSecurity": False}}, written)


@router.get("/services/", include_in_schema=False)
@router.get("/services", openapi_extra=documented(_F), summary="ArcGIS REST: the services")
async def services(written: WrittenDep, catalog: CatalogDep, scope: ScopeDep) -> Response:
    """Every product and layer the caller may read, as a vector tile service."""
    names = [product.code for product in catalog.products(scope) if product.code not in catalog.by_id]
    names += [layer.id for layer in catalog.layers(scope)]
    listed = [{"name": name, "type": "VectorTileServer"} for name in names]
    return _json({"currentVersion": _VERSION, "folders": [], "services": listed}, written, caching.headers(scope))


@router.get("/services/{name}/VectorTileServer/", include_in_schema=False)
@router.get("/services/{name}/VectorTileServer", openapi_extra=documented(_F), summary="ArcGIS REST: one vector tile service")
async def service(written: WrittenDep, asked: ServiceDep, scope: ScopeDep) -> Response:
    """One service, in Web Mercator."""
    return _json(_document(asked), written, caching.headers(scope))


@router.get("/services/{name}/VectorTileServer/resources/styles", include_in_schema=False)
@router.get("/services/{name}/VectorTileServer/resources/styles/root.json", openapi_extra=documented(_F), summary="ArcGIS REST: the style")
async def style(written: WrittenDep, asked: ServiceDep, catalog: CatalogDep, scope: ScopeDep) -> Response:
    """The MapLibre style with addresses relative to this one, as ArcGIS wants them; without labels, for there are no glyph files to name."""
    drawn = picture_layers(asked.layers, catalog, scope, asked.product)
    document = {
        "version": 8,
        "name": asked.title,
        **({"sprite": "../sprites/sprite"} if sprites.found() else {}),
        "sources": {SOURCE: {"type": "vector", "url": "../../"}},
        "layers": [layer for layer in drawn if layer["type"] != "symbol"],
    }
    return _json(document, written, caching.headers(scope))


@router.get("/services/{name}/VectorTileServer/resources/info", openapi_extra=documented(_F), summary="ArcGIS REST: what there is")
async def resources(written: WrittenDep, asked: ServiceDep, scope: ScopeDep) -> Response:
    """The files of the service."""
    icons = [f"sprites/{name}" for name in _SPRITES] if sprites.found() else []
    return _json({"resourceInfo": ["styles/root.json", *icons]}, written, caching.headers(scope))


@router.get("/services/{name}/VectorTileServer/resources/sprites/{file}", summary="ArcGIS REST: the icons")
async def icons(file: str, request: Request, asked: ServiceDep) -> Response:
    """The icons of our styles, the same for every service."""
    if file not in _SPRITES:
        raise NotFound(f"sprites are {', '.join(_SPRITES)}", f"图标文件为 {'、'.join(_SPRITES)}", place="path")
    return await sprites.sprite(_SPRITES[file], request)


@router.get("/{rest:path}", include_in_schema=False)
async def nothing() -> Response:
    """What begins with /arcgis/rest and is nothing."""
    raise NotFound(
        "there is only /arcgis/rest/services/NAME/VectorTileServer with /tile/Z/Y/X.pbf below it",
        "此处仅有 /arcgis/rest/services/名称/VectorTileServer 及其下的 /tile/级/行/列.pbf",
        place="path",
    )


def _json(document: dict[str, Any], written: bool, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2) if written else dump(document)
    return Json(body, headers=headers)


def _document(asked: Service) -> dict[str, Any]:
    """The service as ArcGIS reads it."""
    extent = _extent(bounds_of(asked.layers))
    return {
        "currentVersion": _VERSION,
        "name": asked.title,
        "serviceDescription": asked.about,
        "copyrightText": "; ".join(dict.fromkeys(layer.attribution for layer in asked.layers if layer.attribution)),
        "capabilities": "TilesOnly",
        "type": "indexedVector",
        "tileMap": None,
        "defaultStyles": "resources/styles",
        "tiles": ["tile/{z}/{y}/{x}.pbf"],
        "exportTilesAllowed": False,
        "maxExportTilesCount": 0,
        "initialExtent": extent,
        "fullExtent": extent,
        "minScale": _lod(0)["scale"],
        "maxScale": _lod(_LEVELS - 1)["scale"],
        "tileInfo": {
            "rows": _TILE_PX,
            "cols": _TILE_PX,
            "dpi": 96,
            "format": "pbf",
            "origin": {"x": -WORLD_HALF_M, "y": WORLD_HALF_M},
            "spatialReference": _WEB_MERCATOR,
            "lods": [_lod(level) for level in range(_LEVELS)],
        },
        "maxzoom": max(layer.max_zoom for layer in asked.layers),
        "resourceInfo": {"styleVersion": 8, "tileCompression": "gzip", "cacheInfo": {"storageInfo": {"packetSize": 128}}},
    }


def _lod(level: int) -> dict[str, Any]:
    resolution = 2 * WORLD_HALF_M / _TILE_PX / (1 << level)
    return {"level": level, "resolution": resolution, "scale": resolution * _DOTS_PER_METRE}


def _extent(box: Bounds) -> dict[str, Any]:
    """A box of degrees in metres of Web Mercator."""
    west, east = (math.radians(longitude) / math.pi * WORLD_HALF_M for longitude in (box[0], box[2]))
    return {"xmin": west, "ymin": mercator_y(box[1]), "xmax": east, "ymax": mercator_y(box[3]), "spatialReference": _WEB_MERCATOR}
