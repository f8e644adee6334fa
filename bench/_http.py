"""The clients of the tile benchmarks: one raw connection for times, wrk for rates; the same for every server under test."""

import gzip
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ANSWER_BYTES = 1 << 20
CONNECTIONS = 32
_SCRIPT = """
local asks = {}
local next_one = 0
local bad = 0
function init(args)
%s
end
function request()
    next_one = next_one %% #asks + 1
    return asks[next_one]
end
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, head, and the body as it was sent."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, "" without it."""
        found = re.search(rb"(?i)\r\n" + name.encode() + rb": *([^\r]*)", self.head)
        return found.group(1).decode() if found else ""

    @property
    def plain(self) -> bytes:
        """The body without its compression."""
        return gzip.decompress(self.body) if self.header("content-encoding") == "gzip" else self.body


class HttpClient:
    """One keep-alive connection that reads whole answers and nothing more: what a client costs is not measured."""

    def __init__(self, port: int, timeout_s: float = 600) -> None:
        self._port, self._timeout_s = port, timeout_s
        self._pending = b""
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for `path`, gzip unless told otherwise; a connection the server has closed meanwhile is opened again."""
        given = {"Accept-Encoding": "gzip"} | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()
        try:
            return self._exchange(asked)
        except ConnectionError:
            self.close()
            self._open()
            return self._exchange(asked)

    def count(self, path: str, mark: bytes) -> int:
        """How often `mark` is in the uncompressed answer to `path`, which is not kept; AssertionError for another status than 200."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: identity\r\n\r\n".encode())
        head = self._until(b"\r\n\r\n")
        assert head[9:12] == b"200" and b"transfer-encoding: chunked" in head.lower(), head
        seen, tail = 0, b""
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            piece = tail + self._exactly(size)
            seen += piece.count(mark)
            tail = piece[-len(mark) + 1 :]
            self._exactly(2)
        self._until(b"\r\n")
        return seen

    def _exchange(self, asked: bytes) -> Answer:
        self._socket.sendall(asked)
        head = self._until(b"\r\n\r\n")
        status = int(head[9:12])
        if status in (204, 304):
            return Answer(status, head, b"")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return Answer(status, head, self._exactly(int(length.group(1))) if length else self._chunked())

    def _chunked(self) -> bytes:
        parts = []
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            parts.append(self._exactly(size))
            self._exactly(2)
        self._until(b"\r\n")
        return b"".join(parts)

    def _more(self) -> bytes:
        found = self._socket.recv(_ANSWER_BYTES)
        if not found:
            raise ConnectionResetError("the server closed the connection")
        return found

    def _until(self, mark: bytes) -> bytes:
        while (end := self._pending.find(mark)) < 0:
            self._pending += self._more()
        end += len(mark)
        found, self._pending = self._pending[:end], self._pending[end:]
        return found

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._pending], len(self._pending)
        while have < size:
            parts.append(self._more())
            have += len(parts[-1])
        whole = b"".join(parts)
        self._pending = whole[size:]
        return whole[:size]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a load: a path and further headers."""

    path: str
    headers: tuple[tuple[str, str], ...] = ()


def rate(port: int, asks: Sequence[Asked], seconds: float, core: str | None = None) -> float:
    """Answers a second that wrk gets over 32 connections, going round `asks`; AssertionError for anything but 2xx and 304."""
    lines = "\n".join(_lua(number, ask) for number, ask in enumerate(asks, 1))
    with tempfile.TemporaryDirectory(prefix="yuetu-wrk-") as folder:
        script = Path(folder) / "asks.lua"
        script.write_text(_SCRIPT % lines)
        pinned = ["taskset", "-c", core] if core and shutil.which("taskset") else []
        command = [*pinned, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "30s", "-s", str(script)]
        done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found.group(1))


def _lua(number: int, ask: Asked) -> str:
    headers = "".join(f', ["{name}"] = {_quoted(value)}' for name, value in ask.headers)
    return f'    asks[{number}] = wrk.format("GET", {_quoted(ask.path)}, {{["Accept-Encoding"] = "gzip"{headers}}})'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_answers(port: int, path: str, process: subprocess.Popen[bytes], patience_s: float = 60) -> None:
    """Until `path` answers 200; SystemExit when the server ends or never does."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            with HttpClient(port, 10) as client:
                if client.get(path).status == 200:
                    return
        except (OSError, ValueError):
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"no 200 from port {port}{path} (exit status {process.poll()})")
