"""The OpenAPI 3.1 document: what FastAPI knows of the routes, the tiles it does not know of, and one shape for every refusal."""

from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request

from web import collections, filters, ogc_tiles
from web.deps import LinksDep
from web.json import Json
from web.ogc import OPENAPI
from web.openapi30 import OPENAPI_30, older
from web.tile_docs import tile_paths

router = APIRouter(include_in_schema=False)

_DEFS: Final = "#/$defs/"
_NO_CACHE: Final = {"cache-control": "no-cache"}
_TEXT: Final = {"type": "string"}
_ZH_EN: Final = {"title": "zh", "title_en": "en", "detail": "zh", "detail_en": "en"}
PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        **{name: {"type": "string", "description": language} for name, language in _ZH_EN.items()},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable word for programs."},
        "place": {"type": "string", "description": "Where the fault is: a parameter, a member of the body, a row of a file."},
        "mend": {"type": "string", "description": "What would be right."},
        "request_id": _TEXT,
    },
}
_REFUSED: Final = {
    "description": "Refused, or not possible now",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SECURITY: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "API key (`twin key add NAME`); also as the header X-API-Key."},
    "session": {"type": "apiKey", "in": "cookie", "name": "twin_session", "description": "Set by POST /login; writes repeat X-CSRF-Token."},
}


class OpenApi(Json):
    """The document under its own media type."""

    media_type = OPENAPI


class OpenApi30(Json):
    """The older document under its own media type."""

    media_type = OPENAPI_30


@router.get("/api")
async def openapi(request: Request, links: LinksDep) -> OpenApi:
    """The OpenAPI document of all doors."""
    return OpenApi({**_whole(request), "servers": [{"url": links.base}]}, headers=_NO_CACHE)


@router.get("/ogc/api")
async def openapi30(request: Request, links: LinksDep) -> OpenApi30:
    """What is read below the landing page, in OpenAPI 3.0."""
    return OpenApi30(older(_whole(request), _below_the_landing_page(), links.to("ogc")), headers=_NO_CACHE)


def _whole(request: Request) -> dict[str, Any]:
    """The document without its server; made once in a process."""
    known = request.app.state
    if not hasattr(known, "openapi"):
        known.openapi = completed(request.app.openapi())
    document: dict[str, Any] = known.openapi
    return document


def _below_the_landing_page() -> list[str]:
    """Paths of the OGC APIs."""
    doors = (*collections.doors.routes, *filters.router.routes, *ogc_tiles.doors.routes)
    return [route.path for route in doors if isinstance(route, APIRoute)] + [path for path in tile_paths() if "{tileMatrixSet}" in path]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document with the tiles, the problem of every operation, and how to sign in."""
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    paths = _lifted({**document["paths"], **tile_paths()}, schemas)
    return {
        **document,
        "paths": {path: {method: _operation(method, about) for method, about in operations.items()} for path, operations in paths.items()},
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _lifted(value: Any, schemas: dict[str, Any]) -> Any:
    """A part of the document with the definitions pydantic keeps beside a schema among the components, where references find them."""
    if isinstance(value, list):
        return [_lifted(each, schemas) for each in value]
    if not isinstance(value, dict):
        return value
    schemas.update({name: _lifted(each, schemas) for name, each in value.get("$defs", {}).items()})
    made = {name: _lifted(each, schemas) for name, each in value.items() if name != "$defs"}
    if str(made.get("$ref", "")).startswith(_DEFS):
        made["$ref"] = "#/components/schemas/" + made["$ref"].removeprefix(_DEFS)
    return made


def _operation(method: str, about: dict[str, Any]) -> dict[str, Any]:
    """One operation: FastAPI's own 422 never happens here, a problem may always."""
    responses = {status: response for status, response in about["responses"].items() if status != "422"}
    signed: list[dict[str, list[str]]] = [{"key": []}, {"session": []}]
    guard = signed if method != "get" else [{}, *signed]
    return about | {"responses": responses | {"default": _REFUSED}, "security": guard}
