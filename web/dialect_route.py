"""A FastAPI route whose refusals are told in the words of a tile dialect."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from web.tile_errors import refusal
from web.tile_paths import Dialect


class DialectRoute(APIRoute):
    """Subclasses say which dialect; whatever goes wrong below the route is told in it."""

    dialect: ClassVar[Dialect]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with every error turned into an answer."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Exception as error:
                made = refusal(self.dialect, error, request.scope.get("request_id", "-"))
                return Response(made.body, made.status, {name.decode(): value.decode() for name, value in made.headers})

        return handler
