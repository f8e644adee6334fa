"""How many rows a view matches, as the planner thinks: no row is read, so it costs a millisecond whatever the size."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa

from postgis.features import conditions, fingerprint, newest_only, remember, shape, source
from postgis.statement import Binds, Statement, Template, compile_template
from twin.layer import Layer
from twin.view import View

_templates: dict[Hashable, Template[View]] = {}


def estimate_statement(view: View, layer: Layer) -> Statement:
    """Asks for the plan of all rows of `view`, without its page and its order; areas by bounding box, which the planner would else count twice."""
    whole = replace(view, page=None, sort=())
    key = (fingerprint(layer), shape(whole, layer))
    template = _templates.get(key)
    if template is None:
        template = remember(_templates, key, _template(whole, layer))
    return template.bind(whole)


def _template(whole: View, layer: Layer) -> Template[View]:
    binds, table = Binds(whole), source(whole, layer)
    select = sa.select(table.c.oid).select_from(table).where(*conditions(whole, layer, table, binds, exact=False))
    made = compile_template(newest_only(select, whole, table), binds.readers)
    return Template("EXPLAIN (FORMAT JSON) " + made.text, made.readers)


def estimated_rows(rows: Sequence[Any]) -> int:
    """The planner's number of rows in its answer."""
    return int(orjson.loads(rows[0][0])[0]["Plan"]["Plan Rows"])
