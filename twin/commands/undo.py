"""undo-import: take an import back."""

from typing import Annotated
from uuid import UUID

import typer

from importers.undo import undo_import
from twin.commands.context import say
from twin.commands.database import open_database
from twin.errors import BadParameter


def undo(
    run: Annotated[str, typer.Argument(help="The import, as its report names it (`run`).")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> None:
    """Bring a layer back to what it was before an import; the history keeps both."""
    try:
        identifier = UUID(run)
    except ValueError as exc:
        raise BadParameter(f"{run[:60]!r} is no import run", f"{run[:60]!r} 不是导入记录编号", place="RUN") from exc
    with open_database() as database:
        report = undo_import(database, identifier)
    counts = f"恢复 reverted {report.changed}   找回 returned {report.added}   撤下 withdrawn {report.removed}"
    say(report.model_dump_json(indent=1) if as_json else f"{report.layer}: 已撤销 undone {run}\n  {counts}")
