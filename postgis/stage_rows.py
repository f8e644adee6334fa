"""Builds the one SELECT that turns staged rows into object rows: types by field, base columns by role, oddities kept under `_raw`."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.json import Jsonb

from postgis.queries import load_queries
from postgis.stage import StagedColumn, Staging, compose, instant
from postgis.stage_codes import as_code, is_coded
from twin.fields import BASE_ROLES, Field, FieldType, Role

QUERIES = load_queries(__file__)
_NULL_TEXT = sql.SQL("NULL::text")
_MAX_PAIRS = 45

#: What people write for the four phases of a building's life.
PHASES = {
    "planned": ("planned", "规划", "拟建", "规划中"),
    "building": ("building", "在建", "建设中", "施工"),
    "built": ("built", "已建", "建成", "现状", "竣工"),
    "demolished": ("demolished", "拆除", "已拆除", "拆迁"),
}


@dataclass(frozen=True, slots=True)
class StagedField:
    """A field of the layer and the staged column its values come from (None: this file lacks it)."""

    field: Field
    column: StagedColumn | None


@dataclass(frozen=True, slots=True)
class RowPlan:
    """Everything the SELECT depends on besides the tables."""

    fields: tuple[StagedField, ...]
    has_z: bool
    divisions: bool
    """Whether there are divisions to look the place up in."""
    only_needed: bool
    """Only the added and changed rows of a difference."""

    def role(self, role: Role) -> StagedColumn | None:
        """The staged column that plays `role`."""
        return next((item.column for item in self.fields if item.field.role is role and item.column), None)


def object_rows(staging: Staging, plan: RowPlan, share: range | None = None) -> sql.Composed:
    """The SELECT: rid, the object columns, `in_division`, `deep` (the 3D geometry or NULL); of a difference also oid, valid_was, action.

    `share`: only rows with a rid in this range.
    """
    of_share = sql.SQL("AND r.rid >= {} AND r.rid < {}").format(share.start, share.stop) if share else sql.SQL("")
    parts = _base(plan) | _shape(staging, plan) | _joins(staging, plan) | {"attrs": _attrs(plan), "share": of_share}
    prepared = compose("object_rows", staging, QUERIES, **parts)
    return compose("with_division" if plan.divisions else "without_division", staging, QUERIES, prepared=prepared)


def _base(plan: RowPlan) -> dict[str, sql.Composable]:
    texts = {role.value: _as_text(plan, role) for role in (Role.CODE, Role.CLASS, Role.NAME, Role.DIVISION, Role.PLAN)}
    return {
        **texts,
        "phase": _phase(plan.role(Role.PHASE)),
        "valid_from": instant(plan.role(Role.VALID_FROM)),
        "valid_to": instant(plan.role(Role.VALID_TO)),
    }


def _as_text(plan: RowPlan, role: Role) -> sql.Composable:
    found = next(((item.field, item.column) for item in plan.fields if item.field.role is role and item.column), None)
    return sql.SQL("nullif(btrim({}::text), '')").format(_value(*found)) if found else _NULL_TEXT


def _value(field: Field, column: StagedColumn) -> sql.Composable:
    """A staged value as its field wants it: of its type, or as its code."""
    if is_coded(field):
        return as_code(field, column)
    return column.identifier if field.role in BASE_ROLES else typed(field.type, column)


def _phase(column: StagedColumn | None) -> sql.Composable:
    if column is None:
        return _NULL_TEXT
    whens = [
        sql.SQL("WHEN lower(btrim({}::text)) = ANY ({}) THEN {}").format(column.identifier, sql.Literal(list(words)), sql.Literal(phase))
        for phase, words in PHASES.items()
    ]
    return sql.SQL("CASE {} END").format(sql.SQL(" ").join(whens))


def _number(column: StagedColumn | None) -> sql.Composable:
    if column is None:
        return sql.SQL("NULL::float8")
    if column.type in (FieldType.NUMBER, FieldType.INTEGER):
        return sql.SQL("CASE WHEN abs({0}::float8) < 'Infinity' THEN {0}::float8 END").format(column.identifier)
    return sql.SQL("twin.as_number(jsonb_build_object('v', {}::text), 'v')").format(column.identifier)


def _shape(staging: Staging, plan: RowPlan) -> dict[str, sql.Composable]:
    """The flat geometry, the deep one, and heights: of the coordinates, else of the fields (above the ground without a base)."""
    wkb = staging.parts()["wkb"]
    placed = sql.SQL("ST_SetSRID({}::geometry, 4490)").format(wkb)
    flat = sql.SQL("ST_Force2D({})").format(placed) if plan.has_z else placed
    geom = sql.SQL("CASE WHEN f.rid IS NULL THEN {} ELSE f.geom END").format(flat)
    base, height = _number(plan.role(Role.BASE_HEIGHT)), _number(plan.role(Role.HEIGHT))
    low = sql.SQL("coalesce({}, CASE WHEN {} IS NOT NULL THEN 0 END)").format(base, height)
    high = sql.SQL("coalesce({}, 0) + {}").format(base, height)
    deep: sql.Composable = sql.SQL("NULL::geometry")
    if plan.has_z:
        low, high = sql.SQL("coalesce(ST_ZMin({}), {})").format(placed, low), sql.SQL("coalesce(ST_ZMax({}), {})").format(placed, high)
        deep = sql.SQL("CASE WHEN ST_NDims({0}) > 2 THEN {0} END").format(placed)

    return {"geom": geom, "zmin": low, "zmax": high, "deep": deep}


def _joins(staging: Staging, plan: RowPlan) -> dict[str, sql.Composable]:
    fixed = sql.SQL("LEFT JOIN {} f ON f.rid = r.rid").format(staging.table("fixed"))
    needed = sql.SQL("JOIN {} d ON d.staged_at = r.staged_at AND d.action IN ('added', 'changed')").format(staging.table("diff"))
    picked = sql.SQL(", d.oid, d.valid AS valid_was, d.action")
    return {
        "fixed_join": fixed,
        "kept": sql.SQL("f.refused IS NOT TRUE"),
        "needed_join": needed if plan.only_needed else sql.SQL(""),
        "picked": picked if plan.only_needed else sql.SQL(""),
    }


def keeps_odd_values(plan: RowPlan) -> bool:
    """Whether any value may end under `_raw`."""
    return bool(_odd(plan))


def _odd(plan: RowPlan) -> list[sql.Composable]:
    """Names and source values of what does not fit its field."""
    kept = [(item.field, item.column) for item in plan.fields if item.column and item.field.role not in BASE_ROLES]
    odd: list[sql.Composable] = [
        sql.SQL("{}, CASE WHEN {} IS NULL THEN {}::text END").format(sql.Literal(field.name), typed(field.type, column), column.identifier)
        for field, column in kept
        if not fits(field.type, column.type)
    ]
    if phase := plan.role(Role.PHASE):
        odd.append(sql.SQL("{}, CASE WHEN {} IS NULL THEN {}::text END").format(sql.Literal("phase"), _phase(phase), phase.identifier))
    return odd


def _attrs(plan: RowPlan) -> sql.Composable:
    """Fields as one jsonb without nulls; source values that do not fit their field's type go under `_raw`."""
    kept = [(item.field, item.column) for item in plan.fields if item.column and item.field.role not in BASE_ROLES]
    pairs = [sql.SQL("{}, {}").format(sql.Literal(field.name), _value(field, column)) for field, column in kept]
    odd = _odd(plan)
    built = sql.SQL("jsonb_strip_nulls({})").format(_objects(pairs)) if pairs else sql.Literal(Jsonb({}))
    if not odd:
        return built
    raw = sql.SQL("nullif(jsonb_strip_nulls({}), '{{}}')").format(_objects(odd))
    return sql.SQL("{} || jsonb_strip_nulls(jsonb_build_object('_raw', {}))").format(built, raw)


