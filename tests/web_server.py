"""A real server for the tests of the web room: granian in a process of its own, on a free port, over a database of the run."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from psycopg.conninfo import make_conninfo

from postgis.connect import SUPERUSER, Database

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to talk to it."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, **options: object) -> httpx.Client:
        """A client whose addresses are relative to the server."""
        return httpx.Client(base_url=self.url, timeout=20, **options)  # type: ignore[arg-type]

    def raw_get(self, target: str, **headers: str) -> httpx.Response:
        """GET exactly `target`, byte for byte: clients would tidy it up first."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest("GET", target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
        finally:
            connection.close()


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def start_server(database: Database, home: Path, *, wait: bool = True, **settings: str) -> Iterator[Server]:
    """Run a server over `database`; its log is in `home`."""
    port, log = free_port(), home / "server.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")} | {
        "TWIN_HOME": str(home),
        "TWIN_PORT": str(port),
        "TWIN_DATABASE_URL": make_conninfo(database.dsn, user=SUPERUSER),
        **{f"TWIN_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "web.app:application"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    server = Server(f"http://127.0.0.1:{port}", port, process, log)
    try:
        _wait(server, "/readyz" if wait else "/livez")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server, path: str, patience_s: float = 90) -> None:
    """Until the door answers 200."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(server.url + path).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert server.process.poll() is None, server.log.read_text()
        time.sleep(0.05)
    raise AssertionError(server.log.read_text())
