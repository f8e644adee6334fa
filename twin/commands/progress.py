"""Progress of a command that takes longer than two seconds: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twin.commands.context import say, warn

Report = Callable[[int, int | None, str], None]
"""Tell progress: done, total (None if unknown), what is being done."""


@contextmanager
def progress(title: str, *, stderr: bool = False) -> Iterator[Report]:
    """Show what the yielded function is told, on stdout or on stderr."""
    if not (sys.stderr if stderr else sys.stdout).isatty():
        yield _lines(title, warn if stderr else say)
        return
    with _bar(stderr) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total, step: shown.update(task, completed=done, total=total, description=f"{title} · {step}")


def _bar(stderr: bool) -> Any:
    """Imported here: in a log, where no bar is shown, it would cost each command 0.1 s."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, transient=True, console=Console(stderr=stderr))


def _lines(title: str, tell: Callable[[str], None], every_s: float = 5.0) -> Report:
    """A line when the step changes, and a sign of life every few seconds."""
    last_step, last_time = "", time.monotonic()

    def report(done: int, total: int | None, step: str) -> None:
        nonlocal last_step, last_time
        now = time.monotonic()
        if step != last_step or now - last_time > every_s:
            tell(f"  {title} · {step} {done}{f'/{total}' if total else ''}")
            last_step, last_time = step, now

    return report
