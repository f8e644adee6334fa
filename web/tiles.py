"""The tiles' own door, a bare ASGI callable in front of FastAPI: parse, authorise, compare the ETag, then make the tile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from tiles.grid import read_address
from tiles.tilejson import tilejson
from tiles.vector import NOTHING_SPECIAL, Tile, TileAsk, TileOptions, VectorTiles
from twin.errors import BadParameter, NotFound
from twin.fields import FieldType
from twin.layer import Layer
from twin.view import PUBLIC, Equals, Scope
from web import values
from web.errors import WrongMethod
from web.features import equals
from web.links import LinkMaker
from web.params import DATETIME, decode

Request = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MEDIA_TYPE: Final = b"application/vnd.mapbox-vector-tile"
_SUFFIXES: Final = ("", ".mvt", ".pbf")
_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"cookie"})
_OWN_PARAMETERS: Final = ("v", "datetime", "plan")
_FOR_EVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN: Final = (b"cache-control", b"public, max-age=0, must-revalidate")
_PRIVATE: Final = (b"cache-control", b"private, max-age=0, must-revalidate")
_VARY: Final = (b"vary", b"Accept-Encoding")
_VARY_PRIVATE: Final = (b"vary", b"Accept-Encoding, Authorization, X-API-Key, Cookie")
_TRUNCATED: Final = (b"x-tile-truncated", b"1")
_MAX_VERSION_DIGITS: Final = 18
#: A tile that takes longer is worth watching whether its client is still there.
_PATIENCE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What of the request headers matters here."""

    gzip: bool = False
    if_none_match: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class TileApp:
    """ASGI application for /tiles/…; errors are raised for the front to answer."""

    tiles: VectorTiles
    resolve_scope: Callable[[Request], Awaitable[Scope]]
    """Who may see what, for a request with credentials; nobody else costs a look."""
    links: LinkMaker

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        if request["method"] not in ("GET", "HEAD"):
            raise WrongMethod("tiles are read with GET or HEAD", "瓦片只支持 GET 和 HEAD", place="method")
        wishes = _wishes(request["headers"])
        scope = await self.resolve_scope(request) if wishes.signed else PUBLIC
        parts = request["path"].split("/")[2:]
        if len(parts) == 4:
            await self._tile(parts, scope, wishes, request, _Exchange(receive, send))
        elif len(parts) == 1 and parts[0].endswith(".json"):
            await self._tilejson(parts[0][:-5], scope, wishes, request, send)
        else:
            raise _no_such_address()

    async def _tile(self, parts: list[str], scope: Scope, wishes: _Wishes, request: Request, exchange: "_Exchange") -> None:
        y, dot, suffix = parts[3].partition(".")
        if dot + suffix not in _SUFFIXES:
            raise _no_such_address()
        address = read_address(parts[1], parts[2], y)
        layers = self.tiles.layers(_ids(parts[0]), scope)
        version, options = _options(request["query_string"], layers)
        ask = self.tiles.ask(layers, address, scope, options)
        headers = _headers(ask, version)
        known = _matching(wishes, ask.etag)
        if known:
            await exchange.answer(304, [*headers, (b"etag", known)])
            return
        async with exchange.watched():
            tile = await self.tiles.encode(ask, wishes.gzip)
        if not exchange.gone:
            await exchange.answer(200 if tile.body else 204, _tile_headers(headers, ask, tile), tile.body)

    async def _tilejson(self, names: str, scope: Scope, wishes: _Wishes, request: Request, send: Send) -> None:
        layers = self.tiles.layers(_ids(names), scope)
        decode_nothing_but(request["query_string"], ("v",))
        epoch = max(layer.epoch for layer in layers)
        template = self.links.for_scope(request).to("tiles", names) + "/{z}/{x}/{y}.mvt" + f"?v={epoch}"
        body = tilejson(layers, template).model_dump_json().encode()
        etag = blake2b(body, digest_size=12).hexdigest()
        headers = [*_sharing(all(layer.access.value == "public" for layer in layers)), (b"content-type", b"application/json")]
        known = _matching(wishes, etag)
        exchange = _Exchange(_never, send)
        if known:
            await exchange.answer(304, [*headers, (b"etag", known)])
        else:
            await exchange.answer(200, [*headers, (b"etag", _quoted(etag))], body)


