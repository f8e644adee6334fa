"""The staging side of an import: run rows, staged tables, and the findings."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from postgis.connect import IMPORTER, Database
from postgis.queries import load_queries
from twin.errors import Conflict
from twin.fields import FieldType

Connection = psycopg.Connection[tuple[Any, ...]]
QUERIES = load_queries(__file__)

SQL_TYPES: Mapping[FieldType, LiteralString] = {
    FieldType.TEXT: "text",
    FieldType.INTEGER: "bigint",
    FieldType.NUMBER: "double precision",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.INSTANT: "timestamptz",
    FieldType.JSON: "text",
}
_HOLD_S = 2.0  # an import that ended just now holds its layer until the database has noticed


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """One attribute in the staging table: its name in the file, its neutral SQL name, its type there."""

    name: str
    column: str
    type: FieldType

    @property
    def identifier(self) -> sql.Composable:
        """The column of alias `r`."""
        return sql.Identifier("r", self.column)


@dataclass(frozen=True, slots=True)
class Staging:
    """The staged tables of one run."""

    run: UUID
    columns: tuple[StagedColumn, ...]
    moved: bool = False
    """Whether coordinates are taken from the table `moved` (datum or reference system undone)."""

    def table(self, what: str) -> sql.Identifier:
        """The qualified name of `rows`, `odd`, `diff`, `moved`, `fixed`, `fresh` or `object`, or of the view `keys`."""
        return sql.Identifier("stage", self.name(what))

    def name(self, what: str) -> str:
        """The bare table name."""
        return f"run_{self.run.hex}_{what}"

    def parts(self) -> dict[str, sql.Composable]:
        """Fragments every query may name: tables, the geometry bytes, and the join that brings them."""
        tables = {what: self.table(what) for what in ("rows", "odd", "keys", "diff", "moved", "fixed", "fresh", "object")}
        join = sql.SQL("LEFT JOIN {} m ON m.rid = r.rid").format(tables["moved"]) if self.moved else sql.SQL("")
        return {
            **tables,
            "run": sql.Literal(self.run),
            "wkb": sql.SQL("m.wkb") if self.moved else sql.SQL("r.wkb"),
            "moved_join": join,
            "needed": sql.SQL(QUERIES["needed"]).format(diff=tables["diff"]),
        }


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding as it is stored."""

    row: int
    key: str | None
    rule: str
    severity: str
    detail_zh: str
    detail_en: str
    lon: float | None
    lat: float | None


def compose(name: str, staging: Staging, queries: Mapping[str, str] = QUERIES, /, **parts: sql.Composable) -> sql.Composed:
    """The query `name` with the tables of this run and `parts` filled in."""
    return sql.SQL(queries[name]).format(**(staging.parts() | parts))


# runs


def prepare_session(connection: Connection) -> None:
    """Settings of an importing session: times read as UTC whatever the server's zone, no JIT (seconds for one wide INSERT)."""
    connection.execute(QUERIES["session"])


def start_run(connection: Connection, run: UUID, layer_id: str, source: str) -> None:
    """Register a run and hold it and its layer until the connection ends; Conflict when the layer is being imported already."""
    deadline = time.monotonic() + _HOLD_S
    while not one(connection.execute(QUERIES["hold_layer"], {"layer": layer_id})):
        if time.monotonic() < deadline:
            time.sleep(0.05)
            continue
        raise Conflict(f"layer {layer_id} is being imported already", f"图层 {layer_id} 正在导入", place="layer")
    connection.execute(QUERIES["hold_run"], {"run": run})
    connection.execute(QUERIES["start_run"], {"run": run, "layer": layer_id, "source": source})
    connection.commit()


def close_run(connection: Connection, run: UUID, status: str, number: int | None = None, report: Mapping[str, Any] | None = None) -> None:
    """Write how a run ended, in the caller's transaction."""
    values = {"run": run, "status": status, "number": number, "report": None if report is None else Jsonb(dict(report))}
    connection.execute(QUERIES["close_run"], values)


def fail_run(connection: Connection, run: UUID, reason: str) -> None:
    """Mark a run as failed unless it is done. Commits."""
    connection.execute(QUERIES["fail_run"], {"run": run, "reason": reason})
    connection.commit()


