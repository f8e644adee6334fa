"""The whole twin as people start it, with a small town in it: `twin up` on a home and port of its own."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys import town

CHECKOUT = Path(__file__).parents[2]
PASSWORD = "a-password-of-the-tests"
_JOB_S = 120


@dataclass(frozen=True)
class Running:
    """A running twin and its admin."""

    url: str
    first_password: str
    env: dict[str, str]


class Admin:
    """The admin's own programs: signs in and writes, as the page does."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)

    def sign_in(self, password: str) -> None:
        """Sign in and remember the CSRF token."""
        answer = self.http.post("/login", json={"name": "admin", "password": password}).raise_for_status().json()
        self.http.headers["X-CSRF-Token"] = answer["csrf"]

    def change_password(self, old: str, new: str) -> None:
        """The first login has to."""
        self.http.post("/password", json={"old": old, "new": new}).raise_for_status()
        self.sign_in(new)

    def import_file(self, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        """Upload, wait for the job, and return it."""
        with path.open("rb") as file:
            answer = self.http.post("/imports", files={"file": (path.name, file)}, data={"options": json.dumps(options)})
        job_id = answer.raise_for_status().json()["job"]
        deadline = time.monotonic() + _JOB_S
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.http.get(f"/jobs/{job_id}").raise_for_status().json()
            if job["status"] in ("done", "failed", "cancelled"):
                assert job["status"] == "done", job
                return job
            time.sleep(0.1)
        raise TimeoutError(job_id)

    def publish(self, card: dict[str, Any]) -> None:
        """Store a product."""
        self.http.put(f"/products/{card['code']}", json=card).raise_for_status()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _twin(env: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "twin", *words]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def twin_up() -> Iterator[Running]:
    """`twin up` without the demo; its admin still has the first password."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-journey-", dir="/tmp"))
    home.chmod(0o755)
    port = _free_port()
    env = {**os.environ, "TWIN_HOME": str(home), "TWIN_PORT": str(port), "TWIN_HOST": "127.0.0.1", "TWIN_WEB_PROCESSES": "1"}
    env.pop("TWIN_PUBLIC_URL", None)
    env.pop("TWIN_DATABASE_URL", None)
    try:
        said = _twin(env, "up", "--no-demo")
        found = re.search(r"first password: (\S+)", said)
        assert found, said
        yield Running(f"http://127.0.0.1:{port}", found[1], env)
    finally:
        _twin(env, "down")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def empty_twin() -> Iterator[Running]:
    """The twin that most journeys share."""
    with twin_up() as running:
        yield running


@pytest.fixture(scope="session")
def admin(empty_twin: Running) -> Iterator[Admin]:
    """Signed in, with the first password changed."""
    made = Admin(empty_twin.url)
    made.sign_in(empty_twin.first_password)
    made.change_password(empty_twin.first_password, PASSWORD)
    yield made
    made.http.close()


@pytest.fixture(scope="session")
def town_twin(empty_twin: Running, admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """The twin with the small town imported and published by HTTP."""
    directory = tmp_path_factory.mktemp("town")
    for layer, (features, told) in town.LAYERS.items():
        job = admin.import_file(town.write(directory, layer), {"layer": layer, "synthetic": True, **told})
        assert job["result"]["published"] == len(features), job
    for card in town.PRODUCTS:
        admin.publish(card)
    return empty_twin
