"""Rows of one statement to the end, some at a time, on a connection of their own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import asyncpg

from postgis.connect import SERVER, Database
from postgis.pool import CONNECT_S, NOT_NOW, OutOfTime, scope_setting
from postgis.queries import load_queries
from postgis.statement import Statement
from twin.errors import Unavailable
from twin.view import Scope

_QUERIES = load_queries(__file__)
#: Rows that are asked for at once: what is held of them and of the text made of them is all the memory an answer takes.
CHUNK: Final = 500

Records = Sequence[Any]


@asynccontextmanager
async def rows(database: Database, statement: Statement, scope: Scope, seconds: float) -> AsyncIterator[AsyncIterator[Records]]:
    """Pieces of at most CHUNK rows, all of one moment, no piece slower than `seconds`; the next is read while the last is worked on.

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
        connection.terminate()
        await pieces.aclose()


async def _pieces(connection: Any, statement: Statement, scope: Scope) -> Any:
    try:
        await connection.execute(_QUERIES["enter"], scope_setting(scope))
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(statement.text, *statement.args)
            async for piece in _ahead(partial(cursor.fetch, CHUNK)):
                yield piece
    except asyncpg.QueryCanceledError as exc:
        raise OutOfTime("the query ran past its time budget", "查询超过时限，已取消", mend="请缩小范围后重试") from exc


async def _ahead(fetch: Any) -> Any:
    """What `fetch` gives until it gives too little, one piece read ahead."""
    coming = asyncio.ensure_future(fetch())
    try:
        while True:
            piece = await coming
            last = len(piece) < CHUNK
            if not last:
                coming = asyncio.ensure_future(fetch())
            yield piece
            if last:
                return
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
