"""A look at a file before its import: what it is, how it would be read, where its first shapes lie, and which field each column would be.

`python -m importers.preview` answers one request from stdin with one JSON object on stdout; the file itself is parsed by the reading child.
"""

import json
import shutil
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from importers import FORMATS
from importers.archive import is_archive
from importers.base import Column, Finding, SourceMeta, Summary
from importers.columns import column_name
from importers.draft import Staged
from importers.geos import shapely
from importers.infer import Inferred, infer, matched
from importers.levels import datum_of_heights
from importers.match import suggest
from importers.options import ImportOptions, parse_options
from importers.placing import move_of
from importers.preview_answer import Preview, PreviewColumn, refusal_of
from importers.preview_map import Shapes, shapes_of
from importers.process import Reading, private_folder, reading
from importers.report import RuleCount, rule_counts
from importers.rules import rule
from importers.running import Run, quiet
from importers.shift import Move
from importers.spec import stem_of
from importers.steps import datum_of, move_rows
from postgis import stage
from postgis.connect import IMPORTER, Database, connect
from postgis.stage import StagedColumn, Staging
from postgis.stage_publish import KnownLayer, known_layer
from twin.errors import InputError, TwinError
from twin.fields import Field, Role
from twin.layer import check_layer_id
from twin.sandbox import Limits

LIMITS = Limits(deadline_s=45.0)
READ_ROWS = 2000
SHOWN_ROWS = 20
_MAX_TEXT = 200
_KEYS = (Role.KEY, Role.CODE)


@dataclass(slots=True)
class _Trial(Run):
    """A run that writes nothing: what it would note is kept here."""

    noted: list[Finding] = field(default_factory=list)

    def findings(self, found: Any) -> None:
        self.noted.extend(found)


@dataclass(frozen=True, slots=True)
class _Read:
    """What the child sent before it was stopped."""

    meta: SourceMeta
    rows: pa.Table
    summary: Summary
    complete: bool
    findings: tuple[Finding, ...]


def preview_file(database: Database, path: Path, options: ImportOptions) -> Preview:
    """Look at the first rows of a file; a refusal is part of the answer. Raises OperationError or what the database raises."""
    layer = options.layer
    with suppress(InputError):
        layer = layer or check_layer_id(stem_of(path))
    start = Preview(name=path.name, layer=layer)
    try:
        return _look(database, path, options, start)
    except InputError as exc:
        return start.model_copy(update={"refusal": refusal_of(exc)})


def _look(database: Database, path: Path, options: ImportOptions, start: Preview) -> Preview:
    if is_archive(path):
        return start.model_copy(update={"format": "pmtiles", **_titles("pmtiles"), "crs": "EPSG:3857", "datum": "WGS84", "complete": True})
    read = _read(path, options)
    with connect(database, IMPORTER) as connection:
        stage.prepare_session(connection)
        trial = _Trial(database, connection, options, start.layer, options.source or start.layer, uuid4(), quiet, noted=list(read.findings))
        try:
            return start.model_copy(update=_placed(trial, read, path.name))
        finally:
            trial.clean()


def _placed(trial: _Trial, read: _Read, name: str) -> dict[str, Any]:
    """The rows read go through the steps of an import as far as the map; what the steps remark is kept, nothing is published."""
    _stage(trial, read)
    known = known_layer(trial.connection, trial.layer) if trial.layer else None
    staged = Staged(name, read.meta, read.summary, trial.staged, known)
    move, crs_check = move_of(trial, read.meta, read.summary)
    told = _columns(trial, staged, read)
    if move.needed:
        move_rows(trial, move, staged, everything=True)
    check = datum_of(trial, told.inferred, move)
    before = known.layer.vertical_datum if known else ""
    return (
        _said(read, trial.options, known, move)
        | _seen(read, shapes_of(read.rows, move))
        | {
            "columns": told.columns,
            "key": told.key,
            "datum_check": check,
            "crs_check": crs_check,
            "vertical_datum": datum_of_heights(trial, move, read.summary, told.inferred.fields, before),
            "findings": _counted(trial.noted),
        }
    )


def _stage(trial: _Trial, read: _Read) -> None:
    """The rows read as a staging table, so that the steps find what they are used to."""
    columns = tuple(StagedColumn(column.name, column_name(at), column.type) for at, column in enumerate(read.meta.columns))
    trial.staging = Staging(trial.id, columns)
    stage.make_rows(trial.connection, trial.staging)
    stage.stream_in(trial.database, trial.staging.name("rows"), read.rows.to_reader())
    stage.analyze(trial.connection, trial.staging, "rows")


def _said(read: _Read, options: ImportOptions, known: KnownLayer | None, move: Move) -> dict[str, Any]:
    """How the file would be read, and who says so."""
    rules = {finding.rule for finding in read.findings}
    by_content = rules & {"encoding-detected", "encoding-mismatch"}
    return {
        "known": known is not None,
        "known_rows": known is not None and known.has_rows,
        "format": read.meta.format,
        **_titles(read.meta.format),
        "table": options.table,
        "encoding": read.meta.encoding,
        "encoding_by": "said" if options.encoding else "content" if by_content else "file",
        "crs": move.name,
        "datum": move.datum.value,
        "crs_by": "said" if options.crs or options.datum else "file" if read.meta.crs else "assumed",
    }


def _seen(read: _Read, shapes: Shapes) -> dict[str, Any]:
    """Rows and shapes."""
    names = [column_name(at) for at in range(len(read.meta.columns))]
    rows = read.rows.slice(0, SHOWN_ROWS).select(names).to_pylist()
    return {
        "rows": read.summary.rows if read.complete else read.meta.total,
        "read": read.rows.num_rows,
        "complete": read.complete,
        "sample": tuple(tuple(_shown(row[name]) for name in names) for row in rows),
        "bounds": shapes.bounds,
        "shapes": shapes.collection,
        "geometry_types": shapes.types,
    }