def previous_report(connection: Connection, layer_id: str, source: str) -> Mapping[str, Any] | None:
    """The report of the last complete import of the same source into the same layer."""
    row = connection.execute(QUERIES["previous_report"], {"layer": layer_id, "source": source}).fetchone()
    return row[0] if row else None


def sweep_aborted(connection: Connection) -> list[UUID]:
    """Mark runs of dead processes as aborted and drop what they staged; safe beside living imports. Commits."""
    dead: list[UUID] = [row[0] for row in connection.execute(QUERIES["dead_runs"])]
    for run in dead:
        connection.execute(QUERIES["abort_run"], {"run": run})
    alive = {row[0].hex for row in connection.execute(QUERIES["running_runs"])}
    for (name,) in connection.execute(QUERIES["stage_tables"]).fetchall():
        of_run = name.split("_")[1]
        if of_run in alive:
            continue
        if name.endswith("_object"):
            connection.execute(QUERIES["drop_bulk"], {"run": UUID(of_run)})
        else:
            connection.execute(sql.SQL(QUERIES["drop_table"]).format(table=sql.Identifier("stage", name)))
    for run in dead:
        connection.execute(QUERIES["release_run"], {"run": run})
    connection.commit()
    return dead


def drop_staging(connection: Connection, staging: Staging) -> None:
    """Drop the tables of a run, and the view of its keys with its rows. Commits."""
    for what in ("rows", "odd", "diff", "moved", "fixed", "fresh"):
        connection.execute(compose("drop_table", staging, table=staging.table(what)))
    connection.execute(QUERIES["drop_bulk"], {"run": staging.run})
    connection.commit()


# rows


def make_rows(connection: Connection, staging: Staging) -> None:
    """Make the table that rows stream into; `digest` may be left out of the stream where no hash is asked for. Commits."""
    columns = [sql.SQL(", {} {}").format(sql.Identifier(column.column), sql.SQL(SQL_TYPES[column.type])) for column in staging.columns]
    connection.execute(compose("make_rows", staging, columns=sql.SQL("").join(columns)))
    connection.commit()


def stream_in(database: Database, table: str, batches: pa.RecordBatchReader) -> int:
    """Stream Arrow into a staged table at COPY speed; returns the rows written. Memory stays at a few batches."""
    with closing(adbc.connect(database.conninfo(IMPORTER))) as connection, closing(connection.cursor()) as cursor:
        written = cursor.adbc_ingest(table, batches, mode="append", db_schema_name="stage")
        connection.commit()
    return int(written)


@contextmanager
def stream_out(database: Database, staging: Staging, only_needed: bool) -> Iterator[pa.RecordBatchReader]:
    """Stream (rid, wkb) of the rows whose coordinates must be moved."""
    parts = {} if only_needed else {"needed": sql.SQL("")}
    with closing(adbc.connect(database.conninfo(IMPORTER))) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(compose("to_move", staging, **parts).as_string())
        yield cursor.fetch_record_batch()


def make_moved(connection: Connection, staging: Staging) -> None:
    """Make the table for moved geometry. Commits."""
    connection.execute(compose("make_moved", staging))
    connection.commit()


def analyze(connection: Connection, staging: Staging, what: str, rough: bool = False) -> None:
    """Statistics of a staged table, `rough` from a tenth of the usual sample. Commits."""
    if rough:
        connection.execute(QUERIES["rough_statistics"])
    connection.execute(compose("analyze", staging, table=staging.table(what)))
    connection.commit()


def distinct_values(connection: Connection, staging: Staging, rows: int) -> Mapping[str, int]:
    """About how many different values each attribute has, by its name in the file; 0 when it is all NULL."""
    found = {
        str(name): (float(distinct), float(nulls))
        for name, distinct, nulls in connection.execute(QUERIES["column_facts"], {"table": staging.name("rows")})
    }
    out = {}
    for column in staging.columns:
        distinct, nulls = found.get(column.column, (0.0, 1.0))
        out[column.name] = 0 if nulls >= 1 else round(distinct if distinct >= 0 else -distinct * rows)
    return out


def is_key(connection: Connection, staging: Staging, column: StagedColumn) -> bool:
    """Whether a column names every feature, and each differently."""
    return bool(one(connection.execute(compose("is_key", staging, column=sql.Identifier(column.column)))))


