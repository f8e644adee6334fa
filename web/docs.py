"""The OpenAPI 3.1 document, with the address the caller reached us by."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from web.deps import LinksDep
from web.json import Json
from web.ogc import OPENAPI

router = APIRouter(include_in_schema=False)


class OpenApi(Json):
    """The document under its own media type."""

    media_type = OPENAPI


@router.get("/api")
async def openapi(request: Request, links: LinksDep) -> OpenApi:
    """The OpenAPI document of all doors."""
    document: dict[str, Any] = request.app.openapi()
    return OpenApi({**document, "servers": [{"url": links.base}]}, headers={"cache-control": "no-cache"})
