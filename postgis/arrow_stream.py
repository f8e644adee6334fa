"""Rows of one statement as Arrow, by COPY, at the speed of the database. Light to import, for a process of its own does it."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Any, Final

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from postgis.queries import load_queries

_QUERIES = load_queries(__file__)
_CHECK: Final = "500ms"
"""So often the database looks whether the process it works for still lives."""
_TOKEN: Final = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\$(?P<number>[0-9]+)(?:::(?P<type>[A-Z]+(?: [A-Z]+)*(?:\[\])?))?")


@contextmanager
def arrow(conninfo: str, text: str, values: tuple[str | None, ...], scope: str, seconds: float) -> Iterator[pa.RecordBatchReader]:
    """The rows of `text` for who has this `scope` setting.

    A COPY takes no parameters, so each value (as `text_of` writes it) becomes a setting of the connection, which the statement reads.
    """
    with closing(adbc.connect(conninfo)) as connection, closing(connection.cursor()) as cursor:
        _set(cursor, "twin.scope", scope)
        _set(cursor, "statement_timeout", str(round(seconds * 1000)))
        _set(cursor, "client_connection_check_interval", _CHECK)
        for number, value in enumerate(values, 1):
            if value is not None:
                _set(cursor, _setting(number), value)
        cursor.execute(unbound(text, values))
        yield cursor.fetch_record_batch()


def unbound(text: str, values: tuple[str | None, ...]) -> str:
    """`text` with each placeholder reading the setting that holds its value; the value itself is never part of it."""

    def read(found: re.Match[str]) -> str:
        if found["number"] is None:
            return found[0]
        kind = found["type"] or "TEXT"
        missing = values[int(found["number"]) - 1] is None
        return f"NULL::{kind}" if missing else f"current_setting('{_setting(int(found['number']))}')::{kind}"

    return _TOKEN.sub(read, text)


def text_of(value: Any) -> str:
    """A value as PostgreSQL reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return "\\x" + value.hex()
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return "{" + ",".join('"' + text_of(item).replace("\\", "\\\\").replace('"', '\\"') + '"' for item in value) + "}"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be a setting")


def _setting(number: int) -> str:
    return f"twin.arg_{number}"


def _set(cursor: Any, name: str, value: str) -> None:
    cursor.execute(_QUERIES["set_value"], (name, value))
    cursor.fetchall()
