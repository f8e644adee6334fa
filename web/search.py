"""The one search box: divisions, products, objects, codes and coordinates."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.search import SearchQuery, search
from web.deps import CatalogDep, HouseDep, ScopeDep
from web.json import Json
from web.params import BBOX, SEARCH_LIMIT, Parameter, Q, Query, documented

router = APIRouter(tags=["search"])

_PARAMETERS: Final[tuple[Parameter[Any], ...]] = (Q, SEARCH_LIMIT, BBOX)
_DEFAULT_LIMIT: Final = 10


@router.get("/search", openapi_extra=documented(*_PARAMETERS))
async def find(request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep) -> Response:
    """Hits in groups, best first; those near `bbox` come first among equals."""
    query = Query(request.scope["query_string"], [parameter.name for parameter in _PARAMETERS])
    wanted = SearchQuery(query.need(Q), scope, query.get(SEARCH_LIMIT) or _DEFAULT_LIMIT, query.get(BBOX))
    return Json(await search(house.pool, catalog, wanted), headers={"cache-control": "private, no-store"})
