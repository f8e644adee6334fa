"""Sorted pages: the right order with ties, NULLs and Chinese text, nothing twice or skipped while others write, cursors that are not ours."""

import base64
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from postgis.connect import EDITOR, Database, connect
from tests.items_scene import FIELDS, THINGS, ItemsSite, features, start_items, walk
from tests.tile_scene import Row
from tests.web.conftest import problem_of
from twin.layer import Layer
from twin.view import PUBLIC, Page, SortKey, View
from web import budgets, paging

SORTABLE = [field.name for field in FIELDS if field.queryable]
PATH = "/collections/things/items"


@pytest.fixture(scope="module")
def items(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ItemsSite]:
    with start_items(make_database(), tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture
def client(items: ItemsSite) -> Iterator[httpx.Client]:
    with items.client as client:
        yield client


def in_order(found: list[dict[str, Any]], sortby: str) -> list[int]:
    """Their ids in order, worked out here: NULLs last, ties by oid the way of the first key, text by code point."""
    keys = [(part.lstrip("+-"), part.startswith("-")) for part in sortby.split(",")]
    found = sorted(found, key=lambda one: int(one["id"]), reverse=keys[0][1])
    for name, descending in reversed(keys):
        known = [one for one in found if one["properties"][name] is not None]
        missing = [one for one in found if one["properties"][name] is None]
        known.sort(key=lambda one: one["properties"][name], reverse=descending)
        found = known + missing
    return [one["id"] for one in found]


ORDERS = [
    *[sign + name for name in SORTABLE for sign in ("", "+", "-")],
    "用途,-高度", "-用途,高度", "已登记,-楼层,名称", "-高度,用途,-日期,+时刻", "-名称,-用途", "楼层,-已登记",
]  # fmt: skip


@pytest.mark.parametrize("sortby", ORDERS)
def test_pages_are_in_order_and_whole(client: httpx.Client, sortby: str) -> None:
    expected = in_order(features(client), sortby)
    assert [one["id"] for one in features(client, sortby=sortby)] == expected
    for limit in (1, 13, 60, THINGS) if sortby in ("-高度", "用途,-高度") else (17,):
        pages = list(walk(client, limit, sortby=sortby))
        assert [one["id"] for page in pages for one in page] == expected
        assert {len(page) for page in pages[:-1]} <= {limit}


def test_a_plus_may_be_a_space(items: ItemsSite) -> None:
    raw = items.server.raw_get(PATH + "?limit=3&sortby=+%E9%AB%98%E5%BA%A6").json()
    assert [one["properties"]["高度"] for one in raw["features"]] == [0.0, 0.0, 0.0]


def test_order_keeps_the_question(client: httpx.Client) -> None:
    pages = list(walk(client, 4, sortby="-高度", 用途="商业", properties="名称", bbox="113,22,113.8,23"))
    found = [one for page in pages for one in page]
    assert {tuple(one["properties"]) for one in found} == {("名称",)} and len(found) == len({one["id"] for one in found}) == 14


@pytest.mark.parametrize("sortby", ["高度", "-名称", "用途,-时刻"])
def test_order_over_an_interval_is_of_the_newest_versions(items: ItemsSite, client: httpx.Client, sortby: str) -> None:
    whole = features(client, datetime="2019-01-01/..")
    assert [one["id"] for page in walk(client, 11, sortby=sortby, datetime="2019-01-01/..") for one in page] == in_order(whole, sortby)


def test_long_values_are_looked_up(items: ItemsSite, client: httpx.Client) -> None:
    """Texts too long for an address: the cursor names the row, and is refused once that row has another value."""
    layer = items.put(Layer(number=0, id="long", title_zh="长", geometry_type="Point", fields=FIELDS[:1]), [])
    oids = items.add(layer, [named("长" * 400 + str(number)) for number in (3, 1, 2)])
    page = client.get("/collections/long/items", params={"limit": 1, "sortby": "名称"}).json()
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert len(following) < 500 and page["features"][0]["id"] == oids[1]
    assert client.get(following).json()["features"][0]["id"] == oids[2]
    with connect(items.database, EDITOR) as editor:
        editor.execute("SELECT twin.change('long', %s, %s)", [oids[1], '{"name": "短"}'])
    assert problem_of(client.get(following), 400)["place"] == "cursor"


def named(name: str) -> Row:
    return Row("POINT(113 22)", name=name)


#: What is new may come at the end of the order: a walk that is slower than its writers would never get there.
_MOST_WRITES, _PAUSE_S = 400, 0.01


@pytest.mark.parametrize("sortby", ["名称", "-高度", "用途,-楼层", "时刻"])
def test_writers_move_nobody_else(items: ItemsSite, client: httpx.Client, sortby: str) -> None:
    """While others insert, delete and change, each untouched thing is seen exactly once, and none twice that did not move."""
    steady = {one["id"] for one in features(client) if one["properties"]["备注"] is not None}
    layer, stop, rng = items.things, threading.Event(), random.Random(7)

    def write() -> None:
        with connect(items.database, EDITOR) as editor:
            mine: list[int] = []
            for _ in range(_MOST_WRITES):
                if stop.wait(_PAUSE_S):
                    break
                attrs = {"高度": rng.choice([None, 1.5, 3.0, 7.5]), "用途": rng.choice(["住宅", "学校", None]), "楼层": rng.randrange(4)}
                patch = {"name": f"物 {rng.randrange(40)}", "attrs": attrs, "geom": {"type": "Point", "coordinates": [114, 22]}}
                if len(mine) < 8 or rng.random() < 0.4:
                    found = editor.execute("SELECT twin.create_object(%s, %s)", [layer.id, paging.dump(patch).decode()]).fetchone()
                    mine.append(found[0])  # type: ignore[index]
                elif rng.random() < 0.5:
                    editor.execute("SELECT twin.change(%s, %s, %s)", [layer.id, rng.choice(mine), paging.dump({"attrs": attrs}).decode()])
                else:
                    editor.execute("SELECT twin.end_object(%s, %s)", [layer.id, mine.pop(rng.randrange(len(mine)))])
                editor.commit()
            for oid in mine:
                editor.execute("SELECT twin.end_object(%s, %s)", [layer.id, oid])

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for limit in (1, 9, 40):
            seen = [one["id"] for page in walk(client, limit, sortby=sortby) for one in page]
            assert sorted(oid for oid in seen if oid in steady) == sorted(steady)
    finally:
        stop.set()
        for writer in writers:
            writer.join()


@pytest.mark.parametrize(
    "sortby",
    ["", " ", "+", "-", ",", "高度,", ",高度", "高度,高度", "高度,-高度", "备注", "oid", "geom", "geometry", "valid", "高度 DESC", "高度;DROP TABLE x",
     "(select 1)", "'", '"', "--", "*", "1", "高度,楼层,名称,用途,日期", "++高度", "高 度", "x" * 900],
)  # fmt: skip
def test_odd_orders_are_refused(client: httpx.Client, sortby: str) -> None:
    assert problem_of(client.get(PATH, params={"sortby": sortby}), 400)["place"] == "sortby"


def cursor_of(client: httpx.Client, **query: Any) -> str:
    page = client.get(PATH, params=query).json()
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    return httpx.URL(following).params["cursor"]


def test_odd_cursors_are_refused(items: ItemsSite, client: httpx.Client) -> None:
    good = cursor_of(client, limit=3, sortby="高度")
    sealed = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    bent = [
        base64.urlsafe_b64encode(sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :]).decode().rstrip("=") for n in range(len(sealed))
    ]
    odd = [
        "",
        "x",
        "a" * 900,
        "a" * 901,
        "高",
        "=",
        "!!!!",
        good[:-1],
        good + "A",
        good + "=",
        good[::-1],
        good.upper(),
        "AAAAAAAAAAA",
        *bent,
    ]
    for text in odd:
        answer = client.get(PATH, params={"sortby": "高度", "cursor": text})
        assert problem_of(answer, 400)["place"] == "cursor", text
    for other in ("-高度", "楼层", "高度,楼层"):
        assert problem_of(client.get(PATH, params={"sortby": other, "cursor": good}), 400)["place"] == "cursor"
    assert problem_of(client.get(PATH, params={"cursor": good}), 400)["place"] == "cursor"
    assert problem_of(client.get(PATH, params={"sortby": "高度", "after": 5}), 400)["place"] == "after"
    assert client.get(PATH, params={"sortby": "高度", "cursor": good}).status_code == 200


