"""The worker process: runs jobs, sweeps those of dead workers and old uploads, ticks the clock and refreshes tiles; a killed database only makes it wait."""

import asyncio
import contextlib
import inspect
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import UUID

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from postgis import clock, jobs, outbox, overviews, schedules, twins
from postgis.connect import IMPORTER, Database, connect
from postgis.jobs import JobResult, RunningJob
from postgis.uploads import Uploads
from twin.errors import TwinError, Unavailable

_LOG = logging.getLogger("twin.worker")
_CLOCK_AT_MOST_S = 60.0
_CLOCK_AT_LEAST_S = 1.0
_RETRY_S = 1.0
_CANCEL_GRACE_S = 30.0
_TILES_AT_MOST_S, _TILES_AT_LEAST_S, _TILES_AGAIN_S = 60.0, 0.2, 5.0
_AWAY = (psycopg.OperationalError, ConnectorException, OSError, Unavailable)

TileStep = Callable[[psycopg.Connection[object]], bool]
#: What keeps tiles up to the rows, in this order: an overview is made from its twin. True: not everything could be done, try again soon.
TILE_STEPS: tuple[TileStep, ...] = (twins.refresh, overviews.refresh)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker shows that it lives, and when it counts as dead, in seconds."""

    heartbeat_s: float = 5.0
    stale_s: float = 20.0
    sweep_s: float = 5.0
    schedules_s: float = 10.0
    uploads_s: float = 300.0


async def run_worker(
    database: Database,
    home: Path,
    stop: asyncio.Event | None = None,
    concurrency: int = 2,
    pace: Pace = Pace(),
    sources: Path | None = None,
) -> None:
    """Work until `stop` is set, or until SIGTERM or SIGINT when it is None; jobs under way get 30 s to stop."""
    stop = stop or _stop_on_signals()
    loops = (
        _forever("queue", stop, lambda: _work(make_app(database, home, sources), concurrency, pace, stop)),
        _forever("sweep", stop, lambda: _sweep(database, pace)),
        _forever("clock", stop, lambda: _tick(database)),
        _forever("tiles", stop, lambda: _refresh_tiles(database)),
        _forever("schedules", stop, lambda: _tick_schedules(database, pace)),
        _forever("uploads", stop, lambda: _sweep_uploads(home, pace)),
    )
    tasks = [asyncio.create_task(loop) for loop in loops]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def make_app(database: Database, home: Path, sources: Path | None = None) -> procrastinate.App:
    """The procrastinate application: one task, `run`, whose only argument is the job's id."""
    connector = procrastinate.PsycopgConnector(
        conninfo=database.conninfo(IMPORTER),
        min_size=1,
        max_size=4,
        timeout=5,
        configure=_use_queue_schema,
    )
    app = procrastinate.App(connector=connector)

    async def run(id: str) -> None:
        await run_job(database, home, UUID(id), sources)

    app.task(name="run", queue="twin")(run)
    return app


async def run_job(database: Database, home: Path, job_id: UUID, sources: Path | None = None) -> None:
    """Run one job to its end and close it; a cancelled one is told to stop and waited for."""
    started = await asyncio.to_thread(_start, database, job_id)
    if started is None:
        return
    job = RunningJob(job_id, *started, database, home, sources)
    work = asyncio.ensure_future(_call(job))
    try:
        result = await asyncio.shield(work)
    except asyncio.CancelledError:
        job.stop()
        await asyncio.wait([work], timeout=_CANCEL_GRACE_S)
        work.cancel()
        raise
    except _AWAY:
        raise  # the job stays open, the sweeper starts it again
    except Exception as error:
        _LOG.log(logging.INFO if isinstance(error, TwinError) else logging.ERROR, "job %s (%s) failed", job_id, job.kind, exc_info=error)
        await asyncio.to_thread(_fail, database, job_id, error)
        return
    await asyncio.to_thread(_finish, database, job_id, result)


async def _call(job: RunningJob) -> JobResult:
    function = jobs.job_function(job.kind)
    if inspect.iscoroutinefunction(function):
        return cast(JobResult, await function(job))
    return await asyncio.to_thread(cast(Callable[[RunningJob], JobResult], function), job)


def _start(database: Database, job_id: UUID) -> tuple[str, jobs.JobResult, str] | None:
    with connect(database, IMPORTER) as connection:
        return jobs.start(connection, job_id)


def _finish(database: Database, job_id: UUID, result: JobResult) -> None:
    with connect(database, IMPORTER) as connection:
        jobs.finish(connection, job_id, result)


def _fail(database: Database, job_id: UUID, error: Exception) -> None:
    with connect(database, IMPORTER) as connection:
        jobs.fail(connection, job_id, error)


