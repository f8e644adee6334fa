"""Fills and indexes the first rows of a layer in a table beside, over several connections; the publish only takes it over."""

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from postgis.connect import IMPORTER, Database, connect
from postgis.queries import load_queries
from postgis.stage import Connection, compose, prepare_session
from postgis.stage_publish import Publish
from postgis.stage_rows import object_rows

QUERIES = load_queries(__file__)
_MOST_CONNECTIONS = 4
_WORTH_SHARING = 50_000
"""Rows below which one connection is as fast as several."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A table ready to be taken over: the number of its layer, and since when its rows are known."""

    number: int
    moment: datetime


def fill(database: Database, connection: Connection, publish: Publish, rows: int) -> Filled:
    """Write and index `rows` staged rows in a table of their own. Commits; what is left of a failure goes with the run's other tables."""
    run = publish.staging.run
    made = connection.execute(QUERIES["new_table"], {"run": run, "layer": publish.spec.id}).fetchone()
    connection.commit()
    filled = Filled(*(made or ()))
    workers = min(_MOST_CONNECTIONS, os.cpu_count() or 1) if rows >= _WORTH_SHARING else 1
    step = -(-rows // workers)
    _run_all(database, workers, [_fill(publish, filled, range(first, first + step)) for first in range(1, rows + 1, max(step, 1))])
    fields = Jsonb(publish.spec.model_dump(mode="json")["fields"])
    suffixes = [str(row[0]) for row in connection.execute(QUERIES["indexes"], {"fields": fields})]
    connection.commit()
    index = sql.SQL(QUERIES["index"])
    parts = {"run": sql.Literal(run), "fields": sql.Literal(fields)}
    _run_all(database, workers, [index.format(suffix=sql.Literal(suffix), **parts) for suffix in suffixes])
    return filled


def _fill(publish: Publish, filled: Filled, share: range) -> sql.Composed:
    parts = {
        "number": sql.Literal(filled.number),
        "source": sql.Literal(publish.source),
        "prepared": object_rows(publish.staging, publish.rows, share),
        "valid": publish.valid_of_new(filled.moment),
        "moment": sql.Literal(filled.moment),
    }
    return compose("fill", publish.staging, QUERIES, **parts)


def _run_all(database: Database, workers: int, statements: Sequence[sql.Composed]) -> None:
    """Run each statement in a transaction of its own, `workers` at a time; the first that fails stops the others and is raised."""
    waiting = deque(statements)

    def work(connection: Connection) -> None:
        while True:
            try:
                statement = waiting.popleft()
            except IndexError:
                return
            connection.execute(statement)
            connection.commit()

    with ExitStack() as stack:
        connections = [stack.enter_context(connect(database, IMPORTER)) for _ in range(min(workers, len(statements)))]
        for connection in connections:
            prepare_session(connection)
        pool = stack.enter_context(ThreadPoolExecutor(max(1, len(connections)), "import-fill"))
        done = [pool.submit(work, connection) for connection in connections]
        failed = [future for future in wait(done, return_when=FIRST_EXCEPTION).done if future.exception()]
        if failed:
            waiting.clear()
            for connection in connections:
                with suppress(psycopg.Error):
                    connection.cancel()
            failed[0].result()
