"""One process that makes tiles for an export: `python -m tiles.export_child`. The first line of stdin says what of, each further one names a chunk.

It answers each with a line on stdout; when its parent is gone, stdin ends and so does it.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isal import igzip as _igzip
from pmtiles.tile import tileid_to_zxy
from pydantic import BaseModel, ConfigDict

from layers.catalog import Catalog, load
from postgis.catalog import LAST_SEQ
from postgis.connect import Database
from postgis.pool import HotPool
from tiles.archive import Archives
from tiles.export_parts import MadeTile, write_chunk
from tiles.grid import TileAddress
from tiles.vector import RawTile, TileAsk, VectorTiles
from twin.errors import TwinError, Unavailable
from twin.view import EVERYTHING

igzip: Any = _igzip
_GZIP_LEVEL = 2
_TRIES, _PAUSE_S = 5, 2.0


class ChildRequest(BaseModel):
    """What a child makes tiles of, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: str
    private: bool
    home: str
    layers: tuple[str, ...]
    connections: int


class Order(BaseModel):
    """One chunk to make."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    ids: tuple[int, ...]


@dataclass(slots=True)
class ReadCatalog:
    """The catalogue as it is read for each chunk; a child needs no wake-ups."""

    pool: HotPool
    snapshot: Catalog

    @classmethod
    async def read(cls, pool: HotPool) -> "ReadCatalog":
        """The catalogue as it is now."""
        return cls(pool, await load(pool))

    async def refresh(self) -> None:
        """Read it again if anything happened."""
        if await self.pool.fetchval(LAST_SEQ, EVERYTHING) != self.snapshot.epoch:
            self.snapshot = await load(self.pool)


@dataclass(slots=True)
class Maker:
    """Makes chunks on a few connections."""

    request: ChildRequest
    catalog: ReadCatalog
    tiles: VectorTiles

    @classmethod
    def on(cls, pool: HotPool, catalog: ReadCatalog, request: ChildRequest) -> "Maker":
        """One that reads by this pool, which has the connections of the request."""
        return cls(request, catalog, VectorTiles(pool, catalog, Archives(Path(request.home))))

    async def chunk(self, order: Order) -> int:
        """Make every tile of the chunk and write it; answers how many bytes."""
        await self.catalog.refresh()
        epoch = self.catalog.snapshot.epoch
        waiting = iter(order.ids)
        made: list[MadeTile] = []
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.request.connections):
                    group.create_task(self._make(waiting, made))
        except BaseExceptionGroup as exc:
            raise _first(exc) from exc
        made.sort(key=lambda tile: tile.id)
        write_chunk(order.path, epoch, made)
        return sum(len(tile.body) for tile in made)

    async def _make(self, waiting: Any, made: list[MadeTile]) -> None:
        for number in waiting:
            ask = ask_for(self.tiles, self.request.layers, number)
            tile = await self._patiently(ask)
            body = igzip.compress(tile.body, _GZIP_LEVEL, mtime=0) if tile.body else b""
            made.append(MadeTile(number, body, tile.truncated, ask.etag))

    async def _patiently(self, ask: TileAsk) -> RawTile:
        """The tile; a database that is restarted meanwhile is waited for a little."""
        for attempt in range(_TRIES):
            try:
                return await self.tiles.make(ask)
            except Unavailable:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(_PAUSE_S)
        raise AssertionError


def ask_for(tiles: VectorTiles, layers: tuple[str, ...], number: int) -> TileAsk:
    """The ask of the tile with this PMTiles id."""
    z, x, y = tileid_to_zxy(number)
    return tiles.ask(tiles.layers(layers, EVERYTHING), TileAddress(z, x, y), EVERYTHING)


async def _serve() -> None:
    request = ChildRequest.model_validate_json(sys.stdin.readline())
    pool = await HotPool.open(Database(request.dsn, request.private), request.connections)
    catalog = await ReadCatalog.read(pool)
    maker = Maker.on(pool, catalog, request)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            _answer(bytes=await maker.chunk(Order.model_validate_json(line)))
    finally:
        await pool.close()


def _answer(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def main() -> int:
    """Work until stdin ends; an error is answered as one line, and ends the child."""
    try:
        asyncio.run(_serve())
    except TwinError as exc:
        _answer(error=type(exc).__name__, message_en=exc.message_en, message_zh=exc.message_zh)
        return 1
    return 0


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    sys.exit(main())