def _objects(pairs: Sequence[sql.Composable]) -> sql.Composable:
    """jsonb_build_object in pieces: a function takes at most 100 arguments."""
    pieces = [
        sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs[at : at + _MAX_PAIRS])) for at in range(0, len(pairs), _MAX_PAIRS)
    ]
    return sql.SQL(" || ").join(pieces)


def fits(wanted: FieldType, staged: FieldType) -> bool:
    """Whether staged values need no reading to be of the field's type."""
    return (
        wanted is staged
        or wanted is FieldType.TEXT
        or (wanted is FieldType.NUMBER and staged is FieldType.INTEGER)
        or wanted is FieldType.JSON
    )


def typed(wanted: FieldType, column: StagedColumn) -> sql.Composable:
    """The SQL that gives a staged value as `wanted`, NULL where it is none."""
    if wanted is FieldType.NUMBER and column.type is FieldType.NUMBER:
        return sql.SQL("CASE WHEN abs({0}) < 'Infinity' THEN {0} END").format(column.identifier)
    if wanted is column.type:
        return column.identifier
    if wanted in (FieldType.TEXT, FieldType.JSON):
        return sql.SQL("{}::text").format(column.identifier)
    if fits(wanted, column.type):
        return column.identifier
    function = sql.Identifier("twin", f"as_{wanted.value}")
    return sql.SQL("{}(jsonb_build_object('v', {}::text), 'v')").format(function, column.identifier)
