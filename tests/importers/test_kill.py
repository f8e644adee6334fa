"""kill -9 of the importing process, or of its reader, at any moment: the old version serves on, and the next start cleans up."""

import multiprocessing
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from importers.options import ImportOptions
from importers.run import import_file, sweep
from postgis.connect import Database
from tests.importers import files
from tests.importers.conftest import Town

ROUNDS = 20
ROWS = 1500
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def take(dsn: str, path: Path, layer: str, folder: Path) -> None:
    """One import, in a process of its own that has every module already."""
    tempfile.tempdir = str(folder)
    import_file(Database(dsn), path, ImportOptions(layer=layer, key="n", allow_removals=True))


def version(path: Path, number: int) -> Path:
    """A version of the layer in which every height is `number` and a tenth of the rows are others."""
    first = 0 if number % 2 else ROWS // 10
    return files.geojson(path, [files.square(113 + at / 10_000, 23, 0.0001, n=at, height=number) for at in range(first, first + ROWS)])


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in found.split()]


@pytest.fixture
def importing(
    town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Path, str], BaseProcess]]:
    """Starts imports in processes of their own, with a private place for temporary folders."""
    forkserver.ensure_running()  # before the folder is private: it keeps its socket in a temporary folder too
    folder = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    running: list[BaseProcess] = []

    def start(path: Path, layer: str) -> BaseProcess:
        running.append(FORKS.Process(target=take, args=(town.database.dsn, path, layer, folder)))
        running[-1].start()
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.join()
        process.close()
    assert list(folder.iterdir()) == []


def state(town) -> list[tuple[int, int]]:
    return town.live("victim", "count(*), count(DISTINCT attrs ->> 'height')", "1")


def swept_clean(town) -> None:
    """Sweep until nothing is left: the server needs a moment to see that its client is gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        sweep(town.database)
        running = town.ask("SELECT count(*) FROM twin.import_run WHERE status = 'running'")[0][0]
        if not running and not town.staged():
            return
        time.sleep(0.1)
    pytest.fail("a dead import was not swept")


def test_twenty_kills(town, importing, tmp_path) -> None:
    dice = random.Random(20)
    town.take(version(tmp_path / "v0.geojson", 0), layer="victim", key="n")
    began = time.perf_counter()
    town.take(version(tmp_path / "v.geojson", 1), layer="victim", key="n", allow_removals=True)
    lasts = time.perf_counter() - began
    for round_ in range(2, ROUNDS + 2):
        path = version(tmp_path / "v.geojson", round_)
        before = town.live("victim", "min((attrs ->> 'height')::int)", "1")[0][0]
        process = importing(path, "victim")
        time.sleep(dice.uniform(0, 1.2 * lasts))
        if round_ % 4 == 0:
            for reader in children_of(process.pid):
                os.kill(reader, signal.SIGKILL)
        else:
            process.kill()
        process.join(60)
        after = town.live("victim", "min((attrs ->> 'height')::int), max((attrs ->> 'height')::int), count(*)", "1")[0]
        assert after in ((before, before, ROWS), (round_, round_, ROWS)), "one whole version or the other"
        swept_clean(town)
    report = town.take(version(tmp_path / "v.geojson", 99), layer="victim", key="n", allow_removals=True)
    assert report.published == ROWS and state(town) == [(ROWS, 1)]
    assert town.ask("SELECT count(*) FROM twin.import_run WHERE status = 'aborted'")[0][0] > 0, "some rounds must hit"


def test_a_killed_first_import_leaves_no_layer(town, importing, tmp_path) -> None:
    path = files.geojson(tmp_path / "first.geojson", [files.square(113 + at / 10_000, 23, 0.0001, n=at) for at in range(20_000)])
    process = importing(path, "first")
    deadline = time.monotonic() + 30
    while not town.staged() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.join(60)
    if process.exitcode:
        assert town.ask("SELECT 1 FROM twin.layer WHERE id = 'first'") == []
    swept_clean(town)
    assert town.take(path, layer="second").published == 20_000


def test_options_are_plain_json() -> None:
    assert ImportOptions.model_validate_json(ImportOptions(layer="a", valid_from="2020-01-01").model_dump_json()).layer == "a"
