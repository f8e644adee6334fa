"""The tree of administrative divisions, one step at a time."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from postgis.divisions import children_statement, division_statement, to_division
from postgis.statement import Statement
from twin.errors import NotFound
from twin.view import PUBLIC
from web.deps import House, HouseDep
from web.json import Json
from web.params import PARENT, Query, documented

router = APIRouter(prefix="/divisions", tags=["catalogue"])

_BUDGET_S: Final = 3.0
_MAX_CODE_CHARS: Final = 40
_CACHING: Final = {"cache-control": "no-cache"}


@router.get("", openapi_extra=documented(PARENT))
async def divisions(request: Request, house: HouseDep) -> Response:
    """The divisions right below `parent`; the topmost ones without it."""
    parent = Query(request.scope["query_string"], [PARENT.name]).get(PARENT)
    if parent is not None:
        await _one(house, parent)
    return Json({"divisions": await _read(house, children_statement(parent))}, headers=_CACHING)


@router.get("/{code}")
async def division(code: str, house: HouseDep) -> Response:
    """One division."""
    return Json(await _one(house, code), headers=_CACHING)


async def _one(house: House, code: str) -> Any:
    """The division of this code; NotFound when there is none in force."""
    found = await _read(house, division_statement(code)) if len(code) <= _MAX_CODE_CHARS else []
    if not found:
        raise NotFound(f"no division {code[:60]!r}", f"没有行政区划 {code[:60]!r}", place="division")
    return found[0]


async def _read(house: House, statement: Statement) -> list[Any]:
    """Divisions in force; they are public."""
    return [to_division(row) for row in await house.pool.fetch(statement, PUBLIC, _BUDGET_S)]
