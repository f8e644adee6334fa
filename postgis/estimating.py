"""How many rows a view matches, as the planner thinks: no row is read, so it costs a millisecond whatever the size."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa

from postgis.features import conditions, newest_only, source
from postgis.statement import Binds, Statement, compile_asyncpg
from twin.layer import Layer
from twin.view import View


def estimate_statement(view: View, layer: Layer) -> Statement:
    """Asks for the plan of all rows of `view`, without its page and its order; areas by bounding box, which the planner would else count twice."""
    whole = replace(view, page=None, sort=())
    binds, table = Binds(whole), source(whole, layer)
    select = sa.select(table.c.oid).select_from(table).where(*conditions(whole, layer, table, binds, exact=False))
    made = compile_asyncpg(newest_only(select, whole, table))
    return Statement("EXPLAIN (FORMAT JSON) " + made.text, made.args)


def estimated_rows(rows: Sequence[Any]) -> int:
    """The planner's number of rows in its answer."""
    return int(orjson.loads(rows[0][0])[0]["Plan"]["Plan Rows"])
