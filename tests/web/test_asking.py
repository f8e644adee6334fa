"""What the items' doors take beside filters: moments, knowledge, plans, properties, drawing, counts; one feature's version and its tag."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from postgis.connect import EDITOR, Database, connect
from tests.items_scene import FIELDS, THINGS, ItemsSite, features, start_items
from tests.tile_scene import Row, square
from tests.web.conftest import problem_of
from twin.layer import Layer

PATH = "/collections/things/items"


@pytest.fixture(scope="module")
def items(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ItemsSite]:
    with start_items(make_database(), tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture
def client(items: ItemsSite) -> Iterator[httpx.Client]:
    with items.client as client:
        yield client


def edit(items: ItemsSite, statement: str, *values: Any) -> None:
    with connect(items.database, EDITOR) as editor:
        editor.execute(statement.encode(), values)


@pytest.mark.parametrize(
    ("asked", "got"),
    [("名称", ["名称"]), ("备注,名称", ["名称", "备注"]), ("", []), ("高度,高度", ["高度"]), (None, [field.name for field in FIELDS])],
)
def test_properties(client: httpx.Client, asked: str | None, got: list[str]) -> None:
    query = {} if asked is None else {"properties": asked}
    one = features(client, limit=1, **query)[0]
    assert list(one["properties"]) == got and one["geometry"]["type"] == "Point"
    alone = client.get(f"{PATH}/{one['id']}", params=query).json()
    assert list(alone["properties"]) == got


@pytest.mark.parametrize("asked", ["x", "名称,", ",", "名称,x", "oid", "geom", "attrs", "名 称", "*", "名称;高度", "x" * 900, "valid"])
def test_unknown_properties_are_refused_with_the_list(client: httpx.Client, asked: str) -> None:
    for path in (PATH, f"{PATH}/{features(client, limit=1)[0]['id']}"):
        problem = problem_of(client.get(path, params={"properties": asked}), 400)
        assert problem["place"] == "properties" and "名称, 高度" in str(problem["detail_en"])


def test_geometry_left_out(client: httpx.Client) -> None:
    assert {one["geometry"] for one in features(client, skipGeometry="true")} == {None}
    assert features(client, skipGeometry="false") == features(client)


def vertices(feature: dict[str, Any]) -> int:
    return len(feature["geometry"]["coordinates"][0])


def test_simplified(items: ItemsSite, client: httpx.Client) -> None:
    """Fewer vertices and digits, nothing lost: a circle, and a house far smaller than the tolerance."""
    layer = items.put(
        Layer(number=0, id="round", title_zh="圆", geometry_type="Polygon"), [Row(square(113, 22)), Row(square(114, 23, 0.00001))]
    )
    items.write(
        f"UPDATE twin.object_{layer.number} SET geom = ST_Buffer(geom, 0.01, 200) WHERE oid = (SELECT min(oid) FROM twin.object_{layer.number})"
    )
    path = "/collections/round/items"
    whole, few, fewest = (features(client, path, **query)[0] for query in ({}, {"simplify": 1}, {"simplify": "100.5"}))
    assert vertices(whole) > 800 and 300 > vertices(few) > vertices(fewest) > 8
    assert len(str(few["geometry"]["coordinates"][0][5][0]).split(".")[1]) <= 7
    assert all(one["geometry"] is not None and vertices(one) >= 4 for one in features(client, path, simplify=5000))
    metric = features(client, path, simplify=1, crs="http://www.opengis.net/def/crs/EPSG/0/4547")[0]
    assert vertices(metric) == pytest.approx(vertices(few), rel=0.2)


@pytest.mark.parametrize(
    ("name", "text"),
    [("simplify", text) for text in ("0", "-1", "nan", "inf", "1e9", "", "1m", "1,2", "１", "0x1")]
    + [("skipGeometry", text) for text in ("1", "TRUE", "", "yes", "null")]
    + [
        ("known_at", text)
        for text in ("", "2020-01-01", "now", "..", "2020-01-01T00:00:00Z/..", "2020-01-01T00:00:00", "9999-99-99T00:00:00Z")
    ]
    + [("valid_at", text) for text in ("", "x", "2020-13-01", "/", "2021-01-01/2020-01-01")]
    + [("plan", text) for text in ("", " ")]
    + [("count", text) for text in ("", "Exact", "hits", "1", "exact,none")],
)
def test_odd_values_are_refused_with_their_place(client: httpx.Client, name: str, text: str) -> None:
    assert problem_of(client.get(PATH, params={name: text}), 400)["place"] == name


def test_two_words_for_one_moment_are_refused(client: httpx.Client) -> None:
    one = features(client, limit=1)[0]
    for path in (PATH, f"{PATH}/{one['id']}"):
        problem = problem_of(client.get(path, params={"datetime": "2021-01-01", "valid_at": "2021-01-01"}), 400)
        assert problem["place"] == "valid_at" and "datetime" in str(problem["detail_en"])


def test_moments_and_what_was_known(items: ItemsSite, client: httpx.Client) -> None:
    layer = items.put(Layer(number=0, id="story", title_zh="史", geometry_type="Point", fields=FIELDS), [Row("POINT(113 22)", name="原名")])
    path = f"/collections/{layer.id}/items"
    oid = features(client, path)[0]["id"]
    before = now()
    edit(items, "SELECT twin.change('story', %s, '{\"name\": \"新名\"}', '2022-01-01T00:00:00Z')", oid)
    between = now()
    edit(items, "SELECT twin.correct('story', %s, '{\"name\": \"正名\"}')", oid)
    after = now()

    def name(**query: str) -> list[str]:
        listed = [one["properties"]["名称"] for one in features(client, path, **query)]
        alone = client.get(f"{path}/{oid}", params=query)
        assert ([alone.json()["properties"]["名称"]] if alone.status_code == 200 else []) == listed
        return listed

    assert name() == name(known_at=after) == name(known_at="2999-01-01T00:00:00Z") == ["正名"]
    assert name(valid_at="2021-01-01T00:00:00Z") == name(datetime="2021-01-01T00:00:00Z") == ["原名"]
    assert name(known_at=before) == ["原名"] and name(known_at=between) == ["新名"] and name(known_at="2000-01-01T00:00:00Z") == []
    assert name(known_at=before, valid_at="2023-01-01T00:00:00Z") == ["原名"]
    assert name(known_at=between, valid_at="2021-01-01T00:00:00Z") == ["原名"] and name(valid_at="2019-01-01") == []


def now() -> str:
    """This instant, and none of the next millisecond's events belong to it."""
    time.sleep(0.002)
    text = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    time.sleep(0.002)
    return text


