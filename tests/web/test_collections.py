"""OGC API – Features: what a client reads, page by page, and what GDAL makes of it."""

import json
import subprocess
from typing import Any

import httpx
import pytest
from owslib.ogcapi.features import Features

from tests.web.conftest import HOUSES, Site, problem_of


def link_of(document: dict[str, Any], rel: str) -> str:
    """The one link of this relation."""
    found = [link["href"] for link in document["links"] if link["rel"] == rel]
    assert len(found) == 1, (rel, found)
    return str(found[0])


@pytest.mark.parametrize("path", ["/ogc", "/ogc/", "/?f=json"])
def test_landing(web: httpx.Client, path: str) -> None:
    landing = web.get(path).json()
    for rel in ("self", "service-doc", "conformance", "data"):
        assert link_of(landing, rel).startswith("http://127.0.0.1")
    for described in (link for link in landing["links"] if link["rel"] == "service-desc"):
        assert web.get(described["href"]).headers["content-type"] == described["type"]
    assert web.get("/", headers={"accept": "application/json"}).json() == landing


def test_conformance(web: httpx.Client) -> None:
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in web.get("/conformance").json()["conformsTo"]


def test_collections(web: httpx.Client) -> None:
    listed = web.get("/collections").json()["collections"]
    assert [entry["id"] for entry in listed] == ["houses", "traffic"]
    houses = web.get(link_of(listed[0], "self")).json()
    assert houses == listed[0] and houses["title"] == "房屋" and houses["itemType"] == "feature"
    west, south, east, north = houses["extent"]["spatial"]["bbox"][0]
    assert (west, south, east, north) == pytest.approx((114.01, 22.5, 114.251, 22.501), abs=1e-6)


def test_queryables_and_schema(web: httpx.Client) -> None:
    houses = web.get("/collections/houses").json()
    queryables = web.get(link_of(houses, "http://www.opengis.net/def/rel/ogc/1.0/queryables"))
    assert queryables.headers["content-type"].startswith("application/schema+json")
    properties = queryables.json()["properties"]
    assert (
        properties["高度"]["type"] == "number"
        and properties["高度"]["x-ogc-unit"] == "m"
        and "名称" not in properties
        and "raw" not in properties
    )
    schema = web.get(link_of(houses, "http://www.opengis.net/def/rel/ogc/1.0/schema")).json()["properties"]
    assert (
        schema["oid"]["x-ogc-role"] == "id" and schema["geometry"]["format"] == "geometry-polygon" and schema["built"]["format"] == "date"
    )


