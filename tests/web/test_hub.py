"""The fan-out by itself: order, slow readers, resuming, a database that goes away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from postgis.outbox import Event
from web.hub import QUEUE, Hub


class Outbox:
    """An outbox in memory that can be away."""

    def __init__(self, size: int = 0) -> None:
        self.events = [event(seq) for seq in range(1, size + 1)]
        self.woken = asyncio.Event()
        self.away = False

    def append(self, count: int = 1) -> None:
        for _ in range(count):
            self.events.append(event(len(self.events) + 1))
        self.woken.set()

    async def read_after(self, seq: int, limit: int) -> list[Event]:
        if self.away:
            raise ConnectionError
        await asyncio.sleep(0)
        return [found for found in self.events if found.seq > seq][:limit]

    async def last_seq(self) -> int:
        if self.away:
            raise ConnectionError
        return len(self.events)

    async def wakes(self) -> AsyncIterator[None]:
        while True:
            yield
            await self.woken.wait()
            self.woken.clear()

    def hub(self) -> Hub:
        return Hub(self.read_after, self.last_seq, self.wakes, settled)


async def settled(seq: int) -> None:
    """The catalogue is always up to date here."""


def event(seq: int) -> Event:
    return Event(seq, "layer", 1, None, {}, datetime.now(UTC))


async def take(stream: AsyncIterator[Event], count: int) -> list[int]:
    return [(await asyncio.wait_for(anext(stream), 20)).seq for _ in range(count)]


async def test_order_and_resuming() -> None:
    outbox = Outbox(1200)
    hub = outbox.hub()
    running = asyncio.create_task(hub.run())
    await asyncio.sleep(0.01)
    replayed = hub.stream(100)
    assert await take(replayed, 1100) == list(range(101, 1201))
    outbox.append(3)
    assert await take(replayed, 3) == [1201, 1202, 1203]
    await replayed.aclose()
    assert hub.size == 0
    running.cancel()


async def test_a_slow_reader_is_let_go_and_misses_nothing() -> None:
    outbox = Outbox()
    hub = outbox.hub()
    running = asyncio.create_task(hub.run())
    slow, quick = hub.stream(None), hub.stream(None)
    seen: list[int] = []

    async def read_all() -> None:
        async for found in quick:
            seen.append(found.seq)

    reading = asyncio.create_task(read_all())
    first = asyncio.create_task(anext(slow))
    await asyncio.sleep(0.01)
    for _ in range(QUEUE * 3):
        outbox.append()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    got = [(await first).seq, *[found.seq async for found in slow]]
    assert got == list(range(1, len(got) + 1)) and len(got) < QUEUE * 3
    assert seen == list(range(1, QUEUE * 3 + 1))
    again = hub.stream(got[-1])
    assert await take(again, QUEUE * 3 - len(got)) == list(range(len(got) + 1, QUEUE * 3 + 1))
    reading.cancel()
    running.cancel()


async def test_overflow_during_replay_leaves_no_gap() -> None:
    outbox = Outbox(600)
    hub = outbox.hub()
    running = asyncio.create_task(hub.run())
    await asyncio.sleep(0.01)
    stream = hub.stream(0)
    seen = await take(stream, 10)
    for _ in range(10):
        outbox.append(QUEUE)
        await asyncio.sleep(0.002)
    seen += await take(stream, len(outbox.events) - 10)
    assert seen == list(range(1, len(outbox.events) + 1))
    running.cancel()


async def test_a_lost_database_only_delays() -> None:
    outbox = Outbox()
    hub = outbox.hub()
    running = asyncio.create_task(hub.run())
    stream = hub.stream(None)
    waiting = asyncio.create_task(take(stream, 2))
    await asyncio.sleep(0.01)
    outbox.away = True
    outbox.append(2)
    await asyncio.sleep(0.05)
    outbox.away = False
    assert await waiting == [1, 2]
    running.cancel()


async def test_closing_ends_every_stream() -> None:
    hub = Outbox().hub()
    stream = hub.stream(None)
    ended = asyncio.create_task(anext(stream, None))
    await asyncio.sleep(0)
    hub.close()
    assert await asyncio.wait_for(ended, 20) is None
    assert [found async for found in hub.stream(0)] == []
