"""up, down, supervise: the whole twin as one thing that runs or does not."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Annotated

import typer

from layers.accounts import ensure_admin
from postgis.connect import EDITOR, Database, connect
from postgis.home import HomeLock, read_holder
from twin.commands import database as db
from twin.commands.context import FAULT, REFUSED, say, settings, tell, warn
from twin.commands.demo import import_demo
from twin.errors import OperationError
from twin.settings import child_environment
from web.supervise import Program, Supervisor, check_port_free, clear_leftovers, wait_ready

_STOP_S = 150.0
_WORKER_GRACE_S = 35.0


def up(
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here instead of leaving a detached supervisor.")] = False,
    demo: Annotated[bool, typer.Option(help="Import the demo if it is absent.")] = True,
) -> None:
    """Start everything; a second one on the same home is refused."""
    lock = HomeLock(settings().home)
    lock.acquire(url=settings().url)
    clear_leftovers(settings().home)
    check_port_free(settings().host, settings().port)
    try:
        database = db.start()
        _print_first_password(database)
    except BaseException:
        db.stop()
        raise
    if foreground:
        _run_here(lock, database, demo)
    else:
        _detach(lock)
        status = _demo(database) if demo else 0
        say(f"\n  粤图 Yuetu  {settings().url}\n  停止 stop: ./run down   日志 logs: {settings().home / 'log'}")
        raise typer.Exit(status)


def supervise(lock_fd: Annotated[int, typer.Option(help="Descriptor of the held lock of the home.")]) -> None:
    """Keep database, worker and server alive until told to stop."""
    lock = HomeLock(settings().home, lock_fd)
    lock.describe(url=settings().url)
    _supervise(lock)


def down() -> None:
    """Stop what `up` started, or what a killed one left."""
    home = settings().home
    if read_holder(home) is None:
        if home.exists():
            clear_leftovers(home)
            db.stop()
        say(f"没有在运行 · nothing runs on {home}")
        return
    _end_holder()
    say("已停止 · stopped")


def _run_here(lock: HomeLock, database: Database, demo: bool) -> None:
    """Foreground: the demo first, then supervise in this very process."""
    if demo:
        _demo(database)
    say(f"\n  粤图 Yuetu  {settings().url}   (Ctrl-C)")
    _supervise(lock)


def _supervise(lock: HomeLock) -> None:
    Supervisor(settings().home, _programs(), db.keep, db.stop).run()
    lock.release()


def _programs() -> tuple[Program, ...]:
    """What the supervisor keeps alive, each the command line with another word."""
    environment = child_environment(PYTHONUNBUFFERED="1")
    twin = (sys.executable, "-m", "twin")
    return (
        Program("server", (*twin, "serve"), environment, settings().drain_s + 5),
        Program("worker", (*twin, "work"), environment, _WORKER_GRACE_S),
    )


def _detach(lock: HomeLock) -> None:
    """Leave a supervisor in a session of its own, hand it the lock, and wait until the server answers."""
    log = settings().home / "log" / "supervisor.log"
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            (sys.executable, "-m", "twin", "supervise", "--lock-fd", str(lock.descriptor)),
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


def _print_first_password(database: Database) -> None:
    """Make the first admin, and show its password the only time anybody can see it."""
    with connect(database, EDITOR) as connection:
        password = ensure_admin(connection)
    if password is not None:
        say(f"  管理员 user: admin   初始口令 first password: {password}")
        say("  （只显示这一次，首次登录须修改 · shown once, to be changed at the first login）")


def _demo(database: Database) -> int:
    """Import the demo if it is absent; a failure is told and leaves the server running."""
    try:
        import_demo(database)
    except Exception as exc:
        status = tell(exc)
        warn("演示数据未导入，可用 ./run demo 重试 · the demo is not imported; try ./run demo")
        return status if status in (FAULT, REFUSED) else FAULT
    return 0


def _end_holder() -> None:
    """Tell whoever holds the home to stop, and wait; a starting twin hands the lock from one process to the next."""
    told, deadline = None, time.monotonic() + _STOP_S
    while (holder := read_holder(settings().home)) is not None:
        pid = holder.get("pid")
        if pid is not None and pid != told:
            told = pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)
        if time.monotonic() > deadline:
            raise OperationError(f"process {pid} does not stop", f"进程 {pid} 未能停止")
        time.sleep(0.1)