def test_a_feature(web: httpx.Client) -> None:
    answer = web.get("/collections/houses/items?limit=1")
    assert answer.headers["content-type"] == "application/geo+json" and "CRS84" in answer.headers["content-crs"]
    page = answer.json()
    assert page["type"] == "FeatureCollection" and page["numberReturned"] == 1 and page["timeStamp"].endswith("Z")
    feature = page["features"][0]
    assert (
        feature["id"] >> 40 > 0 and feature["geometry"]["type"] == "Polygon" and feature["geometry"]["coordinates"][0][0] == [114.01, 22.5]
    )
    assert feature["properties"] == {
        "类别": "住宅", "名称": "南山 1 号", "高度": 3.5, "floors": 1, "listed": False, "built": "2001-01-31",
        "seen": "2026-01-01T00:00:00Z",
        '备注 "%(x)s" :b $1': "注1", "raw": {"n": [1, None]},
    }  # fmt: skip
    alone = web.get(f"/collections/houses/items/{feature['id']}").json()
    assert {key: alone[key] for key in feature} == feature and link_of(alone, "collection").endswith("/collections/houses")


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26, 10000])
def test_pages(web: httpx.Client, limit: int) -> None:
    address, seen, pages = f"/collections/houses/items?limit={limit}", [], 0
    while True:
        page = web.get(address).json()
        assert page["numberReturned"] == len(page["features"]) <= limit
        seen += [feature["id"] for feature in page["features"]]
        pages += 1
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        address = following[0]
    assert len(seen) == len(set(seen)) == HOUSES and seen == sorted(seen) and pages == -(-HOUSES // limit)


def test_filters(web: httpx.Client) -> None:
    def names(**query: Any) -> list[str]:
        page = web.get("/collections/houses/items", params={"limit": 100, **query}).json()
        return [feature["properties"]["名称"] for feature in page["features"]]

    assert names(bbox="114.005,22.4,114.025,22.6") == ["南山 1 号", "南山 2 号"]
    assert names(bbox="114.0105,22.5,114.0105,22.5") == ["南山 1 号"]
    assert names(bbox="170,0,-170,90") == [] and len(names(bbox="110,0,-170,90")) == HOUSES
    assert names(高度="3.5") == names(floors="1") == names(built="2001-01-31") == names(**{'备注 "%(x)s" :b $1': "注1"}) == ["南山 1 号"]
    assert len(names(类别="商业")) == len(names(listed="true")) == 12
    assert names(类别="商业' OR '1'='1") == names(类别="%") == names(类别="") == []
    assert len(names(datetime="2021-01-01T00:00:00Z")) == len(names(datetime="2019-01-01/..")) == HOUSES
    assert names(datetime="2019-01-01") == names(datetime="../2019-12-31T23:59:59Z") == []


def test_next_keeps_the_question(web: httpx.Client) -> None:
    page = web.get(
        "/collections/houses/items", params={"limit": 5, "类别": "住宅", "bbox": "114,22,115,23", "datetime": "2021-01-01T00:00:00+08:00"}
    ).json()
    following = web.get(link_of(page, "next")).json()
    assert {feature["properties"]["类别"] for feature in following["features"]} == {"住宅"} and following["numberReturned"] == 5
    assert not {f["id"] for f in page["features"]} & {f["id"] for f in following["features"]}


def test_counts_say_whether_they_are_exact(web: httpx.Client) -> None:
    whole = web.get("/collections/houses/items?limit=100").json()
    assert whole["numberMatched"] == HOUSES and "numberMatchedEstimated" not in whole
    first = web.get("/collections/houses/items?limit=3").json()
    assert "numberMatched" not in first
    narrowed = web.get("/collections/houses/items?limit=3&类别=住宅").json()
    assert "numberMatched" not in narrowed and 4 <= narrowed["numberMatchedEstimated"] <= HOUSES


def test_asking_again_costs_nothing(web: httpx.Client) -> None:
    etag = web.get("/collections/houses/items").headers["etag"]
    again = web.get("/collections/houses/items", headers={"If-None-Match": etag})
    assert again.status_code == 304 and not again.content and again.headers["etag"] == etag


def test_head_and_compression(web: httpx.Client) -> None:
    head = web.head("/collections/houses/items?limit=100")
    assert head.status_code == 200 and not head.content
    assert web.get("/collections/houses/items?limit=100", headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in web.get("/collections/houses/items?limit=100", headers={"accept-encoding": "identity"}).headers


def test_write_is_not_offered_to_anybody(web: httpx.Client) -> None:
    problem_of(web.post("/collections/houses/items", json={}), 401)
    problem_of(web.delete("/collections/houses/items/1"), 401)
    problem_of(web.put("/collections/houses/items", json={}), 405)


def gdal(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("address", ["/ogc", "", "/collections/houses"])
def test_gdal_reads_it(site: Site, address: str) -> None:
    told = gdal("ogrinfo", "-ro", "-al", "-so", f"OAPIF:{site.url}{address}", "houses")
    assert f"Feature Count: {HOUSES}" in told and "Geometry: Polygon" in told and "floors: Integer" in told


def test_gdal_reads_all_pages(site: Site, tmp_path: Any) -> None:
    target = tmp_path / "out.geojson"
    gdal("ogr2ogr", "-oo", "PAGE_SIZE=4", "-f", "GeoJSON", str(target), f"OAPIF:{site.url}/ogc", "houses")
    assert len(json.loads(target.read_text())["features"]) == HOUSES


@pytest.mark.parametrize(
    ("words", "count"),
    [(["-spat", "114.005", "22.4", "114.025", "22.6"], 2), (["-where", "floors = 3"], 1), (["-where", "floors > 20 AND listed = 1"], 2)],
)
def test_gdal_narrows_what_it_reads(site: Site, tmp_path: Any, words: list[str], count: int) -> None:
    target = tmp_path / "out.geojson"
    gdal("ogr2ogr", *words, "-oo", "PAGE_SIZE=10", "-f", "GeoJSON", str(target), f"OAPIF:{site.url}/ogc", "houses")
    assert len(json.loads(target.read_text())["features"]) == count


def test_owslib_pages_and_filters(site: Site) -> None:
    service = Features(f"{site.url}/ogc")
    assert set(service.feature_collections()) == {"houses", "traffic"}
    page = service.collection_items("houses", limit=7, bbox=[114.005, 22.4, 114.255, 22.6])
    assert page["numberReturned"] == 7 and [link["rel"] for link in page["links"]].count("next") == 1
    assert service.collection_queryables("houses")["properties"]["floors"]["type"] == "integer"
    (one,) = service.collection_items("houses", filter="floors = 3")["features"]
    assert service.collection_item("houses", str(one["id"]))["properties"]["floors"] == 3