def _titles(format_: str) -> dict[str, str]:
    entry = next((entry for entry in FORMATS if entry.name == format_), None)
    return {"format_zh": entry.title_zh if entry else format_, "format_en": entry.title_en if entry else format_}


def _shown(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else f"{value[:_MAX_TEXT]}…"
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value if value is None or isinstance(value, bool | int) else value.isoformat() if hasattr(value, "isoformat") else str(value)


# the child


def _read(path: Path, options: ImportOptions) -> _Read:
    """The first rows, read by the child under the limits of an import and a shorter clock."""
    with private_folder() as folder:
        request = options.request(path, folder)
        with reading(request, LIMITS) as process:
            meta = process.describe()
            rows, complete = _first_rows(process)
            summary = process.finish() if complete else None
            process.stop()
            return _Read(meta, rows, summary or _summary(rows), complete, tuple(process.findings()))


def _first_rows(process: Reading) -> tuple[pa.Table, bool]:
    """Batches up to `READ_ROWS` rows, and whether that is all; what stops the child is raised as its reason."""
    try:
        source = process.batches()
        batches: list[pa.RecordBatch] = []
        while sum(len(batch) for batch in batches) < READ_ROWS:
            try:
                batches.append(source.read_next_batch())
            except StopIteration:
                return pa.Table.from_batches(batches, source.schema), True
        return pa.Table.from_batches(batches, source.schema).slice(0, READ_ROWS), False
    except (pa.ArrowException, OSError):
        process.finish()
        raise


def _summary(rows: pa.Table) -> Summary:
    """What the child would have said of these rows alone."""
    shapes = shapely.from_wkb(rows.column("wkb").to_numpy())
    bounds = shapely.total_bounds(shapes)
    found: Any = tuple(map(float, bounds)) if all(abs(value) < float("inf") for value in bounds) else None
    return Summary(rows=rows.num_rows, refused=0, features=rows.num_rows, bounds=found, has_z=bool(shapely.has_z(shapes).any()))


# fields


@dataclass(frozen=True, slots=True)
class _Told:
    inferred: Inferred
    columns: tuple[PreviewColumn, ...]
    key: str


def _columns(trial: _Trial, staged: Staged, read: _Read) -> _Told:
    """Each column with its field: as said, else as it would be by name, with a better suggestion where there is one."""
    options, columns = trial.options, read.meta.columns
    distinct = stage.distinct_values(trial.connection, staged.staging, read.summary.rows)
    fields = staged.known.layer.fields if staged.known else ()
    found = matched(fields, columns, distinct, options.fields, options.match)
    unsaid = [each for each in columns if each.name not in options.match]
    free = [each for each in fields if each.name not in options.match.values()]
    better = {each.column: each for each in suggest(unsaid, free, infer(columns, distinct, []).roles)}
    by_column = {source: name for name, source in found.sources.items()}
    by_name = {item.name: item for item in (*found.fields, *fields)}
    shown = []
    for column in columns:
        suggestion = better.get(column.name)
        name = suggestion.field if suggestion else by_column.get(column.name, "")
        why = suggestion.why.value if suggestion else "said" if column.name in options.match else ""
        shown.append(_column(column, name, by_name.get(name), why, suggestion.score if suggestion else 0.0))
    by_role = {role: name for name, role in found.roles.items()}
    keys = [by_role[role] for role in _KEYS if role in by_role]
    unique = next((name for name in keys if stage.is_key(trial.connection, staged.staging, staged.column(name))), "")
    return _Told(found, tuple(shown), options.key or unique)


def _column(column: Column, name: str, target: Field | None, why: str, score: float) -> PreviewColumn:
    return PreviewColumn(
        name=column.name,
        type=column.type.value,
        field=name,
        field_type=target.type.value if target else column.type.value,
        title_zh=target.title_zh if target else "",
        title_en=target.title_en if target else "",
        role=target.role.value if target and target.role else None,
        why=why,
        score=score,
    )


# words


def _counted(found: list[Finding]) -> tuple[RuleCount, ...]:
    """Findings of the rows read, by rule."""
    counts = Counter(finding.rule for finding in found)
    struck = {name: len({finding.row for finding in found if finding.rule == name and finding.row}) for name in counts}
    rows = [(name, rule(name).severity.value, count, struck[name]) for name, count in counts.most_common()]
    samples = [
        (f.rule, f.row, f.key, f.lon, f.lat, f.detail_zh, f.detail_en) for name in counts for f in [f for f in found if f.rule == name][:5]
    ]
    return rule_counts(rows, samples)


def main() -> int:
    """Answer one request: `dsn`, `private`, `path`, `name`, `options`; `{"preview": …}` or `{"error": …}`."""
    request = json.loads(sys.stdin.read())
    try:
        with private_folder() as folder:
            path = folder / str(request["name"])
            _bring(Path(request["path"]), path)
            found = preview_file(Database(request["dsn"], request["private"]), path, parse_options(request["options"]))
        answer = {"preview": found.model_dump(mode="json")}
    except TwinError as exc:
        answer = {"error": refusal_of(exc).model_dump(mode="json")}
    sys.stdout.write(json.dumps(answer, ensure_ascii=False))
    return 0


def _bring(kept: Path, path: Path) -> None:
    """Give the upload its own name again, without copying where the file system allows."""
    try:
        path.hardlink_to(kept)
    except OSError:
        shutil.copyfile(kept, path)


if __name__ == "__main__":
    sys.exit(main())
