"""kill -9 of an importing process at random moments, and the looks that tell whether what it left is whole."""

import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

from importers.options import ImportOptions
from importers.report import ImportReport, Progress
from importers.run import import_file, sweep
from importers.running import STEPS
from importers.undo import undo_import
from postgis.connect import OWNER, Database, connect
from tests.importers import files
from twin.errors import TwinError

LAYER = "victim"
_STEPS = tuple(STEPS[name][1] for name in ("read", "diff", "repair", "publish", "index", "undo"))
_SETTLE_S = 30.0
_LEAST_WAIT_S = 0.02

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.drills._kills"])


def ask(database: Database, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows as the owner sees them."""
    with connect(database, OWNER) as connection:
        return connection.execute(query, values).fetchall()


def version(path: Path, number: int, rows: int) -> Path:
    """A version of the layer in which every height is `number` and a tenth of the rows are others."""
    first = 0 if number % 2 else rows // 10
    features = [files.square(113 + at / 10_000, 23, 0.0001, n=at, height=number) for at in range(first, first + rows)]
    return files.geojson(path, features)


def take(database: Database, path: Path) -> ImportReport:
    """Import a version to its end."""
    return import_file(database, path, ImportOptions(layer=LAYER, key="n", mode="replace"))


@dataclass(frozen=True, slots=True)
class Task:
    """What a process that is killed does: import a file into a layer, or take a run back."""

    path: Path
    layer: str = LAYER
    undo: str = ""


def _work(database: Database, task: Task, folder: str, step: Any) -> None:
    """The process that is killed; `step` tells where it is."""
    tempfile.tempdir = folder

    def tell(progress: Progress) -> None:
        step.value = _STEPS.index(progress.step_en) + 1 if progress.step_en in _STEPS else step.value

    try:
        if task.undo:
            undo_import(database, UUID(task.undo), tell)
        else:
            import_file(database, task.path, ImportOptions(layer=task.layer, key="n", mode="replace"), tell)
    except TwinError:
        sys.exit(1)  # its reader was killed, and it said so
    step.value = len(_STEPS) + 1


@dataclass(slots=True)
class Tally:
    """What the kills came to."""

    kills: int = 0
    finished: int = 0
    """Rounds whose process was done before its time came."""
    undos: int = 0
    firsts: int = 0
    half_published: int = 0
    unswept: int = 0
    lost: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    """Kills by the step they fell into."""


@dataclass(slots=True)
class Range:
    """One layer that is imported and taken back while its importer is killed, again and again."""

    database: Database
    folder: Path
    """Where the importing processes put their private folders."""
    rows: int
    dice: random.Random
    tally: Tally = field(default_factory=Tally)
    _number: int = 0
    _lasts: list[float] = field(default_factory=list)
    _newest: str = ""
    _undoable: str = ""
    """The newest run, unless it is an undo."""

    def begin(self) -> None:
        """The first version, and how long an import takes."""
        take(self.database, self._version())
        for _ in range(2):
            with self._started(Task(self._version())) as (process, _step):
                begun = time.monotonic()
                process.join()
                self._lasts.append(time.monotonic() - begun)
        self._newest = self._undoable = newest_run(self.database, LAYER)

    def round(self) -> None:
        """One import, in five one undo and one first import of a layer, killed at a moment drawn at random; then look at what is there."""
        kind = self.dice.random()
        undo = self._undoable if kind < 0.2 else ""
        task = Task(self._version(), f"first-{self._number}" if kind > 0.8 else LAYER, undo)
        before = look(self.database, task.layer)
        whole = before_run(self.database, undo) if undo else (self._number, self._number, self.rows)
        with self._started(task) as (process, step):
            self._wait(process, step, len(_STEPS) if undo else self.dice.randint(1, len(_STEPS) - 1))
            moment = _STEPS[min(step.value, len(_STEPS)) - 1] if step.value else "Starting"
            if self.dice.random() < 0.15 and not undo:
                for reader in children_of(process.pid or 0):
                    _kill(reader)
            else:
                _kill(process.pid or 0)
            process.join(60)
            self._count(process, moment, task)
        after = look(self.database, task.layer)
        self.tally.half_published += after not in {before, whole}
        self._track(task, changed=after != before)
        self.tally.unswept += not self.settles()

    def _track(self, task: Task, *, changed: bool) -> None:
        """Rows change if and only if a run says that it is done; remember what can be taken back next."""
        newest = newest_run(self.database, task.layer)
        known = self._newest if task.layer == LAYER else ""
        self.tally.half_published += changed != (newest != known)
        if newest != known and task.layer == LAYER:
            self._newest, self._undoable = newest, "" if task.undo else newest

    def end(self) -> None:
        """Whatever was ever published is in the history, nobody has two states at once, and the layer still takes a file."""
        for (layer,) in ask(self.database, "SELECT id FROM twin.layer WHERE id = %s OR id ^@ 'first-'", LAYER):
            self.tally.lost += missing(self.database, layer) + two_states(self.database, layer)
        report = take(self.database, self._version())
        self.tally.lost += report.published != self.rows or look(self.database, LAYER) != (self._number, self._number, self.rows)

    def settles(self) -> bool:
        """Sweep until nothing is left: the server needs a moment to see that its client is gone."""
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline:
            with _folders_in(self.folder):
                sweep(self.database)
            if not leftovers(self.database) and not list(self.folder.iterdir()):
                return True
            time.sleep(0.05)
        return False

    @contextmanager
    def _started(self, task: Task) -> Iterator[tuple[BaseProcess, Any]]:
        step = _context.Value("i", 0)
        process = _context.Process(target=_work, args=(self.database, task, str(self.folder), step))
        process.start()
        try:
            yield process, step
        finally:
            _kill(process.pid or 0)
            process.join()

    def _wait(self, process: BaseProcess, step: Any, wanted: int) -> None:
        """Every other time any moment of the whole, else a moment soon after the wanted step began."""
        typical = statistics.median(self._lasts)
        if self.dice.random() < 0.5:
            process.join(self.dice.uniform(0, 1.05 * typical))
            return
        deadline = time.monotonic() + 3 * typical
        while step.value < wanted and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        process.join(self.dice.uniform(0, 0.1 * typical))

    def _count(self, process: BaseProcess, moment: str, task: Task) -> None:
        killed = process.exitcode == -signal.SIGKILL or (process.exitcode or 0) > 0
        self.tally.kills += killed
        self.tally.finished += not killed
        self.tally.undos += killed and bool(task.undo)
        self.tally.firsts += killed and task.layer != LAYER
        if killed:
            self.tally.moments[moment] += 1

    def _version(self) -> Path:
        self._number += 1
        return version(self.folder.parent / "version.geojson", self._number, self.rows)


def newest_run(database: Database, layer: str) -> str:
    """The last run that is done; empty when there is none."""
    query = "SELECT id::text FROM twin.import_run WHERE layer_id = %s AND status = 'done' ORDER BY moment DESC LIMIT 1"
    found = ask(database, query, layer)
    return str(found[0][0]) if found else ""


def number_of(database: Database, layer: str) -> int:
    """The layer's number; 0 when there is none."""
    found = ask(database, "SELECT number FROM twin.layer WHERE id = %s", layer)
    return int(found[0][0]) if found else 0


def look(database: Database, layer: str) -> tuple[Any, ...]:
    """Smallest and largest height and number of live rows of a layer: of one version all heights are equal. Nothing of a layer that is not there."""
    number = number_of(database, layer)
    if not number:
        return ()
    return ask(database, f"SELECT min((attrs ->> 'height')::int), max((attrs ->> 'height')::int), count(*) FROM twin.object_{number}")[0]


def before_run(database: Database, run: str) -> tuple[Any, ...]:
    """What `look` said before a run that replaced the layer: what was known just before its moment."""
    number, moment = ask(database, "SELECT layer, moment FROM twin.import_run WHERE id = %s", run)[0]
    query = f"""SELECT min((attrs ->> 'height')::int), max((attrs ->> 'height')::int), count(*) FROM (
        SELECT attrs, valid, sys FROM twin.object_{number} UNION ALL SELECT attrs, valid, sys FROM twin.object_past_{number}) v
        WHERE sys @> %s::timestamptz - interval '1 microsecond' AND valid @> %s::timestamptz - interval '1 microsecond'"""
    return ask(database, query, moment, moment)[0]


def leftovers(database: Database) -> list[Any]:
    """Staged tables and runs that say they still run."""
    staged = ask(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'stage'")
    return staged + ask(database, "SELECT id FROM twin.import_run WHERE status = 'running'")


def missing(database: Database, layer: str) -> int:
    """Rows that a complete run says it wrote and that are nowhere in the layer's history."""
    number = number_of(database, layer)
    query = f"""SELECT coalesce(sum(abs((r.report ->> 'added')::int + (r.report ->> 'changed')::int - coalesce(n, 0))), 0) FROM twin.import_run r
        LEFT JOIN (SELECT lower(sys) AS at, count(*) AS n FROM (
            SELECT sys FROM twin.object WHERE layer = {number} UNION ALL SELECT sys FROM twin.object_past WHERE layer = {number}) v GROUP BY 1) w
        ON w.at = r.moment WHERE r.status = 'done' AND r.layer_id = %s"""
    return int(ask(database, query, layer)[0][0])


def two_states(database: Database, layer: str) -> int:
    """Pairs of versions of one object that were known at one time for one time."""
    number = number_of(database, layer)
    query = f"""WITH v AS (SELECT oid, valid, sys, row_number() OVER () AS nth FROM (
            SELECT oid, valid, sys FROM twin.object WHERE layer = {number} UNION ALL SELECT oid, valid, sys FROM twin.object_past WHERE layer = {number}) u)
        SELECT count(*) FROM v a JOIN v b ON a.oid = b.oid AND a.nth < b.nth AND a.valid && b.valid AND a.sys && b.sys"""
    return int(ask(database, query)[0][0])


def children_of(pid: int) -> list[int]:
    """Processes that this one started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in found.split()]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def _folders_in(folder: Path) -> Iterator[None]:
    """Sweep the folders of these processes only."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
