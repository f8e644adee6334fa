"""The select builder against a real database: every part of a View, the scope in all of them, and plans that use the index."""

import timeit
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio

from postgis.connect import SERVER, Database, connect
from postgis.features import count_statement, select_rows, statement
from postgis.pool import scope_setting
from postgis.statement import compile_asyncpg
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from twin.errors import BadParameter
from twin.fields import Field
from twin.layer import Access, Layer
from twin.view import EVERYTHING, PUBLIC, Bbox, Equals, Page, Scope, TileArea, TimeSpan, View

ODD = BUILDING_FIELDS[7].name
FUTIAN = Row(
    square(114.05, 22.54),
    {"高度": 30.5, "floors": 9, "listed": True, "built": "1998-05-01", "seen": "2024-01-01T00:00:00Z", ODD: "a'b", "raw": {"k": [1]}},
    class_="住宅",
    name="福田楼",
    division="440304001",
)
ROWS = (
    FUTIAN,
    Row(square(114.06, 22.54), {"高度": 12.0, "floors": 4}, class_="商业", division="440304002"),
    Row(square(113.90, 22.50), {"高度": "no number"}, class_="住宅", division="440305001"),
    Row("POINT(179.999 10)", division=None),
    Row("POINT(-179.999 10)"),
    Row("LINESTRING(114.0 22.0, 114.2 22.2)"),
    Row(square(114.05, 22.541), {"高度": 99}, plan="旧改"),
)


def instant(text: str) -> TimeSpan:
    moment = datetime.fromisoformat(text)
    return TimeSpan(moment, moment)


@pytest.fixture(scope="module")
def layer(database: Database) -> Layer:
    return put_layer(database, Layer(number=0, id="buildings", title_zh="建筑", fields=BUILDING_FIELDS), ROWS)


@pytest_asyncio.fixture(scope="module")
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_asyncpg(SERVER)
    yield connection
    await connection.close()


async def read(reader: asyncpg.Connection, view: View, layer: Layer) -> list[Any]:
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(view.scope))
    made = statement(view, layer)
    return await reader.fetch(made.text, *made.args)


async def codes(reader: asyncpg.Connection, layer: Layer, **parts: Any) -> list[int]:
    """Which of ROWS come, counted from 0; without a page rows have no order."""
    view = View(layer.id, parts.pop("scope", PUBLIC), **parts)
    return sorted((row["oid"] & 0xFFFFFFFFFF) - 1 for row in await read(reader, view, layer))


async def test_a_row_has_its_fields_by_public_name_and_type(reader: asyncpg.Connection, layer: Layer) -> None:
    row = (await read(reader, View(layer.id, PUBLIC, page=Page(1)), layer))[0]
    assert list(row.keys()) == ["oid", "geom", "valid", *(field.name for field in layer.fields)]
    assert row["oid"] == (layer.number << 40) + 1
    assert (row["类别"], row["名称"], row["高度"], row["floors"], row["listed"]) == ("住宅", "福田楼", 30.5, 9, True)
    assert (row["built"], row["seen"], row[ODD]) == (date(1998, 5, 1), datetime(2024, 1, 1, tzinfo=UTC), "a'b")
    assert orjson.loads(row["raw"]) == {"k": [1]}
    geometry = orjson.loads(row["geom"])
    assert geometry["type"] == "Polygon" and "crs" not in geometry and geometry["coordinates"][0][0] == [114.05, 22.54]


async def test_a_bad_value_is_null(reader: asyncpg.Connection, layer: Layer) -> None:
    rows = await read(reader, View(layer.id, PUBLIC, filters=(Equals("类别", "住宅"),)), layer)
    assert [row["高度"] for row in rows] == [30.5, None]


async def test_bbox_is_exact_and_wraps(reader: asyncpg.Connection, layer: Layer) -> None:
    assert await codes(reader, layer, area=Bbox((114.04, 22.53, 114.055, 22.55))) == [0]
    assert await codes(reader, layer, area=Bbox((114.0, 22.15, 114.05, 22.2))) == []  # the box of the line, not the line
    assert await codes(reader, layer, area=Bbox((179.0, 0, -179.0, 20))) == [3, 4]
    assert await codes(reader, layer, area=Bbox((-180, -90, 180, 90))) == [0, 1, 2, 3, 4, 5]


async def test_tile_area(reader: asyncpg.Connection, layer: Layer) -> None:
    assert await codes(reader, layer, area=TileArea(14, 13382, 7138)) == [0, 1]


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("类别", "商业", [1]),
        ("高度", 12.0, [1]),
        ("floors", 9, [0]),
        ("listed", True, [0]),
        ("built", date(1998, 5, 1), [0]),
        ("seen", datetime(2024, 1, 1, tzinfo=UTC), [0]),
        (ODD, "a'b", [0]),
        (ODD, "a' OR true --", []),
    ],
)
async def test_filters(reader: asyncpg.Connection, layer: Layer, field: str, value: Any, found: list[int]) -> None:
    assert await codes(reader, layer, filters=(Equals(field, value),)) == found


