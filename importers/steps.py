"""The steps of an import before its publish, each a function of the run; `run.py` says their order."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from importers.base import SourceMeta, Summary
from importers.columns import column_name
from importers.datum_check import check_datum, said
from importers.digest import DIGEST, digested
from importers.doubled import Keys
from importers.draft import Staged
from importers.infer import Inferred, matched
from importers.options import IMPORTER_VERSION, REMOVAL_GUARD
from importers.placing import points_of
from importers.process import Reading, private_folder, reading
from importers.report import DatumCheck
from importers.rules import REASONS_ZH, RULES
from importers.running import Run, machine_fault
from importers.shift import Move, moved
from importers.spec import min_zoom
from postgis import stage, stage_publish
from postgis.stage import StagedColumn, Staging
from postgis.stage_codes import report_codes
from postgis.stage_diff import Against, KeyPlan, make_diff, make_keys, report_keys
from postgis.stage_publish import KnownLayer
from twin.ahead import ahead
from twin.errors import BadFile, BadParameter, Conflict, TwinError
from twin.fields import Role

_MOST_OUTSIDE = 0.5
_KEY_FALLBACK = (Role.KEY, Role.CODE)


def read(run: Run, path: Path, known: KnownLayer | None) -> tuple[SourceMeta, Summary]:
    """The child reads, Arrow goes to staging, its findings to the run; BadFile when no row can be taken."""
    with run.timed("read"), private_folder() as folder:
        request = run.options.request(path, folder)
        run.say("read", 0, None)
        with reading(request) as process:
            meta = process.describe()
            _stage(run, process, meta)
            summary = process.finish()
            run.findings(process.findings())
    if summary.rows == 0:
        raise BadFile(
            f"the file has no row that can be taken ({summary.refused} refused)",
            f"文件中没有可导入的行（拒绝 {summary.refused} 行）",
            place=path.name,
        )
    with run.timed("stage"):
        stage.analyze(run.connection, run.staged, "rows", rough=known is not None and known.has_rows)
    if run.options.explode and summary.rows > summary.features - summary.refused:
        run.note("exploded", f"{summary.features} → {summary.rows}")
    return meta, summary


def _stage(run: Run, process: Reading, meta: SourceMeta) -> None:
    """Stream the child's batches into the staging table; when the child stops, say its reason and not the stream's; when the database does, that."""
    columns = tuple(StagedColumn(column.name, column_name(at), column.type) for at, column in enumerate(meta.columns))
    run.staging = Staging(run.id, columns)
    stage.make_rows(run.connection, run.staging)
    key = _said_key(run, [column.name for column in columns])
    run.keys = Keys(key or "", next((column.column for column in columns if column.name == key), None))
    try:
        batches = process.batches()
        with ahead(run.keys.watched(digested(iter(batches), meta.columns, run.options.match))) as rows:
            stream = pa.RecordBatchReader.from_batches(batches.schema.append(DIGEST), _count(run, rows, meta.total))
            stage.stream_in(run.database, run.staging.name("rows"), stream)
    except TwinError:
        raise
    except Exception as exc:
        if not machine_fault(exc):
            process.finish()
        raise


def _count(run: Run, batches: Iterator[pa.RecordBatch], total: int | None) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch)
        run.say("read", done, total)


def fields_of(run: Run, staged: Staged) -> Inferred:
    """The fields: those of the known layer, else inferred, with what the options say laid over."""
    distinct = stage.distinct_values(run.connection, staged.staging, staged.summary.rows)
    known = staged.known.layer.fields if staged.known else ()
    inferred = matched(known, staged.meta.columns, distinct, run.options.fields, run.options.match)
    for column in inferred.left_out:
        run.note("column-left-out", column)
    for column, name in inferred.renamed.items():
        run.note("column-renamed", f"{column} → {name}")
    return inferred


def key_of(run: Run, staged: Staged, inferred: Inferred) -> str:
    """The column that names features: said, else that of the last import, else one whose name and values fit, else none."""
    names = [column.name for column in staged.meta.columns]
    if run.options.key and run.options.key not in names:
        raise BadParameter(f"the file has no column {run.options.key}", f"文件没有列 {run.options.key}", place="key")
    said = _said_key(run, names)
    if said is not None:
        return said or next((column for column, field in inferred.matched.items() if field == _last_key(run)), "")
    roles = {item.role: inferred.sources[item.name] for item in inferred.fields if item.role and item.name in inferred.sources}
    candidates = [roles[role] for role in _KEY_FALLBACK if role in roles]
    return next((name for name in candidates if stage.is_key(run.connection, staged.staging, staged.column(name))), "")


def _said_key(run: Run, names: Sequence[str]) -> str | None:
    """What is known of the key before any row is read: the options or the last import say it, "" where the file has no such column."""
    key = run.options.key or _last_key(run)
    return key if key is None or key in names else ""


def _last_key(run: Run) -> str | None:
    before = stage.previous_report(run.connection, run.layer, run.source)
    return None if before is None else str(before.get("key", ""))


def compare(run: Run, staged: Staged, inferred: Inferred, key: str, move: Move) -> tuple[Against | None, Mapping[str, int]]:
    """Keys and hashes of the staged rows, and, where the layer has rows, what becomes of each; Conflict when too much would be removed."""
    run.say("diff", 0, None)
    roles = staged.rows(inferred, divisions=False, only_needed=False)
    recipe = f"{IMPORTER_VERSION}|{move.recipe}|{staged.meta.encoding.lower()}|{run.options.explode}"
    plan = KeyPlan(staged.column(key) if key else None, recipe, roles.role(Role.PLAN), roles.role(Role.VALID_TO))
    differ = run.keys is not None and run.keys.key == key and run.keys.differ()
    make_keys(run.connection, staged.staging, plan, differ)
    if key and not differ:
        report_keys(run.connection, staged.staging)
    known = staged.known
    if known is None or not known.has_rows:
        return None, {"added": staged.summary.rows}
    stage_publish.prepare_past(run.connection, known.layer.number)
    past = plan.valid_to is not None
    mode = run.options.mode
    against = Against(
        known.layer.number,
        run.source,
        run.options.valid_from,
        plan.plan is not None,
        past,
        ends=mode != "append",
        file_wins=mode == "replace",
        begins=not run.options.correct and roles.role(Role.VALID_FROM) is None,
    )
    counts = make_diff(run.connection, staged.staging, against, staged.summary.rows)
    _guard(run, counts)
    return against, counts


def _guard(run: Run, counts: Mapping[str, int]) -> None:
    """A file that lacks much of what it had is more often broken than right."""
    removed = counts.get("removed", 0)
    before = removed + counts.get("changed", 0) + counts.get("unchanged", 0)
    if before and removed > REMOVAL_GUARD * before and not run.options.allow_removals and run.options.mode != "replace":
        text = ", ".join(f"{action} {counts.get(action, 0)}" for action in ("added", "changed", "removed", "unchanged"))
        raise Conflict(
            f"{removed} of {before} objects would be removed (more than {REMOVAL_GUARD:.0%}); nothing was changed ({text})",
            f"将删除 {before} 个对象中的 {removed} 个（超过 {REMOVAL_GUARD:.0%}），未作任何改动（{text}）",
            place="rows",
            mend="确认无误后加 --allow-removals；只追加用 --mode append / repeat with --allow-removals; --mode append only adds",
        )


def move_rows(run: Run, move: Move, staged: Staged, *, everything: bool) -> None:
    """Bring coordinates to EPSG:4490: of every row, or of new and changed ones only."""
    with run.timed("repair"):
        stage.make_moved(run.connection, staged.staging)
        with stage.stream_out(run.database, staged.staging, only_needed=not everything) as batches:
            told = moved(batches, move, lambda done: run.say("move", done, staged.summary.rows))
            stage.stream_in(run.database, staged.staging.name("moved"), told)
        staged.staging = run.staging = Staging(run.id, staged.staging.columns, moved=True)
        stage.analyze(run.connection, staged.staging, "moved")


def repair(run: Run, staged: Staged, everything: bool) -> int:
    """Repair what cannot be stored as it is, and count what is refused; BadFile when that is most of the file."""
    run.say("repair", 0, None)
    with run.timed("repair"):
        severities = REASONS_ZH | {name: entry.severity.value for name, entry in RULES.items()}
        refused = stage.make_fixed(run.connection, staged.staging, severities, everything)
        stage.place_findings(run.connection, staged.staging)
    if refused > _MOST_OUTSIDE * staged.summary.rows:
        raise BadFile(
            f"{refused} of {staged.summary.rows} rows lie outside longitude and latitude: the reference system is probably wrong",
            f"{staged.summary.rows} 行中有 {refused} 行超出经纬度范围，坐标系可能有误",
            place="crs",
            mend="用 --crs 指明坐标系 / declare it with --crs",
        )
    return refused


def check_codes(run: Run, staged: Staged, inferred: Inferred, *, everything: bool) -> None:
    """Tell of values that stand in no code list of their field."""
    coded = [
        (item, staged.column(inferred.sources[item.name])) for item in inferred.fields if item.code_list and item.name in inferred.sources
    ]
    report_codes(run.connection, staged.staging, coded, everything)


def datum_of(run: Run, inferred: Inferred, move: Move) -> DatumCheck | None:
    """The file beside the divisions that its rows name, areas by their outlines and points by where they lie; a doubtful datum is noted."""
    staging = run.staged
    by_role = {item.role: inferred.sources.get(item.name) for item in inferred.fields if item.role}
    name, code = (next((c for c in staging.columns if c.name == by_role.get(role)), None) for role in (Role.NAME, Role.CODE))
    pairs = stage.known_divisions(run.connection, staging, name, code)
    found = check_datum([(ours, known) for ours, known, _ in pairs], move.datum) or points_of(run, move)
    if found and found.doubtful:
        run.note("datum-doubt", *said(found))
    return found


def min_zoom_of(run: Run, staged: Staged) -> int:
    """The smallest zoom the layer shows at: said, that of the known layer, or by how dense its rows lie."""
    if run.options.min_zoom is not None:
        return run.options.min_zoom
    if staged.known and staged.known.has_rows:
        return staged.known.layer.min_zoom
    return min_zoom(stage.densest_tiles(run.connection, staged.staging, staged.summary.rows))