class _Exchange:
    """The two ends of one request, and whether its client has left."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.gone = False

    async def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Send a whole answer; 204 and 304 have no length."""
        if status not in (204, 304):
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Work that ends quietly when the client leaves it waiting; the watch begins only when it takes long."""
        task, watch = asyncio.current_task(), None

        def begin() -> None:
            nonlocal watch
            watch = asyncio.ensure_future(self._wait_for_end(task))

        timer = asyncio.get_running_loop().call_later(_PATIENCE_S, begin)
        try:
            yield
        except asyncio.CancelledError:
            if not self.gone or task is None or task.uncancel():
                raise
        finally:
            timer.cancel()
            if watch is not None:
                watch.cancel()

    async def _wait_for_end(self, task: asyncio.Task[Any] | None) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if task is not None:
            task.cancel()


async def _never() -> Mapping[str, Any]:
    return {"type": "http.disconnect"}


def _ids(names: str) -> tuple[str, ...]:
    return tuple(names.lower().split(","))


def _no_such_address() -> NotFound:
    return NotFound(
        "a tile is at /tiles/LAYERS/Z/X/Y (also .mvt or .pbf), its description at /tiles/LAYERS.json",
        "瓦片地址为 /tiles/图层/Z/X/Y（可加 .mvt 或 .pbf），说明文件为 /tiles/图层.json",
        place="path",
    )


def _wishes(headers: Headers) -> _Wishes:
    """One pass over the headers."""
    gzip, if_none_match, signed = False, "", False
    for name, value in headers:
        if name == b"accept-encoding":
            gzip = gzip or accepts_gzip(value.decode("latin-1"))
        elif name == b"if-none-match":
            if_none_match += "," + value.decode("latin-1")
        elif name in _CREDENTIALS:
            signed = True
    return _Wishes(gzip, if_none_match, signed)


def accepts_gzip(value: str) -> bool:
    """Whether an Accept-Encoding header takes gzip: named or by `*`, and not with q=0."""
    star = False
    for part in value.lower().split(","):
        name, _, weight = part.partition(";")
        refused = weight.replace(" ", "").startswith("q=0") and not weight.strip(" q=0.")
        if name.strip() in ("gzip", "x-gzip"):
            return not refused
        star = star or (name.strip() == "*" and not refused)
    return star


def _matching(wishes: _Wishes, etag: str) -> bytes:
    """The entity tag of ours that the client holds (for an encoding it takes), or nothing."""
    if not wishes.if_none_match:
        return b""
    held = {tag.strip().removeprefix("W/") for tag in wishes.if_none_match.split(",")}
    ours = [f'"{etag}-gz"', f'"{etag}"'] if wishes.gzip else [f'"{etag}"']
    found = next((tag for tag in ours if tag in held), ours[-1] if "*" in held else "")
    return found.encode()


def _options(query: bytes, layers: tuple[Layer, ...]) -> tuple[str, TileOptions]:
    """`v` and what narrows the tile; BadParameter naming a parameter that is unknown to any of the layers."""
    if not query:
        return "", NOTHING_SPECIAL
    texts = decode(query)
    version = texts.pop("v", "")
    if not texts:
        return version, NOTHING_SPECIAL
    moment, plan = texts.pop("datetime", None), texts.pop("plan", None)
    if plan == "":
        raise values.refuse("plan", plan, "the name of a plan", "方案名称")
    valid_at = None if moment is None else DATETIME.read(moment, "datetime")
    return version, TileOptions(valid_at, plan, tuple(_filter(name, text, layers) for name, text in sorted(texts.items())))


def _filter(name: str, text: str, layers: tuple[Layer, ...]) -> Equals:
    terms = set()
    for layer in layers:
        field = layer.field(name)
        if field is None or not field.queryable or field.type is FieldType.JSON:
            raise _unknown_parameter(name, layer)
        terms.add(equals(field, text))
    if len(terms) > 1:
        raise values.refuse(name, text, "a field of one type in all layers", "在所有图层中类型相同的字段")
    return terms.pop()


def _unknown_parameter(name: str, layer: Layer) -> BadParameter:
    known = [*_OWN_PARAMETERS, *(field.name for field in layer.fields if field.queryable)]
    return BadParameter(
        f"unknown query parameter {name[:60]!r}; known for layer {layer.id!r}: {', '.join(known)}",
        f"未知的查询参数 {name[:60]!r}",
        place=name[:60],
        mend="可用参数：" + "、".join(known),
    )


def decode_nothing_but(query: bytes, known: tuple[str, ...]) -> None:
    """BadParameter for a parameter that is not in `known`."""
    for name in decode(query) if query else ():
        if name not in known:
            raise BadParameter(f"unknown query parameter {name[:60]!r}", f"未知的查询参数 {name[:60]!r}", place=name[:60])


def _headers(ask: TileAsk, version: str) -> Headers:
    """What a 200, a 204 and a 304 have in common."""
    current = version.isascii() and version.isdigit() and len(version) <= _MAX_VERSION_DIGITS and int(version) == ask.epoch
    return [_FOR_EVER, _VARY] if current and ask.public else _sharing(ask.public)


def _sharing(public: bool) -> Headers:
    return [_ASK_AGAIN, _VARY] if public else [_PRIVATE, _VARY_PRIVATE]


def _tile_headers(headers: Headers, ask: TileAsk, tile: Tile) -> Headers:
    headers.append((b"etag", _quoted(ask.etag + ("-gz" if tile.gzipped else ""))))
    if tile.body:
        headers.append((b"content-type", MEDIA_TYPE))
    if tile.gzipped:
        headers.append((b"content-encoding", b"gzip"))
    if tile.truncated:
        headers.append(_TRUNCATED)
    return headers


def _quoted(etag: str) -> bytes:
    return f'"{etag}"'.encode()
