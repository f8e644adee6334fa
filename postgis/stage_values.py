"""Asks the staged rows what their values are before types are fixed, and puts back the zeros that codes have lost."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from psycopg import sql

from postgis.queries import load_queries
from postgis.stage import Connection, StagedColumn, Staging, compose
from twin.fields import FieldType

_QUERIES = load_queries(__file__)
_SAMPLE = 100_000


@dataclass(frozen=True, slots=True)
class Days:
    """How many values of a column are filled, are a day, and have a time of day."""

    filled: int
    days: int
    times: int


def some_values(connection: Connection, staging: Staging, column: StagedColumn) -> list[str]:
    """Up to 200 filled values."""
    return [str(value) for (value,) in connection.execute(_query("some_values", staging, column))]


def days_in(connection: Connection, staging: Staging, column: StagedColumn) -> Days:
    """What part of a column can be read as days."""
    row = connection.execute(_query("days", staging, column)).fetchone() or (0, 0, 0)
    return Days(*map(int, row))


def day_forms(connection: Connection, staging: Staging, column: StagedColumn) -> list[tuple[str, str, int]]:
    """A value of each way of writing a day, what it is read as, and how often it occurs; at most six."""
    return [(str(value), str(read), int(count)) for value, read, count in connection.execute(_query("day_forms", staging, column))]


def lengths_in(connection: Connection, staging: Staging, column: StagedColumn, rows: int) -> list[tuple[int, int, int]]:
    """Of some 100,000 rows: length, number of values of so many digits, and how many of them begin with a zero; the most frequent first."""
    query = compose("lengths", staging, _QUERIES, column=sql.Identifier(column.column), every=sql.Literal(max(1, rows // _SAMPLE)))
    return [(int(length), int(count), int(zeros)) for length, count, zeros in connection.execute(query)]


def short_values(connection: Connection, staging: Staging, column: StagedColumn, lengths: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Row and value where a value has one of these lengths and no leading zero."""
    for row, value in connection.execute(_query("short", staging, column), {"lengths": list(lengths)}):
        yield int(row), str(value)


def make_text(connection: Connection, staging: Staging, column: StagedColumn) -> Staging:
    """Turn a staged column into text; returns the staging as it is then. Commits."""
    connection.execute(_query("make_text", staging, column))
    connection.commit()
    return replace(staging, columns=tuple(replace(item, type=FieldType.TEXT) if item is column else item for item in staging.columns))


def restore_known(connection: Connection, staging: Staging, column: StagedColumn, known: Set[str]) -> list[tuple[int, str, str]]:
    """Put a zero before every code of a text column that is known only with it; row, value before, value now. Commits."""
    return _changed(connection, connection.execute(_query("restore", staging, column), {"known": sorted(known)}).fetchall())


def pad(connection: Connection, staging: Staging, column: StagedColumn, length: int) -> list[tuple[int, str, str]]:
    """Put a zero before every number of a text column that is one digit short of `length`. Commits."""
    values = {"length": length, "short": rf"^\s*[1-9][0-9]{{{length - 2}}}\s*$"}
    return _changed(connection, connection.execute(_query("pad", staging, column), values).fetchall())


def _changed(connection: Connection, rows: Sequence[tuple[object, ...]]) -> list[tuple[int, str, str]]:
    connection.commit()
    return sorted((int(str(row)), str(before), str(now)) for row, before, now in rows)


def _query(name: str, staging: Staging, column: StagedColumn) -> sql.Composed:
    return compose(name, staging, _QUERIES, column=sql.Identifier(column.column))
