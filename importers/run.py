"""One import from file to publish: read in a child, stage, compare, repair, publish in one transaction, report.

read → stage → keys → (difference) → move → repair → publish → search index
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import psycopg
import pyarrow as pa

from importers.archive import import_archive, is_archive
from importers.base import Finding, ReadRequest, SourceMeta, Summary
from importers.columns import column_name
from importers.datum_check import check_datum
from importers.draft import Draft, Staged
from importers.infer import Inferred, follow, infer
from importers.options import IMPORTER_VERSION, REMOVAL_GUARD, ImportOptions
from importers.process import Reading, private_folder, reading, sweep_folders
from importers.report import DatumCheck, ImportReport, Progress, Seconds, rule_counts
from importers.rules import RULES, rule
from importers.shift import Move, moved, plan_move
from importers.spec import geometry_type, known_spec, min_zoom, spec_of, stem_of
from postgis import stage, stage_publish
from postgis.archives import check_kind
from postgis.connect import IMPORTER, Database, connect
from postgis.jobs import JobRequest, submit
from postgis.search import index_layer
from postgis.stage import Against, Connection, FindingRow, KeyPlan, StagedColumn, Staging
from postgis.stage_publish import Publish, Published
from twin.crs import Datum, SourceCrs
from twin.errors import BadFile, BadParameter, Conflict, TwinError
from twin.fields import Role
from twin.layer import Bounds, GeometryType, LayerKind, check_layer_id

Tell = Callable[[Progress], None]
_STEPS = {
    "read": ("读取", "Reading"),
    "diff": ("比对", "Comparing"),
    "move": ("坐标转换", "Moving coordinates"),
    "repair": ("检查几何", "Checking geometry"),
    "publish": ("发布", "Publishing"),
    "index": ("建立搜索索引", "Indexing for search"),
}
_MOST_OUTSIDE = 0.5
_WARM_FROM = 20_000
"""After an import of so many rows the tiles are made before anybody asks."""
_KEY_FALLBACK = (Role.KEY, Role.CODE)


def quiet(progress: Progress) -> None:
    """A progress listener that does nothing."""


def import_file(database: Database, path: Path, options: ImportOptions, progress: Tell = quiet, home: Path | None = None) -> ImportReport:
    """Import one file and publish it, or refuse it and change nothing; `home` keeps the file itself where that is what is served.

    Raises BadFile (the file), BadParameter (the options), TooLarge (a limit), Conflict (the layer is busy, or too much would be removed).
    """
    layer = options.layer or check_layer_id(stem_of(path))
    if is_archive(path):
        return import_archive(database, home, path, options, layer, progress)
    with connect(database, IMPORTER) as connection:
        stage.prepare_session(connection)
        check_kind(connection, layer, LayerKind.OBJECTS)
        run = _Run(database, connection, options, layer, options.source or layer, uuid4(), progress)
        stage.start_run(connection, run.id, layer, run.source)
        try:
            return run.all(path.resolve())
        except BaseException as exc:
            run.fail(exc)
            raise
        finally:
            run.clean()


def sweep(database: Database) -> list[UUID]:
    """Clean up after imports whose process died; returns their runs. Call at every start."""
    sweep_folders()
    with connect(database, IMPORTER) as connection:
        return stage.sweep_aborted(connection)


@dataclass(slots=True)
class _Run:
    database: Database
    connection: Connection
    options: ImportOptions
    layer: str
    source: str
    id: UUID
    tell: Tell
    staging: Staging | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def all(self, path: Path) -> ImportReport:
        """Every step in order."""
        known = stage_publish.known_layer(self.connection, self.layer)
        meta, summary = self._read(path)
        staged = Staged(path.name, meta, summary, self._staged(), known)
        move = self._move_of(meta, summary)
        inferred = self._fields(staged)
        key = self._key(staged, inferred)
        with self._timed("diff"):
            against, counts = self._compare(staged, inferred, key, move)
        if move.needed:
            self._move(move, staged, everything=against is None)
        refused = self._repair(staged, against is None)
        datum_check = self._check_datum(inferred, move)
        draft = Draft(
            self.id,
            self.layer,
            self.source,
            self.options.dry_run,
            staged,
            inferred,
            key,
            move,
            counts,
            refused,
            datum_check,
            self._min_zoom(staged),
        )
        return self._finish(draft, against)

    def fail(self, exc: BaseException) -> None:
        """Write down that the run failed; what was published before stays done."""
        with suppress(psycopg.Error):
            self.connection.rollback()
            stage.fail_run(self.connection, self.id, exc.message_en if isinstance(exc, TwinError) else type(exc).__name__)

    def clean(self) -> None:
        """Drop the staged tables; the sweep does it where the database is away."""
        with suppress(psycopg.Error):
            self.connection.rollback()
            if self.staging:
                stage.drop_staging(self.connection, self.staging)

    # steps

    def _read(self, path: Path) -> tuple[SourceMeta, Summary]:
        with self._timed("read"), private_folder() as folder:
            request = ReadRequest(
                path=path, folder=folder, table=self.options.table, encoding=self.options.encoding, explode=self.options.explode
            )
            self._say("read", 0, None)
            with reading(request) as process:
                meta = process.describe()
                self._stage(process, meta)
                summary = process.finish()
                stage.write_findings(self.connection, self.id, map(_as_row, process.findings()))
        if summary.rows == 0:
            raise BadFile(
                f"the file has no row that can be taken ({summary.refused} refused)",
                f"文件中没有可导入的行（拒绝 {summary.refused} 行）",
                place=path.name,
            )
        with self._timed("stage"):
            stage.analyze(self.connection, self._staged(), "rows")
        if self.options.explode and summary.rows > summary.features - summary.refused:
            self._note("exploded", f"{summary.features} → {summary.rows}")
        return meta, summary

    def _stage(self, process: Reading, meta: SourceMeta) -> None:
        """Stream the child's batches into the staging table; when the child stops, say its reason and not the stream's."""
        columns = tuple(StagedColumn(column.name, column_name(at), column.type) for at, column in enumerate(meta.columns))
        self.staging = Staging(self.id, columns)
        stage.make_rows(self.connection, self.staging)
        try:
            batches = process.batches()
            stage.stream_in(
                self.database,
                self.staging.name("rows"),
                pa.RecordBatchReader.from_batches(batches.schema, self._count(batches, meta.total)),
            )
        except TwinError:
            raise
        except Exception:
            process.finish()
            raise

    def _count(self, batches: pa.RecordBatchReader, total: int | None) -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in batches:
            yield batch
            done += len(batch)
            self._say("read", done, total)

    def _move_of(self, meta: SourceMeta, summary: Summary) -> Move:
        move = plan_move(meta, self.options.crs, self.options.datum)
        if move is None:
            move = Move(SourceCrs(4326, Datum.WGS84))
            if summary.bounds and not _in_degrees(summary.bounds):
                raise BadFile(
                    f"the file does not state its reference system and its coordinates ({_shown(summary.bounds)}) are not degrees",
                    f"文件未说明坐标系，且坐标（{_shown(summary.bounds)}）不是经纬度",
                    place="crs",
                    mend="用 --crs 指明，例如 EPSG:4547 / declare it with --crs, for example EPSG:4547",
                )
            self._note("crs-assumed", "WGS84")
        if move.is_approximate():
            self._note("crs-approximate", move.name)
        return move

    def _fields(self, staged: Staged) -> Inferred:
        distinct = stage.distinct_values(self.connection, staged.staging, staged.summary.rows)
        if staged.known and staged.known.layer.fields:
            inferred = follow(staged.known.layer.fields, staged.meta.columns, distinct, self.options.fields)
        else:
            inferred = infer(staged.meta.columns, distinct, self.options.fields)
        for column, name in inferred.renamed.items():
            self._note("column-renamed", f"{column} → {name}")
        return inferred

    def _key(self, staged: Staged, inferred: Inferred) -> str:
        """The column that names features: said, else that of the last import, else one whose name and values fit, else none."""
        names = {column.name for column in staged.meta.columns}
        if self.options.key:
            if self.options.key not in names:
                raise BadParameter(f"the file has no column {self.options.key}", f"文件没有列 {self.options.key}", place="key")
            return self.options.key
        before = stage.previous_report(self.connection, self.layer, self.source)
        if before is not None:
            return str(before.get("key", "")) if before.get("key", "") in names else ""
        roles = {item.role: inferred.sources[item.name] for item in inferred.fields if item.role and item.name in inferred.sources}
        candidates = [roles[role] for role in _KEY_FALLBACK if role in roles]
        return next((name for name in candidates if stage.is_key(self.connection, staged.staging, staged.column(name))), "")

    def _compare(self, staged: Staged, inferred: Inferred, key: str, move: Move) -> tuple[Against | None, Mapping[str, int]]:
        self._say("diff", 0, None)
        roles = staged.rows(inferred, divisions=False, only_needed=False)
        recipe = f"{IMPORTER_VERSION}|{move.name}|{move.crs.datum}|{staged.meta.encoding.lower()}|{self.options.explode}"
        plan = KeyPlan(staged.column(key) if key else None, recipe, roles.role(Role.PLAN), roles.role(Role.VALID_TO))
        stage.make_keys(self.connection, staged.staging, plan)
        if key:
            stage.report_keys(self.connection, staged.staging)
        known = staged.known
        if known is None or not known.has_rows:
            return None, {"added": staged.summary.rows}
        stage_publish.prepare_past(self.connection, known.layer.number)
        past = plan.valid_to is not None
        against = Against(known.layer.number, self.source, self.options.valid_from, plan.plan is not None, past)
        counts = stage.make_diff(self.connection, staged.staging, against)
        self._guard(counts)
        return against, counts

    def _guard(self, counts: Mapping[str, int]) -> None:
        """A file that lacks much of what it had is more often broken than right."""
        removed = counts.get("removed", 0)
        before = removed + counts.get("changed", 0) + counts.get("unchanged", 0)
        if before and removed > REMOVAL_GUARD * before and not self.options.allow_removals:
            text = ", ".join(f"{action} {counts.get(action, 0)}" for action in ("added", "changed", "removed", "unchanged"))
            raise Conflict(
                f"{removed} of {before} objects would be removed (more than {REMOVAL_GUARD:.0%}); nothing was changed ({text})",
                f"将删除 {before} 个对象中的 {removed} 个（超过 {REMOVAL_GUARD:.0%}），未作任何改动（{text}）",
                place="rows",
                mend="确认无误后加 --allow-removals / repeat with --allow-removals",
            )

    def _move(self, move: Move, staged: Staged, *, everything: bool) -> None:
        with self._timed("repair"):
            stage.make_moved(self.connection, staged.staging)
            with stage.stream_out(self.database, staged.staging, only_needed=not everything) as batches:
                told = moved(batches, move, lambda done: self._say("move", done, staged.summary.rows))
                stage.stream_in(self.database, staged.staging.name("moved"), told)
            staged.staging = self.staging = Staging(self.id, staged.staging.columns, moved=True)
            stage.analyze(self.connection, staged.staging, "moved")

    def _repair(self, staged: Staged, everything: bool) -> int:
        self._say("repair", 0, None)
        with self._timed("repair"):
            severities = {name: entry.severity.value for name, entry in RULES.items()}
            refused = stage.make_fixed(self.connection, staged.staging, severities, everything)
            stage.place_findings(self.connection, staged.staging)
        if refused > _MOST_OUTSIDE * staged.summary.rows:
            raise BadFile(
                f"{refused} of {staged.summary.rows} rows lie outside longitude and latitude: the reference system is probably wrong",
                f"{staged.summary.rows} 行中有 {refused} 行超出经纬度范围，坐标系可能有误",
                place="crs",
                mend="用 --crs 指明坐标系 / declare it with --crs",
            )
        return refused

    def _check_datum(self, inferred: Inferred, move: Move) -> DatumCheck | None:
        staging = self._staged()
        by_role = {item.role: inferred.sources.get(item.name) for item in inferred.fields if item.role}
        name, code = (next((c for c in staging.columns if c.name == by_role.get(role)), None) for role in (Role.NAME, Role.CODE))
        pairs = stage.known_divisions(self.connection, staging, name, code)
        found = check_datum([(ours, known) for ours, known, _ in pairs], move.datum)
        if found and found.doubtful:
            self._note("datum-doubt", f"{found.declared}: {found.offset_m:.0f} m; {found.fits}: {found.readings_m[found.fits]:.0f} m")
        return found

    def _min_zoom(self, staged: Staged) -> int:
        if self.options.min_zoom is not None:
            return self.options.min_zoom
        if staged.known and staged.known.has_rows:
            return staged.known.layer.min_zoom
        return min_zoom(stage.densest_tiles(self.connection, staged.staging, staged.summary.rows))

    def _finish(self, draft: Draft, against: Against | None) -> ImportReport:
        self._say("publish", 0, None)
        if self.options.dry_run:
            report = self._report(draft, None)
            stage.close_run(self.connection, self.id, "done", None, report.model_dump(mode="json"))
            self.connection.commit()
            return report
        with self._timed("publish"):
            published = self._publish(draft, against)
        with self._timed("index"):
            self._say("index", 0, None)
            index_layer(self.connection, published.number, published.changed_oids)
            if published.added + published.changed >= _WARM_FROM:
                submit(self.connection, JobRequest("warm", {"layers": [self.layer]}, lock="warm"))
            self.connection.commit()
        report = self._report(draft, published)
        stage.close_run(self.connection, self.id, "done", published.number, report.model_dump(mode="json"))
        self.connection.commit()
        return report

    def _publish(self, draft: Draft, against: Against | None) -> Published:
        staged = draft.staged
        known = staged.known.layer if staged.known else None
        spec = spec_of(self.layer, self.options, known, draft.inferred.fields)
        before = known.geometry_type if known and against else GeometryType.NONE
        found = geometry_type(stage.geometry_types(self.connection, staged.staging), before)
        spec = spec.model_copy(update={"geometry_type": found, "min_zoom": draft.min_zoom})
        divisions = stage_publish.has_divisions(self.connection)
        rows = staged.rows(draft.inferred, divisions=divisions, only_needed=against is not None)
        changed = known is None or spec != known_spec(known)
        publish = Publish(staged.staging, rows, spec, self.source, self.options.valid_from, self.options.correct, changed)
        published = stage_publish.publish(self.connection, publish, against)
        draft.check(published)
        stage.close_run(self.connection, self.id, "done", published.number, self._report(draft, published).model_dump(mode="json"))
        self.connection.commit()
        return published

    # what is said

    def _report(self, draft: Draft, published: Published | None) -> ImportReport:
        rules = rule_counts(stage.count_findings(self.connection, self.id), stage.sample_findings(self.connection, self.id))
        return draft.report(published, rules, Seconds(**self.seconds))

    def _note(self, name: str, detail: str) -> None:
        stage.write_findings(self.connection, self.id, [_as_row(Finding(rule=name, detail_zh=detail, detail_en=detail))])

    def _say(self, step: str, done: int, total: int | None) -> None:
        self.tell(Progress(done, total, *_STEPS[step]))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = perf_counter()
        yield
        self.seconds[step] = round(self.seconds.get(step, 0.0) + perf_counter() - began, 3)

    def _staged(self) -> Staging:
        assert self.staging is not None  # noqa: S101  (made by _read)
        return self.staging


def _as_row(finding: Finding) -> FindingRow:
    severity = rule(finding.rule).severity.value
    return FindingRow(
        finding.row, finding.key or None, finding.rule, severity, finding.detail_zh, finding.detail_en, finding.lon, finding.lat
    )


def _in_degrees(bounds: Bounds) -> bool:
    west, south, east, north = bounds
    return west >= -180 and east <= 180 and south >= -90 and north <= 90


def _shown(bounds: Bounds) -> str:
    return ", ".join(f"{value:.6g}" for value in bounds)
