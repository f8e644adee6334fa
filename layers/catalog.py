"""The catalogue in memory: an immutable snapshot of layers and products, swapped when the outbox says that something changed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from layers.card_text import CardText, card_text
from postgis import outbox
from postgis.catalog import CELL_EPOCHS, LAST_SEQ, LAYERS, OVERVIEW, WHOLE_LAYER, to_layer, with_parents
from postgis.connect import Database
from postgis.outbox import Event
from postgis.pool import HotPool
from postgis.products import PUBLISHED, ProductRow, to_rows
from twin.errors import NotFound, Unavailable
from twin.layer import Layer
from twin.product import Product
from twin.view import EVERYTHING, Scope

_LOG = logging.getLogger("twin.catalog")
_POLL_S = 5.0
_RETRY_S = 0.2
_EVENTS_AT_ONCE = 1000
_EPOCH_TOPICS = frozenset({"layer", "overview"})


@dataclass(frozen=True, slots=True)
class Epochs:
    """When a layer last changed: anywhere, and in each coarse cell; its overview has cells of its own, marked by a bit."""

    latest: int = 0
    cells: Mapping[int, int] = field(default_factory=dict)

    def of(self, cells: Iterable[int] = (), overview: bool = False) -> int:
        """The newest change in any of `cells` or of the whole layer; without cells, anywhere. `overview`: of what low zooms read instead of the rows."""
        known, mark = self.cells, OVERVIEW if overview else 0
        numbers = [known.get(cell | mark, 0) for cell in cells]
        if numbers:
            return max(known.get(WHOLE_LAYER | mark, 0), *numbers)
        return max((epoch for cell, epoch in known.items() if cell & OVERVIEW), default=0) if overview else self.latest

    def after(self, seq: int, changed: Iterable[int] | None, overview: bool = False) -> "Epochs":
        """The epochs once event `seq` touched the level-12 cells `changed` (None: everywhere)."""
        mark, latest = OVERVIEW if overview else 0, self.latest if overview else max(self.latest, seq)
        touched = {cell | mark for cell in ({WHOLE_LAYER} if changed is None else with_parents(changed))}
        if all(self.cells.get(cell, 0) >= seq for cell in touched) and self.latest == latest:
            return self
        newer = {cell: max(seq, self.cells.get(cell, 0)) for cell in touched}
        return Epochs(latest, MappingProxyType({**self.cells, **newer}))


@dataclass(frozen=True, slots=True)
class Catalog:
    """One state of the catalogue; what a scope may not read is as absent as what never was."""

    epoch: int = 0
    """The last event this snapshot knows of."""
    by_id: Mapping[str, Layer] = field(default_factory=dict)
    published: Mapping[str, ProductRow] = field(default_factory=dict)
    cards: Mapping[str, Product] = field(default_factory=dict)
    texts: Mapping[str, CardText] = field(default_factory=dict)
    """What each card is found by."""
    epochs: Mapping[int, Epochs] = field(default_factory=dict)
    """By layer number."""

    def layer(self, layer_id: str, scope: Scope) -> Layer:
        """The layer; NotFound when there is none or `scope` may not read it."""
        found = self.by_id.get(layer_id)
        if found is None or not scope.may_read(found.access):
            raise NotFound(f"no layer {layer_id[:60]!r}", f"没有图层 {layer_id[:60]!r}", place="layer")
        return found

    def layers(self, scope: Scope) -> tuple[Layer, ...]:
        """All layers `scope` may read, by id."""
        return tuple(layer for layer in self.by_id.values() if scope.may_read(layer.access))

    def product(self, code: str, scope: Scope) -> Product:
        """The published product; NotFound when there is none or `scope` may read none of its layers."""
        found = self.cards.get(code)
        if found is None or not self._shows(found, scope):
            raise NotFound(f"no product {code[:60]!r}", f"没有产品 {code[:60]!r}", place="product")
        return self._cut(found, scope)

    def products(self, scope: Scope) -> tuple[Product, ...]:
        """All published products `scope` may read something of, by code, each with only the layers it may read."""
        return tuple(self._cut(product, scope) for product in self.cards.values() if self._shows(product, scope))

    def product_updated(self, code: str) -> datetime | None:
        """When the published version was last written."""
        row = self.published.get(code)
        return row.updated_at if row else None

    def epoch_of(self, layer_id: str, cells: Iterable[int] = (), overview: bool = False) -> int:
        """The epoch of a layer, or the newest of its coarse `cells` (level << 48 | row << 24 | column); 0 for an unknown layer.

        A tile made from the overview asks for the epoch of the `overview`: what it shows changes when that is refreshed, not when the rows do.
        """
        layer = self.by_id.get(layer_id)
        known = self.epochs.get(layer.number) if layer else None
        return known.of(cells, overview) if known else 0

    def after(self, event: Event) -> "Catalog":
        """The snapshot once a change of a layer's rows, or of its overview, is known."""
        layer = next((layer for layer in self.by_id.values() if layer.number == event.layer), None)
        if event.topic not in _EPOCH_TOPICS or layer is None:
            return replace(self, epoch=max(self.epoch, event.seq))
        overview = event.topic == "overview"
        epochs = self.epochs.get(layer.number, Epochs(layer.epoch)).after(event.seq, event.cells, overview)
        newer = layer if overview else layer.model_copy(update={"epoch": max(epochs.latest, layer.epoch), "updated_at": event.at})
        return replace(
            self,
            epoch=max(self.epoch, event.seq),
            by_id=MappingProxyType({**self.by_id, layer.id: newer}),
            epochs=MappingProxyType({**self.epochs, layer.number: epochs}),
        )

    def _readable(self, layer_id: str, scope: Scope) -> bool:
        layer = self.by_id.get(layer_id)
        return layer is not None and scope.may_read(layer.access)

    def _shows(self, product: Product, scope: Scope) -> bool:
        return any(self._readable(entry.layer, scope) for entry in product.layers)

    def _cut(self, product: Product, scope: Scope) -> Product:
        """The product without the layers the scope may not read, so that their names do not leak."""
        readable = tuple(entry for entry in product.layers if self._readable(entry.layer, scope))
        return product if len(readable) == len(product.layers) else product.model_copy(update={"layers": readable})


