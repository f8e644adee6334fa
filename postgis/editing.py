"""A small pool of writing connections: the web process edits as `twin_editor`, which may call write functions and nothing else."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from postgis.connect import EDITOR, Database
from twin.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")
Connection = psycopg.Connection[Any]


class EditorPool:
    """Connections as `twin_editor`; a dead one is replaced before anybody gets it."""

    def __init__(self, database: Database, size: int = 4, timeout_s: float = 3.0) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            database.conninfo(EDITOR),
            min_size=1,
            max_size=size,
            timeout=timeout_s,
            check=ConnectionPool.check_connection,
            reconnect_timeout=30,
            open=False,
            name="editor",
        )

    def open(self) -> None:
        """Start filling the pool; does not wait, so that a server may start before its database."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends well, else rolled back; Unavailable when the database is away."""
        try:
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as exc:
            raise Unavailable("the database does not answer", "数据库暂时没有响应") from exc

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(connection, …)` in a thread and a transaction of its own."""
        return await asyncio.to_thread(partial(self._call, function, *args, **kwargs))

    def _call(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self.connection() as connection:
            return function(connection, *args, **kwargs)
