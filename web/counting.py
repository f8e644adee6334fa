"""How many features match: the catalogue's number, the planner's estimate, or a count within a budget. Nothing is counted unasked."""

import time
from dataclasses import dataclass, fields
from typing import Final

from postgis.estimating import estimate_statement, estimated_rows
from postgis.features import count_statement, remember
from postgis.pool import HotPool
from twin.errors import Unavailable
from twin.layer import Layer
from twin.view import Page, Scope, View
from web import budgets
from web.params import Parameter, words

COUNT: Parameter[str] = Parameter(
    "count",
    words("exact", "estimated", "none"),
    {"type": "string", "enum": ["exact", "estimated", "none"]},
    "How numberMatched is found; not given: the catalogue's number, else an estimate on the first page.",
)


@dataclass(frozen=True, slots=True)
class Matched:
    """How many match over all pages, as far as that is known."""

    number: int | None = None
    estimated: bool = True


UNKNOWN: Final = Matched()
_FRESH_S: Final = 5.0
_wholes: dict[tuple[str, int], tuple[float, int]] = {}


async def matched(pool: HotPool, layer: Layer, view: View, asked: str | None, more: bool) -> Matched:
    """What `count` asks for; `more` says that the page is not the whole. Overloaded when an exact count takes too long."""
    if asked == "none":
        return UNKNOWN
    if asked == "exact":
        work = pool.fetch(count_statement(view, layer), view.scope, budgets.COUNT_S)
        rows = await budgets.in_time("count_s", budgets.COUNT_S, work)
        return Matched(rows[0]["matched"], estimated=False)
    if not _is_narrowed(view):
        return Matched(layer.count)
    if more and (asked == "estimated" or _is_first(view)):
        return await _estimated(pool, layer, view)
    return UNKNOWN


#: What of a view does not say which rows there are.
_SHAPING: Final = frozenset({"layer", "scope", "fields", "crs", "page", "sort", "drawing", "stamped"})
_CHOOSING: Final = tuple(part.name for part in fields(View) if part.name not in _SHAPING)


def _is_narrowed(view: View) -> bool:
    """Whether the catalogue's count is of something else: any part of a view counts but those known not to choose rows."""
    return bool(view.scope.divisions or view.scope.area_4490) or any(getattr(view, name) not in (None, ()) for name in _CHOOSING)


def _is_first(view: View) -> bool:
    return view.page is None or view.page == Page(view.page.limit)


async def _estimated(pool: HotPool, layer: Layer, view: View) -> Matched:
    """The planner's number for the view, scaled by what it says of the whole layer, whose count is known; nothing when it is slow."""
    try:
        rows = estimated_rows(await pool.fetch(estimate_statement(view, layer), view.scope, budgets.ESTIMATE_S))
        base = await _whole(pool, layer, view.scope) if layer.count else 0
    except Unavailable:
        return UNKNOWN
    return Matched(round(rows * layer.count / base) if base and layer.count else rows)


async def _whole(pool: HotPool, layer: Layer, scope: Scope) -> int:
    """What the planner says of the whole layer; asked for again when the layer has changed, or after a while, for statistics change unseen."""
    key, now = (layer.id, layer.epoch), time.monotonic()
    known = _wholes.get(key)
    if known is None or known[0] < now - _FRESH_S:
        view = View(layer.id, Scope(scope.access))
        known = remember(_wholes, key, (now, estimated_rows(await pool.fetch(estimate_statement(view, layer), scope, budgets.ESTIMATE_S))))
    return known[1]
