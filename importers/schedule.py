"""A scheduled import: of a source on the server's disk, what changed since it was last read is imported, and nothing else is done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from importers.options import ImportOptions, parse_options
from importers.process import private_folder
from importers.report import Progress
from importers.run import import_file
from importers.running import Tell
from importers.sources import Source, find
from postgis import schedules
from postgis.connect import IMPORTER, connect
from postgis.jobs import JobCancelled, RunningJob, describe_error
from postgis.schedules import Outcome, Schedule
from twin.errors import BadParameter, Conflict, TwinError

_ORDER: tuple[Outcome, ...] = ("failed", "waiting", "imported", "unchanged")
"""Of several files the first of these is what is said of all."""
_COUNTS = ("run", "layer", "rows_in", "published", "refused", "added", "changed", "removed", "unchanged")
_Told = Mapping[str, Any]


def run_scheduled(job: RunningJob) -> Mapping[str, Any]:
    """The job `scheduled-import`: read the source of the schedule `args.schedule` again; answers what became of each file."""
    try:
        schedule_id = UUID(str(job.args.get("schedule")))
    except ValueError as exc:
        raise BadParameter("the job names no schedule", "任务未指明导入计划", place="schedule") from exc
    with connect(job.database, IMPORTER) as connection:
        schedule, seen = schedules.read(connection, schedule_id), dict(schedules.read_seen(connection, schedule_id))
    told: dict[str, _Told] = {}
    try:
        for source in find(job.sources, schedule.path):
            told[source.name], seen[source.name] = _take(job, schedule, source, seen.get(source.name) or {})
    except JobCancelled:
        raise
    except TwinError as exc:
        told[schedule.path] = {"status": "failed", "error": describe_error(exc)}
    status = next(word for word in _ORDER if any(file["status"] == word for file in told.values()))
    result = {"status": status, "files": told}
    with connect(job.database, IMPORTER) as connection:
        schedules.note(connection, schedule_id, seen, (status, result))
    return result


def _take(job: RunningJob, schedule: Schedule, source: Source, seen: _Told) -> tuple[_Told, _Told]:
    """What is said of one file, and what is remembered of it."""
    looks = source.look()
    if seen.get("files") == looks:
        return _still(seen), seen
    if not source.is_settled(looks):
        return {"status": "waiting"}, seen
    with private_folder() as folder:
        path, digest = source.copy_to(folder)
        if source.look() != looks:
            return {"status": "waiting"}, seen
        if digest == seen.get("sha256"):
            return _still(seen), {**seen, "files": looks}
        told = _import(job, schedule, source, path)
    if told["status"] == "waiting":
        return told, seen
    return told, {"files": looks, "sha256": digest, "error": told.get("error")}


def _import(job: RunningJob, schedule: Schedule, source: Source, path: Path) -> _Told:
    """Import the copy; what is refused is not tried again before the file changes, a layer that is busy is."""
    try:
        report = import_file(job.database, path, _options(schedule, source), _teller(job), job.home)
    except JobCancelled:
        raise
    except TwinError as exc:
        busy = isinstance(exc, Conflict) and exc.place == "layer"
        return {"status": "waiting" if busy else "failed", "error": describe_error(exc)}
    return {"status": "imported", **report.model_dump(mode="json", include=set(_COUNTS))}


def _options(schedule: Schedule, source: Source) -> ImportOptions:
    """The options of the schedule; files of a folder that go into one layer are sources of their own, so that one does not end another's rows."""
    options = parse_options(dict(schedule.options))
    in_folder = source.name != schedule.path
    return options.model_copy(update={"source": source.name}) if in_folder and options.layer and not options.source else options


def _teller(job: RunningJob) -> Tell:
    def tell(seen: Progress) -> None:
        job.progress(seen.done, seen.total, seen.step_zh, seen.step_en)

    return tell


def _still(seen: Mapping[str, Any]) -> _Told:
    error = seen.get("error")
    return {"status": "failed", "error": error} if error else {"status": "unchanged"}
