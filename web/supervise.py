"""The detached parent of everything `twin up` starts: it restarts what dies, and stops all of it in order when told to."""

import contextlib
import ctypes
import errno
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from twin.errors import Conflict

ENDING = signal.SIGWINCH
"""Sent before SIGTERM: close open streams now. Its default is to be ignored, so it can do no harm."""
_POLL_S = 0.2
_DATABASE_POLL_S = 1.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_STABLE_S = 60.0
_LOG_BYTES = 20_000_000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_CHILDREN = "children.json"


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep alive; `grace_s` is how long it may take to end by itself."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    grace_s: float = 30.0


@dataclass
class Child:
    """One program with the process that runs it now, in a session of its own."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    not_before: float = 0.0
    pause_s: float = _FIRST_PAUSE_S

    def tend(self) -> bool:
        """Start it if it does not run and its pause is over; True when it was started."""
        now = time.monotonic()
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return False
            self._note_end(status, now)
        if now < self.not_before:
            return False
        self._start(now)
        return True

    def tell_to_stop(self) -> None:
        """Ask it to end: first all its processes to close their open streams, which would otherwise hold it up."""
        if self.process is not None and self.process.poll() is None:
            _signal_session(self.process.pid, ENDING)
            self.process.terminate()

    def wait_stopped(self) -> None:
        """Wait for its grace, then end every process of its session."""
        if self.process is not None:
            try:
                self.process.wait(self.program.grace_s)
            except subprocess.TimeoutExpired:
                _say(f"{self.program.name} did not end within {self.program.grace_s:.0f} s and is killed")
            _signal_session(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _start(self, now: float) -> None:
        with _open_log(self.log) as output:
            self.process = subprocess.Popen(
                self.program.command,
                env=dict(self.program.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  (this process has one thread)
            )
        self.started = now

    def _note_end(self, status: int, now: float) -> None:
        """Clear what it left running, and wait longer before each start that does not hold."""
        if self.process is not None:
            _signal_session(self.process.pid, signal.SIGKILL)
        self.process = None
        self.pause_s = _FIRST_PAUSE_S if now - self.started > _STABLE_S else min(self.pause_s * 2, _LONGEST_PAUSE_S)
        self.not_before = now + self.pause_s
        _say(f"{self.program.name} ended with {status}; starting it again in {self.pause_s:.1f} s")


@dataclass
class Supervisor:
    """Keeps programs and database alive until SIGTERM or SIGINT."""

    home: Path
    programs: Sequence[Program]
    keep_database: Callable[[], None]
    """Called about once a second; starts the database again if it has gone."""
    stop_database: Callable[[], None]
    _children: list[Child] = field(default_factory=list)
    _stopping: bool = False

    def run(self) -> None:
        """Run until told to stop; everything is stopped when this returns."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._children = [Child(program, self.home / "log" / f"{program.name}.log") for program in self.programs]
        next_look = 0.0
        try:
            while not self._stopping:
                if time.monotonic() >= next_look:
                    self._look_after_database()
                    next_look = time.monotonic() + _DATABASE_POLL_S
                changed = [child.tend() for child in self._children]
                if any(changed):
                    _remember(self.home, self._children)
                time.sleep(_POLL_S)
        finally:
            self._stop_all()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _look_after_database(self) -> None:
        """A database that cannot start now is tried again: the web processes answer 503 in the meantime."""
        try:
            self.keep_database()
        except Exception as exc:
            _say(f"the database does not start: {exc}")

    def _stop_all(self) -> None:
        """Requests and jobs end first, at the same time, and need the database to end well; it is stopped last."""
        self._look_after_database()
        for child in self._children:
            child.tell_to_stop()
        for child in self._children:
            child.wait_stopped()
        (self.home / _CHILDREN).unlink(missing_ok=True)
        self.stop_database()


def clear_leftovers(home: Path) -> None:
    """End the programs a killed supervisor left behind; only for whoever holds the home."""
    try:
        remembered = json.loads((home / _CHILDREN).read_text())
    except (OSError, ValueError):
        return
    for entry in remembered:
        if _start_ticks(entry["pid"]) in (entry["ticks"], None):
            _signal_session(entry["pid"], signal.SIGKILL)
    (home / _CHILDREN).unlink(missing_ok=True)


def check_port_free(host: str, port: int) -> None:
    """Conflict when somebody listens there already; our servers share ports silently, so the kernel would not say."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise _port_error(host, port, exc) from exc


def wait_ready(host: str, port: int, give_up: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    """Whether `/readyz` answers 200 before the time is over or `give_up` says that it never will."""
    address = {"::": "::1", "0.0.0.0": "127.0.0.1"}.get(host, host)  # noqa: S104
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and not give_up():
        if _is_ready(address, port):
            return True
        time.sleep(0.1)
    return False


def _is_ready(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _port_error(host: str, port: int, exc: OSError) -> Conflict:
    if exc.errno == errno.EADDRINUSE:
        return Conflict(
            f"port {port} of {host} is in use",
            f"{host} 的端口 {port} 已被占用",
            place="TWIN_PORT",
            mend="set TWIN_PORT to a free port, e.g. TWIN_PORT=8081 ./run（请用 TWIN_PORT 另选端口）",
        )
    place = "TWIN_PORT" if exc.errno == errno.EACCES else "TWIN_HOST"
    return Conflict(f"cannot listen on {host} port {port}: {exc.strerror}", f"无法监听 {host} 端口 {port}：{exc.strerror}", place=place)


def _die_with_parent() -> None:
    """Have the kernel send SIGTERM when the supervisor dies, so that a killed one leaves no server behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _remember(home: Path, children: Sequence[Child]) -> None:
    """Write down who runs, for a supervisor that comes after us."""
    running = [child.process.pid for child in children if child.process is not None]
    (home / _CHILDREN).write_text(json.dumps([{"pid": pid, "ticks": _start_ticks(pid)} for pid in running]))


def _start_ticks(pid: int) -> str | None:
    """When the process began, as the kernel counts; None when there is none. Tells a reused pid from ours."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def _signal_session(session: int, number: int) -> None:
    """Send a signal to every process of this session that runs our interpreter."""
    own = Path(sys.executable).resolve()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and (entry / "exe").resolve() == own:
                os.kill(int(entry.name), number)


def _open_log(path: Path) -> io.FileIO:
    """A log to append to; a big one is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab", buffering=0)


def _say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)
