"""schedules: sources on this server's disk that are read again by the clock."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from getpass import getuser
from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer

from importers.plans import parse_plan
from importers.sources import allowed
from postgis import schedules
from postgis.connect import IMPORTER, connect
from postgis.schedules import NewSchedule, Schedule
from twin.commands.context import say, settings
from twin.commands.database import open_database
from twin.errors import BadParameter

app = typer.Typer(no_args_is_help=True)

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
Id = Annotated[str, typer.Argument(help="Its id, as `schedules list` shows it.")]


@app.callback()
def _schedules() -> None:
    """Sources that are read again by the clock."""


@app.command("list")
def list_schedules(
    gone: Annotated[bool, typer.Option("--gone", help="Those that were ended, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """What is read how often, who asked for it, and what came of it last."""
    with _importer() as connection:
        found = schedules.list_all(connection, gone)
    if as_json:
        say(json.dumps([item.model_dump(mode="json") for item in found], ensure_ascii=False, indent=1))
        return
    for item in found:
        say(_line(item))


@app.command("add")
def add(
    path: Annotated[str, typer.Argument(help="File or folder below TWIN_SOURCES.")],
    every: Annotated[str, typer.Option(help="How often: 30m, 6h, 1d, 1w.")] = "1d",
    starts_at: Annotated[str, typer.Option(help="First reading (ISO 8601; Beijing time without a zone); default: now.")] = "",
    options: Annotated[str, typer.Option(help="JSON object of import options, as for an upload.")] = "{}",
) -> None:
    """Have a source read every so often; an unchanged one costs nothing."""
    try:
        said = json.loads(options)
    except ValueError as exc:
        raise BadParameter(f"--options is no JSON: {exc}", f"--options 不是 JSON：{exc}", place="options") from exc
    plan = parse_plan({"path": path, "every_s": _seconds(every), "starts_at": starts_at or None, "options": said})
    allowed(settings().sources, plan.path)
    with _importer() as connection:
        say(str(schedules.add(connection, NewSchedule(plan.path, plan.said(), plan.every_s, plan.starts_at, f"cli {getuser()}"))))


@app.command("remove")
def remove(schedule: Id) -> None:
    """End a schedule; what it imported stays."""
    with _importer() as connection:
        schedules.remove(connection, _id(schedule), f"cli {getuser()}")


@app.command("run")
def rush(schedule: Id) -> None:
    """Have the worker read the source within seconds, changed or not."""
    with _importer() as connection:
        schedules.rush(connection, _id(schedule))


def _line(item: Schedule) -> str:
    last = f"{item.last_status} {item.last_at:%Y-%m-%d %H:%M}" if item.last_at else "-"
    ended = f"  已停止 ended by {item.deleted_by}" if item.deleted_at else f"  next {_local(item.next_at)}"
    return f"{item.id}  {item.path:30} every {item.every_s} s{ended}  last {last}  by {item.created_by or '-'}"


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdecimal():
        raise BadParameter(f"{text!r} is no interval", f"{text!r} 不是时间间隔", place="every", mend="30m, 6h, 1d, 1w")
    return int(number) * _UNITS[unit]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as exc:
        raise BadParameter(f"{text[:60]!r} is no schedule", f"{text[:60]!r} 不是导入计划编号", place="schedule") from exc


@contextmanager
def _importer() -> Iterator[psycopg.Connection[Any]]:
    """A connection of the importing role; committed when the block ends well."""
    with open_database() as database, connect(database, IMPORTER) as connection:
        yield connection
        connection.commit()