@pytest.mark.parametrize(
    "sort", [(SortKey("高度"),), (SortKey("名称", True), SortKey("日期")), (SortKey("楼层"), SortKey("已登记"), SortKey("时刻"))]
)
def test_forged_cursors_hold_nothing_but_values_of_their_fields(items: ItemsSite, client: httpx.Client, sort: tuple[SortKey, ...]) -> None:
    """The checksum is no secret, so whoever makes it himself gets no further than a value of the right type."""
    sortby = ",".join(("-" if key.descending else "") + key.field for key in sort)
    wrong = [
        {},
        [],
        [1],
        {"a": 1},
        "x",
        1e308,
        2**63,
        -(2**70),
        True,
        "2020-13-45",
        "9999-99-99T99:99:99Z",
        "\0",
        "a\0b",
        "' OR 1=1 --",
        None,
    ]
    for value in wrong:
        for body in ([1, [value] * len(sort)], [1, value], [value, [value]], [1, [value] * 9], value, [2**60, [None] * len(sort)]):
            try:
                text = paging._sealed(items.things, sort, body)
            except TypeError:  # not JSON here
                continue
            status = client.get(PATH, params={"sortby": sortby, "cursor": text}).status_code
            assert status in (200, 400), (body, status)
            if isinstance(value, dict):
                assert status == 400


