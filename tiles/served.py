"""Tiles as they are served: from memory, from the host's disk, or made once for all who ask; an older copy when the new one keeps them waiting."""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tiles.cache import Kept, MemoryCache
from tiles.disk import Disk
from tiles.encodings import Encoding, Wish, encode, first_forms, plain_of, worth_making
from tiles.vector import RawTile, TileAsk
from twin.errors import Unavailable
from twin.layer import Layer

Maker = Callable[[TileAsk], Awaitable[RawTile]]

#: Formats whose bytes are worth compressing.
_PACKED: Final = frozenset({"mvt"})
#: Whoever has waited this long gets an older copy, if there is one.
STALE_AFTER_S: Final = 1.0
#: Whoever has waited this long is sent away; the tile is finished all the same and is there when they come back.
PATIENCE_S: Final = 4.5
_THREAD_BYTES: Final = 512 * 1024
_MOST_IMPROVING: Final = 64
_NICE: Final = 10


class Source(StrEnum):
    """Where an answer came from."""

    MEMORY = "memory"
    DISK = "disk"
    MADE = "made"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Given:
    """A tile to send; `forms` stay whatever the cache does meanwhile."""

    kept: Kept
    forms: Mapping[Encoding, bytes]
    source: Source
    seconds: float = 0.0


@dataclass(slots=True)
class Counts:
    """What happened so far."""

    answers: dict[Source, int] = field(default_factory=lambda: dict.fromkeys(Source, 0))
    shared: int = 0
    """Asked for a tile that was being made already."""
    sent_away: int = 0
    improved: int = 0


_Landed = tuple[Kept, Mapping[Encoding, bytes], Source]


@dataclass(slots=True)
class _Flight:
    """A tile on its way, and how many wait for it."""

    task: asyncio.Task[_Landed]
    waiters: int = 0
    finish: bool = False
    """To be finished even when nobody waits any longer."""


def tag_of(ask: TileAsk, form: str = "mvt") -> str:
    """The name of the bytes in this format: key of every cache and of the single flight, and the entity tag without its encoding."""
    return ask.etag if form == "mvt" else f"{ask.etag}-{form}"


