"""Import schedules: which source is read again how often, who asked for it, and what came of it last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict

from postgis.queries import load_queries
from twin.errors import NotFound

Connection = psycopg.Connection[Any]
Outcome = Literal["imported", "unchanged", "waiting", "failed"]

_QUERIES = load_queries(__file__)


class Schedule(BaseModel):
    """One schedule as everybody sees it; `path` is below the directory of sources, `last_result` says what became of each file."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    path: str
    options: Mapping[str, Any]
    every_s: int
    starts_at: datetime
    next_at: datetime
    created_by: str
    created_at: datetime
    deleted_by: str | None
    deleted_at: datetime | None
    last_job: UUID | None
    last_at: datetime | None
    last_status: Outcome | None
    last_result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """What to read, how, and how often; `starts_at` None is now."""

    path: str
    options: Mapping[str, Any]
    every_s: int
    starts_at: datetime | None
    by: str


def add(connection: Connection, new: NewSchedule) -> UUID:
    """Make a schedule; the first reading is at its start."""
    values = {"path": new.path, "options": Jsonb(dict(new.options)), "every_s": new.every_s, "starts_at": new.starts_at, "by": new.by}
    row = connection.execute(_QUERIES["put"], values).fetchone()
    return UUID(str(row[0])) if row else UUID(int=0)


def remove(connection: Connection, schedule: UUID, by: str) -> None:
    """End a schedule; what it imported stays. NotFound when there is none."""
    _change(connection, "drop", {"id": schedule, "by": by})


def rush(connection: Connection, schedule: UUID) -> None:
    """Have a source read soon, changed or not. NotFound when there is none."""
    _change(connection, "rush", {"id": schedule})


def _change(connection: Connection, query: str, values: Mapping[str, Any]) -> None:
    row = connection.execute(_QUERIES[query], values).fetchone()
    if not row or not row[0]:
        raise NotFound(f"there is no schedule {values['id']}", f"没有导入计划 {values['id']}", place="schedule")


def list_all(connection: Connection, gone: bool = False) -> list[Schedule]:
    """All schedules, oldest first; with `gone` those that were ended too."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(_QUERIES["all"], {"gone": gone}).fetchall()


def read(connection: Connection, schedule: UUID) -> Schedule:
    """One schedule; NotFound when there is none."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        found = cursor.execute(_QUERIES["one"], {"id": schedule}).fetchone()
    if found is None:
        raise NotFound(f"there is no schedule {schedule}", f"没有导入计划 {schedule}", place="schedule")
    return found


def tick(connection: Connection) -> int:
    """Queue a job for each schedule that is due, once however long nobody ticked; returns how many. Commits."""
    row = connection.execute(_QUERIES["tick"]).fetchone()
    connection.commit()
    return int(row[0]) if row else 0


def read_seen(connection: Connection, schedule: UUID) -> Mapping[str, Any]:
    """What was last read of each file of a source."""
    row = connection.execute(_QUERIES["seen"], {"id": schedule}).fetchone()
    return dict(row[0]) if row else {}


def note(connection: Connection, schedule: UUID, seen: Mapping[str, Any], outcome: tuple[Outcome, Mapping[str, Any]]) -> None:
    """Remember what was read and what came of it; a source that was still being written is read again in a minute. Commits."""
    status, result = outcome
    values = {"id": schedule, "seen": Jsonb(dict(seen)), "status": status, "result": Jsonb(dict(result))}
    connection.execute(_QUERIES["note"], values)
    connection.commit()
