"""Answers made in pieces: a short one goes out whole, for a stream costs more than its few pieces, a long one as it is made."""

from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response, StreamingResponse


async def answer(pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str], *, short: bool) -> Response:
    """The answer made of `pieces`; `short` says that they are few."""
    if not short:
        return StreamingResponse(pieces, media_type=media_type, headers=headers)
    return Response(b"".join([piece async for piece in pieces]), media_type=media_type, headers=dict(headers))
