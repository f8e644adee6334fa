"""Sorted pages use the index of their first key at any depth, and the planner's estimate is near the truth."""

from typing import Any

import pytest

from postgis.connect import SERVER, Database, connect
from postgis.estimating import estimate_statement, estimated_rows
from postgis.features import statement
from postgis.pool import scope_setting
from tests.tile_scene import BUILDING_FIELDS, put_layer
from twin.errors import BadParameter
from twin.layer import Layer
from twin.view import PUBLIC, Bbox, Equals, Page, Scope, SortKey, View

ROWS = 30_000


@pytest.fixture(scope="module")
def layer(database: Database) -> Layer:
    layer = put_layer(database, Layer(number=0, id="many", title_zh="多", fields=BUILDING_FIELDS))
    with connect(database, "twin_importer") as connection:
        connection.execute(
            f"""INSERT INTO twin.object_{layer.number} (geom, class, attrs, division, valid, sys, source, source_key)
            SELECT ST_SetSRID(ST_Point(113 + i / {ROWS}.0, 22 + i * 7919 % {ROWS} / {ROWS}.0), 4490), '类' || i % 3,
                   jsonb_strip_nulls(jsonb_build_object('高度', CASE WHEN i % 10 > 0
                       THEN (i * 7919 % {ROWS}) / 10.0 END, 'floors', i % 40)), '4403',
                   tstzrange('2020-01-01', NULL), tstzrange(now(), NULL), 's', i::text FROM generate_series(1, {ROWS}) i""".encode()
        )
    with connect(database, "twin_owner") as connection:
        connection.execute(f"ANALYZE twin.object_{layer.number}".encode())
    return layer


async def ask(database: Database, text: str, *args: Any) -> list[Any]:
    reader = await database.connect_asyncpg(SERVER, jit="off")
    try:
        await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
        return list(await reader.fetch(text, *args))
    finally:
        await reader.close()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("others", [(), (SortKey("floors", True),)])
@pytest.mark.parametrize("page", [Page(11), Page(11, 5, (1500.0, 3)), Page(11, nulls=True), Page(11, 5, (None, 3), nulls=True)])
async def test_a_page_reads_an_index_in_order(
    database: Database, layer: Layer, page: Page, others: tuple[SortKey, ...], descending: bool
) -> None:
    sort = (SortKey("高度", descending), *others)
    known = None if page.after is None else page.after[: len(sort)]
    view = View("many", PUBLIC, page=Page(11, page.after_oid, known, page.nulls), sort=sort)
    made = statement(view, layer)
    plan = "\n".join(row[0] for row in await ask(database, "EXPLAIN ANALYZE " + made.text, *made.args))
    assert f"Seq Scan on object_{layer.number}" not in plan, plan
    if not page.nulls:
        assert f"using object_{layer.number}_f_" in plan and "->  Sort" not in plan, plan


async def test_what_may_not_be_asked_by_orders_nothing(layer: Layer) -> None:
    masked = Scope(PUBLIC.access, masked_fields=frozenset({"高度"}))
    for scope, name in ((PUBLIC, "名称"), (PUBLIC, "raw"), (PUBLIC, "oid"), (masked, "高度")):
        with pytest.raises(BadParameter) as caught:
            statement(View("many", scope, page=Page(1), sort=(SortKey(name),)), layer)
        assert caught.value.place == name


@pytest.mark.parametrize(
    ("view", "truth"),
    [
        (View("many", PUBLIC, filters=(Equals("类别", "类1"),)), ROWS / 3),
        (View("many", PUBLIC, filters=(Equals("floors", 7),)), ROWS / 40),
        (View("many", PUBLIC, Bbox((113.2, 22, 113.3, 23))), ROWS / 10),
    ],
)
async def test_estimates_scaled_by_the_whole(database: Database, layer: Layer, view: View, truth: float) -> None:
    async def rows(of: View) -> int:
        made = estimate_statement(of, layer)
        return estimated_rows(await ask(database, made.text, *made.args))

    assert await rows(view) * ROWS / await rows(View("many", PUBLIC)) == pytest.approx(truth, rel=0.3)
