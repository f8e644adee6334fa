"""The supervisor with real processes: it restarts what dies, stops everything in order, and leaves nothing when it is killed itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twin.errors import Conflict
from web.supervise import check_port_free, clear_leftovers

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
home = Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: ((home / "ended").write_text("by itself"), sys.exit(0)))
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
with (home / "starts").open("a") as out:
    out.write(f"{os.getpid()} {grandchild.pid}\\n")
time.sleep(100)
"""
SUPERVISOR = """
import sys
from pathlib import Path
from web.supervise import Program, Supervisor
home = Path(sys.argv[1])
program = Program("program", (sys.executable, "-c", sys.argv[2], str(home)), {"PATH": "/usr/bin"}, 5)
Supervisor(home, [program], lambda: (home / "database").touch(), lambda: (home / "database").unlink()).run()
"""


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def starts(home: Path) -> list[tuple[int, int]]:
    """Pids of the program and its own child, for each time it was started."""
    path = home / "starts"
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []


def lives(pid: int) -> bool:
    """Whether this process runs (a dead one that nobody reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of one program that has started."""
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path), PROGRAM], cwd=ROOT)
    until(lambda: len(starts(tmp_path)) == 1 and (tmp_path / "children.json").exists())
    yield process
    process.kill()
    process.wait()
    clear_leftovers(tmp_path)


def test_a_killed_program_is_started_again_and_leaves_no_grandchild(supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pid, grandchild = starts(tmp_path)[0]
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(starts(tmp_path)) == 2)
    assert not lives(grandchild)
    assert lives(starts(tmp_path)[1][0])


def test_sigterm_lets_programs_end_and_stops_the_database_last(supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pid, grandchild = starts(tmp_path)[0]
    assert (tmp_path / "database").exists()
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert (tmp_path / "ended").read_text() == "by itself"
    assert not lives(pid)
    assert not lives(grandchild)
    assert not (tmp_path / "database").exists()
    assert not (tmp_path / "children.json").exists()


def test_a_killed_supervisor_takes_its_programs_along(supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pid, grandchild = starts(tmp_path)[0]
    supervisor.kill()
    until(lambda: not lives(pid))
    clear_leftovers(tmp_path)
    until(lambda: not lives(grandchild))
    assert not (tmp_path / "children.json").exists()


def test_a_reused_pid_is_not_ours_to_kill(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True)
    (tmp_path / "children.json").write_text(json.dumps([{"pid": stranger.pid, "ticks": "1"}]))
    clear_leftovers(tmp_path)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_port_in_use_is_said_with_what_to_do(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        taken.bind((host, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port} .* in use") as caught:
            check_port_free(host, port)
    assert caught.value.place == "TWIN_PORT"
    check_port_free(host, port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Conflict) as caught:
        check_port_free("203.0.113.1", 8080)
    assert caught.value.place == "TWIN_HOST"