def test_a_plan_lies_over_the_facts(items: ItemsSite, client: httpx.Client) -> None:
    layer = items.put(
        Layer(number=0, id="renewal", title_zh="更新", geometry_type="Point", fields=FIELDS), [Row("POINT(1 1)"), Row("POINT(2 2)")]
    )
    path, oid = f"/collections/{layer.id}/items", (layer.number << 40) + 1
    patch = '{"plan": "甲", "phase": "planned", "geom": {"type": "Point", "coordinates": [5, 5]}}'
    edit(items, "SELECT twin.change('renewal', %s, %s)", oid, patch)

    def points(**query: str) -> list[Any]:
        return sorted(one["geometry"]["coordinates"] for one in features(client, path, **query))

    assert points() == points(plan="乙") == [[1, 1], [2, 2]] and points(plan="甲") == [[2, 2], [5, 5]]
    assert client.get(f"{path}/{oid}", params={"plan": "甲"}).json()["geometry"]["coordinates"] == [5, 5]


def counted(client: httpx.Client, **query: Any) -> tuple[int | None, bool]:
    page = client.get(PATH, params=query).raise_for_status().json()
    estimated = "numberMatchedEstimated" in page
    assert not (estimated and "numberMatched" in page), "numberMatched is exact, or not there"
    return page.get("numberMatchedEstimated" if estimated else "numberMatched"), estimated


def test_counts(items: ItemsSite, client: httpx.Client) -> None:
    items.write(f"ANALYZE twin.object_{items.things.number}")
    exact = len(features(client, 用途="商业"))
    assert counted(client, limit=3, 用途="商业", count="exact") == (exact, False)
    assert counted(client, limit=3, count="exact") == counted(client, limit=3, count="exact", sortby="-高度") == (THINGS, False)
    number, estimated = counted(client, limit=3, 用途="商业")
    assert estimated and number == pytest.approx(exact, abs=4)
    assert counted(client, limit=3, 用途="商业", count="estimated") == (number, True)
    assert counted(client, limit=3, 用途="商业", count="none") == counted(client, limit=3, count="none") == (None, False)
    assert counted(client, limit=1000, 用途="商业") == (exact, False)
    assert counted(client, limit=3) == (THINGS, True)
    assert counted(client, limit=3, bbox="113.105,22,113.205,23", count="exact") == (10, False)
    assert counted(client, limit=3, datetime="2019-01-01/..", count="exact") == (THINGS, False)
    assert counted(client, limit=3, known_at="2000-01-01T00:00:00Z", count="exact") == (0, False)


def test_later_pages_estimate_only_when_asked(client: httpx.Client) -> None:
    first = client.get(PATH, params={"limit": 3, "用途": "商业", "sortby": "高度"}).json()
    (following,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    assert "numberMatchedEstimated" in first and not {"numberMatched", "numberMatchedEstimated"} & client.get(following).json().keys()
    assert client.get(following + "&count=exact").json()["numberMatched"] == len(features(client, 用途="商业"))


def test_a_feature_has_the_tag_of_its_version(items: ItemsSite, client: httpx.Client) -> None:
    one, other = features(client, limit=2)
    first = client.get(f"{PATH}/{one['id']}")
    tag = first.headers["etag"]
    assert tag.startswith('"') and tag != client.get(f"{PATH}/{other['id']}").headers["etag"]
    again = client.get(f"{PATH}/{one['id']}", headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.headers["etag"] == tag and not again.content
    edit(items, "SELECT twin.correct('things', %s, '{\"attrs\": {\"楼层\": 9}}')", other["id"])
    assert client.get(f"{PATH}/{one['id']}").headers["etag"] == tag, "another's edit is not its own"
    edit(items, "SELECT twin.correct('things', %s, '{\"attrs\": {\"楼层\": 9}}')", one["id"])
    changed = client.get(f"{PATH}/{one['id']}", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag and changed.json()["properties"]["楼层"] == 9


def test_the_links_of_a_feature_keep_its_question(client: httpx.Client) -> None:
    one = features(client, limit=1)[0]
    query = {"crs": "http://www.opengis.net/def/crs/EPSG/0/4547", "properties": "名称"}
    alone = client.get(f"{PATH}/{one['id']}", params=query).json()
    (address,) = [link["href"] for link in alone["links"] if link["rel"] == "self"]
    assert client.get(address).json() == alone
