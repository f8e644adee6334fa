"""Long work on the Postgres queue: submit it, watch it, cancel it; `JOBS` says which function runs which kind."""

import importlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict

from postgis.connect import IMPORTER, Database, connect
from postgis.queries import load_queries
from twin.errors import BadParameter, NotFound, TwinError

Connection = psycopg.Connection[Any]
Status = Literal["queued", "running", "done", "failed", "cancelled"]
JobResult = Mapping[str, Any]
"""What a job leaves behind, as JSON."""

_QUERIES = load_queries(__file__)
_REPORTS_PER_S = 4
_STEP_SOONER_S = 0.2

#: kind → "module:function"; the function is loaded when its first job runs.
JOBS: dict[str, str] = {
    "import": "importers.job:run_import",
    "undo-import": "importers.undo:run_undo",
    "scheduled-import": "importers.schedule:run_scheduled",
    "warm": "tiles.warm:run_warm",
    "index": "postgis.search:run_index",
}


class Job(BaseModel):
    """One piece of long work as everybody sees it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    kind: str
    args: Mapping[str, Any]
    status: Status
    done: int
    total: int | None
    step_zh: str
    step_en: str
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What to do and for whom; no secrets in `args`, they are shown. Jobs with the same `lock` run one after another."""

    kind: str
    args: Mapping[str, Any] = field(default_factory=dict)
    created_by: str = ""
    lock: str | None = None


class JobCancelled(TwinError):
    """Somebody cancelled the job that is running."""

    code = "cancelled"
    title_zh = "任务已取消"
    title_en = "Job cancelled"


def submit(connection: Connection, request: JobRequest) -> UUID:
    """Queue a job in the caller's transaction; BadParameter for a kind nobody registered."""
    if request.kind not in JOBS:
        raise BadParameter(f"no job kind {request.kind!r}; there are {sorted(JOBS)}", f"没有任务类型 {request.kind!r}", place="kind")
    values = {"kind": request.kind, "args": Jsonb(dict(request.args)), "created_by": request.created_by, "lock": request.lock}
    row = connection.execute(_QUERIES["submit"], values).fetchone()
    return UUID(str(row[0])) if row else UUID(int=0)


def read_job(connection: Connection, job_id: UUID) -> Job:
    """One job; NotFound when there is none."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        job = cursor.execute(_QUERIES["read"], {"id": job_id}).fetchone()
    if job is None:
        raise NotFound(f"no job {job_id}", f"没有任务 {job_id}", place="job")
    return job


def list_jobs(connection: Connection, limit: int = 50) -> list[Job]:
    """The newest jobs first."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(_QUERIES["latest"], {"limit": limit}).fetchall()


def cancel(connection: Connection, job_id: UUID) -> bool:
    """Cancel a waiting or running job; False when it is over already, NotFound when there is none."""
    row = connection.execute(_QUERIES["cancel"], {"id": job_id}).fetchone()
    if row and row[0]:
        return True
    read_job(connection, job_id)
    return False


def report_progress(connection: Connection, job_id: UUID, done: int, total: int | None, step: tuple[str, str]) -> Status:
    """Write how far a job is (`step` in Chinese and English) and answer its status."""
    values = {"id": job_id, "done": done, "total": total, "step_zh": step[0], "step_en": step[1]}
    row = connection.execute(_QUERIES["report"], values).fetchone()
    status: Status = row[0] if row and row[0] else "cancelled"
    return status


def finish(connection: Connection, job_id: UUID, result: JobResult) -> None:
    """Close a job as done."""
    _close(connection, job_id, "done", result=Jsonb(dict(result)))


def fail(connection: Connection, job_id: UUID, error: Exception) -> None:
    """Close a job as failed, with what may be said about `error`; as cancelled when it is JobCancelled."""
    status: Status = "cancelled" if isinstance(error, JobCancelled) else "failed"
    _close(connection, job_id, status, error=Jsonb(describe_error(error)))


def sweep_dead(connection: Connection, stale_s: float = 20.0, max_attempts: int = 3) -> list[UUID]:
    """Put jobs of workers silent for `stale_s` seconds back on the queue, or fail them after `max_attempts`; returns those touched."""
    rows = connection.execute(_QUERIES["sweep"], {"stale_s": stale_s, "max_attempts": max_attempts}).fetchall()
    return [row[0] for row in rows]


def describe_error(error: Exception) -> dict[str, str]:
    """An error as a job shows it: ours in full, anything else without its text, which may hold anything."""
    shown = error if isinstance(error, TwinError) else TwinError("an unexpected error; see the log", "出现意外错误，详见日志")
    return {
        "code": shown.code,
        "title_zh": shown.title_zh,
        "title_en": shown.title_en,
        "detail_zh": shown.message_zh,
        "detail_en": shown.message_en,
        "place": shown.place,
        "mend": shown.mend,
    }


def _close(connection: Connection, job_id: UUID, status: Status, result: Jsonb | None = None, error: Jsonb | None = None) -> None:
    connection.execute(_QUERIES["close"], {"id": job_id, "status": status, "result": result, "error": error})


@dataclass
class RunningJob:
    """What a job function gets: its arguments, and the way to say how far it is."""

    id: UUID
    kind: str
    args: Mapping[str, Any]
    created_by: str
    database: Database
    home: Path
    sources: Path | None = None
    """Directory whose files schedules may read."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next_report: float = 0.0
    _step: tuple[str, str] = ("", "")

    @property
    def cancelled(self) -> bool:
        """Whether the job should stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask the job function to stop at its next report."""
        self._stop.set()

    def progress(self, done: int, total: int | None, step_zh: str, step_en: str) -> None:
        """Say how far the job is, from any thread; written at most four times a second. JobCancelled when it should stop."""
        with self._lock:
            if not self._stop.is_set() and self._is_due((step_zh, step_en)):
                with connect(self.database, IMPORTER) as connection:
                    if report_progress(connection, self.id, done, total, (step_zh, step_en)) == "cancelled":
                        self._stop.set()
        if self._stop.is_set():
            raise JobCancelled("the job was cancelled", "任务已取消")

    def _is_due(self, step: tuple[str, str]) -> bool:
        """Whether enough time has passed; a new step is worth a report sooner."""
        now = time.monotonic()
        if now < self._next_report - (_STEP_SOONER_S if step != self._step else 0):
            return False
        self._next_report, self._step = now + 1 / _REPORTS_PER_S, step
        return True


JobFunction = Callable[[RunningJob], JobResult | Awaitable[JobResult]]


def job_function(kind: str) -> JobFunction:
    """The function that runs `kind`, loaded now."""
    module, name = JOBS[kind].split(":")
    function: JobFunction = getattr(importlib.import_module(module), name)
    return function


def start(connection: Connection, job_id: UUID) -> tuple[str, Mapping[str, Any], str] | None:
    """Mark a job as running and return its kind, arguments and creator; None when it was cancelled before."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_QUERIES["start"], {"id": job_id}).fetchone()
    return (row["kind"], row["args"], row["created_by"]) if row else None
