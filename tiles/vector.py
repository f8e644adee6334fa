"""Vector tiles: what is asked becomes Views, read where they are quickest to read, and an ETag needs no database."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from typing import Protocol

from layers.catalog import Catalog
from postgis.features import fingerprint
from postgis.mvt import best_source, tile_statement
from postgis.mvt_units import area_of
from postgis.pool import HotPool, Outdated
from tiles.archive import Archives
from tiles.grid import TileAddress, coarse_cells
from twin.cql2.nodes import Expression
from twin.errors import BadParameter
from twin.fields import FieldType, Role
from twin.grids import Grid
from twin.layer import Access, GeometryType, Layer, LayerKind, TileSource
from twin.view import PUBLIC, Equals, Scope, TileArea, TimeSpan, View

MAX_LAYERS = 16
_TIMEOUT_S = 6.0
_BUFFER, _POINT_BUFFER = 64, 128
_DAY_ZONE = timezone(timedelta(hours=8))
"""Where a date begins, as imports have it."""
_RECIPE = "3"
"""Part of every ETag: raise it when the same rows give other bytes."""


class LiveSnapshot(Protocol):
    """Whatever holds the present catalogue."""

    @property
    def snapshot(self) -> Catalog:
        """The catalogue now."""
        ...


@dataclass(frozen=True, slots=True)
class TileOptions:
    """What a tile request may narrow: moment, plan, equal values, a CQL2 filter."""

    valid_at: TimeSpan | None = None
    plan: str | None = None
    filters: tuple[Equals, ...] = ()
    where: Expression | None = None


NOTHING_SPECIAL = TileOptions()


@dataclass(frozen=True, slots=True)
class TileAsk:
    """A tile that may be made: its layers are known and readable, and `etag` says which version of them."""

    layers: tuple[Layer, ...]
    address: TileAddress
    scope: Scope
    options: TileOptions
    etag: str
    look: str = ""
    """How it is drawn, where it is a picture: the same place looks different in each."""
    lasting: bool = True
    """Whether nothing but a change of the rows, and with it a new epoch, gives other bytes; an overview follows its rows a little later."""

    @property
    def epoch(self) -> int:
        """The newest change of any of the layers: the `v` of an address that may be kept for ever."""
        return max(layer.epoch for layer in self.layers)

    @property
    def public(self) -> bool:
        """Whether everybody sees these bytes."""
        return self.scope == PUBLIC


@dataclass(frozen=True, slots=True)
class RawTile:
    """A tile as it was made: uncompressed MVT; empty when nothing is there."""

    body: bytes
    truncated: bool = False


@dataclass(slots=True)
class VectorTiles:
    """Makes vector tiles of catalogue layers; keeps none."""

    pool: HotPool
    catalog: LiveSnapshot
    archives: Archives | None = None
    """Where the tiles of layers of kind TILES lie; without it they are empty."""

    def layers(self, ids: tuple[str, ...], scope: Scope) -> tuple[Layer, ...]:
        """The layers called `ids`; NotFound for one that is absent or hidden from `scope`, BadParameter for too many or repeated ones."""
        if len(ids) > MAX_LAYERS or len(set(ids)) < len(ids):
            raise BadParameter(
                f"at most {MAX_LAYERS} layers in one tile, none twice", f"一个瓦片最多 {MAX_LAYERS} 个图层，且不得重复", place="layers"
            )
        snapshot = self.catalog.snapshot
        return tuple([snapshot.layer(layer_id, scope) for layer_id in ids])

    def ask(self, layers: tuple[Layer, ...], address: TileAddress, scope: Scope, options: TileOptions = NOTHING_SPECIAL) -> TileAsk:
        """What `make` will make, with its ETag (without quotes and encoding suffix); touches no database."""
        scope, cells = _widest(layers, scope), coarse_cells(address, _POINT_BUFFER)
        if options is not NOTHING_SPECIAL:
            options = replace(options, filters=tuple(sorted(options.filters, key=repr)))
        views = [_view(layer, address, scope, options) for layer in layers]
        sources = list(map(best_source, views, layers))
        parts = [_RECIPE, f"{address.grid}/{address.z}/{address.x}/{address.y}", scope.key]
        parts.extend(map(self._version, views, layers, sources, [cells] * len(layers)))
        if options is not NOTHING_SPECIAL:
            parts.append(repr((options.plan, options.filters, options.where)))
        etag = blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
        return TileAsk(layers, address, scope, options, etag, lasting=TileSource.OVERVIEW not in sources)

    def _version(self, view: View, layer: Layer, source: TileSource, cells: tuple[int, ...]) -> str:
        """What of a layer decides its bytes: how it is read, the last change of what is read, and the moment shown."""
        epoch = self.catalog.snapshot.epoch_of(layer.id, cells, overview=source is TileSource.OVERVIEW)
        return f"{fingerprint(layer)}.{source}.{epoch}.{view.valid_at}"

    async def make(self, ask: TileAsk) -> RawTile:
        """The tile, made now; Unavailable when the database is away or the tile takes over 6 s."""
        ready = b"" if self.archives is None else await self.archives.body(ask.layers, ask.scope, ask.address)
        shown = tuple([layer for layer in ask.layers if layer.min_zoom <= ask.address.z and layer.kind is LayerKind.OBJECTS])
        if not shown:
            return RawTile(ready)
        views = [_view(layer, ask.address, ask.scope, ask.options) for layer in shown]
        body, truncated = await self._read(views, shown, ask.scope)
        return RawTile(body + ready, truncated)

    async def _read(self, views: list[View], layers: tuple[Layer, ...], scope: Scope) -> tuple[bytes, bool]:
        """Body and whether it is cut: from the twins where they are fresh, else from the rows; of too many features the largest."""
        sources, ranked = list(map(best_source, views, layers)), False
        while True:
            statement = tile_statement(views, layers, sources, ranked)
            try:
                body, truncated, fresh = (await self.pool.fetch(statement, scope, _TIMEOUT_S))[0]
            except Outdated:
                if all(source is TileSource.LIVE for source in sources):
                    raise
                sources = [TileSource.LIVE] * len(sources)
                continue
            if not all(fresh):
                sources = [source if known else _next(source, view) for source, known, view in zip(sources, fresh, views, strict=True)]
            elif truncated and not ranked:
                ranked = True
            else:
                return body, truncated


def _view(layer: Layer, address: TileAddress, scope: Scope, options: TileOptions) -> View:
    buffer = _POINT_BUFFER if layer.geometry_type in (GeometryType.POINT, GeometryType.MULTIPOINT) else _BUFFER
    area = TileArea(address.z, address.x, address.y, buffer, address.grid)
    moment = None if options.valid_at is None else _snapped(options.valid_at, layer)
    return View(layer.id, scope, area, valid_at=moment, plan=options.plan, filters=options.filters, where=options.where)


def _next(source: TileSource, view: View) -> TileSource:
    """What to read when this is not fresh."""
    return TileSource.TWIN if source is TileSource.OVERVIEW and area_of(view).grid is Grid.WEB_MERCATOR else TileSource.LIVE


def _snapped(span: TimeSpan, layer: Layer) -> TimeSpan:
    """The moment as exactly as the layer tells moments apart, so that asking by the millisecond finds what was kept: a past day where it
    is dated by days, else the second. What was edited within such a day shows from the next one on."""
    if span.start is None or span.start != span.end:
        return TimeSpan(*(moment and moment.replace(microsecond=0) for moment in (span.start, span.end)))
    moment = span.start.astimezone(_DAY_ZONE).replace(microsecond=0)
    midnight = moment.replace(hour=0, minute=0, second=0)
    dated = layer.role(Role.VALID_FROM)
    if dated is not None and dated.type is FieldType.DATE and midnight + timedelta(days=1) <= datetime.now(UTC):
        moment = midnight
    return TimeSpan(moment, moment)


def _widest(layers: tuple[Layer, ...], scope: Scope) -> Scope:
    """PUBLIC when the caller sees of these layers just what everybody does, so that all share the same bytes."""
    bound = scope.divisions or scope.masked_fields or scope.area_4490
    return scope if bound or any(layer.access is not Access.PUBLIC for layer in layers) else PUBLIC
