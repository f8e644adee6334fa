"""The shortest way to pages of features: the same function that FastAPI describes, found first and given what it needs by hand."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from layers.access import scope_of
from web.collections import items
from web.deps import House

_PATH = "/collections/{collection}/items"


async def _items(request: Request) -> Response:
    """What the dependencies of `items` come to; FastAPI takes longer to solve them than a short page takes to answer."""
    house: House = request.app.state.house
    scope, links = scope_of(await house.callers.of(request.scope)), house.links.for_scope(request.scope)
    return await items(request.path_params["collection"], request, house, house.snapshot, scope, links)


def shorten(api: FastAPI) -> None:
    """Put the short way before all others; the long one stays for the description of the API."""
    api.router.routes.insert(0, Route(_PATH, _items, methods=["GET"], include_in_schema=False))
