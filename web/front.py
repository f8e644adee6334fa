"""The first code that sees a request: budgets, request id, prefix, HEAD, headers; tiles go to their bare door, the rest to FastAPI."""

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from twin.errors import BadParameter
from web import budgets
from web.errors import Answer, as_twin_error, status_of
from web.links import LinkMaker
from web.metrics import Metrics
from web.tile_errors import refusal
from web.tile_paths import TilePath, tile_path

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Ready = tuple[int, Headers, bytes]
"""A finished answer: status, headers, body."""

_LOG = logging.getLogger("twin.web")

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$", re.ASCII)
_BUG = 500
#: Seconds a reader may leave a piece of a long answer waiting.
SEND_S: Final = 10.0
#: Paths whose bodies are streamed to disk under their own budget.
_UPLOADS: Final = frozenset({"/imports", "/imports/preview"})
_TRANSACTIONS = re.compile(r"/collections/[^/]+/transactions$")
_EDITED = re.compile(r"/collections/[^/]+/items(/[^/]+)?$")

#: The page needs inline styles (Ant Design) and blob workers (MapLibre); nothing may run inline and nothing leaves the host.
CSP: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
SECURITY_HEADERS: Final = (
    (b"server", b"yuetu"),
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(self)"),
)
#: Reading is open to pages of other systems, without credentials; writing is not.
CORS_READ: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Content-Crs, Link, X-Request-Id, X-Tile-Truncated, X-Tile-Stale, Server-Timing"),
)
_PREFLIGHT: Final = (
    *CORS_READ[:1],
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, X-API-Key, Last-Event-ID, If-None-Match"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
)


