"""Vector tiles: what is asked becomes Views, equal askers share one query, and an ETag needs no database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from isal import igzip

from layers.catalog import Catalog
from postgis.features import fingerprint
from postgis.mvt import tile_statement
from postgis.pool import HotPool
from tiles.grid import TileAddress, coarse_cells
from twin.errors import BadParameter
from twin.layer import Access, GeometryType, Layer
from twin.view import PUBLIC, Equals, Scope, TileArea, TimeSpan, View

MAX_LAYERS = 16
MIN_GZIP_BYTES = 1024
_THREAD_GZIP_BYTES = 512 * 1024
_GZIP_LEVEL = 1
_TIMEOUT_S = 6.0
_BUFFER, _POINT_BUFFER = 64, 128
_RECIPE = "1"
"""Part of every ETag: raise it when the same rows give other bytes."""


class LiveSnapshot(Protocol):
    """Whatever holds the present catalogue."""

    @property
    def snapshot(self) -> Catalog:
        """The catalogue now."""
        ...


@dataclass(frozen=True, slots=True)
class TileOptions:
    """What a tile request may narrow: moment, plan, equal values."""

    valid_at: TimeSpan | None = None
    plan: str | None = None
    filters: tuple[Equals, ...] = ()


NOTHING_SPECIAL = TileOptions()


@dataclass(frozen=True, slots=True)
class TileAsk:
    """A tile that may be made: its layers are known and readable, and `etag` says which version of them."""

    layers: tuple[Layer, ...]
    address: TileAddress
    scope: Scope
    options: TileOptions
    etag: str

    @property
    def epoch(self) -> int:
        """The newest change of any of the layers: the `v` of an address that may be kept for ever."""
        return max(layer.epoch for layer in self.layers)

    @property
    def public(self) -> bool:
        """Whether everybody sees these bytes."""
        return self.scope == PUBLIC


@dataclass(frozen=True, slots=True)
class Tile:
    """Bytes to send: MVT, gzipped or not; empty when nothing is there."""

    body: bytes
    gzipped: bool
    truncated: bool


@dataclass(slots=True)
class _Flight:
    """A tile being made, and how many wait for it."""

    task: asyncio.Task[Tile]
    waiters: int = 0


@dataclass(slots=True)
class VectorTiles:
    """Makes vector tiles of catalogue layers; keeps none."""

    pool: HotPool
    catalog: LiveSnapshot
    _flights: dict[tuple[str, bool], _Flight] = field(default_factory=dict)

    def layers(self, ids: tuple[str, ...], scope: Scope) -> tuple[Layer, ...]:
        """The layers called `ids`; NotFound for one that is absent or hidden from `scope`, BadParameter for too many or repeated ones."""
        if len(ids) > MAX_LAYERS or len(set(ids)) < len(ids):
            raise BadParameter(
                f"at most {MAX_LAYERS} layers in one tile, none twice", f"一个瓦片最多 {MAX_LAYERS} 个图层，且不得重复", place="layers"
            )
        snapshot = self.catalog.snapshot
        return tuple([snapshot.layer(layer_id, scope) for layer_id in ids])

    def ask(self, layers: tuple[Layer, ...], address: TileAddress, scope: Scope, options: TileOptions = NOTHING_SPECIAL) -> TileAsk:
        """What `encode` will make, with its ETag (without quotes and encoding suffix); touches no database."""
        scope, snapshot = _widest(layers, scope), self.catalog.snapshot
        cells = coarse_cells(address, _POINT_BUFFER)
        parts = [_RECIPE, f"{address.z}/{address.x}/{address.y}", scope.key]
        parts.extend([f"{fingerprint(layer)}.{snapshot.epoch_of(layer.id, cells)}" for layer in layers])
        if options is not NOTHING_SPECIAL:
            parts.append(repr(options))
        return TileAsk(layers, address, scope, options, blake2b("\n".join(parts).encode(), digest_size=12).hexdigest())

    async def encode(self, ask: TileAsk, gzip: bool = False) -> Tile:
        """Make the tile, once for all who ask for it now; Unavailable when the database is away or the tile takes over 6 s."""
        shown = tuple([layer for layer in ask.layers if layer.min_zoom <= ask.address.z])
        if not shown:
            return Tile(b"", False, False)
        return await self._shared((ask.etag, gzip), lambda: self._make(shown, ask, gzip))

    async def _shared(self, key: tuple[str, bool], make: Callable[[], Awaitable[Tile]]) -> Tile:
        """Join the flight of `key` or start it; it is called off when the last who waits for it leaves."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(make()))
            flight.task.add_done_callback(lambda _: self._flights.pop(key, None))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                self._flights.pop(key, None)
                flight.task.cancel()

    async def _make(self, layers: tuple[Layer, ...], ask: TileAsk, gzip: bool) -> Tile:
        statement = tile_statement([_view(layer, ask) for layer in layers], layers)
        row = (await self.pool.fetch(statement, ask.scope, _TIMEOUT_S))[0]
        body, truncated = row
        if not gzip or len(body) < MIN_GZIP_BYTES:
            return Tile(body, False, truncated)
        return Tile(await _gzipped(body), True, truncated)


async def _gzipped(body: bytes) -> bytes:
    """Compressed quickly; off the loop when it would hold it up."""
    if len(body) > _THREAD_GZIP_BYTES:
        return await asyncio.to_thread(_compress, body)
    return _compress(body)


def _compress(body: bytes) -> bytes:
    return bytes(igzip.compress(body, _GZIP_LEVEL, mtime=0))


def _view(layer: Layer, ask: TileAsk) -> View:
    address, options = ask.address, ask.options
    buffer = _POINT_BUFFER if layer.geometry_type in (GeometryType.POINT, GeometryType.MULTIPOINT) else _BUFFER
    area = TileArea(address.z, address.x, address.y, buffer)
    return View(layer.id, ask.scope, area, valid_at=options.valid_at, plan=options.plan, filters=options.filters)


def _widest(layers: tuple[Layer, ...], scope: Scope) -> Scope:
    """PUBLIC when the caller sees of these layers just what everybody does, so that all share the same bytes."""
    bound = scope.divisions or scope.masked_fields or scope.area_4490
    return scope if bound or any(layer.access is not Access.PUBLIC for layer in layers) else PUBLIC
