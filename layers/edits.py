"""Edits of objects by people and programs: one or many, all or nothing, each refused by its own line and reason."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psycopg

from layers.edit_values import EditRules, read_feature
from postgis import edits as rows
from postgis.edits import Done, Edit, EditOrder, Problem, Refusal
from twin.errors import BadParameter, Conflict, Forbidden, InputError, Mismatch, NotFound

Connection = psycopg.Connection[Any]

_MEMBERS: Final = frozenset({"action", "id", "feature", "if_match"})
_ZH: Final[dict[Problem, str]] = {
    "missing": "没有该要素，或该时刻不存在",
    "mismatch": "要素已被他人修改，请重新读取后再改",
    "forbidden": "超出您可编辑的范围",
    "doubled": "同一事务中重复修改同一要素",
    "invalid": "几何无效，且无法修复",
}


class RefusedBatch(BadParameter):
    """Lines of a transaction cannot be taken; nothing was written."""

    code = "refused-edits"
    title_zh, title_en = "事务被拒绝，未写入任何内容", "Transaction refused, nothing was written"


class ConflictingBatch(Conflict):
    """Lines of a transaction do not fit the present state; nothing was written."""

    code = "conflicting-edits"
    title_zh, title_en = "事务与现有数据冲突，未写入任何内容", "Transaction conflicts, nothing was written"


@dataclass(slots=True)
class Batch:
    """The lines of a transaction on their way in: what cannot be read is noted, so that one answer names many faults."""

    rules: EditRules
    most_errors: int
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def edits(self, lines: Iterable[tuple[int, Any]]) -> Iterator[Edit]:
        """The edits of those (line, value) that can be read; a value may be the error of reading it."""
        for line, value in lines:
            try:
                if isinstance(value, InputError):
                    raise value
                edit = line_edit(value, line, self.rules)
            except InputError as exc:
                self.refuse(line, exc)
            else:
                if not self.refused:
                    yield edit
        if self.refused:
            raise _refused_batch(self.refused, self.refusals)

    def refuse(self, line: int, error: InputError) -> None:
        """Note a line that cannot be read."""
        self.refused += 1
        if len(self.refusals) < self.most_errors:
            self.refusals.append(Refusal(line, "invalid", str(error)))


def apply_one(connection: Connection, order: EditOrder, edit: Edit) -> Done:
    """One edit; NotFound, Mismatch, Forbidden or BadParameter when it cannot be done."""
    done = rows.apply_edits(connection, order, (edit,))
    if done.refused:
        raise _refusal(done.refusals[0])
    return done


def apply_batch(connection: Connection, order: EditOrder, batch: Batch, lines: Iterable[tuple[int, Any]]) -> Done:
    """All lines or none: RefusedBatch, ConflictingBatch or Forbidden carry the first faults with their lines."""
    done = rows.apply_edits(connection, order, batch.edits(lines))
    if done.refused:
        raise _refused_batch(done.refused, done.refusals)
    return done


def line_edit(value: Any, line: int, rules: EditRules) -> Edit:
    """One line of a transaction; BadParameter when it is none."""
    if not isinstance(value, dict) or value.keys() - _MEMBERS:
        raise BadParameter("a line has action, id, feature, if_match and nothing else", "每行只含 action、id、feature、if_match")
    action = value.get("action")
    if action not in ("create", "replace", "update", "delete"):
        raise BadParameter("the action is create, replace, update or delete", "action 应为 create、replace、update 或 delete")
    oid = None if action == "create" else _oid(value.get("id"), rules)
    if (action == "create" and "id" in value) or (action == "delete" and "feature" in value):
        raise BadParameter("create has no id, delete has no feature", "create 不带 id，delete 不带 feature")
    tags = _tags(value.get("if_match"))
    if action == "create" and tags is not None:
        raise BadParameter("create has no if_match", "create 不带 if_match")
    if action == "delete":
        return Edit(line, "delete", oid, tags)
    draft = read_feature(value.get("feature"), rules, whole=action != "update")
    return Edit(line, action, oid, tags, draft.shape, draft.has_shape, draft.columns, draft.attrs)


def _oid(value: Any, rules: EditRules) -> int:
    """The id of a feature: a number, or the same as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value >> 40 != rules.layer.number:
        raise BadParameter("id: not the id of a feature of this layer", "id 不是该图层要素的标识")
    return value


def _tags(value: Any) -> list[str] | None:
    """The tags of an `if_match`, without their quotes."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 200 or "\0" in value:
        raise BadParameter("if_match is the ETag of a feature", "if_match 应为要素的 ETag")
    return [version_of(value)]


def version_of(tag: str) -> str:
    """What an entity tag says of the version: without quotes, and without the mark of how it was shown."""
    return tag.strip('"').partition("~")[0]


def _refusal(refusal: Refusal) -> InputError:
    """The error that says the same about a single edit."""
    text, chinese = refusal.detail, _ZH[refusal.problem]
    if refusal.problem == "missing":
        return NotFound(text, chinese, place="item")
    if refusal.problem == "mismatch":
        return Mismatch(text, chinese, place="If-Match", mend="GET it again and repeat the edit with its ETag")
    if refusal.problem == "forbidden":
        return Forbidden(text, chinese, place="geometry")
    if refusal.problem == "doubled":
        return Conflict(text, chinese, place="body")
    return BadParameter(text, f"{chinese}：{text}", place="geometry")


def _refused_batch(count: int, refusals: Iterable[Refusal]) -> InputError:
    """One error for many lines: 400 when any cannot be read, 403 when any lies outside, else 409."""
    listed = list(refusals)
    problems = {refusal.problem for refusal in listed}
    first = listed[0]
    text = f"{count} lines are refused; the first is line {first.line}: {first.detail}"
    chinese = f"共 {count} 行被拒绝；首个为第 {first.line} 行：{_ZH[first.problem]}"
    error: InputError
    if "invalid" in problems:
        error = RefusedBatch(text, chinese, place=f"line {first.line}")
    elif "forbidden" in problems:
        error = Forbidden(text, chinese, place=f"line {first.line}")
    else:
        error = ConflictingBatch(text, chinese, place=f"line {first.line}")
    error.more = {"refused": count, "errors": [asdict(refusal) for refusal in listed]}
    return error
