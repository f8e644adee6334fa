"""Compares staged rows with what is known: their keys and hashes, and which are added, changed and removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from psycopg import sql

from postgis.queries import load_queries
from postgis.stage import Connection, StagedColumn, Staging, analyze, compose, instant, one

QUERIES = load_queries(__file__)
_RECIPE_BYTES = 8


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """How rows are recognised again: the key column (None: by content), the recipe that is part of every hash, the plan column."""

    column: StagedColumn | None
    recipe: str
    plan: StagedColumn | None = None
    valid_to: StagedColumn | None = None


def make_keys(connection: Connection, staging: Staging, plan: KeyPlan, differ: bool = False) -> None:
    """The view `keys`: rows with their key and hash, the recipe's digest before the row's. A key that comes again gets an ordinal. Commits.

    `differ`: it is known already that each row has a key and no two share one.
    """
    own = sql.SQL("r.{}::text").format(sql.Identifier(plan.column.column)) if plan.column else sql.SQL("NULL::text")
    parts = {
        "own": own,
        "key": sql.SQL(QUERIES["key"]).format(own=own),
        "plan": sql.SQL("r.{}::text").format(sql.Identifier(plan.plan.column)) if plan.plan else sql.SQL("NULL::text"),
        "valid_to": instant(plan.valid_to),
        "recipe": sql.Literal(sha256(plan.recipe.encode()).digest()[:_RECIPE_BYTES]),
    }
    if differ:
        plain = own if plan.column else sql.SQL("encode(substr(r.digest, 1, 16), 'hex')")
        connection.execute(compose("make_plain_keys", staging, QUERIES, **parts, plain=plain))
    else:
        doubled = one(connection.execute(compose("any_doubled", staging, QUERIES, **parts)))
        connection.execute(compose("make_odd" if doubled else "no_odd", staging, QUERIES, **parts))
        analyze(connection, staging, "odd")
        connection.execute(compose("make_keys", staging, QUERIES, **parts))
    connection.commit()


def report_keys(connection: Connection, staging: Staging) -> None:
    """Write a finding for each doubled and each empty key. Commits."""
    connection.execute(compose("report_keys", staging, QUERIES))
    connection.commit()


@dataclass(frozen=True, slots=True)
class Against:
    """What a file is compared with: the rows of `source` in the layer `number`, at `moment` (None: now)."""

    number: int
    source: str
    moment: datetime | None = None
    planned: bool = False
    """Whether the file says the plan of its rows; else rows of plans are left alone."""
    past: bool = False
    """Whether the layer has a past table."""
    ends: bool = True
    """Whether what the file does not have is ended."""
    file_wins: bool = False
    """Whether a row edited since its import is changed back although the file did not change."""
    begins: bool = False
    """Whether a row holds from `moment` on although the same is known to begin later."""

    def parts(self) -> dict[str, sql.Composable]:
        """Fragments: live and past table, source, moment, and what makes a version be written anew although the file says the same."""
        again = [sql.SQL(QUERIES["edited"]).format(number=sql.Literal(self.number))] if self.file_wins else []
        again += [sql.SQL("lower(o.valid) > {}").format(sql.Literal(self.moment))] if self.begins and self.moment else []
        return {
            "live": sql.Identifier("twin", f"object_{self.number}"),
            "past": sql.Identifier("twin", f"object_past_{self.number}"),
            "shape": sql.Identifier("twin", f"shape_{self.number}"),
            "source": sql.Literal(self.source),
            "moment": sql.Literal(self.moment) if self.moment else sql.SQL("now()"),
            "planned": sql.Literal(self.planned),
            "same_plan": sql.SQL("coalesce(o.plan, '') = coalesce(k.plan, '')" if self.planned else "true"),
            "ends": sql.Literal(self.ends),
            "edited": sql.SQL(" OR ").join([*again, sql.SQL("false")]),
        }


def make_diff(connection: Connection, staging: Staging, against: Against, rows: int) -> Mapping[str, int]:
    """Find the added, changed and removed of `rows` staged rows; returns how many of each, and how many are unchanged. Commits."""
    parts = against.parts()
    parts["ended"] = compose("ended", staging, QUERIES, **parts) if against.past else sql.SQL("")
    parts["known"] = compose("known_live", staging, QUERIES, **parts)
    if against.moment:
        parts["known"] = compose("known_then", staging, QUERIES, **parts, known_now=parts["known"])
    if against.past:
        connection.execute(compose("make_diff_with_past", staging, QUERIES, **parts))
    else:
        connection.execute(compose("make_diff", staging, QUERIES, **parts))
    counts = {str(action): int(count) for action, count in connection.execute(compose("count_diff", staging, QUERIES))}
    matched = rows - counts.get("added", 0)
    if against.ends and (against.past or one(connection.execute(compose("count_known", staging, QUERIES, **parts))) > matched):
        counts["removed"] = connection.execute(compose("add_removed", staging, QUERIES, **parts)).rowcount
    analyze(connection, staging, "diff")
    return counts | {"unchanged": matched - counts.get("changed", 0)}
