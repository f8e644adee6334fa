"""up, down, serve, work, doctor: starting, stopping and looking after the twin."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.commands.context import FAULT, REFUSED, external_database, say, settings, tell, warn
from twin.errors import OperationError
from twin.settings import child_environment

if TYPE_CHECKING:
    from postgis.connect import Database
    from postgis.home import HomeLock
    from web.supervise import Program

_STOP_S = 150.0
_TARGET = "web.app:create_app"


def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in the foreground instead of leaving a detached supervisor.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Import the demo (real Guangdong, labelled synthetic district) if it is absent.")
    ] = True,
) -> None:
    """Start everything: database, migrations, demo, worker, server; print the address."""
    from postgis.home import HomeLock
    from web.supervise import check_port_free, clear_leftovers

    lock = HomeLock(settings().home)
    lock.acquire(url=settings().url)
    clear_leftovers(settings().home)
    check_port_free(settings().host, settings().port)
    try:
        database = _ready_database()
    except BaseException:
        _stop_database()
        raise
    _print_first_password(database)
    if foreground:
        if demo:
            _import_demo(database)
        say(f"{settings().url}  (Ctrl-C stops it)")
        _supervise(lock)
        return
    _detach(lock)
    demo_status = _import_demo(database) if demo else 0
    say(f"\n  粤图 Yuetu: {settings().url}\n  stop: ./run down   logs: {settings().home / 'log'}")
    raise typer.Exit(demo_status)


def supervise(lock_fd: Annotated[int, typer.Option(help="Descriptor of the held lock of the home.")]) -> None:
    """Keep database, worker and server alive (started by `twin up`)."""
    from postgis.home import HomeLock

    lock = HomeLock(settings().home, lock_fd)
    lock.describe(url=settings().url)
    _supervise(lock)


def down() -> None:
    """Stop what `twin up` started: requests and jobs are let finish, the database last."""
    from postgis.home import read_holder
    from web.supervise import clear_leftovers

    home = settings().home
    if read_holder(home) is None:
        if home.exists():
            clear_leftovers(home)
            _stop_database()
        say(f"没有在运行 · nothing runs on {home}")
        return
    _end_holder(home)
    say("已停止 · stopped")


def serve() -> None:
    """Run the HTTP server in the foreground (the database must run)."""
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    Granian(
        _TARGET,
        address=settings().host,
        port=settings().port,
        interface=Interfaces.ASGI,
        factory=True,
        loop=Loops.uvloop,
        workers=settings().web_processes,
        log_access=False,
        log_level=LogLevels(settings().log_level),
        http1_settings=HTTP1Settings(),
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=max(1, int(settings().drain_s)),
        working_dir=Path.cwd(),
    ).serve()


def work(concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at the same time.")] = 2) -> None:
    """Run jobs (imports and the clock) in the foreground (the database must run)."""
    from postgis.worker import run_worker

    logging.basicConfig(level=settings().log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(run_worker(_database(), settings().home, concurrency=concurrency))


def doctor() -> None:
    """Look for what would keep the twin from working, and say how to mend it."""
    from twin.commands.doctor import findings

    worst = 0
    for finding in findings(settings()):
        say(f"{finding.mark} {finding.zh} · {finding.en}")
        worst = max(worst, finding.status)
    raise typer.Exit(worst)


def _end_holder(home: Path) -> None:
    """Tell whoever holds the home to stop, and wait; a starting twin hands the lock from one process to the next."""
    from postgis.home import read_holder

    told, deadline = None, time.monotonic() + _STOP_S
    while (holder := read_holder(home)) is not None:
        pid = holder.get("pid")
        if pid is not None and pid != told:
            told = pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)
        if time.monotonic() > deadline:
            raise OperationError(f"process {pid} does not stop", f"进程 {pid} 未能停止")
        time.sleep(0.1)


def _database() -> "Database":
    """Where the database is, without starting or changing it."""
    from postgis.cluster import Cluster
    from postgis.connect import Database

    url = settings().database_url
    return Database(url, private=False) if url else Cluster(settings().home).database


def _ready_database() -> "Database":
    """Start (or check) the database and migrate it."""
    from postgis.cluster import Cluster
    from postgis.migrate import migrate

    database = external_database() if settings().database_url else Cluster(settings().home).ensure()
    migrate(database)
    return database


def _stop_database() -> None:
    from postgis.cluster import Cluster

    if not settings().database_url:
        Cluster(settings().home).stop()


def _keep_database() -> None:
    from postgis.cluster import Cluster

    cluster = Cluster(settings().home)
    if not settings().database_url and not cluster.health():
        cluster.ensure()


def _programs() -> tuple["Program", ...]:
    """What the supervisor keeps alive."""
    from web.supervise import Program

    return (
        Program("worker", (sys.executable, "-m", "twin", "work"), child_environment(PYTHONUNBUFFERED="1"), grace_s=35),
        Program("server", (sys.executable, "-m", "twin", "serve"), child_environment(PYTHONUNBUFFERED="1"), settings().drain_s + 5),
    )


def _supervise(lock: "HomeLock") -> None:
    from web.supervise import Supervisor

    Supervisor(settings().home, _programs(), _keep_database, _stop_database).run()
    lock.release()


def _detach(lock: "HomeLock") -> None:
    """Leave a supervisor in a session of its own, hand it the lock, and wait until the server answers."""
    from web.supervise import wait_ready

    log = settings().home / "log" / "supervisor.log"
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            (sys.executable, "-m", "twin", "supervise", "--lock-fd", str(lock.descriptor)),
            cwd="/",
            env=child_environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(lock.descriptor,),
            start_new_session=True,
        )
    os.close(lock.descriptor)
    if not wait_ready(settings().host, settings().port, lambda: supervisor.poll() is not None):
        supervisor.terminate()
        supervisor.wait(_STOP_S)
        raise OperationError(f"the server does not get ready; see {log.parent}", f"服务未能就绪，请查看 {log.parent} 中的日志")


def _print_first_password(database: "Database") -> None:
    """Make the first admin, and show its password the only time anybody can see it."""
    from layers.accounts import ensure_admin
    from postgis.connect import EDITOR, connect

    with connect(database, EDITOR) as connection:
        password = ensure_admin(connection)
    if password is not None:
        say(
            f"  管理员 admin · 初始口令 first password: {password}\n  （仅显示一次，首次登录须修改 · shown once, to be changed at the first login）"
        )


def _import_demo(database: "Database") -> int:
    """Import the demo if it is absent; a failure is told and leaves the server running."""
    from twin.commands.data import import_demo

    try:
        import_demo(database)
    except Exception as exc:
        status = tell(exc)
        warn("演示数据未导入，可用 ./run demo 重试 · the demo is not imported; try again with ./run demo")
        return status if status in (FAULT, REFUSED) else FAULT
    return 0
