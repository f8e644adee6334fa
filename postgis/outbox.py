"""The outbox: what was committed, in commit order, and the wake-ups that say there is more."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg.exceptions import InterfaceError, PostgresError

from postgis.connect import SERVER, Database
from postgis.pool import HotPool, scope_setting
from postgis.queries import load_queries
from postgis.statement import Statement
from twin.view import EVERYTHING

CHANNEL = "twin"
_CHECK_S = 30.0
"""How often an idle connection is asked whether it is still there."""
_ANSWER_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_AWAY = (OSError, PostgresError, InterfaceError, TimeoutError)

_QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Event:
    """One committed event; `seq` grows in commit order, with holes. `cells` None means the whole layer."""

    seq: int
    topic: str
    layer: int | None
    cells: tuple[int, ...] | None
    payload: Mapping[str, Any]
    at: datetime


async def read_after(source: Any, seq: int, limit: int = 1000) -> list[Event]:
    """At most `limit` events after `seq`, oldest first, for every scope; `source` is a HotPool or an asyncpg connection."""
    return [_event(row) for row in await _fetch(source, Statement(_QUERIES["read_after"], (seq, limit)))]


async def last_seq(source: Any) -> int:
    """The number of the newest event, 0 when there is none."""
    rows = await _fetch(source, Statement(_QUERIES["last_seq"]))
    return int(rows[0][0])


async def listen(database: Database, role: str = SERVER) -> AsyncIterator[None]:
    """Yield once when listening has begun and after each commit that wrote events; many commits may be one wake-up.

    A lost connection is made again, for ever, and yields too: something may have happened meanwhile.
    """
    while True:
        connection, woken = await _listening(database, role)
        try:
            while not connection.is_closed():
                yield
                await _wait(connection, woken)
        finally:
            with contextlib.suppress(*_AWAY):
                await connection.close(timeout=1)


async def _listening(database: Database, role: str) -> tuple[Any, asyncio.Event]:
    """A connection that listens, however long it takes, and the event it sets; its end sets the event too."""
    pause = _FIRST_PAUSE_S
    woken = asyncio.Event()
    while True:
        with contextlib.suppress(*_AWAY):
            connection = await database.connect_asyncpg(role, statement_timeout="0")
            try:
                connection.add_termination_listener(lambda _: woken.set())
                await connection.add_listener(CHANNEL, lambda *_: woken.set())
            except BaseException:
                connection.terminate()
                raise
            return connection, woken
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)


async def _wait(connection: Any, woken: asyncio.Event) -> None:
    """Return when woken; a silent connection is asked for life now and then, and closed when it has none."""
    while not woken.is_set():
        try:
            async with asyncio.timeout(_CHECK_S):  # wait_for can forget a cancellation before Python 3.12
                await woken.wait()
        except TimeoutError:
            try:
                await connection.fetchval(_QUERIES["alive"], timeout=_ANSWER_S)
            except _AWAY:
                connection.terminate()
                return
    woken.clear()


async def _fetch(source: Any, statement: Statement) -> list[Any]:
    """Rows seen with the widest scope; an asyncpg connection keeps the scope it had."""
    if isinstance(source, HotPool):
        return await source.fetch(statement, EVERYTHING)
    async with source.transaction():
        await source.execute(_QUERIES["scope"], scope_setting(EVERYTHING))
        return list(await source.fetch(statement.text, *statement.args))


def _event(row: Any) -> Event:
    cells = row["cells"]
    return Event(row["seq"], row["topic"], row["layer"], None if cells is None else tuple(cells), json.loads(row["payload"]), row["at"])
