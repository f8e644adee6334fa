"""Jobs run, report, fail, are cancelled, and outlive the death of their worker and of the database connection."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from postgis import jobs, worker
from postgis.connect import EDITOR, OWNER, SUPERUSER, Database, connect
from postgis.jobs import Job, JobRequest
from postgis.uploads import KEPT_S, Uploads
from postgis.worker import Pace, run_worker
from tests.postgis.job_functions import KINDS

PACE = Pace(heartbeat_s=0.3, stale_s=1.5, sweep_s=0.3)
ROOT = Path(__file__).parents[2]
_EVENTS = "SELECT count(*) FROM twin.outbox WHERE topic = 'layer' AND payload @> %s"


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, function in KINDS.items():
        monkeypatch.setitem(jobs.JOBS, kind, function)


@asynccontextmanager
async def working(database: Database, home: Path) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(database, home, stop, pace=PACE))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


def submit(database: Database, request: JobRequest) -> UUID:
    with connect(database, EDITOR) as connection:
        return jobs.submit(connection, request)


def read(database: Database, job_id: UUID) -> Job:
    with connect(database, EDITOR) as connection:
        return jobs.read_job(connection, job_id)


async def until(database: Database, job_id: UUID, wanted: Callable[[Job], bool], seconds: float = 60) -> Job:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = await asyncio.to_thread(read, database, job_id)
        if wanted(job):
            return job
        await asyncio.sleep(0.05)
    pytest.fail(f"after {seconds} s the job is still {job}")


def over(job: Job) -> bool:
    return job.status in ("done", "failed", "cancelled")


async def test_a_job_runs_and_its_progress_is_in_the_outbox(database: Database, tmp_path: Path, owner: psycopg.Connection) -> None:
    async with working(database, tmp_path):
        job_id = submit(database, JobRequest("count", {"to": 400}, created_by="admin"))
        job = await until(database, job_id, over)
    assert (job.status, job.result, job.created_by) == ("done", {"counted": 400}, "admin")
    assert job.started_at is not None and job.finished_at is not None
    events = owner.execute(
        "SELECT payload ->> 'status', at FROM twin.outbox WHERE payload ->> 'id' = %s ORDER BY seq", [str(job_id)]
    ).fetchall()
    assert events[0][0] == "queued" and events[-1][0] == "done"
    seconds = (events[-1][1] - events[0][1]).total_seconds()
    assert 4 <= len(events) <= 4 * seconds + 5, "about four reports a second"


async def test_an_async_function_and_the_json_of_a_job(database: Database, tmp_path: Path) -> None:
    async with working(database, tmp_path):
        job = await until(database, submit(database, JobRequest("count_async", {"to": 7})), over)
    assert job.model_dump(mode="json")["result"] == {"counted": 7, "home": str(tmp_path)}


@pytest.mark.parametrize(("kind", "code", "detail"), [("refuse", "invalid-file", "row 3 is odd"), ("burst", "internal", "unexpected")])
async def test_a_failed_job_says_what_may_be_said(database: Database, tmp_path: Path, kind: str, code: str, detail: str) -> None:
    async with working(database, tmp_path):
        job = await until(database, submit(database, JobRequest(kind)), over)
    assert job.status == "failed" and job.error is not None
    assert job.error["code"] == code and detail in job.error["detail_en"]
    assert "secret" not in str(job.error)


async def test_a_running_job_is_cancelled(database: Database, tmp_path: Path) -> None:
    async with working(database, tmp_path):
        job_id = submit(database, JobRequest("mark_and_wait", {"file": str(tmp_path / "marks")}))
        await until(database, job_id, lambda job: job.status == "running")
        with connect(database, EDITOR) as connection:
            assert jobs.cancel(connection, job_id)
        after = submit(database, JobRequest("count", {"to": 1}))
        await until(database, after, over)
        with connect(database, EDITOR) as connection:
            assert not jobs.cancel(connection, job_id)
    assert read(database, job_id).status == "cancelled"


async def test_a_waiting_job_that_is_cancelled_never_starts(database: Database, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    job_id = submit(database, JobRequest("mark_and_wait", {"file": str(marks)}))
    with connect(database, EDITOR) as connection:
        assert jobs.cancel(connection, job_id)
    async with working(database, tmp_path):
        await until(database, submit(database, JobRequest("count", {"to": 1})), over)
    assert not marks.exists()


async def test_jobs_with_one_lock_run_one_after_another(database: Database, tmp_path: Path) -> None:
    async with working(database, tmp_path):
        made = [submit(database, JobRequest("count", {"to": 100}, lock="layer:a")) for _ in range(2)]
        done = [await until(database, job_id, over) for job_id in made]
    assert done[0].finished_at is not None and done[1].started_at is not None
    assert done[0].finished_at <= done[1].started_at


@pytest.fixture
def worker_process(database: Database, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    script = tmp_path / "worker.py"
    script.write_text(f"""
