"""Answers leave compressed for those who take it, whole or in pieces, small or so big that a thread does it."""

import gzip
import random

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from web.compression import Compression

CHANCE = random.Random(1)
PIECES = [CHANCE.randbytes(size).hex().encode() for size in (10, 5_000, 700_000, 3)]


async def streamed(_: object) -> Response:
    async def pieces():  # type: ignore[no-untyped-def]
        for piece in PIECES:
            yield piece

    return StreamingResponse(pieces(), media_type="application/geo+json")


async def whole(_: object) -> Response:
    return Response(PIECES[2], media_type="application/json")


async def short(_: object) -> Response:
    return Response(PIECES[0], media_type="application/json")


async def picture(_: object) -> Response:
    return Response(PIECES[1], media_type="image/png")


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip", ""])
async def test_what_arrives_is_what_was_sent(encoding: str) -> None:
    doors = {"/streamed": streamed, "/whole": whole, "/short": short, "/picture": picture}
    app = Compression(Starlette(routes=[Route(path, door) for path, door in doors.items()]))
    sent = {"/streamed": b"".join(PIECES), "/whole": PIECES[2], "/short": PIECES[0], "/picture": PIECES[1]}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for path, body in sent.items():
            async with client.stream("GET", path, headers={"accept-encoding": encoding}) as answer:
                raw = b"".join([piece async for piece in answer.aiter_raw()])
            packed = bool(encoding) and path in ("/streamed", "/whole")
            assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
            assert (gzip.decompress(raw) if packed else raw) == body
            assert not packed or "Accept-Encoding" in answer.headers["vary"]