@pytest.mark.parametrize("field", ["nothing", "名称", "raw", "oid", "geom", "类别 OR true"])
async def test_fields_that_cannot_be_asked_by(layer: Layer, field: str) -> None:
    with pytest.raises(BadParameter) as caught:
        statement(View(layer.id, PUBLIC, filters=(Equals(field, "x"),)), layer)
    assert caught.value.place == field


async def test_keyset_pages_see_every_row_once(reader: asyncpg.Connection, layer: Layer) -> None:
    seen, after = [], 0
    while rows := await read(reader, View(layer.id, PUBLIC, page=Page(2, after)), layer):
        assert len(rows) <= 2
        after = rows[-1]["oid"]
        seen += [row["oid"] for row in rows]
    assert seen == sorted(set(seen)) and len(seen) == 6


async def test_one_object_some_fields_other_crs(reader: asyncpg.Connection, layer: Layer) -> None:
    oid = (layer.number << 40) + 1
    rows = await read(reader, View(layer.id, PUBLIC, oid=oid, fields=("高度",), crs=4547), layer)
    assert [list(row.keys()) for row in rows] == [["oid", "geom", "valid", "高度"]]
    x, y = orjson.loads(rows[0]["geom"])["coordinates"][0][0]
    assert (x, y) == pytest.approx((505143.3325, 2493597.6656), abs=0.001)


async def test_count(reader: asyncpg.Connection, layer: Layer) -> None:
    await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    for view in (View(layer.id, PUBLIC, page=Page(1)), View(layer.id, PUBLIC, valid_at=TimeSpan(None, None))):
        made = count_statement(view, layer)
        assert await reader.fetchval(made.text, *made.args) == 6


async def test_scope_bounds_rows(reader: asyncpg.Connection, layer: Layer) -> None:
    assert await codes(reader, layer, scope=Scope(PUBLIC.access, divisions=("440304",))) == [0, 1]
    assert await codes(reader, layer, scope=Scope(PUBLIC.access, divisions=("440304001", "440305"))) == [0, 2, 4, 5]
    assert await codes(reader, layer, scope=Scope(PUBLIC.access, divisions=("%",))) == []
    assert await codes(reader, layer, scope=Scope(PUBLIC.access, area_4490=(113.8, 22.4, 113.95, 22.6))) == [2]
    assert await codes(reader, layer, scope=Scope(frozenset())) == []


async def test_both_walls_hold_alone(reader: asyncpg.Connection, layer: Layer) -> None:
    """The compiled predicate bounds what the view would show, and the view bounds what the predicate would ask for."""
    bound = Scope(PUBLIC.access, divisions=("440304",))
    for asked, setting in ((bound, PUBLIC), (PUBLIC, bound)):
        await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(setting))
        made = statement(View(layer.id, asked), layer)
        assert len(await reader.fetch(made.text, *made.args)) == 2
    await reader.execute("SELECT set_config('twin.scope', '', false)")
    made = statement(View(layer.id, EVERYTHING), layer)
    assert await reader.fetch(made.text, *made.args) == []


async def test_masked_fields_are_null_and_cannot_be_asked_by(reader: asyncpg.Connection, layer: Layer) -> None:
    masked = Scope(PUBLIC.access, masked_fields=frozenset({"高度", "raw"}))
    rows = await read(reader, View(layer.id, masked), layer)
    assert {row["高度"] for row in rows} == {None} == {row["raw"] for row in rows}
    with pytest.raises(BadParameter):
        statement(View(layer.id, masked, filters=(Equals("高度", 30.5),)), layer)


async def test_internal_layer_is_closed_to_the_public(reader: asyncpg.Connection, database: Database) -> None:
    inside = Layer(number=0, id="inside", title_zh="内部", access=Access.INTERNAL)
    inside = put_layer(database, inside, [Row("POINT(114 22)")])
    assert await codes(reader, inside) == []
    assert await codes(reader, inside, scope=EVERYTHING) == [0]
    lying = inside.model_copy(update={"access": Access.PUBLIC})
    assert await codes(reader, lying) == []


async def test_plan_replaces_facts(reader: asyncpg.Connection, database: Database) -> None:
    layer = put_layer(database, Layer(number=0, id="plans", title_zh="方案"), [Row("POINT(1 1)"), Row("POINT(2 2)")])
    with connect(database, "twin_editor") as editor:
        patch = '{"plan": "甲", "phase": "planned", "geom": {"type": "Point", "coordinates": [5, 5]}}'
        editor.execute("SELECT twin.change('plans', %s, %s)", [(layer.number << 40) + 1, patch])

    async def points(plan: str | None) -> list[Any]:
        rows = await read(reader, View("plans", PUBLIC, plan=plan), layer)
        return sorted(orjson.loads(row["geom"])["coordinates"] for row in rows)

    assert await points(None) == [[1, 1], [2, 2]]
    assert await points("甲") == [[2, 2], [5, 5]]
    assert await points("乙") == [[1, 1], [2, 2]]