class ServedTiles:
    """The one way to a tile's bytes, for every format there is a maker of."""

    def __init__(self, makers: Mapping[str, Maker], memory: MemoryCache, disk: Disk | None = None) -> None:
        self.memory = memory
        self.disk = disk
        self.counts = Counts()
        self._makers = makers
        self._flights: dict[str, _Flight] = {}
        self._improving: dict[str, asyncio.Task[None]] = {}
        self._slow = ThreadPoolExecutor(1, "better tiles", _behave)

    @property
    def formats(self) -> Collection[str]:
        """What can be made."""
        return self._makers.keys()

    @property
    def flights(self) -> int:
        """How many tiles are on their way now."""
        return len(self._flights)

    async def close(self) -> None:
        """Call off what is on its way, and write what the disk shall keep."""
        tasks = [*(flight.task for flight in self._flights.values()), *self._improving.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._slow.shutdown)
        if self.disk is not None:
            await self.disk.close()

    async def answer(self, ask: TileAsk, form: str = "mvt") -> Given:
        """The tile, or an older copy of it for the same eyes; Unavailable when neither can be had in time."""
        tag = tag_of(ask, form)
        kept = self.memory.get(tag)
        if kept is not None:
            return self._given((kept, kept.forms, Source.MEMORY), 0.0)
        started, place = time.perf_counter(), _place(ask, form)
        flight = self._join(tag, ask, form, place)
        flight.waiters += 1
        try:
            landed = await self._landed(flight, place)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.finish and not flight.task.done():
                self._flights.pop(tag, None)
                flight.task.cancel()
        return self._given(landed, time.perf_counter() - started)

    def improve(self, kept: Kept, wish: Wish) -> None:
        """Make the form this caller likes best, for it was asked for again; in a thread that gives way to others."""
        encoding = worth_making(kept.forms, wish)
        if encoding is not None and kept.tag not in self._improving and len(self._improving) < _MOST_IMPROVING:
            task = asyncio.ensure_future(self._improve(kept, encoding))
            self._improving[kept.tag] = task
            task.add_done_callback(lambda _: self._improving.pop(kept.tag, None))

    async def _improve(self, kept: Kept, encoding: Encoding) -> None:
        forms = kept.forms
        body = await asyncio.get_running_loop().run_in_executor(self._slow, lambda: encode(plain_of(forms), encoding))
        self.memory.add(kept, encoding, body)
        self.counts.improved += 1
        if self.disk is not None:
            self.disk.put(kept)

    def _join(self, tag: str, ask: TileAsk, form: str, place: Hashable) -> _Flight:
        """The flight that brings this tile, started if there is none."""
        flight = self._flights.get(tag)
        if flight is not None:
            self.counts.shared += 1
            return flight
        flight = self._flights[tag] = _Flight(asyncio.ensure_future(self._fetch(tag, ask, form, place)))
        flight.task.add_done_callback(lambda task: self._ended(tag, task))
        return flight

    def _ended(self, tag: str, task: asyncio.Task[_Landed]) -> None:
        flight = self._flights.get(tag)
        if flight is not None and flight.task is task:
            del self._flights[tag]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else wants to hear of it

    async def _landed(self, flight: _Flight, place: Hashable) -> _Landed:
        """Wait for the flight; who waits too long, or for nothing, gets the last copy of the same place."""
        done, _ = await asyncio.wait((flight.task,), timeout=STALE_AFTER_S)
        if not done:
            old = self._old(place)
            if old is not None:
                flight.finish = True
                return old
            done, _ = await asyncio.wait((flight.task,), timeout=PATIENCE_S - STALE_AFTER_S)
        if not done:
            flight.finish = True
            self.counts.sent_away += 1
            raise Unavailable("the tile takes long; it is being made", "瓦片生成较慢，正在生成", mend="请稍后重试")
        try:
            return flight.task.result()
        except Unavailable:
            old = self._old(place)
            if old is None:
                self.counts.sent_away += 1
                raise
            return old

    def _old(self, place: Hashable) -> _Landed | None:
        kept = self.memory.last(place)
        return None if kept is None else (kept, kept.forms, Source.STALE)

    async def _fetch(self, tag: str, ask: TileAsk, form: str, place: Hashable) -> _Landed:
        """From the disk, else made."""
        kept = await self.disk.get(tag) if self.disk is not None else None
        source = Source.DISK
        if kept is None:
            raw = await self._makers[form](ask)
            kept, source = Kept(tag, await _forms(raw.body, form), raw.truncated), Source.MADE
            if self.disk is not None:
                self.disk.put(kept)
        kept.place, forms = place, kept.forms
        self.memory.put(kept)
        return kept, forms, source

    def _given(self, landed: _Landed, seconds: float) -> Given:
        kept, forms, source = landed
        self.counts.answers[source] += 1
        return Given(kept, forms, source, seconds)


async def _forms(body: bytes, form: str) -> dict[Encoding, bytes]:
    """What a new tile is kept as; a big one is packed off the loop."""
    if form not in _PACKED:
        return {Encoding.IDENTITY: body}
    return await asyncio.to_thread(first_forms, body) if len(body) > _THREAD_BYTES else first_forms(body)


def _place(ask: TileAsk, form: str) -> Hashable:
    """What is asked for but not its version: same tile, same look, same eyes, same published fields."""
    layers = tuple([(layer.id, layer.access, _published(layer)) for layer in ask.layers])
    return form, ask.look, layers, ask.address, ask.scope.key, ask.options


def _published(layer: Layer) -> tuple[str, ...]:
    return tuple([field.name for field in layer.fields if field.in_tiles_from_zoom is not None])


def _behave() -> None:
    """Let the thread give way to those that answer; on Linux a thread has a priority of its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
