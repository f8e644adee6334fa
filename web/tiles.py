"""The tiles' own door, a bare ASGI callable in front of FastAPI: parse, authorise, compare the ETag, then make the tile."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from tiles.grid import read_address
from tiles.tilejson import tilejson
from tiles.vector import NOTHING_SPECIAL, Tile, TileAsk, TileOptions, VectorTiles
from twin.errors import BadParameter, NotFound
from twin.fields import FieldType
from twin.layer import Access, Layer
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
            await self._tile(self._ask(parts, scope, request["query_string"]), wishes, receive, send)
        elif len(parts) == 1 and parts[0].endswith(".json"):
            await self._tilejson(parts[0][:-5], scope, wishes, request, send)
        else:
            raise _no_such_address()

    def _ask(self, parts: list[str], scope: Scope, query: bytes) -> "_Asked":
        """What the address asks for; everything wrong with it is found here, before any work."""
        y, dot, suffix = parts[3].partition(".")
        if dot + suffix not in _SUFFIXES:
            raise _no_such_address()
        address = read_address(parts[1], parts[2], y)
        layers = self.tiles.layers(_ids(parts[0]), scope)
        version, options = _options(query, layers)
        ask = self.tiles.ask(layers, address, scope, options)
        return _Asked(ask, _headers(ask, version))

    async def _tile(self, asked: "_Asked", wishes: _Wishes, receive: Receive, send: Send) -> None:
        known = _matching(wishes, asked.tile.etag)
        if known:
            await _answer(send, 304, [*asked.headers, (b"etag", known)])
            return
        with _Watch(receive) as watch:
            tile = await self.tiles.encode(asked.tile, wishes.gzip)
        if not watch.gone:
            await _answer(send, 200 if tile.body else 204, _tile_headers(asked, tile), tile.body)

    async def _tilejson(self, names: str, scope: Scope, wishes: _Wishes, request: Request, send: Send) -> None:
        layers = self.tiles.layers(_ids(names), scope)
        _refuse_unknown(request["query_string"], ("v",))
        epoch = max(layer.epoch for layer in layers)
        template = self.links.for_scope(request).to("tiles", names) + "/{z}/{x}/{y}.mvt" + f"?v={epoch}"
        body = tilejson(layers, template).model_dump_json().encode()
        etag = blake2b(body, digest_size=12).hexdigest()
        headers = [*_sharing(all(layer.access is Access.PUBLIC for layer in layers)), (b"content-type", b"application/json")]
        known = _matching(wishes, etag)
        if known:
            await _answer(send, 304, [*headers, (b"etag", known)])
        else:
            await _answer(send, 200, [*headers, (b"etag", _quoted(etag))], body)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A tile that is asked for, and the headers its 200, 204 and 304 have in common."""

    tile: TileAsk
    headers: Headers


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole answer; 204 and 304 have no length."""
    if status not in (204, 304):
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Watch:
    """Work inside `with` ends quietly when the client leaves it waiting; looking for that begins only when it takes long."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._look: asyncio.Task[None] | None = None
        self.gone = False

    def __enter__(self) -> "_Watch":
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self._begin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        self._timer.cancel()
        if self._look is not None:
            self._look.cancel()
        left = self.gone and kind is asyncio.CancelledError
        return left and self._task is not None and not self._task.uncancel()

    def _begin(self) -> None:
        self._look = asyncio.ensure_future(self._wait_for_end())

    async def _wait_for_end(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()


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


def _refuse_unknown(query: bytes, known: tuple[str, ...]) -> None:
    """BadParameter for a parameter that is not in `known`."""
    for name in decode(query) if query else ():
        if name not in known:
            raise BadParameter(f"unknown query parameter {name[:60]!r}", f"未知的查询参数 {name[:60]!r}", place=name[:60])


def _headers(ask: TileAsk, version: str) -> Headers:
    """How long, and by whom, the answer may be kept."""
    current = version.isascii() and version.isdigit() and len(version) <= _MAX_VERSION_DIGITS and int(version) == ask.epoch
    return [_FOR_EVER, _VARY] if current and ask.public else _sharing(ask.public)


def _sharing(public: bool) -> Headers:
    return [_ASK_AGAIN, _VARY] if public else [_PRIVATE, _VARY_PRIVATE]


def _tile_headers(asked: _Asked, tile: Tile) -> Headers:
    headers = [*asked.headers, (b"etag", _quoted(asked.tile.etag + ("-gz" if tile.gzipped else "")))]
    if tile.body:
        headers.append((b"content-type", MEDIA_TYPE))
    if tile.gzipped:
        headers.append((b"content-encoding", b"gzip"))
    if tile.truncated:
        headers.append(_TRUNCATED)
    return headers


def _quoted(etag: str) -> bytes:
    return f'"{etag}"'.encode()
