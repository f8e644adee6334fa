"""The tiles' own door, a bare ASGI callable in front of FastAPI: parse, authorise, compare the ETag, then find or make the tile."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tiles.encodings import Wish
from tiles.grid import read_address
from tiles.raster import RasterTiles
from tiles.served import ServedTiles, Source
from tiles.vector import TileAsk, VectorTiles
from twin.errors import NotFound
from twin.view import PUBLIC, Scope
from web.errors import WrongMethod
from web.leaving import Watch
from web.tile_answers import Headers, body_headers, matching, sharing
from web.tile_errors import EMPTY_STATUS
from web.tile_memo import TileMemo
from web.tile_options import options_of
from web.tile_paths import TilePath
from web.tile_sets import check_limits, tile_set

Request = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"cookie"})
#: What our keys begin with; 天地图 and ArcGIS clients send keys of their own services in the address.
_OUR_KEYS: Final = "yuetu_"


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What of the request headers matters here."""

    number: int
    """Stands for `encodings` in keys."""
    encodings: Wish
    if_none_match: bytes
    signed: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A tile that is asked for, and the headers its 200, 204 and 304 have in common."""

    tile: TileAsk
    path: TilePath
    wishes: _Wishes
    headers: Headers
    key: tuple[str, bytes, int, str, bytes]


@dataclass(frozen=True, slots=True)
class TileApp:
    """ASGI application for every address of a tile, in any dialect; errors are raised for the front to answer."""

    tiles: VectorTiles
    raster: RasterTiles
    served: ServedTiles
    memo: TileMemo
    resolve_scope: Callable[[Request, str], Awaitable[Scope]]
    """Who may see what, for a request with credentials (the second argument is a key found in the address); nobody else costs a look."""

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        if request["method"] not in ("GET", "HEAD"):
            raise WrongMethod("tiles are read with GET or HEAD", "瓦片只支持 GET 和 HEAD", place="method")
        path: TilePath = request["tile"]
        wishes = self._wishes(request["headers"])
        key = path.key if path.key.startswith(_OUR_KEYS) else ""
        signed = wishes.signed or bool(key)
        scope = await self.resolve_scope(request, key) if signed else PUBLIC
        place = (request["asked_path"], request["query_string"], wishes.number, scope.key, wishes.if_none_match)
        ready = self.memo.find(place) if signed else None
        if ready is not None:
            await _send(send, *ready)
            return
        asked = self._asked(path, scope, wishes, place)
        known = matching(wishes.if_none_match.decode("latin-1"), wishes.encodings, asked.tile, path.format)
        if known:
            headers = [*asked.headers, (b"etag", known)]
            self.memo.keep_unmodified(place, headers)
            await _send(send, 304, headers, b"")
        else:
            await self._tile(asked, receive, send)

    def _asked(self, path: TilePath, scope: Scope, wishes: _Wishes, key: tuple[str, bytes, int, str, bytes]) -> _Asked:
        """What the address asks for; everything wrong with it is found here, before any work."""
        if path.format not in self.served.formats:
            raise NotFound("tiles are made as mvt only", "瓦片只提供 mvt 格式", place="path")
        address = read_address(path.z, path.x, path.y, path.grid)
        found = tile_set(path.layers, self.tiles.catalog.snapshot, scope)
        if not found.ids:
            raise NotFound("there is nothing to tile yet", "还没有可切片的数据", place="layers")
        layers = self.tiles.layers(found.ids, scope)
        check_limits(path, layers)
        version, options = options_of(path.query, layers, scope)
        if path.format == "png":
            product = self.tiles.catalog.snapshot.product(found.product, scope) if found.product else None
            ask: TileAsk = self.raster.ask(layers, address, scope, options, product, path.ratio)
        else:
            ask = self.tiles.ask(layers, address, scope, options)
        return _Asked(ask, path, wishes, sharing(ask, version), key)

    async def _tile(self, asked: _Asked, receive: Receive, send: Send) -> None:
        wish, form = asked.wishes.encodings, asked.path.format
        with Watch(receive) as watch:
            given = await self.served.answer(asked.tile, form)
        if watch.gone:
            return
        encoding, body, headers = body_headers(given, wish, asked.headers, form)
        status = 200 if body else EMPTY_STATUS.get(asked.path.dialect, 204)
        if not body and status != 204:
            headers.append((b"content-length", b"0"))
        if given.source is Source.MEMORY:
            self.served.improve(given.kept, wish)
            if encoding in given.forms:
                self.memo.keep((*asked.key[:4], b""), status, headers, given.kept, encoding)
        await _send(send, status, headers, body)

    def _wishes(self, headers: Headers) -> _Wishes:
        """One pass over the headers."""
        encodings, if_none_match, signed = b"", b"", False
        for name, value in headers:
            if name == b"accept-encoding":
                encodings += b"," + value if encodings else value
            elif name == b"if-none-match":
                if_none_match += b"," + value if if_none_match else value
            elif name in _CREDENTIALS:
                signed = True
        return _Wishes(*self.memo.number_of(encodings), if_none_match, signed)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
