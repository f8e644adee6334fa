"""The catalogue's numbers: how many products there are against the goal, and how they are used."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.kpi import kpi
from layers.use_counter import today
from postgis import uses
from postgis.divisions import division_statement, to_division
from twin.view import PUBLIC
from web import values
from web.deps import CatalogDep, House, HouseDep, ScopeDep
from web.json import Json
from web.params import FORMAT_JSON, Parameter, Query, documented

router = APIRouter(tags=["catalogue"])

_MOST_DAYS: Final = 366
_DEFAULT_DAYS: Final = 30
_BUDGET_S: Final = 3.0
DAYS: Final = Parameter(
    "days",
    lambda text, place: values.integer(text, place, 1, _MOST_DAYS),
    {"type": "integer", "minimum": 1, "maximum": _MOST_DAYS, "default": _DEFAULT_DAYS},
    "Of how many days up to today uses are told.",
)


@router.get("/products/kpi", openapi_extra=documented(DAYS, FORMAT_JSON), summary="Products against the goal, and their use")
async def read_kpi(request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep) -> Response:
    """Published products by theme and division against the goal, and uses by day; counted over what the caller may see."""
    query = Query(request.scope["query_string"], [DAYS.name, FORMAT_JSON.name])
    query.get(FORMAT_JSON)
    since = today() - timedelta(days=(query.get(DAYS) or _DEFAULT_DAYS) - 1)
    seen = await house.editor.read(uses.read, since)
    products = catalog.products(scope)
    found = kpi(products, seen, await _names(house, {product.division for product in products}))
    return Json(found, headers={"cache-control": "private, no-store"})


async def _names(house: House, codes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The names of the divisions in force among `codes`."""
    found = [row for code in sorted(codes) for row in await house.pool.fetch(division_statement(code), PUBLIC, _BUDGET_S)]
    return {division.code: (division.name_zh, division.name_en) for division in map(to_division, found)}