async def _use_queue_schema(connection: psycopg.AsyncConnection[object]) -> None:
    """procrastinate names its tables without a schema."""
    await connection.set_autocommit(True)
    await connection.execute("SET search_path = job, twin, public")


async def _work(app: procrastinate.App, concurrency: int, pace: Pace, stop: asyncio.Event) -> None:
    """Run jobs until cancelled, or until `stop` is set: while it connects, a cancellation can be swallowed (`wait_for` before Python 3.12)."""
    worker = Worker(
        app,
        queues=["twin"],
        concurrency=concurrency,
        install_signal_handlers=False,
        update_heartbeat_interval=pace.heartbeat_s,
        stalled_worker_timeout=pace.stale_s,
        shutdown_graceful_timeout=0.0,
        delete_jobs="successful",
        fetch_job_polling_interval=2.0,
        abort_job_polling_interval=1.0,
    )
    async with app.open_async():
        working, stopping = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())  # type: ignore[no-untyped-call]
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            worker.stop()  # type: ignore[no-untyped-call]
            await working


async def _sweep(database: Database, pace: Pace) -> None:
    while True:
        touched = await asyncio.to_thread(_sweep_once, database, pace.stale_s)
        for job_id in touched:
            _LOG.warning("job %s had lost its worker", job_id)
        await asyncio.sleep(pace.sweep_s)


def _sweep_once(database: Database, stale_s: float) -> list[UUID]:
    with connect(database, IMPORTER) as connection:
        return jobs.sweep_dead(connection, stale_s)


async def _tick(database: Database) -> None:
    """Advance the clock at every due bound, and again when something changed, for that may have set a nearer one."""
    changed = asyncio.Event()
    listening = asyncio.create_task(_note_changes(database, changed))
    try:
        while True:
            changed.clear()
            due = await asyncio.to_thread(_advance, database)
            await asyncio.sleep(_CLOCK_AT_LEAST_S)
            await _until_change(changed, _wait_s(due))
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def _tick_schedules(database: Database, pace: Pace) -> None:
    """Queue the imports that are due; a worker that was away queues each of them once."""
    while True:
        await asyncio.to_thread(_queue_schedules, database)
        await asyncio.sleep(pace.schedules_s)


def _queue_schedules(database: Database) -> int:
    with connect(database, IMPORTER) as connection:
        return schedules.tick(connection)


async def _sweep_uploads(home: Path, pace: Pace) -> None:
    """Remove uploads that were looked at and forgotten, also where nobody looks at another."""
    while True:
        await asyncio.to_thread(Uploads(home).sweep)
        await asyncio.sleep(pace.uploads_s)


async def _refresh_tiles(database: Database) -> None:
    """Do all that tiles wait for whenever something changed, and again soon where somebody was in the way."""
    changed = asyncio.Event()
    listening = asyncio.create_task(_note_changes(database, changed))
    try:
        while True:
            changed.clear()
            again = await asyncio.to_thread(_step_tiles, database)
            await asyncio.sleep(_TILES_AT_LEAST_S)
            await _until_change(changed, _TILES_AGAIN_S if again else _TILES_AT_MOST_S)
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def _until_change(changed: asyncio.Event, at_most_s: float) -> None:
    """Wait for a change or a time; not by `wait_for`, which before Python 3.12 forgets a cancellation that comes together with the change."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await changed.wait()


def _step_tiles(database: Database) -> bool:
    with connect(database, IMPORTER) as connection:
        again = [step(connection) for step in TILE_STEPS]
    return any(again)


async def _note_changes(database: Database, changed: asyncio.Event) -> None:
    async for _ in outbox.listen(database):
        changed.set()


def _advance(database: Database) -> datetime | None:
    with connect(database, IMPORTER) as connection:
        return clock.advance(connection)


def _wait_s(due: datetime | None) -> float:
    """Seconds until `due`, never more than a minute (the machine's clock may be set), never negative."""
    if due is None:
        return _CLOCK_AT_MOST_S
    return min(max((due - datetime.now(UTC)).total_seconds(), 0.0), _CLOCK_AT_MOST_S)


async def _forever(name: str, stop: asyncio.Event, loop: Callable[[], Awaitable[None]]) -> None:
    """Run `loop` again whenever it ends or the database went away, until `stop`: a lost database can swallow a cancellation."""
    while not stop.is_set():
        try:
            await loop()
        except _AWAY as exc:
            _LOG.warning("%s: the database is away (%s)", name, type(exc).__name__)
        except Exception:
            _LOG.exception("%s: starting again", name)
        if not stop.is_set():
            await asyncio.sleep(_RETRY_S)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
