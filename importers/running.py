"""An import under way: its options, its connection, what it has staged and what it says; the steps (`steps.py`) work on it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID

import psycopg

from importers.base import Finding
from importers.doubled import Keys
from importers.options import ImportOptions
from importers.report import Progress
from importers.rules import rule
from postgis import stage
from postgis.away import database_away
from postgis.connect import Database
from postgis.full import disk_full
from postgis.stage import Connection, FindingRow, Staging
from twin.errors import TwinError

Tell = Callable[[Progress], None]
STEPS = {
    "read": ("读取", "Reading"),
    "diff": ("比对", "Comparing"),
    "move": ("坐标转换", "Moving coordinates"),
    "repair": ("检查几何", "Checking geometry"),
    "publish": ("发布", "Publishing"),
    "index": ("建立搜索索引", "Indexing for search"),
    "count": ("更新目录", "Updating the catalogue"),
    "topology": ("检查拓扑", "Checking topology"),
    "undo": ("撤销", "Undoing"),
}


def quiet(progress: Progress) -> None:
    """A progress listener that does nothing."""


def machine_fault(exc: BaseException) -> TwinError | None:
    """A full disk or a database that went away, in words of ours; None for anything else."""
    return disk_full(exc) or database_away(exc)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise a fault of the machine so that a person can act on it."""
    try:
        yield
    except Exception as exc:
        if fault := machine_fault(exc):
            raise fault from exc
        raise


@dataclass(slots=True)
class Run:
    """One import of one file into one layer."""

    database: Database
    connection: Connection
    options: ImportOptions
    layer: str
    source: str
    id: UUID
    tell: Tell
    staging: Staging | None = None
    """The staged tables, from the moment the first is made."""
    keys: Keys | None = None
    """What the rows' keys looked like while they were read."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each step took, as the report tells it."""

    @property
    def staged(self) -> Staging:
        """The staged tables of a run that has read its file."""
        assert self.staging is not None  # noqa: S101  (made by steps.read)
        return self.staging

    def note(self, name: str, detail: str, detail_en: str = "") -> None:
        """A finding about the whole file."""
        self.findings([Finding(rule=name, detail_zh=detail, detail_en=detail_en or detail)])

    def findings(self, found: Iterable[Finding]) -> None:
        """Write findings down; they stay with the run, however it ends."""
        stage.write_findings(self.connection, self.id, map(_as_row, found))

    def say(self, step: str, done: int, total: int | None) -> None:
        """Tell how far the import is; a listener may stop it by raising."""
        self.tell(Progress(done, total, *STEPS[step]))

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add what the block takes to the seconds of a step."""
        began = perf_counter()
        yield
        self.seconds[step] = round(self.seconds.get(step, 0.0) + perf_counter() - began, 3)

    def fail(self, exc: BaseException) -> None:
        """Write down that the run failed; what was published before stays done."""
        fail_run(self.connection, self.id, exc)

    def clean(self) -> None:
        """Drop the staged tables; the sweep does it where the database is away."""
        with suppress(psycopg.Error):
            self.connection.rollback()
            if self.staging:
                stage.drop_staging(self.connection, self.staging)


def fail_run(connection: Connection, run: UUID, exc: BaseException) -> None:
    """Write down that a run failed, and why; the sweep says that it was aborted where the database is away."""
    known = machine_fault(exc) or exc
    with suppress(psycopg.Error):
        connection.rollback()
        stage.fail_run(connection, run, known.message_en if isinstance(known, TwinError) else type(known).__name__)


def _as_row(finding: Finding) -> FindingRow:
    severity = rule(finding.rule).severity.value
    return FindingRow(
        finding.row, finding.key or None, finding.rule, severity, finding.detail_zh, finding.detail_en, finding.lon, finding.lat
    )