import asyncio, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from postgis import jobs, worker
from postgis.connect import Database
from postgis.uploads import KEPT_S, Uploads
from postgis.worker import Pace, run_worker
from tests.postgis.job_functions import KINDS
jobs.JOBS.update(KINDS)
asyncio.run(run_worker(Database({database.dsn!r}), Path({str(tmp_path)!r}), pace={PACE!r}))
""")
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, str(script)], cwd=ROOT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


async def test_a_job_of_a_killed_worker_is_run_again(
    database: Database, tmp_path: Path, worker_process: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = worker_process()
    job_id = submit(database, JobRequest("mark_and_wait", {"file": str(tmp_path / "marks")}))
    await until(database, job_id, lambda job: job.status == "running" and job.step_en == "Waiting")
    process.kill()
    async with working(database, tmp_path):
        job = await until(database, job_id, over)
    assert (job.status, job.result) == ("done", {"runs": 2})


async def test_a_job_that_kills_three_workers_fails(
    database: Database, tmp_path: Path, worker_process: Callable[[], subprocess.Popen[bytes]]
) -> None:
    job_id = submit(database, JobRequest("mark_and_wait", {"file": str(tmp_path / "marks"), "waits": 9}))
    for runs in range(1, 4):
        process = worker_process()
        await until(database, job_id, lambda job, runs=runs: job.status == "running" and job.done == runs - 1 and job.step_en == "Waiting")
        process.kill()
    async with working(database, tmp_path):
        job = await until(database, job_id, over)
    assert job.status == "failed" and job.error is not None and job.error["code"] == "worker-died"


async def test_sigterm_gives_the_job_to_the_next_worker(
    database: Database, tmp_path: Path, worker_process: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = worker_process()
    job_id = submit(database, JobRequest("mark_and_wait", {"file": str(tmp_path / "marks")}))
    await until(database, job_id, lambda job: job.status == "running" and job.step_en == "Waiting")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) == 0
    async with working(database, tmp_path):
        job = await until(database, job_id, over)
    assert (job.status, job.result) == ("done", {"runs": 2})


async def test_the_worker_outlives_its_connections(database: Database, tmp_path: Path) -> None:
    async with working(database, tmp_path):
        await until(database, submit(database, JobRequest("count", {"to": 1})), over)
        with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'twin_importer' AND datname = current_database()"
            )
        job = await until(database, submit(database, JobRequest("count", {"to": 1})), over)
    assert job.status == "done"


async def test_the_clock_ticks(database: Database, tmp_path: Path, owner: psycopg.Connection) -> None:
    owner.execute(
        """SELECT twin.make_layer('{"id": "clocked", "title_zh": "钟", "geometry_type": "Point", "fields": [{"name": "note"}]}')"""
    )
    patch = '{"name": "later", "geom": {"type": "Point", "coordinates": [113, 23]}}'
    owner.execute("SELECT twin.create_object('clocked', %s, now() + interval '2 s')", [patch])
    owner.commit()
    async with working(database, tmp_path):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with connect(database, OWNER) as connection:
                row = connection.execute(_EVENTS, ['{"layer": "clocked"}']).fetchone()
            if row == (2,):
                return
            await asyncio.sleep(0.1)
    pytest.fail("nothing was written when the object began")


async def test_forgotten_uploads_go_without_another_look(database: Database, tmp_path: Path) -> None:
    store = Uploads(tmp_path)
    with store.writer("a", 1000) as writer:
        writer.write(b"x,y")
        store.keep("a", writer.finish(name="a.csv"))
    for path in (tmp_path / "uploads").rglob("*.name"):
        os.utime(path, (time.time() - KEPT_S - 1,) * 2)
    async with working(database, tmp_path):
        deadline = time.monotonic() + 10
        while any(path.is_file() for path in (tmp_path / "uploads").rglob("*")):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("after_s", [n / 25 for n in range(12)])
async def test_a_stop_while_the_worker_begins_is_not_forgotten(database: Database, tmp_path: Path, after_s: float) -> None:
    """While it connects, too; then procrastinate and psycopg can swallow a cancellation."""
    async with working(database, tmp_path):
        await asyncio.sleep(after_s)


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_that_comes_together_with_a_change_is_not_forgotten(turns: int) -> None:
    changed = asyncio.Event()
    waiting = asyncio.create_task(worker._until_change(changed, 30))
    await asyncio.sleep(0.01)
    changed.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    came_in_time = waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled() == came_in_time


def test_nobody_can_submit_an_unknown_kind(editor: psycopg.Connection) -> None:
    with pytest.raises(jobs.BadParameter, match="no job kind"):
        jobs.submit(editor, JobRequest("format-disk"))


def test_an_unknown_job_is_not_found(editor: psycopg.Connection) -> None:
    for call in (jobs.read_job, jobs.cancel):
        with pytest.raises(jobs.NotFound):
            call(editor, UUID(int=1))


def test_the_facade_and_the_queue_are_written_together_or_not_at_all(editor: psycopg.Connection, owner: psycopg.Connection) -> None:
    jobs.submit(editor, JobRequest("count", {"to": 1}, lock="once"))
    editor.rollback()
    assert owner.execute("SELECT count(*) FROM job.procrastinate_jobs WHERE lock = 'once'").fetchone() == (0,)


def test_the_server_role_cannot_submit(server: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT twin.submit_job('count', '{}', '', NULL)")
