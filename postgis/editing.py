"""A few writing connections: the web process edits as `twin_editor`, which may call write functions and nothing else."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from postgis.connect import EDITOR, Database
from twin.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")
Connection = psycopg.Connection[Any]

_CONNECT_S = 1
_SOON_S = 0.5
"""A refusal later than this is not one ended connection but a database that is away."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.3


class EditorPool:
    """Connections as `twin_editor`; a dead one is replaced before anybody gets it, at once when the database is back.

    (psycopg's own pool waits 1, 2, 4 … s between attempts, which everybody who signs in would wait too.)
    """

    def __init__(self, database: Database, size: int = 4, timeout_s: float = 3.0) -> None:
        self._conninfo = database.conninfo(EDITOR)
        self._timeout_s = timeout_s
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[Connection] = []

    def open(self) -> None:
        """Nothing is connected before it is needed, so a server may start before its database."""

    def close(self) -> None:
        """Close every idle connection; one in use is closed by whoever opens the next."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends well, else rolled back; Unavailable when the database is away."""
        deadline = time.monotonic() + self._timeout_s
        if not self._slots.acquire(timeout=self._timeout_s):
            raise _away()
        try:
            connection = self._living() or self._connected(deadline)
            try:
                with connection.transaction():
                    yield connection
            finally:
                self._put_back(connection)
        except psycopg.OperationalError as exc:
            raise _away() from exc
        finally:
            self._slots.release()

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(connection, …)` in a thread and a transaction of its own."""
        return await asyncio.to_thread(partial(self._call, function, *args, **kwargs))

    async def read(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `run` for what may be done twice: a connection that ends under it is not noticed."""
        started = time.monotonic()
        try:
            return await self.run(function, *args, **kwargs)
        except Unavailable:
            if time.monotonic() - started > _SOON_S:
                raise
        return await self.run(function, *args, **kwargs)

    def _call(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self.connection() as connection:
            return function(connection, *args, **kwargs)

    def _living(self) -> Connection | None:
        """An idle connection that still answers."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                try:
                    ConnectionPool.check_connection(connection)
                except psycopg.Error:
                    connection.close()
                else:
                    return connection
        return None

    def _connected(self, deadline: float) -> Connection:
        """A new connection, tried for until `deadline`."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return psycopg.connect(self._conninfo, connect_timeout=_CONNECT_S)
            except psycopg.OperationalError:
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _put_back(self, connection: Connection) -> None:
        """Keep it for the next, unless something went wrong with it."""
        if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)


def _away() -> Unavailable:
    return Unavailable("the database does not answer", "数据库暂时没有响应", mend="请稍后重试")
