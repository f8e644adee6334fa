"""kill -9 of the importing process, or of its reader, at any moment: the old version serves on, and the next start cleans up."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from importers.options import ImportOptions
from importers.run import sweep
from tests.drills._kills import VICTIMS, Range, plan
from tests.importers import files

IMPORT = """
import sys
from pathlib import Path
from importers.options import ImportOptions
from importers.run import import_file
from postgis.connect import Database
print("started", flush=True)
import_file(Database(sys.argv[1]), Path(sys.argv[2]), ImportOptions(layer="first"))
print("done", flush=True)
"""


@pytest.fixture
def importing(town, monkeypatch, tmp_path_factory):
    """Starts imports in processes of their own, with a private place for temporary folders."""
    folder = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    running: list[subprocess.Popen[str]] = []

    def start(path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", IMPORT, town.database.dsn, str(path)]
        environment = dict(os.environ) | {"TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        running.append(process)
        assert process.stdout.readline() == "started\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()
    assert list(folder.iterdir()) == []


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


def test_a_few_kills_at_moments_of_the_whole_import(town, tmp_path) -> None:
    """The small round of `./run drill import_kills`: of the importer, its reader and a backend; and just before rows are committed."""
    (tmp_path / "private").mkdir()
    dice = random.Random(20)
    place = Range(town.database, tmp_path / "private", 300)
    place.all(plan(3, 1, dice), dice)
    tally = place.tally
    assert tally.victims.keys() == set(VICTIMS) and tally.kills == 4
    assert (tally.half_published, tally.lost, tally.unfindable, tally.unswept, tally.wordless) == (0, 0, 0, 0, 0), tally


def test_a_killed_first_import_leaves_no_layer(town, importing, tmp_path) -> None:
    path = files.geojson(tmp_path / "first.geojson", [files.square(113 + at / 10_000, 23, 0.0001, n=at) for at in range(20_000)])
    process = importing(path)
    deadline = time.monotonic() + 30
    while not town.staged() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    if process.returncode:
        assert town.ask("SELECT 1 FROM twin.layer WHERE id = 'first'") == []
    swept_clean(town)
    assert town.take(path, layer="second").published == 20_000


def test_options_are_plain_json() -> None:
    assert ImportOptions.model_validate_json(ImportOptions(layer="a", valid_from="2020-01-01").model_dump_json()).layer == "a"