async def load(pool: HotPool) -> Catalog:
    """Read the whole catalogue; Unavailable when the database is away. Whatever happens while it reads comes again as an event."""
    seq = await pool.fetchval(LAST_SEQ, EVERYTHING) or 0
    catalog = await reload_cards(pool, Catalog(epoch=int(seq)))
    cells = await pool.fetch(CELL_EPOCHS, EVERYTHING)
    return replace(catalog, epochs=MappingProxyType(_epochs(catalog.by_id.values(), cells)))


async def reload_cards(pool: HotPool, before: Catalog) -> Catalog:
    """Read layers and products anew; epochs of cells go on from `before`, and so do the objects of rows that say the same."""
    layers = [_kept(to_layer(row), before) for row in await pool.fetch(LAYERS, EVERYTHING)]
    rows = to_rows(await pool.fetch(PUBLISHED, EVERYTHING))
    cards = dict(_cards(rows, before))
    return replace(
        before,
        by_id=MappingProxyType({layer.id: layer for layer in layers}),
        published=MappingProxyType({row.code: row for row in rows}),
        cards=MappingProxyType(cards),
        texts=MappingProxyType({code: _text(card, before) for code, card in cards.items()}),
    )


def _text(card: Product, before: Catalog) -> CardText:
    return before.texts[card.code] if before.cards.get(card.code) is card and card.code in before.texts else card_text(card)


def _kept(layer: Layer, before: Catalog) -> Layer:
    """The object we had if it says the same: caches beside it go by identity."""
    known = before.by_id.get(layer.id)
    return known if known == layer else layer


def _cards(rows: Iterable[ProductRow], before: Catalog) -> Iterable[tuple[str, Product]]:
    for row in rows:
        try:
            yield row.code, before.cards[row.code] if before.published.get(row.code) == row and row.code in before.cards else row.product
        except ValueError as exc:
            _LOG.error("product %s version %s is left out: %s", row.code, row.version, exc)


def _epochs(layers: Iterable[Layer], rows: Iterable[Any]) -> dict[int, Epochs]:
    cells: dict[int, dict[int, int]] = {}
    for row in rows:
        cells.setdefault(row["layer"], {})[row["cell"]] = row["epoch"]
    return {layer.number: Epochs(layer.epoch, MappingProxyType(cells.get(layer.number, {}))) for layer in layers}


@dataclass(slots=True)
class LiveCatalog:
    """The present snapshot, kept present by one task; when the database is away the last one goes on serving."""

    database: Database
    pool: HotPool
    snapshot: Catalog = field(default_factory=Catalog)
    ready: bool = False
    """Whether it was ever read."""
    stale_since: float | None = None
    """time.time() when the database was first found away; None while it answers."""
    _task: asyncio.Task[None] | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _reload_at: float = 0.0

    async def start(self) -> None:
        """Read the catalogue if the database is there, and follow it from then on in any case."""
        await self._refresh()
        self._task = asyncio.create_task(self._follow(), name="catalogue")

    async def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _follow(self) -> None:
        listening = asyncio.create_task(self._listen(), name="catalogue wake-ups")
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S if self.stale_since is None else _RETRY_S):  # wait_for can forget a cancellation
                        await self._woken.wait()
                self._woken.clear()
                await self._refresh()
                if self.stale_since is not None:
                    await asyncio.sleep(_RETRY_S)
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(OSError, Unavailable):
                async for _ in outbox.listen(self.database):
                    self._woken.set()
            await asyncio.sleep(_RETRY_S)

    async def _refresh(self) -> None:
        """Bring the snapshot up to date and swap it; any failure leaves the one we have."""
        try:
            self.snapshot = await (self._catch_up() if self.ready else load(self.pool))
            self.ready, self.stale_since = True, None
        except Unavailable:
            self.stale_since = self.stale_since or time.time()
        except Exception:
            _LOG.exception("the catalogue could not be read; the last one goes on serving")
            self.stale_since = self.stale_since or time.time()

    async def _catch_up(self) -> Catalog:
        """Apply what happened since; a change of the catalogue itself means reading it anew, and so does time, for counts make no event."""
        snapshot, reload = self.snapshot, time.monotonic() > self._reload_at
        while events := await outbox.read_after(self.pool, snapshot.epoch, _EVENTS_AT_ONCE):
            for event in events:
                reload = reload or event.topic == "catalogue"
                snapshot = snapshot.after(event)
        if not reload:
            return snapshot
        self._reload_at = time.monotonic() + _POLL_S
        return await reload_cards(self.pool, snapshot)
