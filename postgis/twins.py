"""Base twins that edits could not keep up themselves: built beside the old one and put in its place, while everybody goes on writing."""

import logging
import time
from typing import Any

import psycopg

from postgis.queries import load_queries

Connection = psycopg.Connection[Any]

_LOG = logging.getLogger("twin.twins")
_QUERIES = load_queries(__file__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
_PATIENCE_S = 120.0
"""How long a finished twin waits for readers of the old one before it is thrown away."""


def refresh(connection: Connection) -> bool:
    """Bring every doubtful twin up to its rows, each in a transaction of its own; True when one has to be tried again. Role importer."""
    with connection.transaction():
        doubtful = [int(row[0]) for row in connection.execute(_QUERIES["doubtful"])]
    refreshed = [_refreshed(connection, number) for number in doubtful]
    return not all(refreshed)


def _refreshed(connection: Connection, number: int) -> bool:
    """One layer's trouble is not the others': it is logged, and its tiles go on being made from its rows."""
    try:
        return _settled(connection, number) or build(connection, number)
    except psycopg.Error:
        if connection.closed:
            raise
        _LOG.exception("the tile twin of layer %s could not be built", number)
        return False


def build(connection: Connection, number: int) -> bool:
    """Build the twin of a layer anew; False when another worker does so, or when writers or readers held the layer for too long.

    Whatever ends this half-way leaves the old twin and its doubt: it is one transaction.
    """
    started = time.monotonic()
    with connection.transaction():
        done = _value(connection, "build", number) and _finish(connection, number)
        if not done:
            raise psycopg.Rollback
    if done:
        _LOG.info("tile twin of layer %s built in %.1f s", number, time.monotonic() - started)
    return bool(done)


def _settled(connection: Connection, number: int) -> bool:
    with connection.transaction():
        return bool(_value(connection, "settle", number))


def _finish(connection: Connection, number: int) -> bool:
    """Take the place of the old twin as soon as its readers leave it for a moment."""
    deadline, pause = time.monotonic() + _PATIENCE_S, _FIRST_PAUSE_S
    while (state := _value(connection, "finish", number)) == "busy" and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    return bool(state == "done")


def _value(connection: Connection, query: str, number: int) -> Any:
    row = connection.execute(_QUERIES[query], {"number": number}).fetchone()
    return row[0] if row else None
