"""Time is a writer: what starts or ends by itself becomes an event, and the catalogue's counts follow the edits."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from postgis.queries import load_queries

KEEP_EVENTS = timedelta(days=30)
"""A reader of the outbox that slept longer reads everything anew."""

_QUERIES = load_queries(__file__)


def advance(connection: psycopg.Connection[Any]) -> datetime | None:
    """Do what is due and commit; returns the next instant at which something is, or None when only a change can tell.

    It may lie in the past when a writer still holds the rows: call again after a short pause, and after every NOTIFY on `twin`.
    """
    with connection.transaction():
        row = connection.execute(_QUERIES["advance"]).fetchone()
    with connection.transaction():
        connection.execute(_QUERIES["refresh_extents"])
    with connection.transaction():
        connection.execute(_QUERIES["trim"], {"keep": KEEP_EVENTS})
    connection.commit()
    return row[0] if row else None
