"""Takes an import back in one transaction: a correction on the time axes, so nothing is deleted and the history tells both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from postgis.layers import LayerSpec, make_layer, update_extent
from postgis.queries import load_queries
from postgis.stage_publish import known_layer
from twin.errors import Conflict, NotFound
from twin.layer import GeometryType

Connection = psycopg.Connection[tuple[Any, ...]]
_QUERIES = load_queries(__file__)
_TABLES = ("wrote", "touched", "known", "back")


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as it is remembered."""

    id: UUID
    layer_id: str
    number: int | None
    source: str
    status: str
    moment: datetime | None
    undone_by: UUID | None
    undo_of: UUID | None
    report: Mapping[str, Any] | None
    layer_before: Mapping[str, Any] | None
    layer_after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: objects that are again as they were, that went, and that came back."""

    number: int
    moment: datetime
    reverted: int
    withdrawn: int
    returned: int
    oids: Sequence[int]


def note_publish(
    connection: Connection, run: UUID, number: int, moment: datetime | None, specs: tuple[LayerSpec | None, LayerSpec]
) -> None:
    """Remember what an undo needs: when the rows became known, and the catalogue row before and after. In the caller's transaction."""
    before, after = (None if spec is None else Jsonb(spec.model_dump(mode="json")) for spec in specs)
    connection.execute(_QUERIES["note_publish"], {"run": run, "number": number, "moment": moment, "before": before, "after": after})


def read_run(connection: Connection, run: UUID) -> PastRun:
    """A run; NotFound when there is none."""
    row = connection.execute(_QUERIES["run"], {"run": run}).fetchone()
    if row is None:
        raise NotFound(f"there is no import {run}", f"没有导入记录 {run}", place="run")
    return PastRun(*row)


def check_undoable(connection: Connection, run: PastRun) -> tuple[int, datetime]:
    """The layer's number and the moment of the publish; Conflict says why the run cannot be taken back."""
    reason = _reason(run)
    if reason:
        raise Conflict(*reason, place="run")
    assert run.number is not None and run.moment is not None  # noqa: S101  (a reason otherwise)
    later = connection.execute(_QUERIES["later_run"], {"number": run.number, "source": run.source, "moment": run.moment}).fetchone()
    if later:
        raise Conflict(
            f"import {later[0]} of the same source came later; undo that one first",
            f"同一来源之后又有导入 {later[0]}，请先撤销该次导入",
            place="run",
            mend=f"twin undo-import {later[0]}",
        )
    return run.number, run.moment


def _reason(run: PastRun) -> tuple[str, str] | None:
    """Why this run, by itself, has nothing to take back: in English and Chinese."""
    if run.status != "done" or run.report is None:
        return f"import {run.id} is {run.status}: it published nothing", f"导入 {run.id} 未发布任何内容（{run.status}）"
    if run.undo_of is not None:
        return f"{run.id} is itself an undo; import the file again", f"{run.id} 本身是一次撤销，请重新导入文件"
    if run.undone_by is not None:
        return f"import {run.id} was undone already, by {run.undone_by}", f"导入 {run.id} 已被 {run.undone_by} 撤销"
    if run.report.get("dry_run"):
        return f"import {run.id} was a dry run: it published nothing", f"导入 {run.id} 是试运行，未发布任何内容"
    if run.moment is None or run.number is None:
        return (
            f"import {run.id} published an archive of tiles, or was made before undo was known",
            f"导入 {run.id} 发布的是瓦片包，或早于撤销功能，无法撤销",
        )
    return None


def mark_undo(connection: Connection, by: UUID, run: UUID) -> None:
    """Say that the run `by` is an undo. In the caller's transaction."""
    connection.execute(_QUERIES["mark_undo"], {"run": by, "of": run})


def note_undo(connection: Connection, by: UUID, done: Undone) -> None:
    """Remember when the undo became known. In the caller's transaction."""
    connection.execute(_QUERIES["note_publish"], {"run": by, "number": done.number, "moment": done.moment, "before": None, "after": None})


def mark_undone(connection: Connection, run: UUID, by: UUID) -> None:
    """Say in the run and in its report that it was taken back. In the caller's transaction."""
    connection.execute(_QUERIES["mark_undone"], {"run": run, "by": by})


