"""Hot reads: a few dedicated connections that keep prepared statements and remember their scope, behind one queue.

A killed database costs the reader a wait: a read is repeated once on a new connection, then refused with Unavailable.
"""

import asyncio
import json
import random
from collections import OrderedDict
from functools import lru_cache
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError, OutdatedSchemaCacheError

from postgis.connect import SERVER, Database
from postgis.statement import Statement
from twin.errors import Unavailable
from twin.view import PUBLIC, Scope

_State = tuple[str, bool]
"""What a connection is set to: the scope, and whether statements keep one plan."""
_UNKNOWN: _State = ("", False)

#: Times are in seconds.
RETRY_BUDGET_S = 2.0
ACQUIRE_BUDGET_S = 3.0
CONNECT_S = 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.3
_MAX_WAITING = 512
_HELD_STATEMENTS = 256

_SETTINGS = {
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "default_transaction_read_only": "on",
    "statement_timeout": "30s",
    "timezone": "UTC",
}
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    InterfaceError,
    InternalClientError,
)
NOT_NOW = (*_LOST, asyncpg.TooManyConnectionsError, TimeoutError)
#: The schema moved under a prepared statement (a layer got new fields): prepare it again.
_OUTDATED = (
    asyncpg.InvalidCachedStatementError,
    OutdatedSchemaCacheError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSQLStatementNameError,
)


class Outdated(Unavailable):
    """The statement names a table or column that is not there: its writer knew another state of the catalogue."""


class OutOfTime(Unavailable):
    """The statement ran longer than its reader gave it, and was cancelled."""


