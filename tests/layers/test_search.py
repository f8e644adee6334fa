"""Search finds divisions, products, objects, codes and coordinates, ranks them, and shows nobody what is not theirs."""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from layers.catalog import Catalog, load
from layers.products import publish_toml
from layers.search import SearchQuery, SearchResult, search
from postgis.connect import EDITOR, IMPORTER, Database, connect
from postgis.divisions import DivisionRow, replace_divisions
from postgis.pool import HotPool
from postgis.search import index_everything, index_layer
from tests.tile_scene import Row, put_layer, square
from twin.fields import Field, Role
from twin.layer import Access, Layer
from twin.view import EVERYTHING, PUBLIC, Scope

SCHOOLS = [
    Row("POINT(113.92 22.53)", name="南山中学", code="S-001"),
    Row("POINT(114.05 22.54)", name="南山小学", code="S-002", division="440304"),
    Row("POINT(113.30 23.10)", name="第一中学南山校区", code="S-003", division="440106"),
    Row(square(113.9, 22.5), name=None, code="BLD-00042"),
    Row(square(113.9, 22.5), name=None, code=None),
    Row("POINT(113.92 22.53)", name="规划中学", plan="P1"),
]
DIVISIONS = [
    DivisionRow("44", 1, "广东省", "Guangdong"),
    DivisionRow("4403", 2, "深圳市", "Shenzhen", "44"),
    DivisionRow("440305", 3, "南山区", "Nanshan", "4403"),
    DivisionRow("440305002", 4, "南山街道", "", "440305"),
    DivisionRow("440305002001", 5, "南山村", "", "440305002"),
    DivisionRow("4401", 2, "广州市", "Guangzhou", "44"),
]
CARD = """
code = "schools-map"
title_zh = "南山学校分布图"
title_en = "Schools"
theme = "public-service"
owner = "市教育局"
keywords = ["教育设施"]
[[layers]]
layer = "{layer}"
symbol = {{ kind = "circle" }}
"""


@pytest.fixture(scope="module", autouse=True)
def filled(database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    fields = (Field(name="名称", role=Role.NAME), Field(name="备注"))
    schools = put_layer(database, Layer(number=0, id="schools", title_zh="学校", fields=fields), SCHOOLS)
    secret = put_layer(
        database, Layer(number=0, id="secret", title_zh="内部", fields=fields, access=Access.INTERNAL), [Row("POINT(1 1)", name="南山仓库")]
    )
    with connect(database, IMPORTER) as connection:
        assert index_layer(connection, schools.number) == 4, "a plan's object and one without name and code are not found"
        assert index_layer(connection, secret.number) == 1
        replace_divisions(connection, DIVISIONS, "test")
    folder = tmp_path_factory.mktemp("cards")
    with connect(database, EDITOR) as connection:
        for layer, code in (("schools", "schools-map"), ("secret", "secret-map")):
            path: Path = folder / f"{layer}.toml"
            path.write_text(CARD.format(layer=layer).replace("schools-map", code))
            publish_toml(connection, path)


@pytest.fixture(scope="module")
async def pool(database: Database) -> AsyncIterator[HotPool]:
    made = await HotPool.open(database, 2)
    yield made
    await made.close()


async def find(pool: HotPool, text: str, scope: Scope = PUBLIC, **more: object) -> SearchResult:
    return await search(pool, await load(pool), SearchQuery(text, scope, **more))  # type: ignore[arg-type]


def titles(result: SearchResult, kind: str) -> list[str]:
    return [hit.title for group in result.groups if group.kind == kind for hit in group.hits]


async def test_groups_come_in_order_and_big_before_small(pool: HotPool) -> None:
    result = await find(pool, "南山")
    assert [group.kind for group in result.groups] == ["division", "product", "object"]
    assert titles(result, "division") == ["南山区", "南山街道", "南山村"]
    assert titles(result, "object") == ["南山中学", "南山小学", "第一中学南山校区"], "prefix before contains"
    hit = result.groups[2].hits[0]
    assert (hit.layer, hit.point, hit.subtitle) == ("schools", (113.92, 22.53), "学校 · 南山区")
    assert result.groups[1].hits[0].subtitle == "公共服务 · 市教育局"


async def test_near_before_far_among_equals(pool: HotPool) -> None:
    futian = (114.04, 22.53, 114.06, 22.55)
    assert titles(await find(pool, "南山", bbox_4490=futian), "object")[:2] == ["南山小学", "南山中学"]


@pytest.mark.parametrize(
    ("text", "kind", "first"),
    [
        ("440305", "division", "南山区"),
        ("深圳市南山区", "division", "南山区"),
        ("深圳 南山", "division", "南山区"),
        ("nanshan", "division", "南山区"),
        ("ＮＡＮＳＨＡＮ", "division", "南山区"),
        ("村", "division", "南山村"),
        ("教育设施", "product", "南山学校分布图"),
        ("schools-map", "product", "南山学校分布图"),
        ("bld-000", "object", "BLD-00042"),
        ("s-002", "object", "南山小学"),
        ("中学南山", "object", "第一中学南山校区"),
    ],
)
async def test_it_is_found_by(pool: HotPool, text: str, kind: str, first: str) -> None:
    assert titles(await find(pool, text), kind)[:1] == [first]


async def test_a_coordinate_is_a_place(pool: HotPool) -> None:
    group = (await find(pool, "23.1,113.3")).groups[0]
    assert (group.kind, group.hits[0].point) == ("coordinate", (113.3, 23.1))


async def test_nobody_finds_what_is_not_theirs(pool: HotPool) -> None:
    assert titles(await find(pool, "仓库"), "object") == []
    assert titles(await find(pool, "仓库", EVERYTHING), "object") == ["南山仓库"]
    assert [hit.code for hit in (await find(pool, "南山学校")).groups[0].hits] == ["schools-map"]
    assert len(titles(await find(pool, "南山学校", EVERYTHING), "product")) == 2
    futian = Scope(access=PUBLIC.access, divisions=("440304",))
    result = await find(pool, "南山", futian)
    assert (titles(result, "object"), titles(result, "division")) == (["南山小学"], [])


@pytest.mark.parametrize(
    "text", ["", "   ", "\0", "%", "'", "\\", "_", "\ud800", "x" * 10_000, "$1", "); DROP TABLE twin.search; --", "𠮷"]
)
async def test_odd_texts_find_nothing_and_break_nothing(pool: HotPool, text: str) -> None:
    assert (await find(pool, text)).groups == ()


async def test_an_index_follows_edits_of_single_objects(pool: HotPool, importer: psycopg.Connection) -> None:
    number, oid = importer.execute("SELECT layer, oid FROM twin.object WHERE code = 'S-001'").fetchone() or (0, 0)
    importer.execute(f"UPDATE twin.object_{number} SET name = '育才中学' WHERE oid = {oid}".encode())
    assert index_layer(importer, number, [oid]) == 1
    importer.commit()
    assert titles(await find(pool, "育才"), "object") == ["育才中学"]
    assert "南山中学" not in titles(await find(pool, "南山"), "object")
    assert index_everything(importer) == len(DIVISIONS) + 5 + 2
    importer.commit()
    assert titles(await find(pool, "育才"), "object") == ["育才中学"]


def test_an_empty_catalogue_shows_nothing() -> None:
    assert Catalog().layers(EVERYTHING) == () and Catalog().products(EVERYTHING) == ()