async def test_moments_and_intervals(reader: asyncpg.Connection, database: Database) -> None:
    rows = [
        Row("POINT(1 1)", {"v": "old"}, valid_from="2020-01-01T00:00:00Z"),
        Row("POINT(2 2)", {"v": "x"}, valid_from="2022-06-01T00:00:00Z"),
    ]
    fields = (Field(name="v", queryable=True),)
    layer = put_layer(database, Layer(number=0, id="times", title_zh="时", fields=fields), rows)
    with connect(database, "twin_editor") as editor:
        change = "SELECT twin.change('times', %s, %s, '2023-01-01T00:00:00Z')"
        editor.execute(change, [(layer.number << 40) + 1, '{"attrs": {"v": "new"}}'])

    async def values(**parts: Any) -> list[str]:
        return sorted(row["v"] for row in await read(reader, View("times", PUBLIC, **parts), layer))

    assert await values() == ["new", "x"]
    assert await values(valid_at=instant("2019-06-01T00:00:00+00:00")) == []
    assert await values(valid_at=instant("2021-06-01T00:00:00+00:00")) == ["old"]
    assert await values(valid_at=instant("2023-01-01T00:00:00+00:00")) == ["new", "x"]
    assert await values(valid_at=TimeSpan(None, instant("2021-01-01T00:00:00+00:00").end)) == ["old"]
    assert await values(valid_at=TimeSpan(None, None), page=Page(10)) == ["new", "x"]
    assert await values(valid_at=TimeSpan(None, None), filters=(Equals("v", "old"),)) == ["old"]
    assert await values(known_at=datetime(2019, 1, 1, tzinfo=UTC)) == []


async def test_same_shape_same_text_other_values(layer: Layer) -> None:
    one = statement(View(layer.id, PUBLIC, Bbox((1, 2, 3, 4)), page=Page(5)), layer)
    two = statement(View(layer.id, PUBLIC, Bbox((5, 6, 7, 8)), page=Page(6, 9)), layer)
    assert one.text is two.text and one.args != two.args
    assert compile_asyncpg(select_rows(View(layer.id, PUBLIC, Bbox((1, 2, 3, 4)), page=Page(5)), layer)) == one


async def test_a_known_shape_costs_little(layer: Layer) -> None:
    view = View(layer.id, PUBLIC, Bbox((1, 2, 3, 4)), filters=(Equals("高度", 1.0),), page=Page(5))
    assert min(timeit.repeat(lambda: statement(view, layer), number=1000, repeat=5)) / 1000 < 50e-6


async def test_plans_use_the_index(database: Database) -> None:
    """As the serving role, with rows enough for the planner to care: no sequential scan of the layer."""
    layer = put_layer(database, Layer(number=0, id="many", title_zh="多", fields=BUILDING_FIELDS))
    with connect(database, "twin_importer") as connection:
        connection.execute(
            f"""INSERT INTO twin.object_{layer.number} (geom, attrs, division, valid, sys, source, source_key)
            SELECT ST_SetSRID(ST_Point(113 + random(), 22 + random()), 4490), jsonb_build_object('高度', i % 500), '4403',
                   tstzrange('2020-01-01', NULL), tstzrange(now(), NULL), 's', i::text FROM generate_series(1, 30000) i""".encode()
        )
    with connect(database, "twin_owner") as connection:
        connection.execute(f"ANALYZE twin.object_{layer.number}".encode())
    bound = Scope(PUBLIC.access, divisions=("4403",))
    box = Bbox((113.5, 22.5, 113.51, 22.51))
    views = [
        View("many", bound, box),
        View("many", PUBLIC, TileArea(14, 13360, 7125)),
        View("many", PUBLIC, filters=(Equals("高度", 7.0),)),
        View("many", bound, box, plan="甲"),
        View("many", PUBLIC, oid=(layer.number << 40) + 5),
        View("many", PUBLIC, page=Page(10)),
        View("many", PUBLIC, box, valid_at=instant("2021-01-01T00:00:00+00:00")),
    ]
    reader = await database.connect_asyncpg(SERVER, jit="off")
    try:
        for view in views:
            await reader.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(view.scope))
            made = statement(view, layer)
            plan = "\n".join(row[0] for row in await reader.fetch("EXPLAIN " + made.text, *made.args))
            assert "Seq Scan on object_" not in plan, plan
    finally:
        await reader.close()
