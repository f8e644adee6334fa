"""Server-sent events over the outbox: what was committed, in commit order, each caller only what they may know."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from layers.access import ANONYMOUS, Caller, scope_of
from postgis.outbox import Event
from twin.errors import BadParameter, Unauthorized
from web import values
from web.deps import CallerDep, CatalogDep, House, HouseDep
from web.json import dump
from web.params import TOPICS, Query, documented

router = APIRouter(tags=["events"])

TOPIC_NAMES: Final = frozenset({"layer", "overview", "catalogue", "product", "job"})
HEARTBEAT_S: Final = 15.0
_RETRY_MS = 1000
_PUBLIC_PRODUCT_STATES = frozenset({"published", "withdrawn"})
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """A stream that lets go of its place in the fan-out the moment it ends, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, stream: AsyncGenerator[bytes, None], status_code: int = 200) -> None:
        super().__init__(stream, status_code, headers=_HEADERS)
        self._stream = stream

    async def stream_response(self, send: Send) -> None:
        """Send everything, and close the source with the answer instead of some time later."""
        async with aclosing(self._stream):
            await super().stream_response(send)


@router.get("/events", openapi_extra=documented(TOPICS), response_class=EventStream)
async def events(request: Request, house: HouseDep, _catalog: CatalogDep, _caller: CallerDep) -> Response:
    """Events from now on, or from `Last-Event-ID` on; a slow reader is let go and comes again with the last id it saw."""
    query = Query(request.scope["query_string"], [TOPICS.name])
    topics = _topics(query.get(TOPICS))
    after = await _resume_point(request, house)
    return EventStream(_stream(house, request, topics, after))


def _topics(text: str | None) -> frozenset[str]:
    """The topics asked for; all when none is named."""
    names = frozenset(text.split(",")) if text else TOPIC_NAMES
    if not names <= TOPIC_NAMES:
        known = ", ".join(sorted(TOPIC_NAMES))
        raise BadParameter(f"topics are {known}", f"主题只能是 {known}", place="topics", mend=known)
    return names


async def _resume_point(request: Request, house: House) -> int | None:
    """The last event the caller saw; None for a new reader, or one whose number this database has not reached."""
    text = request.headers.get("last-event-id")
    if text is None:
        return None
    seen = values.integer(text, "Last-Event-ID", 0, 2**53)
    return seen if seen <= await house.hub.latest() else None


async def _stream(house: House, request: Request, topics: frozenset[str], after: int | None) -> AsyncGenerator[bytes, None]:
    """The text of the stream: a first comment at once, events as they are committed, a comment when nothing happens."""
    queue: asyncio.Queue[Event | None] = asyncio.Queue(1)
    reading = asyncio.create_task(_feed(house, after, queue))
    house.metrics.subscribers.inc()
    try:
        yield f"retry: {_RETRY_MS}\n: welcome\n\n".encode()
        while True:
            try:
                event = await _next(queue, HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if event is None:
                house.metrics.dropped.inc(0 if house.hub.closed else 1)
                return
            shown = _shown_to(await _still(house, request), event, house) if event.topic in topics else None
            if shown is not None:
                yield b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.topic.encode(), dump(shown))
    finally:
        reading.cancel()
        house.metrics.subscribers.dec()


async def _next(queue: asyncio.Queue[Event | None], at_most_s: float) -> Event | None:
    """The next event; TimeoutError when none comes in time. Not by `wait_for`, which before Python 3.12 forgets a cancellation beside an event."""
    async with asyncio.timeout(at_most_s):
        return await queue.get()


async def _feed(house: House, after: int | None, queue: asyncio.Queue[Event | None]) -> None:
    """Hand events over one by one; None says that the stream ends and the client should come again."""
    try:
        async with aclosing(house.hub.stream(after)) as stream:
            async for event in stream:
                await queue.put(event)
    finally:
        await queue.put(None)


async def _still(house: House, request: Request) -> Caller:
    """Who the caller is now: a session that ended, or a key that was revoked, is nobody."""
    try:
        return await house.callers.of(request.scope)
    except Unauthorized:
        return ANONYMOUS


def _shown_to(caller: Caller, event: Event, house: House) -> dict[str, Any] | None:
    """The event as this caller may see it, or None."""
    if not _may_know(caller, event, house):
        return None
    return {"seq": event.seq, "topic": event.topic, "layer": event.layer, "cells": event.cells, "payload": event.payload, "at": event.at}


def _may_know(caller: Caller, event: Event, house: House) -> bool:
    """Jobs are for people signed in, layers for those who may read them, unpublished products for those who may publish."""
    if event.topic == "job":
        return "jobs" in caller.may
    readable = house.snapshot.layers(scope_of(caller))
    if event.layer is not None:
        return any(layer.number == event.layer for layer in readable)
    if "layer" in event.payload:
        return any(layer.id == event.payload["layer"] for layer in readable)
    status = event.payload.get("status")
    return status is None or status in _PUBLIC_PRODUCT_STATES or "publish" in caller.may
