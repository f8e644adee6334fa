"""Fills the host's cache with the tiles that hold anything, coarse zooms first, on one connection that rests as long as it works."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from layers.catalog import Catalog, load
from postgis.connect import Database
from postgis.identity import whose_data
from postgis.jobs import RunningJob
from postgis.pool import HotPool
from postgis.tile_boxes import layer_boxes, tiles_are_ready
from tiles.archive import Archives
from tiles.cache import MemoryCache
from tiles.covering import Covering, world_shares
from tiles.disk import Disk
from tiles.export_child import ReadCatalog, ask_for
from tiles.ready import Tell
from tiles.served import ServedTiles, Source
from tiles.shelf import Shelf
from tiles.vector import VectorTiles
from twin.errors import BadParameter, NotFound, Unavailable
from twin.layer import Layer, LayerKind
from twin.settings import read_settings
from twin.view import EVERYTHING

_STEP = ("预热瓦片", "Warming tiles")
_READY_S, _LOOK_S = 300.0, 1.0
_AGAIN_S = 2.0
_JOB_S = 300.0
"""A job holds up others that wait for a worker."""
_TOGETHER = 500
"""Tiles between two looks at the catalogue: who changes rows meanwhile makes those made before worthless, not those to come."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What warming up may take."""

    max_zoom: int = 14
    tiles: int = 20_000
    seconds: float = 600.0
    share: float = 0.5
    """Part of the time that the connection works; it rests for the others."""
    cache_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WarmReport:
    """What became of the tiles: made now, there already, empty among those made."""

    asked: int
    made: int
    there: int
    empty: int
    left: int
    """Not asked for any more, because time or number ran out."""
    seconds: float


def run_warm(job: RunningJob) -> Mapping[str, Any]:
    """The job after a large import: `args.layers`. Without a cache there is nothing to do."""
    layers = tuple(str(name) for name in job.args.get("layers") or ())
    limits = Limits(seconds=_JOB_S, cache_bytes=read_settings().tile_cache_mb << 20)
    if not limits.cache_bytes:
        return {"asked": 0}
    done = warm(job.database, job.home, layers, limits, job.progress)
    return {name: getattr(done, name) for name in done.__slots__}


def warm(database: Database, home: Path, layers: tuple[str, ...], limits: Limits, tell: Tell) -> WarmReport:
    """Make each layer's tiles and keep them on the host's disk; NotFound for an unknown layer, BadParameter without a cache."""
    if not limits.cache_bytes:
        raise BadParameter("TWIN_TILE_CACHE_MB is 0: there is no cache to fill", "TWIN_TILE_CACHE_MB 为 0，没有缓存可预热", place="cache")
    return asyncio.run(_Warming(database, home, layers, limits, tell).run())


@dataclass(slots=True)
class _Warming:
    database: Database
    home: Path
    names: tuple[str, ...]
    limits: Limits
    tell: Tell

    async def run(self) -> WarmReport:
        """Everything, within the time."""
        pool = await HotPool.open(self.database, 1)
        disk = Disk(Shelf(self.home / "cache" / "tiles", self.limits.cache_bytes), partial(whose_data, pool))
        catalog = ReadCatalog(pool, await load(pool))
        tiles = VectorTiles(pool, catalog, Archives(self.home))
        served = ServedTiles({"mvt": tiles.make}, MemoryCache(0), disk)
        try:
            layers = self._layers(catalog.snapshot)
            await asyncio.to_thread(self._wait_until_ready, layers)
            await catalog.refresh()
            return await self._fill(served, tiles, catalog, self._layers(catalog.snapshot))
        finally:
            await served.close()
            await pool.close()

    def _layers(self, catalog: Catalog) -> list[Layer]:
        return [catalog.layer(name, EVERYTHING) for name in self.names]

    def _wait_until_ready(self, layers: Iterable[Layer]) -> None:
        """A tile made before its layer's twin and overview are built would soon be made again."""
        rows = [layer for layer in layers if layer.kind is LayerKind.OBJECTS]
        until = time.monotonic() + min(_READY_S, self.limits.seconds / 2)
        while rows and time.monotonic() < until and not tiles_are_ready(self.database, rows, EVERYTHING):
            self.tell(0, None, "等待瓦片数据就绪", "Waiting for the layer's tile tables")
            time.sleep(_LOOK_S)

    async def _fill(self, served: ServedTiles, tiles: VectorTiles, catalog: ReadCatalog, layers: list[Layer]) -> WarmReport:
        planned = await asyncio.to_thread(self._plan, layers)
        total, begun = min(len(planned), self.limits.tiles), time.monotonic()
        asked = empty = 0
        for some in _batches(planned[:total]):
            if time.monotonic() - begun > self.limits.seconds:
                break
            await catalog.refresh()
            for name, number in some:
                empty += await self._one(served, tiles, name, number)
                asked += 1
                await asyncio.to_thread(self.tell, asked, total, *_STEP)
        counts = served.counts.answers
        return WarmReport(asked, counts[Source.MADE], counts[Source.DISK], empty, len(planned) - asked, round(time.monotonic() - begun, 1))

    async def _one(self, served: ServedTiles, tiles: VectorTiles, name: str, number: int) -> bool:
        """Have one tile in the cache; a busy database gets time to recover. Answers whether the tile is empty."""
        begun = time.perf_counter()
        try:
            given = await served.answer(ask_for(tiles, (name,), number))
        except NotFound:
            return False  # dropped meanwhile
        except Unavailable:
            await asyncio.sleep(_AGAIN_S)
            return False
        if given.source is Source.MADE:
            await asyncio.sleep((time.perf_counter() - begun) * (1 / self.limits.share - 1))
        return not any(given.forms.values())

    def _plan(self, layers: Iterable[Layer]) -> list[tuple[str, int]]:
        """Tiles of all layers, coarse ones first."""
        found: list[tuple[int, str]] = []
        for layer in layers:
            highest = min(self.limits.max_zoom, layer.max_zoom)
            if layer.kind is not LayerKind.OBJECTS or highest < layer.min_zoom:
                continue  # an archive lies on the disk already
            covering = Covering(layer.min_zoom, highest)
            for boxes in layer_boxes(self.database, layer, EVERYTHING, highest):
                covering.add(world_shares(boxes))
            found.extend((int(number), layer.id) for number in covering.ids()[: self.limits.tiles])
        return [(name, number) for number, name in sorted(found)]


def _batches(planned: list[tuple[str, int]]) -> Iterable[tuple[tuple[str, int], ...]]:
    rows = iter(planned)
    return iter(lambda: tuple(itertools.islice(rows, _TOGETHER)), ())
