"""An export's own connections, and one process that makes all tiles by them: no second Python has to start."""

import asyncio
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from layers.catalog import load
from postgis.connect import Database
from postgis.pool import HotPool
from tiles.export_child import ChildRequest, Maker, Order, ReadCatalog
from tiles.export_crew import Wanted


class Link:
    """The connections of this process, and the catalogue as it was last read by them; entered it is open."""

    catalog: ReadCatalog

    def __init__(self, database: Database, connections: int) -> None:
        self._database, self._connections = database, connections
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self._runner.run(self._open())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._runner.run(self.catalog.pool.close())
        finally:
            self._runner.close()

    def read_again(self) -> None:
        """Read the catalogue, whether anything happened or not."""
        self.catalog.snapshot = self._runner.run(load(self.catalog.pool))

    def refresh(self) -> None:
        """Read the catalogue if anything happened."""
        self._runner.run(self.catalog.refresh())

    def make(self, maker: Maker, order: Order) -> None:
        """Have one chunk made."""
        self._runner.run(maker.chunk(order))

    async def _open(self) -> None:
        pool = await HotPool.open(self._database, self._connections)
        try:
            self.catalog = await ReadCatalog.read(pool)
        except BaseException:
            await pool.close()
            raise


class Alone:
    """Stands for a crew: this process makes one chunk after another."""

    def __init__(self, request: ChildRequest, link: Link) -> None:
        self._link = link
        self._maker = Maker.on(link.catalog.pool, link.catalog, request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def make(self, wanted: Sequence[Wanted]) -> Iterator[int]:
        """Have all chunks made; yields how many tiles each finished one had."""
        for path, ids in wanted:
            self._link.make(self._maker, Order(path=path, ids=tuple(ids)))
            yield len(ids)