def undo(connection: Connection, run: PastRun, by: UUID) -> Undone:
    """Bring the objects of `run` back to what they were before it; Conflict when anything touched them since. The caller commits."""
    number, moment = check_undoable(connection, run)
    connection.execute(_QUERIES["ensure_past"], {"number": number})
    names = {"live": f"twin.object_{number}", "past": f"twin.object_past_{number}", "shape": f"twin.shape_{number}"}
    there = _row(connection, _QUERIES["tables"], names)
    if not there[0]:
        raise Conflict(f"layer {run.layer_id} is gone", f"图层 {run.layer_id} 已不存在", place="layer")
    parts = {name: sql.Identifier(*table.split(".")) for name, table in names.items()}
    parts |= {name: sql.Identifier("stage", f"run_{by.hex}_{name}") for name in _TABLES}
    literals = {"number": number, "published": moment, "source": run.source, "of": run.id}
    steps = _Steps(connection, parts | {name: sql.Literal(value) for name, value in literals.items()})
    steps.do("versions", "objects", "lock_rows")
    now: datetime = _row(connection, _QUERIES["moment"])[0]
    steps.parts |= {"now": sql.Literal(now)}
    steps.do("known", "back")
    _check_untouched(steps)
    done = _swap(steps, number, now, shapes=bool(there[2]))
    _restore_layer(connection, run, steps)
    steps.do("drop")
    update_extent(connection, number)
    return done


@dataclass(slots=True)
class _Steps:
    """The queries of one undo, with its tables filled in."""

    connection: Connection
    parts: dict[str, sql.Composable]

    def do(self, *names: str) -> None:
        for name in names:
            self.connection.execute(self._filled(name))

    def ask(self, name: str) -> tuple[Any, ...]:
        return _row(self.connection, self._filled(name))

    def _filled(self, name: str) -> sql.Composed:
        text: Any = _QUERIES[name]
        return sql.SQL(text).format(**self.parts)


def _check_untouched(steps: _Steps) -> None:
    """Conflict when somebody edited, ended or re-imported an object of the run since."""
    touched = sum(int(steps.ask(name)[0]) for name in ("foreign_touches", "ended_since", "lost", "pieces_lost"))
    if touched:
        raise Conflict(
            f"{touched} objects of this import were edited, ended or imported again since; nothing was changed",
            f"该次导入之后有 {touched} 个对象被编辑、结束或再次导入，未作任何改动",
            place="rows",
            mend="先撤销之后的改动，或导入更正后的文件 / take the later changes back first, or import a corrected file",
        )


def _swap(steps: _Steps, number: int, now: datetime, *, shapes: bool) -> Undone:
    """Close what came of the run and put back what it took."""
    reverted, withdrawn, returned, missing = map(int, steps.ask("counts"))
    if missing:
        raise Conflict(f"{missing} versions of before are not in the history any more", f"历史中缺少 {missing} 个旧版本", place="rows")
    if shapes:
        steps.do("put_shapes", "file_shapes")
    steps.do("take_live", "take_past", "file")
    try:
        steps.do("put_live", "put_past")
    except (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation) as exc:
        raise Conflict(
            "a key of this import is used by another object now; nothing was changed",
            "该次导入的某个键已被其他对象使用，未作任何改动",
            place="rows",
        ) from exc
    return Undone(number, now, reverted, withdrawn, returned, steps.ask("oids")[0] or [])


def _restore_layer(connection: Connection, run: PastRun, steps: _Steps) -> None:
    """Give the catalogue row back what it said before, unless somebody changed it since; an emptied new layer forgets its fields."""
    known = known_layer(connection, run.layer_id)
    if known is None:
        return
    now = LayerSpec.model_validate(known.layer.model_dump(include=set(LayerSpec.model_fields)))
    if run.layer_before is None:
        if steps.ask("is_empty")[0]:
            make_layer(connection, now.model_copy(update={"fields": (), "geometry_type": GeometryType.NONE}))
    elif run.layer_before != run.layer_after and now == LayerSpec.model_validate(run.layer_after):
        make_layer(connection, LayerSpec.model_validate(run.layer_before))


def _row(connection: Connection, query: Any, values: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    row = connection.execute(query, values).fetchone()
    return row if row else (None,)
