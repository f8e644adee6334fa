"""One reader of the outbox per process, many event streams: bounded queues, slow readers are let go and resume by number."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from postgis.outbox import Event

_LOG = logging.getLogger("twin.web")

QUEUE: Final = 64
PAGE: Final = 500
_POLL_S = 5.0
_RETRY_S = 0.25

ReadAfter = Callable[[int, int], Awaitable[list[Event]]]
LastSeq = Callable[[], Awaitable[int]]
Wakes = Callable[[], AsyncIterator[None]]
Settled = Callable[[int], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Subscriber:
    """One open stream; `lost` once its queue overflowed: the client comes again with its Last-Event-ID."""

    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(QUEUE + 1))
    lost: bool = False

    def offer(self, event: Event) -> None:
        """Queue one event, or end the stream when its reader is more than QUEUE behind."""
        if self.lost:
            return
        if self.queue.qsize() >= QUEUE:
            self.end()
        else:
            self.queue.put_nowait(event)

    def forget(self) -> None:
        """Drop what is queued, because the database will be asked for it."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.lost = False

    def end(self) -> None:
        """Let the stream finish after what is queued."""
        if not self.lost:
            self.lost = True
            self.queue.put_nowait(None)


class Hub:
    """Wakes on NOTIFY, reads what was committed since, hands it to every subscriber in order of `seq`."""

    def __init__(self, read_after: ReadAfter, latest: LastSeq, wakes: Wakes, settled: Settled) -> None:
        self._read = read_after
        self.latest = latest
        self._wakes = wakes
        self._settled = settled
        self._subscribers: set[Subscriber] = set()
        self._seen: int | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """Open streams."""
        return len(self._subscribers)

    @property
    def closed(self) -> bool:
        """Whether the server is stopping."""
        return self._closed

    async def run(self) -> None:
        """Deliver for ever; a lost database only delays what is delivered."""
        while not self._closed:
            try:
                async for _ in self._ticks():
                    await self._deliver()
            except Exception as error:
                _LOG.warning("events wait for the database: %s", type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _ticks(self) -> AsyncIterator[None]:
        """Wake-ups, and one every few seconds in case a NOTIFY was lost."""
        wakes = self._wakes().__aiter__()
        waiting: asyncio.Task[None] | None = None
        try:
            while True:
                yield
                waiting = waiting or asyncio.ensure_future(_next(wakes))
                done, _ = await asyncio.wait({waiting}, timeout=_POLL_S)
                if done:
                    waiting.result()
                    waiting = None
        finally:
            if waiting is not None:
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await waiting

    async def _read_after(self, seq: int) -> list[Event]:
        """The next events, once the catalogue knows of them too: it says who may see them."""
        events = await self._read(seq, PAGE)
        if events:
            await self._settled(events[-1].seq)
        return events

    async def _deliver(self) -> None:
        """Read page after page until nothing is new."""
        if self._seen is None:
            self._seen = await self.latest()
        while events := await self._read_after(self._seen):
            self._seen = events[-1].seq
            for subscriber in tuple(self._subscribers):
                for event in events:
                    subscriber.offer(event)

    async def stream(self, last_seen: int | None) -> AsyncGenerator[Event, None]:
        """Every event after `last_seen` (None: from now on), each once; ends when the reader is too slow or the server stops."""
        subscriber = Subscriber()
        self._subscribers.add(subscriber)
        position = last_seen
        try:
            while position is not None and not self._closed:
                subscriber.forget()  # everything forgotten here is already visible to the read below
                events = await self._read_after(position)
                for event in events:
                    yield event
                    position = event.seq
                if not events and not subscriber.lost:
                    break
            while not self._closed and (queued := await subscriber.queue.get()) is not None:
                if position is None or queued.seq > position:
                    yield queued
        finally:
            self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End every stream: the server stops, clients come again."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.end()


async def _next(wakes: AsyncIterator[None]) -> None:
    """The next wake-up as a plain coroutine; ConnectionError when there will be none."""
    try:
        await wakes.__anext__()
    except StopAsyncIteration as exc:
        raise ConnectionError("no more wake-ups") from exc
