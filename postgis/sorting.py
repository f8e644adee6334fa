"""Pages in an order of the caller's: what comes after a row, in terms that an index on the first key answers.

A page is either of the rows that have a value for the first key, or of those that have none: NULLs come last both ways, and neither part asks
the index for an order it does not have. The oid decides ties, running the way of the first key, so each row has one place however often
others come and go.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select

from postgis.sqltypes import BIGINT
from postgis.statement import Binds
from twin.view import View

Condition = ColumnElement[bool]


def label(index: int) -> str:
    """The column with the value of a key; a space in front keeps it apart from fields."""
    return f" key {index}"


def limit_of(view: View) -> int:
    """How many rows the view's page has at most."""
    return view.page.limit if view.page else 0


def shape(view: View) -> tuple[Hashable, ...]:
    """What of a view's order and page decides the text of its SQL."""
    page = view.page
    if page is None or not view.sort:
        return (page is None, view.sort)
    known = None if page.after is None else tuple([value is None for value in page.after])
    return (view.sort, page.nulls, known)


def page(select: Select[Any], view: View, keys: Sequence[ColumnElement[Any]], oid: ColumnElement[int], binds: Binds[View]) -> Select[Any]:
    """The rows of one page in order."""
    assert view.page is not None  # noqa: S101  (only such views are sorted)
    nulls = view.page.nulls
    select = select.where(keys[0].is_(None) if nulls else keys[0].is_not(None))
    if view.page.after is not None:
        select = select.where(*_following(view, keys, oid, binds))
    return select.order_by(*_order(view, keys, oid, nulls)).limit(binds("limit", BIGINT, limit_of))


def whole(select: Select[Any], view: View, keys: Sequence[ColumnElement[Any]], oid: ColumnElement[int]) -> Select[Any]:
    """All rows in the order of their pages."""
    order = [_directed(value, key.descending).nulls_last() for key, value in zip(view.sort, keys, strict=True)]
    return select.order_by(*order, _directed(oid, view.sort[0].descending))


def _order(view: View, keys: Sequence[ColumnElement[Any]], oid: ColumnElement[int], nulls: bool) -> list[ColumnElement[Any]]:
    """The first key needs no word on NULLs, for the page has none of them or nothing else."""
    first, *others = view.sort
    order: list[ColumnElement[Any]] = [] if nulls else [_directed(keys[0], first.descending)]
    order += [_directed(value, key.descending).nulls_last() for key, value in zip(others, keys[1:], strict=True)]
    return [*order, _directed(oid, first.descending)]


def _directed(value: ColumnElement[Any], descending: bool) -> Any:
    return value.desc() if descending else value.asc()


def _following(view: View, keys: Sequence[ColumnElement[Any]], oid: ColumnElement[int], binds: Binds[View]) -> list[Condition]:
    """What comes after the page's last row, in a form whose beginning is a range of the first key's index."""
    assert view.page is not None and view.page.after is not None  # noqa: S101
    reverse = view.sort[0].descending
    last = binds("after", BIGINT, lambda v: v.page.after_oid if v.page else 0)
    rest: Condition = oid < last if reverse else oid > last
    if len(keys) == 1 and view.page.after[0] is not None:
        value, here = sa.tuple_(binds("after_0", keys[0].type, _after(0)), last), sa.tuple_(keys[0], oid)
        return [here < value if reverse else here > value]
    bound: list[Condition] = []
    for index in reversed(range(len(keys))):
        key, descending = keys[index], view.sort[index].descending
        if view.page.after[index] is None:
            rest = sa.and_(key.is_(None), rest)
            continue
        bind = binds(f"after_{index}", key.type, _after(index))
        beyond = [key < bind if descending else key > bind, *([key.is_(None)] if index else [])]
        rest = sa.or_(*beyond, sa.and_(key == bind, rest))
        bound = [] if index else [key <= bind if descending else key >= bind]
    return [*bound, rest]


def _after(index: int) -> Callable[[View], Any]:
    return lambda view: view.page.after[index] if view.page and view.page.after else None
