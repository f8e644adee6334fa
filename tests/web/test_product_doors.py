"""The catalogue's doors: search and pages for everybody, drafts and versions for publishers, rollback with a line in the log."""

import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.web.conftest import Site, problem_of
from tests.web.test_catalogue_doors import CARD, eventually

FARMS = [("farm-a", "永久基本农田"), ("farm-b", "永久基本农田储备区"), ("farm-c", "高标准农田")]


@pytest.fixture(scope="module")
def farms(site: Site) -> list[str]:
    open_layer = [{"layer": "houses", "symbol": {"kind": "fill"}}]
    with site.with_key() as client:
        for code, title in FARMS:
            client.put(f"/products/{code}", json=CARD | {"title_zh": title, "layers": open_layer, "keywords": ["农业"]}).raise_for_status()
            eventually(client, f"/products/{code}")
        hidden = CARD | {"title_zh": "永久基本农田内部版", "layers": [{"layer": "secret", "symbol": {"kind": "fill"}}]}
        client.put("/products/farm-hidden", json=hidden).raise_for_status()
        eventually(client, "/products/farm-hidden")
    return [code for code, _ in FARMS]


def found(client: httpx.Client, **query: object) -> dict[str, Any]:
    answer = client.get("/products", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["numberReturned"] == len(body["products"]) <= body["numberMatched"]
    return body


@pytest.mark.parametrize("text", ["永久基本农田", "yongjiu", "yjjbnt", "YongJiu"])
def test_one_product_by_three_ways_of_typing(web: httpx.Client, program: httpx.Client, farms: list[str], text: str) -> None:
    assert [card["code"] for card in found(web, q=text)["products"]] == ["farm-a", "farm-b"]
    assert found(web, q=text)["numberMatched"] == 2 and found(program, q=text)["numberMatched"] == 3
    groups = web.get("/search", params={"q": text}).json()["groups"]
    assert [hit["code"] for group in groups if group["kind"] == "product" for hit in group["hits"]] == ["farm-a", "farm-b"]


def test_pages_by_next_links(web: httpx.Client, farms: list[str]) -> None:
    codes, address = [], "/products?q=nongtian&limit=1&sortby=-code"
    while address:
        body = web.get(address).json()
        assert body["numberMatched"] == 3 and body["numberReturned"] == 1
        codes += [card["code"] for card in body["products"]]
        address = next((link["href"] for link in body["links"] if link["rel"] == "next"), "")
    assert codes == sorted(farms, reverse=True)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("theme=weather", "theme"),
        ("division=广州", "division"),
        ("sortby=price", "sortby"),
        ("after=zzz", "after"),
        ("after=WzEsIngiXQ&sortby=title", "after"),
        ("limit=0", "limit"),
        ("bbox=1,2,3", "bbox"),
        ("datetime=soon", "datetime"),
        ("q=", "q"),
        ("colour=red", "colour"),
    ],
)
def test_odd_questions(web: httpx.Client, query: str, place: str) -> None:
    assert problem_of(web.get(f"/products?{query}"), 400)["place"] == place


def test_filters(web: httpx.Client, farms: list[str]) -> None:
    assert {card["code"] for card in found(web, q="农业", theme="natural-resources", division=44, owner="测试")["products"]} == set(farms)
    assert found(web, q="农业", theme="market")["numberMatched"] == 0 == found(web, q="农业", bbox="0,0,1,1")["numberMatched"]
    assert (
        found(web, q="农业", bbox="114,22,115,23")["numberMatched"] == 3
        and found(web, q="农业", datetime="../2020-01-01")["numberMatched"] == 0
    )


def test_a_life_with_a_rollback(web: httpx.Client, program: httpx.Client, site: Site) -> None:
    code = f"life-{uuid.uuid4().hex[:8]}"
    open_card = CARD | {"layers": [{"layer": "houses", "symbol": {"kind": "fill"}}], "status": "draft"}
    program.put(f"/products/{code}", json=open_card | {"title_zh": "第一版"}).raise_for_status()
    assert web.get(f"/products/{code}").status_code == 404
    assert code in {card["code"] for card in found(program, status="draft", limit=500)["products"]}
    problem_of(web.get("/products?status=draft"), 401)
    problem_of(web.get(f"/products/{code}/versions"), 401)
    problem_of(web.post(f"/products/{code}/versions/1/publish"), 401)

    listed = program.get(f"/products/{code}/versions").json()["versions"]
    assert set(listed[0]["moves"]) == {"review", "publish", "withdraw"}
    assert program.post(listed[0]["moves"]["review"]).json()["status"] == "review"
    assert program.post(f"/products/{code}/versions/1/publish").json() == {"code": code, "version": 1, "status": "published"}
    assert eventually(web, f"/products/{code}").json()["title_zh"] == "第一版"

    program.put(f"/products/{code}", json=open_card | {"title_zh": "第二版", "status": "published"}).raise_for_status()
    wait_for_title(web, code, "第二版")
    program.post(f"/products/{code}/versions/1/publish").raise_for_status()
    wait_for_title(web, code, "第一版")
    problem_of(program.post(f"/products/{code}/versions/1/review"), 409)
    problem_of(program.post(f"/products/{code}/versions/9/publish"), 404)
    problem_of(program.post(f"/products/{code}/versions/x/publish"), 400)
    problem_of(program.get("/products/nobody/versions"), 404)

    story = program.get(f"/products/{code}/versions").json()
    assert [(each["version"], each["status"]) for each in story["versions"]] == [(2, "withdrawn"), (1, "published")]
    steps = [(line["version"], line["from_status"], line["to_status"]) for line in reversed(story["log"])]
    assert steps == [
        *[(1, None, "draft"), (1, "draft", "review"), (1, "review", "published")],
        *[(2, None, "draft"), (1, "published", "withdrawn"), (2, "draft", "published")],
        *[(2, "published", "withdrawn"), (1, "withdrawn", "published")],
    ]
    assert {line["by_whom"] for line in story["log"]} == {"test-program"}
    assert program.get(f"/products/{code}/versions/2").json()["card"]["title_zh"] == "第二版"
    program.post(f"/products/{code}/versions/1/withdraw").raise_for_status()
    eventually(web, f"/products/{code}", 404)


def wait_for_title(client: httpx.Client, code: str, title: str) -> None:
    for _ in range(2000):
        if client.get(f"/products/{code}").json()["title_zh"] == title:
            return
    raise AssertionError(f"{code} never became {title}")


def test_words_of_the_catalogue_are_no_products(program: httpx.Client) -> None:
    for word in ("kpi", "bundle"):
        assert "code" in str(problem_of(program.put(f"/products/{word}", json=CARD), 422)["place"])


def test_links_stay_on_this_site(site: Site, web: httpx.Client, farms: list[str]) -> None:
    body = found(web, q="yjjbnt", limit=1)
    assert {urlsplit(link["href"]).netloc for link in body["links"]} == {urlsplit(site.url).netloc}
