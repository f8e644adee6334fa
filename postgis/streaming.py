"""Rows of one statement to the end, some at a time, on a connection of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from postgis.connect import SERVER, Database
from postgis.pool import CONNECT_S, NOT_NOW, OutOfTime, scope_setting
from postgis.queries import load_queries
from postgis.statement import Statement
from twin.errors import Unavailable
from twin.view import Scope

_QUERIES = load_queries(__file__)
#: What is asked for at once is all the memory an answer takes: so many rows, or fewer where they are large.
_FIRST, _FEWEST, _MOST = 100, 10, 1_000
_PIECE_BYTES: Final = 1 << 20
_ROW_BYTES: Final = 500
"""Of a row without its geometry, more or less."""

Records = Sequence[Any]


@asynccontextmanager
async def rows(database: Database, statement: Statement, scope: Scope, seconds: float) -> AsyncIterator[AsyncIterator[Records]]:
    """Rows in pieces, all of one moment, no piece slower than `seconds`; the next is read while the last is worked on.

    Raises Unavailable when the database does not answer, OutOfTime past `seconds`. Leaving cancels the statement.
    """
    settings = {"statement_timeout": str(round(seconds * 1000)), "timezone": "UTC", "max_parallel_workers_per_gather": "0"}
    try:
        async with asyncio.timeout(CONNECT_S):
            connection = await database.connect_asyncpg(SERVER, **settings)
    except NOT_NOW as exc:
        raise Unavailable("the database is away", "数据库暂不可用", mend="请稍后重试") from exc
    pieces = _pieces(connection, statement, scope)
    try:
        yield pieces
    finally:
        with suppress(*NOT_NOW):
            async with asyncio.timeout(CONNECT_S):
                await pieces.aclose()  # what runs is cancelled in the database, which would not notice that nobody listens
        connection.terminate()


async def _pieces(connection: Any, statement: Statement, scope: Scope) -> Any:
    try:
        await connection.execute(_QUERIES["enter"], scope_setting(scope))
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(statement.text, *statement.args)
            async for piece in _ahead(cursor.fetch):
                yield piece
    except asyncpg.QueryCanceledError as exc:
        raise OutOfTime("the query ran past its time budget", "查询超过时限，已取消", mend="请缩小范围后重试") from exc


async def _ahead(fetch: Callable[[int], Awaitable[Records]]) -> Any:
    """What `fetch` gives until it gives too little, one piece read ahead, each about as large as it may be."""
    size = _FIRST
    coming = asyncio.ensure_future(fetch(size))
    try:
        while True:
            piece, asked = await coming, size
            size = _fitting(piece) or size
            if len(piece) == asked:
                coming = asyncio.ensure_future(fetch(size))
            yield piece
            if len(piece) < asked:
                return
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _fitting(piece: Records) -> int:
    """How many rows like these make a piece."""
    held = sum(_ROW_BYTES + len(row["geom"] or "") for row in piece)
    return max(_FEWEST, min(_MOST, len(piece) * _PIECE_BYTES // max(held, 1)))