@dataclass(slots=True)
class _Exchange:
    """One request on its way: what was answered so far."""

    send: Send
    request_id: str
    method: str
    tile: TilePath | None = None
    status: int = 0
    whole: bool = False
    started: float = field(default_factory=time.perf_counter)
    stuck: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, message: Message) -> None:
        """Send on, adding the headers that every answer carries and dropping the body of a HEAD."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            extra = [*SECURITY_HEADERS, (b"x-request-id", self.request_id.encode())]
            if self.method in ("GET", "HEAD"):
                extra.extend(CORS_READ)
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        elif self.method == "HEAD":
            if self.over.is_set():
                return
            self.over.set()
            message = {"type": "http.response.body", "body": b""}
        if message.get("more_body"):
            await self._send_soon(message)
        else:
            self.whole = message["type"] == "http.response.body"
            await self.send(message)

    async def _send_soon(self, message: Message) -> None:
        """Send a piece of a long answer to a reader who takes it in time; who does not is let go."""
        try:
            async with asyncio.timeout(SEND_S):
                await self.send(message)
        except TimeoutError:
            self.stuck = True
            raise

    async def refuse(self, made: Answer) -> None:
        """Answer with a finished problem."""
        headers = [*made.headers, (b"content-length", str(len(made.body)).encode())]
        await self({"type": "http.response.start", "status": made.status, "headers": headers})
        await self({"type": "http.response.body", "body": made.body})


class Front:
    """The ASGI application granian serves."""

    def __init__(
        self, tiles: App, rest: App, links: LinkMaker, metrics: Metrics, quick: Callable[[Scope], Ready | None] | None = None
    ) -> None:
        self._tiles = tiles
        self._rest = rest
        self._links = links
        self._metrics = metrics
        self._quick = quick or _nothing_at_hand
        """What is known already; the same address passed the checks below when it was asked for first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            ready = self._quick(scope)
            if ready is None:
                await self._http(scope, receive, send)
                return
            started = time.perf_counter()
            status, headers, body = ready
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            self._metrics.saw("tiles", status, time.perf_counter() - started)
        elif scope["type"] == "lifespan":
            await self._rest(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whatever happens; only a client that left gets nothing."""
        exchange = _Exchange(send, _request_id(scope), scope["method"])
        first = ""
        try:
            first = self._admit(scope, exchange)
            await self._route(scope, receive, exchange)
        except Exception as error:
            await self._failed(exchange, error)
        finally:
            self._metrics.saw(first, exchange.status or 499, time.perf_counter() - exchange.started)

    def _admit(self, scope: Scope, exchange: _Exchange) -> str:
        """Check the budgets and the address, set what later code reads; returns the first path segment."""
        raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
        budgets.check_address(len(raw) + len(scope.get("query_string", b"")))
        budgets.check_headers(scope["headers"])
        path = self._links.strip_prefix(_decoded(raw.split(b"?", 1)[0]))
        scope.update(asked_path=scope["path"], path=path, raw_path=path.encode(), root_path="", request_id=exchange.request_id)
        scope["tile"] = exchange.tile = tile_path(path, scope.get("query_string", b""))
        return "tiles" if exchange.tile is not None else str(path.split("/", 2)[1])

    async def _route(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        """To the tiles' door, to FastAPI, or (preflight) nowhere."""
        if exchange.method == "OPTIONS" and not _tells_its_methods(scope):
            await exchange({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
            await exchange({"type": "http.response.body", "body": b""})
        elif exchange.tile is not None:
            await self._tiles(scope, receive, exchange)
        elif exchange.method == "HEAD":
            await self._rest({**scope, "method": "GET"}, _until(exchange.over), exchange)
        else:
            limited = receive if scope["path"] in _UPLOADS or _TRANSACTIONS.search(scope["path"]) else _limited(receive, budgets.BODY_BYTES)
            await self._rest(scope, limited, exchange)

    async def _failed(self, exchange: _Exchange, error: Exception) -> None:
        """Answer an error that reached the front; one that was answered already is only counted (Starlette raises those again)."""
        if status_of(as_twin_error(error)) == _BUG:
            self._metrics.bugs.inc()
        if exchange.stuck:
            self._metrics.dropped.inc()
        if exchange.whole or exchange.stuck:
            return
        if exchange.status:
            _LOG.warning("answer %s broken off: %s", exchange.request_id, type(error).__name__)
            raise error
        await exchange.refuse(refusal(exchange.tile.dialect if exchange.tile is not None else "xyz", error, exchange.request_id))


def _tells_its_methods(scope: Scope) -> bool:
    """Whether an OPTIONS asks what may be done to items, and is no browser's preflight."""
    asks = any(name == b"access-control-request-method" for name, _ in scope["headers"])
    return not asks and _EDITED.search(scope["path"]) is not None


def _nothing_at_hand(scope: Scope) -> None:
    """Without a memory every request goes the whole way."""


def request_id(shown: bytes | None) -> bytes:
    """The caller's X-Request-Id when it is harmless, else a new one."""
    if shown is not None and _REQUEST_ID.match(shown.decode("latin-1")):
        return shown
    return b"%016x" % random.getrandbits(64)


def _request_id(scope: Scope) -> str:
    return request_id(next((value for name, value in scope["headers"] if name == b"x-request-id"), None)).decode()


def _decoded(raw: bytes) -> str:
    """The path as text; BadParameter when it is not UTF-8 or holds NUL, a backslash or a dot segment."""
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadParameter("the path is not UTF-8", "路径不是 UTF-8 编码", place="path") from exc
    if "\0" in path or "\\" in path or not path.startswith("/") or any(part in (".", "..") for part in path.split("/")):
        raise BadParameter("the path holds NUL, a backslash or a dot segment", "路径含有 NUL、反斜杠或 “..”", place="path")
    return path


def _limited(receive: Receive, limit: int) -> Receive:
    """`receive` that refuses a body over `limit` bytes, counted as it comes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise budgets.body_too_large("body_bytes", limit)
        return message

    return counted


def _until(over: asyncio.Event) -> Receive:
    """`receive` of a HEAD: no body, and its reader leaves once the headers are out."""
    pending: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if pending:
            return pending.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    return receive