class HotPool:
    """A fixed number of connections to one database, all as the read-only serving role."""

    def __init__(self, database: Database, size: int, role: str = SERVER) -> None:
        self._slots = asyncio.Semaphore(size)
        self._idle = [_Held(database, role) for _ in range(size)]
        self._size = size
        self._waiting = 0
        self._closed = False

    @classmethod
    async def open(cls, database: Database, size: int, role: str = SERVER) -> "HotPool":
        """A pool with its connections made; Unavailable when the database does not answer within 2 s."""
        pool = cls(database, size, role)
        try:
            await asyncio.gather(*(held.ready(_deadline()) for held in pool._idle))
        except BaseException:
            await pool.close()
            raise
        return pool

    async def close(self) -> None:
        """End all idle connections; later reads raise Unavailable."""
        self._closed = True
        await asyncio.gather(*(held.close() for held in self._idle))

    @property
    def size(self) -> int:
        """How many queries can run at once."""
        return self._size

    @property
    def waiting(self) -> int:
        """How many readers stand in the queue now."""
        return self._waiting

    async def fetch(self, statement: Statement, scope: Scope = PUBLIC, timeout_s: float = 5.0, wait_s: float | None = None) -> list[Any]:
        """All rows of a read as asyncpg Records; Unavailable when the database is away, busy, or slower than `timeout_s`.

        With `wait_s` the reader stays so long in the queue, whatever its length: for the rest of an answer that has begun.
        """
        await self._admit(wait_s)
        try:
            state = (scope_setting(scope), statement.one_plan)
            held = self._pick(state)
            try:
                return await _twice(held, state, statement, timeout_s)
            finally:
                self._idle.append(held)
                if self._closed:
                    await held.close()
        finally:
            self._slots.release()

    async def fetchrow(self, statement: Statement, scope: Scope = PUBLIC, timeout_s: float = 5.0) -> Any | None:
        """The first row of a read, or None."""
        rows = await self.fetch(statement, scope, timeout_s)
        return rows[0] if rows else None

    async def fetchval(self, statement: Statement, scope: Scope = PUBLIC, timeout_s: float = 5.0) -> Any | None:
        """The first value of the first row of a read, or None."""
        rows = await self.fetch(statement, scope, timeout_s)
        return rows[0][0] if rows else None

    async def _admit(self, wait_s: float | None) -> None:
        """Wait for a free connection, but neither for long nor in a crowd."""
        if self._closed:
            raise Unavailable("the server is stopping", "服务正在停止")
        if not self._slots.locked():
            await self._slots.acquire()
            return
        if wait_s is None and self._waiting >= _MAX_WAITING:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(ACQUIRE_BUDGET_S if wait_s is None else wait_s):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise _busy() from exc
        finally:
            self._waiting -= 1

    def _pick(self, state: "_State") -> "_Held":
        """The last used connection that is already in this state, else the one unused for longest."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].state == state:
                return self._idle.pop(index)
        return self._idle.pop(0)


class _Held:
    """One connection with its prepared statements and its present scope setting."""

    def __init__(self, database: Database, role: str) -> None:
        self._database, self._role = database, role
        self._connection: Any = None
        self._statements: OrderedDict[str, Any] = OrderedDict()
        self.state = _UNKNOWN

    async def ready(self, deadline: float) -> None:
        """Have a live connection, trying until `deadline` (loop time) with short jittered pauses."""
        pause = _FIRST_PAUSE_S
        while self._connection is None or self._connection.is_closed():
            self.drop()
            try:
                async with asyncio.timeout(CONNECT_S):
                    self._connection = await self._database.connect_asyncpg(self._role, **_SETTINGS)
            except NOT_NOW as exc:
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise Unavailable("the database is away", "数据库暂不可用", mend="请稍后重试") from exc
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (jitter)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def enter(self, state: "_State") -> None:
        """Set the scope and way of planning of what follows; a round trip only when they differ from the last ones."""
        if state != self.state:
            self.state = _UNKNOWN
            setting, one_plan = state
            await (await self._prepared(_SET_STATE)).fetch(setting, "force_generic_plan" if one_plan else "auto")
            self.state = state

    async def fetch(self, statement: Statement, timeout_s: float) -> list[Any]:
        """Run a statement, prepared at its first use here."""
        prepared = self._statements.get(statement.text)
        if prepared is None:
            prepared = await self._prepared(statement.text)
        return list(await prepared.fetch(*statement.args, timeout=timeout_s))

    async def _prepared(self, text: str) -> Any:
        """The held statement of `text`; the oldest goes when there are too many."""
        prepared = self._statements.get(text)
        if prepared is None:
            prepared = self._statements[text] = await self._connection.prepare(text)
            if len(self._statements) > _HELD_STATEMENTS:
                self._statements.popitem(last=False)
        return prepared

    def forget(self) -> None:
        """Let prepared statements go, keeping the connection."""
        self._statements.clear()

    def drop(self) -> None:
        """Let go of a connection that is no longer good, without a word to the server."""
        self.forget()
        self.state = _UNKNOWN
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        """End the connection in an orderly way, or at once when that takes over a second."""
        connection, self._connection = self._connection, None
        self.forget()
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except NOT_NOW:
                connection.terminate()


_SET_STATE = "SELECT set_config('twin.scope', $1, false), set_config('plan_cache_mode', $2, false)"


async def _twice(held: _Held, state: _State, statement: Statement, timeout_s: float) -> list[Any]:
    """Do a read; when the connection is lost under it, or its statement is outdated, once more within the budget."""
    try:
        return await _once(held, state, statement, timeout_s)
    except _LOST as exc:
        _raise_unless_lost(exc)
        held.drop()
    except _OUTDATED:
        held.forget()
    try:
        return await _once(held, state, statement, timeout_s)
    except _OUTDATED as exc:
        held.forget()
        raise Outdated("the layers are being changed", "图层正在变更", mend="请稍后重试") from exc
    except _LOST as exc:
        _raise_unless_lost(exc)
        held.drop()
        raise Unavailable("the database went away twice", "数据库暂不可用", mend="请稍后重试") from exc


async def _once(held: _Held, state: _State, statement: Statement, timeout_s: float) -> list[Any]:
    await held.ready(_deadline())
    try:
        await held.enter(state)
        return await held.fetch(statement, timeout_s)
    except asyncpg.LockNotAvailableError as exc:
        raise Unavailable("the layer is locked by a change that takes long", "图层正在变更，等待过久", mend="请稍后重试") from exc
    except (TimeoutError, asyncpg.QueryCanceledError) as exc:
        raise OutOfTime("the query ran past its time budget", "查询超过时限，已取消", mend="请缩小范围后重试") from exc


def _raise_unless_lost(error: Exception) -> None:
    """A value that does not fit its parameter is an InterfaceError too, but it is a bug of ours."""
    if isinstance(error, (asyncpg.DataError, ValueError)):
        raise error


def _busy() -> Unavailable:
    return Unavailable("too many queries wait for the database", "等待数据库的查询过多", mend="请稍后重试")


def _deadline() -> float:
    return asyncio.get_running_loop().time() + RETRY_BUDGET_S


@lru_cache(maxsize=1024)
def scope_setting(scope: Scope) -> str:
    """The text of the database setting `twin.scope`, which the views' own predicate reads."""
    return json.dumps({"access": sorted(scope.access), "divisions": sorted(scope.divisions)})