def geometry_types(connection: Connection, staging: Staging, everything: bool) -> frozenset[str]:
    """PostGIS names of the geometry types (`MULTIPOLYGON`) of all rows, or of new and changed ones, as staged and as repaired."""
    parts = {"needed": sql.SQL("")} if everything else {}
    headers = [bytes(row[0]) for row in connection.execute(compose("geometry_headers", staging, **parts))]
    return frozenset(str(row[0]) for row in connection.execute(compose("geometry_types", staging), {"headers": headers}))


def instant(column: StagedColumn | None) -> sql.Composable:
    """A staged value as a point in time: a date begins at midnight in Beijing, what is no instant is NULL."""
    if column is None:
        return sql.SQL("NULL::timestamptz")
    if column.type is FieldType.INSTANT:
        return column.identifier
    return sql.SQL("twin.as_instant(jsonb_build_object('v', {}::text), 'v')").format(column.identifier)


# geometry


def make_fixed(connection: Connection, staging: Staging, severities: Mapping[str, str], everything: bool) -> int:
    """Find and repair what cannot be stored, write the findings, return how many rows are refused; `severities` also says reasons in Chinese. Commits."""
    parts = {"needed": sql.SQL(""), "fence": sql.SQL("")} if everything else {"fence": sql.SQL("OFFSET 0")}
    connection.execute(compose("make_fixed", staging, **parts))
    connection.execute(compose("analyze", staging, table=staging.table("fixed")))
    found, refused = connection.execute(compose("count_fixed", staging)).fetchone() or (0, 0)
    if found:
        connection.execute(compose("report_fixed", staging, severity=sql.Literal(Jsonb(dict(severities)))))
    connection.commit()
    return int(refused)


def densest_tiles(connection: Connection, staging: Staging, rows: int, sample: int = 200_000) -> Mapping[int, int]:
    """Rows in the fullest tile of each zoom 0–14, estimated from at most `sample` rows."""
    every = sql.Literal(max(1, rows // sample))
    return {int(zoom): int(count) for zoom, count in connection.execute(compose("densest_tiles", staging, every=every))}


def known_divisions(
    connection: Connection, staging: Staging, name: StagedColumn | None, code: StagedColumn | None
) -> list[tuple[bytes, bytes, str]]:
    """Pairs of staged polygons and the division of the same name or code near them, as WKB, with the division's code; at most 40."""
    tests: list[sql.Composable] = []
    if name:
        tests.append(
            sql.SQL("d.name_zh = {0}::text OR d.name_zh ~ ('^' || regexp_replace({0}::text, '\\W', '', 'g') || '(区|县|市)$')").format(
                name.identifier
            )
        )
    if code:
        tests.append(sql.SQL("d.code = {}::text").format(code.identifier))
    if not tests:
        return []
    query = compose("known_divisions", staging, matches=sql.SQL(" OR ").join(tests))
    return [(bytes(ours), bytes(known), str(division)) for ours, known, division in connection.execute(query)]


# findings


def write_findings(connection: Connection, run: UUID, findings: Iterable[FindingRow]) -> int:
    """Store findings by COPY; returns how many. Commits."""
    written = 0
    with connection.cursor() as cursor, cursor.copy(QUERIES["copy_findings"]) as copy:
        for item in findings:
            copy.write_row((run, item.row, item.key, item.rule, item.severity, item.detail_zh, item.detail_en, item.lon, item.lat))
            written += 1
    connection.commit()
    return written


def place_findings(connection: Connection, staging: Staging) -> None:
    """Give readers' findings the key and place of their row. Commits."""
    connection.execute(compose("place_findings", staging))
    connection.commit()


def count_findings(connection: Connection, run: UUID) -> Sequence[tuple[str, str, int, int]]:
    """Rule, severity, number of findings and number of rows they struck, of a run."""
    found = connection.execute(QUERIES["count_findings"], {"run": run})
    return [(str(rule), str(severity), int(count), int(rows)) for rule, severity, count, rows in found]


def sample_findings(connection: Connection, run: UUID, most: int = 5) -> Sequence[tuple[Any, ...]]:
    """The first findings of each rule: rule, row, key, lon, lat, detail zh and en."""
    return connection.execute(QUERIES["sample_findings"], {"run": run, "most": most}).fetchall()


def one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Any:
    """The one value a query answers with, None where it has no row."""
    row = cursor.fetchone()
    return row[0] if row else None
