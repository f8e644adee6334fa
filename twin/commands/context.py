"""What every command shares: settings, the database (started for the moment if nothing runs), progress, and how errors are told."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from twin.errors import InputError, TwinError
from twin.settings import Settings, read_settings

if TYPE_CHECKING:
    from postgis.connect import Database

DONE, FAULT, REFUSED = 0, 1, 2

Report = Callable[[int, int | None, tuple[str, str]], None]
"""Tell progress: done, total (None if unknown), step in Chinese and English."""


@cache
def settings() -> Settings:
    """The settings of this process, read at the first use."""
    return read_settings()


def say(text: str = "") -> None:
    """One line for the person, at once."""
    print(text, flush=True)


def warn(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def tell(error: BaseException) -> int:
    """Write what went wrong, Chinese first, and return the exit status that says whose fault it is."""
    if isinstance(error, TwinError):
        place = f" [{error.place}]" if error.place else ""
        warn(f"{error.title_zh}：{error.message_zh}{place}")
        if error.message_en != error.message_zh:
            warn(f"{error.title_en}: {error.message_en}{place}")
        if error.mend:
            warn(f"→ {error.mend}")
        return REFUSED if isinstance(error, InputError) else FAULT
    warn(f"内部错误 · internal error: {type(error).__name__}: {error}")
    traceback.print_exception(error)
    return FAULT


@contextmanager
def open_database() -> Iterator["Database"]:
    """The migrated database: that of the running twin, an external one, or the private cluster started only for this command."""
    from postgis.cluster import Cluster
    from postgis.home import read_holder
    from postgis.migrate import migrate

    if settings().database_url:
        database = external_database()
        migrate(database)
        yield database
        return
    cluster = Cluster(settings().home)
    stays = cluster.health()
    try:
        database = cluster.ensure()
        migrate(database)
        yield database
    finally:
        if not stays and read_holder(settings().home) is None:
            cluster.stop()


def external_database() -> "Database":
    """The database of TWIN_DATABASE_URL, checked; what to be wary of goes to stderr."""
    from postgis.external import open_external

    database, cautions = open_external(settings().database_url)
    for caution in cautions:
        warn(f"注意：{caution.message_zh}\nnote: {caution.message_en}")
    return database


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """A bar on a terminal, a line every few seconds elsewhere."""
    if sys.stdout.isatty():
        with _bar(title) as report:
            yield report
    else:
        yield _lines(title)


@contextmanager
def _bar(title: str) -> Iterator[Report]:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as shown:
        task = shown.add_task(title, total=None)

        def report(done: int, total: int | None, step: tuple[str, str]) -> None:
            shown.update(task, completed=done, total=total, description=f"{title} · {step[0]}")

        yield report


def _lines(title: str, every_s: float = 5.0) -> Report:
    """Progress for a log: the step when it changes, and a sign of life."""
    last_step, last_time = "", time.monotonic()

    def report(done: int, total: int | None, step: tuple[str, str]) -> None:
        nonlocal last_step, last_time
        now = time.monotonic()
        if step[0] != last_step or now - last_time > every_s:
            say(f"  {title} · {step[0]} {done}{f'/{total}' if total else ''}")
            last_step, last_time = step[0], now

    return report
