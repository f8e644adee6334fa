"""How often each map product was used on each day: sums that the web processes hand in from time to time."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from postgis.queries import load_queries

Connection = psycopg.Connection[Any]

_QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Uses:
    """How often one product was used on one day."""

    code: str
    day: date
    uses: int


def add(connection: Connection, counted: Iterable[Uses]) -> None:
    """Add what one process counted."""
    rows = [asdict(entry) | {"day": entry.day.isoformat()} for entry in counted]
    connection.execute(_QUERIES["add"], {"counted": Jsonb(rows)})


def read(connection: Connection, since: date) -> list[Uses]:
    """The sums of each day from `since` on, by day and code."""
    with connection.cursor(row_factory=class_row(Uses)) as cursor:
        return cursor.execute(_QUERIES["read"], {"since": since}).fetchall()
