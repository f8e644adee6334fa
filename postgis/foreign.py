"""Tables of another PostGIS database: what they have, and the one query that streams them out. Nothing is written there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi as _dbapi
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from twin.errors import BadFile, BadParameter, OperationError

dbapi: Any = _dbapi
_OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=7200000 -c lock_timeout=60000"
_CONNECT_S = 20
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), t.typname, a.atttypmod
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attnum
"""
_TABLES = """
SELECT f_table_schema || '.' || f_table_name FROM geometry_columns ORDER BY 1 LIMIT 200
"""
_SRID = """
SELECT coalesce(max(srid), 0) FROM geometry_columns WHERE to_regclass(quote_ident(f_table_schema) || '.' || quote_ident(f_table_name))
    = to_regclass(%s) AND f_geometry_column = %s
"""
#: Types ADBC carries as they are; numbers with decimals become double precision, everything else its text.
_PLAIN = frozenset({"int2", "int4", "int8", "float4", "float8", "bool", "text", "date", "timestamp", "timestamptz"})
GEOMETRY = "geometry"


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """One table there: its columns with their types, its geometry column and that one's SRID."""

    name: str
    columns: tuple[tuple[str, str], ...]
    geometry: str
    kind: str
    srid: int


def describe_table(url: str, table: str) -> ForeignTable:
    """What the table has; BadParameter lists the tables when there is no such one, OperationError when the database does not answer."""
    with _connected(url) as connection:
        name = _identifier(table).as_string(connection)
        rows = connection.execute(_COLUMNS, [name]).fetchall() if table else []
        if not rows:
            there = [str(row[0]) for row in connection.execute(_TABLES).fetchall()]
            listed = ", ".join(there[:40]) or "-"
            raise BadParameter(
                f"there is no table {table!r} that may be read; with geometry there are: {listed}",
                f"没有可读的表 {table!r}；含几何的表有：{listed}",
                place="table",
                mend="--table schema.table",
                choices=there,
            )
        shapes = [(row[0], row[2]) for row in rows if row[2] in ("geometry", "geography")]
        if len(shapes) != 1:
            raise BadFile(
                f"the table {table} has {len(shapes)} geometry columns; one is needed",
                f"表 {table} 有 {len(shapes)} 个几何列，应为一个",
                place=table,
                mend="建一个只含一个几何列的视图 / make a view with one of them",
            )
        column, kind = shapes[0]
        srid = connection.execute(_SRID, [name, column]).fetchone()
        columns = tuple((row[0], row[2]) for row in rows if row[0] != column)
        return ForeignTable(table, columns, column, kind, 4326 if kind == "geography" else int(srid[0]) if srid else 0)


@contextmanager
def stream_table(url: str, table: ForeignTable) -> Iterator[pa.RecordBatchReader]:
    """The rows as Arrow, by COPY, in one read-only transaction; the geometry as WKB under `geometry`, its last column."""
    with _connected(url) as connection:
        query = _query(table).as_string(connection)
    try:
        with closing(dbapi.connect(_read_only(url), autocommit=True)) as there, closing(there.cursor()) as cursor:
            cursor.execute(query)
            yield cursor.fetch_record_batch()
    except dbapi.Error as exc:
        raise OperationError(f"the other database stopped: {_said(exc, url)}", f"对方数据库出错：{_said(exc, url)}") from None


def _query(table: ForeignTable) -> sql.Composed:
    columns: list[sql.Composable] = [_column(name, kind) for name, kind in table.columns]
    shape = sql.SQL("ST_AsBinary({}{}) AS {}").format(
        sql.Identifier(table.geometry), sql.SQL("::geometry" if table.kind == "geography" else ""), sql.Identifier(GEOMETRY)
    )
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join([*columns, shape]), _identifier(table.name))


def _column(name: str, kind: str) -> sql.Composed:
    cast = sql.SQL("" if kind in _PLAIN else "::float8" if kind == "numeric" else "::text")
    return sql.SQL("{}{} AS {}").format(sql.Identifier(name), cast, sql.Identifier(name if name != GEOMETRY else f"{name}_"))


def _identifier(table: str) -> sql.Identifier:
    """`schema.table`, or a table of the account's search path."""
    return sql.Identifier(*table.split(".", 1))


def _read_only(url: str) -> str:
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    options = f"{parts.pop('options', '')} {_OPTIONS}".strip()
    parts.setdefault("connect_timeout", str(_CONNECT_S))
    return make_conninfo("", options=options, application_name="yuetu import", **parts)


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    try:
        with psycopg.connect(_read_only(url)) as connection:
            yield connection
    except psycopg.Error as exc:
        raise OperationError(
            f"the other database cannot be read: {_said(exc, url)}",
            f"无法读取对方数据库：{_said(exc, url)}",
            place=safe_name(url),
        ) from None


def _said(exc: BaseException, url: str) -> str:
    """The first line of what a library said, never with what only the owner of the connection may know."""
    text = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
    for key in ("password", "passfile", "sslpassword", "sslkey"):
        if secret := _parts(url).get(key):
            text = text.replace(secret, "***")
    return text[:300]


def safe_name(url: str) -> str:
    """Where a database is, fit for logs and reports: server, port and database, no account."""
    parts = _parts(url)
    return f"{parts.get('host', 'local')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def _parts(url: str) -> dict[str, str]:
    try:
        return {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:
        raise BadParameter(
            "the address of the database is not understood: postgresql://account@server/database",
            "数据库地址无法识别：应为 postgresql://用户@服务器/数据库",
            place="url",
        ) from None