def test_a_cursor_says_what_it_was_told() -> None:
    layer = Layer(number=1, id="x", title_zh="x", fields=FIELDS)
    view = View("x", PUBLIC, sort=(SortKey("名称"), SortKey("高度", True)), page=Page(5))
    for known in (("物", 1.5), (None, -0.0), ("", 1e300), ("🏠\n'\"", 5e-324)):
        row = {"oid": 7, " key 0": known[0], " key 1": known[1]}
        assert paging.decode(paging.encode(layer, view, row), "cursor", layer, view.sort) == paging.Cursor(7, known)
    long = {"oid": 7, " key 0": "长" * 900, " key 1": None}
    text = paging.encode(layer, view, long)
    assert len(text) <= budgets.CURSOR_CHARS and paging.decode(text, "cursor", layer, view.sort).values is None


def test_sortables(client: httpx.Client) -> None:
    things = client.get("/collections/things").json()
    (address,) = [link["href"] for link in things["links"] if link["rel"] == "http://www.opengis.net/def/rel/ogc/1.0/sortables"]
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("application/schema+json")
    document = answer.json()
    assert list(document["properties"]) == SORTABLE and document["additionalProperties"] is False
    conforms = client.get("/conformance").json()["conformsTo"]
    for uri in ("features-2/1.0/conf/crs", "features-5/1.0/conf/sortables", "features-8/1.0/conf/sorting"):
        assert "http://www.opengis.net/spec/ogcapi-" + uri in conforms


async def test_a_page_that_has_begun_is_read_by_another_reader() -> None:
    """Its later pieces may wait longer for the database than its first."""
    asked: list[str] = []

    def reader(name: str) -> paging.Fetch:
        async def fetch(view: View) -> paging.Rows:
            assert view.page is not None
            asked.append(name)
            return [{"oid": number} for number in range(view.page.limit)]

        return fetch

    view = View("things", PUBLIC, page=Page(2_500))
    assert [len(piece.rows) async for piece in paging.pages(reader("first"), view, reader("later"))] == [1_000, 1_000, 500]
    assert asked == ["first", "later", "later"]
