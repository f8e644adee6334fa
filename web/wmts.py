"""WMTS 1.0.0 but for the tiles themselves: capabilities, and the right exception for a request that is no tile. `/wmts`, and 天地图's paths."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from layers.catalog import Catalog
from twin.errors import BadParameter
from twin.view import Scope
from web import caching
from web.deps import CatalogDep, LinksDep, ScopeDep
from web.dialect_route import DialectRoute
from web.links import Links
from web.tile_errors import MissingValue, NotSupported, OtherVersion, WmtsRefusal
from web.tile_paths import WMTS_FORMATS, WMTS_GRIDS, pairs_of
from web.wmts_capabilities import offered, offered_as, ogc_capabilities, tianditu_capabilities

_XML: Final = "text/xml; charset=utf-8"
_VERSION: Final = "1.0.0"
#: What GetTile needs, in the order in which a missing one is told.
_NEEDED: Final = ("layer", "tilematrixset", "tilematrix", "tilerow", "tilecol", "format")
_OPERATIONS: Final = ("getcapabilities", "gettile")


class _WmtsRoute(DialectRoute):
    """Whatever goes wrong below is told as an OWS exception report."""

    dialect = "wmts"


router = APIRouter(tags=["tiles"], route_class=_WmtsRoute)


def _documented() -> dict[str, Any]:
    """The key-value pairs as OpenAPI describes them."""
    pairs = {
        "SERVICE": {"type": "string", "enum": ["WMTS"]},
        "REQUEST": {"type": "string", "enum": ["GetCapabilities", "GetTile"]},
        "VERSION": {"type": "string", "enum": [_VERSION]},
        "LAYER": {"type": "string"},
        "STYLE": {"type": "string"},
        "FORMAT": {"type": "string", "enum": sorted(WMTS_FORMATS)},
        "TILEMATRIXSET": {"type": "string", "enum": sorted(WMTS_GRIDS)},
        "TILEMATRIX": {"type": "string"},
        "TILEROW": {"type": "integer"},
        "TILECOL": {"type": "integer"},
        "TIME": {"type": "string"},
        "tk": {"type": "string"},
    }
    return {"parameters": [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in pairs.items()]}


@router.get("/wmts", openapi_extra=_documented(), summary="WMTS 1.0.0, key-value pairs")
async def key_value(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Capabilities of everything the caller may read, or one tile; names of parameters in any case."""
    pairs = pairs_of(request.scope["query_string"])
    if not pairs.keys() - {""}:
        return _ogc(catalog, scope, links)
    _check(pairs, _NEEDED)
    return _ogc(catalog, scope, links)


@router.get("/wmts/1.0.0/WMTSCapabilities.xml", summary="WMTS 1.0.0 capabilities, REST")
async def rest(catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """The same capabilities at the address REST clients know."""
    return _ogc(catalog, scope, links)


@router.get("/{name}_{matrix_set}/wmts", openapi_extra=_documented(), summary="WMTS as 天地图 speaks it")
async def tianditu(name: str, matrix_set: str, request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """One layer or product in the grid `c` or `w`: `vec` is the product `base`, `tk` may be an API key."""
    if matrix_set not in ("c", "w"):
        raise BadParameter("the path ends with _c or _w", "路径应以 _c 或 _w 结尾", place="TILEMATRIXSET")
    thing = offered_as(name.lower(), catalog, scope)
    pairs = pairs_of(request.scope["query_string"])
    if pairs.keys() - {"", "tk"}:
        _check({"layer": name, "tilematrixset": matrix_set, "format": "tiles", **pairs}, _NEEDED)
        _check_path(pairs, name, matrix_set)
    return _xml(tianditu_capabilities(thing, matrix_set, links), scope)


@router.get("/wmts/{rest:path}", include_in_schema=False)
async def no_such_resource() -> Response:
    """What begins with /wmts and is nothing."""
    raise WmtsRefusal(
        "a tile is at /wmts/1.0.0/LAYER/default/TILEMATRIXSET/TILEMATRIX/TILEROW/TILECOL.png (or .mvt)",
        "瓦片地址为 /wmts/1.0.0/图层/default/矩阵集/级/行/列.png（或 .mvt）",
        place="path",
    )


@router.get("/DataServer", summary="天地图's short address of a picture")
async def data_server(request: Request) -> Response:
    """A request that is not a whole one; whole ones are answered in front of this."""
    pairs = pairs_of(request.scope["query_string"])
    for name in ("T", "x", "y", "l"):
        if not pairs.get(name.lower()):
            raise MissingValue(f"{name} is needed", f"缺少参数 {name}", place=name)
    raise WmtsRefusal("T is a layer or product followed by _c or _w", "T 应为图层或产品名加 _c 或 _w", place="T")


def _check(pairs: Mapping[str, str], needed: tuple[str, ...]) -> None:
    """Raise what is wrong with a request that is no tile; pass for GetCapabilities."""
    service, request = pairs.get("service", "WMTS"), pairs.get("request", "")
    if service.lower() != "wmts":
        raise WmtsRefusal(f"SERVICE={service[:60]!r} is not spoken here, WMTS is", "SERVICE 应为 WMTS", place="SERVICE")
    if not request:
        raise MissingValue("REQUEST is needed: GetCapabilities or GetTile", "缺少参数 REQUEST", place="REQUEST")
    if request.lower() not in _OPERATIONS:
        raise NotSupported(f"there is no operation {request[:60]!r}", f"不支持操作 {request[:60]!r}", place=request[:60])
    if request.lower() == "getcapabilities":
        _check_versions(pairs.get("acceptversions", ""))
    else:
        _explain_tile(pairs, needed)


def _check_versions(accepted: str) -> None:
    if accepted and _VERSION not in accepted.split(","):
        raise OtherVersion("only version 1.0.0 is spoken here", "仅支持 1.0.0 版本", place="AcceptVersions")


def _explain_tile(pairs: Mapping[str, str], needed: tuple[str, ...]) -> None:
    """Why this GetTile is not one: something is missing, or one of the closed lists does not have it."""
    for name in needed:
        if not pairs.get(name):
            raise MissingValue(f"{name.upper()} is needed", f"缺少参数 {name.upper()}", place=name.upper())
    for name, known in (("tilematrixset", WMTS_GRIDS), ("format", WMTS_FORMATS)):
        value = pairs[name] if name == "tilematrixset" else pairs[name].lower()
        if value not in known:
            listed = ", ".join(sorted(known))
            shown = pairs[name][:60]
            raise WmtsRefusal(f"{name.upper()}={shown!r} is not one of {listed}", f"{name.upper()} 应为 {listed} 之一", place=name.upper())


def _check_path(pairs: Mapping[str, str], name: str, matrix_set: str) -> None:
    """A GetTile that came this far names another layer or grid than its path."""
    if pairs.get("request", "").lower() != "gettile":
        return
    place = "LAYER" if pairs.get("layer", name).lower() != name.lower() else "TILEMATRIXSET"
    raise WmtsRefusal(f"{place} is not the one of the path, {name}_{matrix_set}", f"{place} 与路径 {name}_{matrix_set} 不符", place=place)


def _ogc(catalog: Catalog, scope: Scope, links: Links) -> Response:
    return _xml(ogc_capabilities(offered(catalog, scope), links), scope)


def _xml(text: str, scope: Scope) -> Response:
    return Response(text, media_type=_XML, headers=caching.headers(scope))
