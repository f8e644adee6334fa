"""Taking an import back: the layer is again what it was, as a new change in time; the history tells that it was published and undone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from importers.report import ImportReport, Progress
from importers.running import STEPS, Tell, fail_run, in_our_words, quiet
from postgis import stage
from postgis.connect import IMPORTER, Database, connect
from postgis.jobs import RunningJob
from postgis.search import index_layer
from postgis.stage import Connection
from postgis.undo import PastRun, Undone, check_undoable, mark_undo, mark_undone, note_undo, read_run, undo
from twin.errors import BadParameter


def undo_import(database: Database, run: UUID, progress: Tell = quiet) -> ImportReport:
    """Take an import back in one transaction. Conflict: nothing to take back, or its objects were touched since; NotFound: no such run."""
    with in_our_words(), connect(database, IMPORTER) as connection:
        stage.prepare_session(connection)
        check_undoable(connection, read_run(connection, run))
        connection.rollback()
        by = uuid4()
        past = _begin(connection, run, by)
        try:
            return _undo(connection, past, by, progress)
        except BaseException as exc:
            fail_run(connection, by, exc)
            raise


def run_undo(job: RunningJob) -> Mapping[str, Any]:
    """The job `undo-import`: take back the import `args.run`; answers the report."""
    try:
        run = UUID(str(job.args.get("run")))
    except ValueError as exc:
        raise BadParameter("the job names no import", "任务未指明导入记录", place="run") from exc

    def tell(progress: Progress) -> None:
        job.progress(progress.done, progress.total, progress.step_zh, progress.step_en)

    return undo_import(job.database, run, tell).model_dump(mode="json")


def _begin(connection: Connection, run: UUID, by: UUID) -> PastRun:
    """Register the undo as a run of its own, which holds the layer as an import does."""
    past = read_run(connection, run)
    stage.start_run(connection, by, past.layer_id, past.source)
    mark_undo(connection, by, run)
    connection.commit()
    return read_run(connection, run)


def _undo(connection: Connection, past: PastRun, by: UUID, progress: Tell) -> ImportReport:
    progress(Progress(0, None, *STEPS["undo"]))
    done = undo(connection, past, by)
    report = _report(past, by, done)
    index_layer(connection, done.number, done.oids)
    note_undo(connection, by, done)
    mark_undone(connection, past.id, by)
    stage.close_run(connection, by, "done", done.number, report.model_dump(mode="json"))
    connection.commit()
    return report


def _report(past: PastRun, by: UUID, done: Undone) -> ImportReport:
    """What the undo did, in the words of an import: objects that came back are added, those that went removed."""
    before = ImportReport.model_validate(past.report)
    return ImportReport(
        run=by,
        layer=past.layer_id,
        number=done.number,
        source=past.source,
        file=before.file,
        format="undo",
        features=0,
        rows_in=0,
        published=0,
        refused=0,
        repaired=0,
        added=done.returned,
        changed=done.reverted,
        removed=done.withdrawn,
        unchanged=0,
        crs=before.crs,
        datum=before.datum,
        encoding=before.encoding,
        key=before.key,
        mode="undo",
    )
