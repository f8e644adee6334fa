"""Looks into a database that tell whether what an import left is whole: one version, all of it known, findable, and nothing beside it."""

import time
from pathlib import Path
from typing import Any

import psycopg

from postgis import jobs
from postgis.connect import IMPORTER, OWNER, Database, connect
from postgis.jobs import RunningJob
from postgis.search import run_index

_BACK_S = 60.0
_HISTORY = "(SELECT oid, attrs, valid, sys FROM twin.object WHERE layer = {0} UNION ALL SELECT oid, attrs, valid, sys FROM twin.object_past WHERE layer = {0})"


def ask(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows as the owner sees them."""
    with connect(database, OWNER) as connection:
        return connection.execute(query, values).fetchall()


def wait_until_back(database: Database) -> None:
    """Wait out the recovery after a backend was killed."""
    deadline = time.monotonic() + _BACK_S
    while True:
        try:
            ask(database, "SELECT 1")
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def newest_run(database: Database, layer: str) -> str:
    """The last run that is done; empty when there is none."""
    query = "SELECT id::text FROM twin.import_run WHERE layer_id = %s AND status = 'done' ORDER BY moment DESC LIMIT 1"
    found = ask(database, query, layer)
    return str(found[0][0]) if found else ""


def number_of(database: Database, layer: str) -> int:
    """The layer's number; 0 when there is none."""
    found = ask(database, "SELECT number FROM twin.layer WHERE id = %s", layer)
    return int(found[0][0]) if found else 0


def look(database: Database, layer: str) -> tuple[Any, ...]:
    """Smallest and largest height and number of live rows of a layer: of one version all heights are equal. Nothing of a layer that is not there."""
    number = number_of(database, layer)
    if not number:
        return ()
    return ask(database, f"SELECT min((attrs ->> 'height')::int), max((attrs ->> 'height')::int), count(*) FROM twin.object_{number}")[0]


def before_run(database: Database, run: str) -> tuple[Any, ...]:
    """What `look` said before a run that replaced the layer: what was known just before its moment."""
    number, moment = ask(database, "SELECT layer, moment FROM twin.import_run WHERE id = %s", run)[0]
    query = f"""SELECT min((attrs ->> 'height')::int), max((attrs ->> 'height')::int), count(*) FROM {_HISTORY.format(number)} v
        WHERE sys @> %s::timestamptz - interval '1 microsecond' AND valid @> %s::timestamptz - interval '1 microsecond'"""
    return ask(database, query, moment, moment)[0]


def leftovers(database: Database) -> list[Any]:
    """Staged tables, tables and sequences of layers that are not there, and runs that say they still run."""
    staged = ask(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'stage'")
    orphans = """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'twin' AND c.relkind IN ('r', 'S') AND c.relname ~ '^(object|object_past|shape|oid)_[0-9]+(_new)?$'
          AND NOT EXISTS (SELECT FROM twin.layer l WHERE l.number = substring(c.relname FROM '[0-9]+')::int)"""
    return staged + ask(database, orphans) + ask(database, "SELECT id FROM twin.import_run WHERE status = 'running'")


def index_waiting(database: Database) -> None:
    """What a worker would do next: the index jobs that publishes have queued."""
    for job, args in ask(database, "SELECT id, args FROM door.job WHERE kind = 'index' AND status = 'queued' ORDER BY created_at"):
        with connect(database, IMPORTER) as connection:
            jobs.start(connection, job)
            jobs.finish(connection, job, run_index(RunningJob(job, "index", args, "", database, Path())))


def unfindable(database: Database, layer: str) -> int:
    """Live objects that the search does not know by the name they have now, and names it knows of objects that are gone."""
    index_waiting(database)
    number = number_of(database, layer)
    if not number:
        return 0
    query = f"""SELECT count(*) FROM twin.object_{number} o FULL JOIN (SELECT oid, title FROM twin.search WHERE kind = 'object' AND layer = {number}) s
        ON s.oid = o.oid WHERE s.title IS DISTINCT FROM o.name"""
    return int(ask(database, query)[0][0])


def missing(database: Database, layer: str) -> int:
    """Rows that a complete run says it wrote and that are nowhere in the layer's history."""
    query = f"""SELECT coalesce(sum(abs((r.report ->> 'added')::int + (r.report ->> 'changed')::int - coalesce(n, 0))), 0) FROM twin.import_run r
        LEFT JOIN (SELECT lower(sys) AS at, count(*) AS n FROM {_HISTORY.format(number_of(database, layer))} v GROUP BY 1) w
        ON w.at = r.moment WHERE r.status = 'done' AND r.layer_id = %s"""
    return int(ask(database, query, layer)[0][0])


def two_states(database: Database, layer: str) -> int:
    """Pairs of versions of one object that were known at one time for one time."""
    query = f"""WITH v AS (SELECT oid, valid, sys, row_number() OVER () AS nth FROM {_HISTORY.format(number_of(database, layer))} u)
        SELECT count(*) FROM v a JOIN v b ON a.oid = b.oid AND a.nth < b.nth AND a.valid && b.valid AND a.sys && b.sys"""
    return int(ask(database, query)[0][0])
