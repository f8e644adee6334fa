"""OGC API – Records: OWSLib finds its way by links alone, records have the shape the standard gives them, and nothing hidden is in them."""

from typing import Any

import httpx
import pytest
from owslib.ogcapi.records import Records

from tests.web.conftest import Site, problem_of
from tests.web.test_catalogue_doors import CARD, eventually

ITEMS = "/records/collections/products/items"


@pytest.fixture(scope="module", autouse=True)
def cards(site: Site) -> None:
    open_layer = [{"layer": "houses", "symbol": {"kind": "fill"}}]
    with site.with_key() as client:
        for number, title in enumerate(("水系记录图", "道路记录图", "林地记录图")):
            card = CARD | {"title_zh": title, "layers": open_layer, "updated_on": f"202{number}-05-01", "keywords": ["记录测试"]}
            client.put(f"/products/record-{number}", json=card).raise_for_status()
            eventually(client, f"/products/record-{number}")
        client.put("/products/record-hidden", json=CARD | {"layers": [{"layer": "secret", "symbol": {"kind": "fill"}}]}).raise_for_status()
        eventually(client, "/products/record-hidden")


def codes(client: httpx.Client, query: str) -> list[str]:
    answer = client.get(f"{ITEMS}?{query}")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/geo+json", answer.text
    body: dict[str, Any] = answer.json()
    assert body["numberReturned"] == len(body["features"]) <= body["numberMatched"] and body["timeStamp"]
    return [feature["id"] for feature in body["features"]]


def test_a_client_of_others_finds_its_way(site: Site) -> None:
    service = Records(site.url + "/records")
    assert service.records() == ["products"]
    assert "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core" in service.conformance()["conformsTo"]
    found = service.collection_items("products", q="记录测试", limit=2)
    assert found["numberMatched"] == 3 and len(found["features"]) == 2
    assert service.collection_item("products", "record-1")["properties"]["title"] == "道路记录图"
    assert service.collection("products")["itemType"] == "record"


def test_a_record(web: httpx.Client) -> None:
    record = web.get(f"{ITEMS}/record-1").json()
    assert record["type"] == "Feature" and record["time"] == {"date": "2021-05-01"}
    (ring,) = record["geometry"]["coordinates"]
    assert ring[0] == ring[-1] == record["bbox"][:2] and len(ring) == 5
    about = record["properties"]
    assert about["type"] == "dataset" and about["language"]["code"] == "zh-CN" and about["contacts"][0]["organization"] == CARD["owner"]
    assert about["themes"][0]["concepts"][0]["id"] == "natural-resources" and about["updated"].endswith("Z") and about["license"]
    assert {"self", "collection", "profile"} <= {link["rel"] for link in record["links"]}
    for link in record["links"]:
        if link["rel"] != "profile":
            assert web.get(link["href"]).status_code == 200, link


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ids=record-0,record-2", ["record-0", "record-2"]),
        ("externalIds=yuetu:product:record-1", ["record-1"]),
        ("q=水系,林地", ["record-0", "record-2"]),
        ("q=shuixi", ["record-0"]),
        ("q=记录测试&datetime=2021-01-01/2021-12-31", ["record-1"]),
        ("q=记录测试&bbox=0,0,1,1", []),
        ("q=记录测试&type=service", []),
        ("q=记录测试&type=dataset", ["record-0", "record-1", "record-2"]),
    ],
)
def test_parameters(web: httpx.Client, query: str, expected: list[str]) -> None:
    assert codes(web, query) == expected


def test_pages_by_next_links(web: httpx.Client) -> None:
    seen, address = [], f"{ITEMS}?q=记录测试&limit=1"
    while address:
        body = web.get(address).json()
        seen += [feature["id"] for feature in body["features"]]
        address = next((link["href"] for link in body["links"] if link["rel"] == "next"), "")
    assert seen == ["record-0", "record-1", "record-2"]


def test_what_is_hidden_and_what_is_wrong(web: httpx.Client, program: httpx.Client) -> None:
    problem_of(web.get(f"{ITEMS}/record-hidden"), 404)
    assert codes(web, "ids=record-hidden") == [] and codes(program, "ids=record-hidden") == ["record-hidden"]
    problem_of(web.get("/records/collections/layers/items"), 404)
    assert problem_of(web.get(f"{ITEMS}?colour=red"), 400)["place"] == "colour"


def test_documents(web: httpx.Client) -> None:
    assert web.get("/records/collections/products").headers["content-type"] == "application/ogc-catalog+json"
    for link in web.get("/records").json()["links"]:
        assert web.get(link["href"]).status_code in (200, 503), link
