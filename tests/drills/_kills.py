"""kill -9 of an import at moments spread over its time: of the importer, of its reader, of a backend of the database that works for it."""

import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from importers.options import ImportOptions
from importers.report import ImportReport, Progress
from importers.run import import_file, sweep
from importers.running import STEPS
from importers.undo import undo_import
from postgis.connect import IMPORTER, SUPERUSER, Database
from tests.drills._looks import ask, before_run, leftovers, look, missing, newest_run, two_states, unfindable, wait_until_back
from tests.importers import files
from twin.errors import TwinError

LAYER = "victim"
VICTIMS = ("importer", "reader", "backend")
TASKS = ("change", "change", "undo", "change", "first")
"""What the killed processes do, in turn: import into a layer that has rows, take an import back, make a layer."""
_STEPS = tuple(STEPS[name][1] for name in ("read", "diff", "repair", "publish", "index", "undo"))
_NARROW = ("Publishing", "Indexing for search", "Undoing")
"""Steps too short for moments drawn from the whole to fall into them often, and those in which most is at stake."""
_ENDED, _REFUSED, _BROKEN = 0, 3, 4
_SETTLE_S = 30.0

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.drills._kills"])


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: whom, while it does what, and at which share of its time; with `step`, so soon after that step began."""

    victim: str
    task: str
    share: float
    step: str = ""


def plan(kills: int, aimed: int, dice: random.Random) -> list[Kill]:
    """`kills` shared evenly among the victims, those of each spread evenly over the time; `aimed` more fall into the narrow steps."""
    out = [Kill(VICTIMS[at % len(VICTIMS)], "", 0.0) for at in range(kills)]
    for victim in VICTIMS:
        mine = [at for at, kill in enumerate(out) if kill.victim == victim]
        for nth, at in enumerate(mine):
            task = TASKS[nth % len(TASKS)]
            out[at] = Kill(victim, "change" if victim == "reader" and task == "undo" else task, (nth + dice.random()) / len(mine))
    for at in range(aimed):
        step = _NARROW[at % len(_NARROW)]
        out.append(Kill(VICTIMS[2 * (at // len(_NARROW) % 2)], "undo" if step == "Undoing" else "change", dice.random(), step))
    dice.shuffle(out)
    return out


def version(path: Path, number: int, rows: int) -> Path:
    """A version of the layer in which every height is `number`, every name says so, and a tenth of the rows are others."""
    first = 0 if number % 2 else rows // 10
    name = f"第 {number} 版"
    features = [files.square(113 + at / 10_000, 23, 0.0001, n=at, height=number, name=name) for at in range(first, first + rows)]
    return files.geojson(path, features)


def take(database: Database, path: Path, layer: str = LAYER) -> ImportReport:
    """Import a version to its end."""
    return import_file(database, path, ImportOptions(layer=layer, key="n", mode="replace"))


@dataclass(frozen=True, slots=True)
class Task:
    """What a process that is killed does: import a file into a layer, or take a run back."""

    path: Path
    layer: str
    undo: str = ""


def _work(database: Database, task: Task, folder: str, step: Any) -> None:
    """The process that is killed; `step` tells where it is. Ends as refused when it could say in our words what happened to its helpers."""
    tempfile.tempdir = folder

    def tell(progress: Progress) -> None:
        step.value = _STEPS.index(progress.step_en) + 1 if progress.step_en in _STEPS else step.value

    try:
        if task.undo:
            undo_import(database, UUID(task.undo), tell)
        else:
            import_file(database, task.path, ImportOptions(layer=task.layer, key="n", mode="replace"), tell)
    except TwinError as refused:
        sys.exit(_REFUSED if refused.message_zh and refused.message_en else _BROKEN)
    except Exception as exc:
        print(f"ended by {type(exc).__module__}.{type(exc).__name__}: {exc}".replace("\n", " "), file=sys.stderr)
        sys.exit(_BROKEN)


@dataclass(slots=True)
class Tally:
    """What the kills came to."""

    victims: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    """Kills by the step they fell into."""
    tasks: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    """Rounds whose victim was done before its time came."""
    half_published: int = 0
    lost: int = 0
    unfindable: int = 0
    unswept: int = 0
    wordless: int = 0
    """Importers that outlived their helper and did not say so in words of ours."""

    @property
    def kills(self) -> int:
        """All of them."""
        return self.victims.total()


@dataclass(slots=True)
class Range:
    """One layer that is imported and taken back while its import is killed, again and again."""

    database: Database
    folder: Path
    """Where the importing processes put their private folders."""
    rows: int
    layer: str = LAYER
    hard: bool = False
    """Whether a backend is killed by SIGKILL, which restarts the whole cluster; else it is terminated alone."""
    tally: Tally = field(default_factory=Tally)
    _number: int = 0
    _lasts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds that whole tasks took, and readers lived."""
    _newest: str = ""
    _undoable: str = ""
    """The newest run, unless it is an undo."""

    def all(self, kills: Sequence[Kill], dice: random.Random) -> None:
        """Every kill; one whose victim was done before its time is tried again at another moment."""
        self._begin()
        waiting = list(kills)
        while waiting:
            kill = waiting.pop(0)
            if not self._round(kill):
                waiting.append(replace(kill, share=dice.random()))
        self._end()

    def _begin(self) -> None:
        """The first versions, and how long each kind of task takes."""
        take(self.database, self._version(), self.layer)
        for name in ("change", "undo", "change", "first"):
            self._newest = self._undoable = newest_run(self.database, self.layer)
            with self._started(self._task(name)) as (process, _step):
                self._measure(process, name)
        self._newest = self._undoable = newest_run(self.database, self.layer)

    def _measure(self, process: BaseProcess, name: str) -> None:
        begun, reader = time.monotonic(), _first_child(process)
        born = time.monotonic()
        while reader and reader in children_of(process.pid):
            time.sleep(0.005)
        if reader:
            self._lasts["reader"].append(time.monotonic() - born)
        process.join()
        self._lasts[name].append(time.monotonic() - begun)

    def _task(self, name: str) -> Task:
        path = self._version()
        return Task(path, f"{self.layer}-first-{self._number}" if name == "first" else self.layer, self._undoable if name == "undo" else "")

    def _round(self, kill: Kill) -> bool:
        """One task, killed; then look at what is there. False when it was done before."""
        kill = kill if kill.task != "undo" or self._undoable else replace(kill, task="change", step=kill.step and "Publishing")
        task = self._task(kill.task)
        before = look(self.database, task.layer)
        whole = before_run(self.database, task.undo) if task.undo else (self._number, self._number, self.rows)
        with self._started(task) as (process, step):
            struck, moment = self._strike(process, step, kill)
            process.join(60)
            killed = self._count(process.exitcode, kill, moment, struck=struck)
        wait_until_back(self.database)
        after = look(self.database, task.layer)
        self.tally.half_published += after not in {before, whole}
        self._track(task, changed=after != before)
        self.tally.unswept += not self._settles()
        self.tally.unfindable += after != before and unfindable(self.database, task.layer) > 0
        return killed

    def _strike(self, process: BaseProcess, step: Any, kill: Kill) -> tuple[bool, str]:
        """Wait for the moment and kill; whether the victim was there, and the step the import was in."""
        begun, reader = time.monotonic(), _first_child(process) if kill.victim == "reader" else 0
        if kill.step:
            wanted = _STEPS.index(kill.step) + 1
            while step.value < wanted and process.is_alive():
                time.sleep(0.001)
            process.join(kill.share * 0.1 * statistics.median(self._lasts[kill.task]))
        else:
            self._wait(process, reader, kill, begun)
        moment = _STEPS[step.value - 1] if step.value else "Starting"
        if kill.victim == "backend":
            return self._kill_backend(process), moment
        victim = reader if kill.victim == "reader" else process.pid
        there = process.is_alive() and (victim == process.pid or victim in children_of(process.pid))
        if there:
            _kill(victim)
        return there, moment

    def _wait(self, process: BaseProcess, reader: int, kill: Kill, begun: float) -> None:
        """Wait a share of what such a task takes of late; one that is done before tells how long that is now."""
        born, lasts = (time.monotonic(), self._lasts["reader"]) if reader else (begun, self._lasts[kill.task])
        until = time.monotonic() + kill.share * statistics.median(lasts[-3:])
        while process.is_alive() and (not reader or reader in children_of(process.pid)):
            if time.monotonic() >= until:
                return
            process.join(0.005)
        lasts.append(time.monotonic() - born)

    def _kill_backend(self, process: BaseProcess) -> bool:
        """Kill any one of the importer's backends, as soon as it has one."""
        query = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname = current_database() ORDER BY random() LIMIT 1"
        with psycopg.connect(self.database.conninfo(SUPERUSER), autocommit=True) as watch, suppress(psycopg.OperationalError):
            while process.is_alive():
                if found := watch.execute(query, [IMPORTER]).fetchone():
                    if self.hard:
                        _kill(found[0])
                    else:
                        watch.execute("SELECT pg_terminate_backend(%s)", found)
                    return True
                time.sleep(0.002)
        return False

    def _count(self, code: int | None, kill: Kill, moment: str, *, struck: bool) -> bool:
        killed = struck and code != _ENDED
        self.tally.wordless += code not in (_ENDED, _REFUSED, -signal.SIGKILL) or (code != _ENDED and not struck)
        if not killed:
            self.tally.finished += 1
            return False
        self.tally.victims[kill.victim] += 1
        self.tally.moments[moment] += 1
        self.tally.tasks[kill.task] += 1
        return True

    def _track(self, task: Task, *, changed: bool) -> None:
        """Rows change if and only if a run says that it is done; remember what can be taken back next."""
        newest = newest_run(self.database, task.layer)
        known = self._newest if task.layer == self.layer else ""
        self.tally.half_published += changed != (newest != known)
        if newest != known and task.layer == self.layer:
            self._newest, self._undoable = newest, "" if task.undo else newest

    def _end(self) -> None:
        """Whatever was ever published is in the history, nobody has two states at once, and the layer still takes a file."""
        for (layer,) in ask(self.database, "SELECT id FROM twin.layer WHERE id = %s OR id ^@ %s", self.layer, f"{self.layer}-first-"):
            self.tally.lost += missing(self.database, layer) + two_states(self.database, layer)
        report = take(self.database, self._version(), self.layer)
        self.tally.lost += report.published != self.rows or look(self.database, self.layer) != (self._number, self._number, self.rows)

    def _settles(self) -> bool:
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

    def _version(self) -> Path:
        self._number += 1
        return version(self.folder.parent / "version.geojson", self._number, self.rows)


def _first_child(process: BaseProcess) -> int:
    """The reader, as soon as there is one; 0 when the process ends without."""
    while process.is_alive():
        if found := children_of(process.pid):
            return found[0]
        time.sleep(0.001)
    return 0


def children_of(pid: int | None) -> list[int]:
    """Processes that this one, or a thread of it, started."""
    found = list[int]()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, listed.read_text().split())
    return found


def _kill(pid: int | None) -> None:
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, signal.SIGKILL)


@contextmanager
def _folders_in(folder: Path) -> Iterator[None]:
    """Sweep the folders of these processes only."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
