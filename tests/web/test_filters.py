"""`filter` on items and tiles: rows, refusals with their place, and what a filtered tile may never be answered from."""

import json
from typing import Any

import httpx
import mapbox_vector_tile
import pytest

from tests.web.conftest import problem_of
from web.filters import CONFORMANCE

ITEMS = "/collections/houses/items"
TILE = "/tiles/houses/10/836/446"


def numbers(web: httpx.Client, filter_: Any, **query: Any) -> list[int]:
    """The floors of the houses found; each house has as many as its number."""
    if not isinstance(filter_, str):
        filter_, query = json.dumps(filter_, ensure_ascii=False), query | {"filter-lang": "cql2-json"}
    answer = web.get(ITEMS, params={"limit": 100, "filter": filter_, **query})
    assert answer.status_code == 200, answer.text
    return [feature["properties"]["floors"] for feature in answer.json()["features"]]


def test_text(web: httpx.Client) -> None:
    assert numbers(web, "floors > 23") == [24, 25] == numbers(web, "高度 > 80.5")
    assert numbers(web, "类别 = '商业' AND floors BETWEEN 3 AND 7") == [4, 6]
    assert numbers(web, "S_WITHIN(geometry, BBOX(114.0, 22.4, 114.025, 22.6))") == [1, 2]
    assert numbers(web, "T_AFTER(built, DATE('2023-02-01'))") == [24, 25]
    assert numbers(web, '"备注 ""%(x)s"" :b $1" LIKE \'注_\' AND NOT listed = TRUE') == [1, 3, 5, 7, 9]
    assert numbers(web, "floors > 20", 类别="商业", bbox="114.0,22,114.225,23") == [22]


def test_json(web: httpx.Client) -> None:
    assert numbers(web, {"op": "in", "args": [{"property": "floors"}, [3, 99, 5]]}) == [3, 5]
    assert numbers(web, {"op": "=", "args": [{"property": "类别"}, "商业' OR '1'='1"]}) == []


def test_filter_crs(web: httpx.Client) -> None:
    at = "http://www.opengis.net/def/crs/EPSG/0/4490"
    assert numbers(web, "S_INTERSECTS(geometry, POINT(22.5005 114.0105))", **{"filter-crs": at}) == [1]
    assert numbers(web, "S_INTERSECTS(geometry, POINT(114.0105 22.5005))") == [1]


def test_pages_keep_the_filter(web: httpx.Client) -> None:
    page = web.get(ITEMS, params={"filter": "floors % 2 = 0", "limit": 5}).json()
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert [feature["properties"]["floors"] for feature in web.get(following).json()["features"]] == [12, 14, 16, 18, 20]
    assert page["numberMatchedEstimated"] and "numberMatchedEstimated" not in web.get(following).json(), (
        "only the first page is worth an estimate"
    )


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"filter": "nothing = 1"}, "filter:1"), ({"filter": "floors = 'x'"}, "filter:10"), ({"filter": "floors >"}, "filter:9"), ({"filter": "raw IS NULL"}, "filter:1"),
        ({"filter": "名称 = 'x'"}, "filter:1"), ({"filter": "floors = 1", "filter-lang": "cql"}, "filter-lang"), ({"filter-lang": "cql2-text"}, "filter-lang"),
        ({"filter": "floors = 1", "filter-crs": "EPSG:2000"}, "filter-crs"), ({"filter": ""}, "filter"), ({"filter": "(" * 1200 + "floors=1" + ")" * 1200}, "filter:33"),
        ({"filter": "[" * 2000, "filter-lang": "cql2-json"}, "filter:1026"), ({"filter": "floors IN (" + "1," * 2000 + "1)"}, "filter:11"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [ITEMS, TILE])
def test_refusals(web: httpx.Client, path: str, query: dict[str, str], place: str) -> None:
    problem = problem_of(web.get(path, params=query), 400)
    assert problem["code"] == "invalid-parameter"
    assert problem["place"] == place or (query["filter"] == "" and problem["place"].startswith("filter"))  # type: ignore[attr-defined]


def ids(answer: httpx.Response) -> list[int]:
    if answer.status_code == 204:
        return []
    assert answer.status_code == 200, answer.text
    return sorted(feature["id"] & 0xFFFFFFFFFF for feature in mapbox_vector_tile.decode(answer.content)["houses"]["features"])


def test_tiles(web: httpx.Client) -> None:
    whole = web.get(TILE)
    some = web.get(TILE, params={"filter": "floors > 5 AND floors < 8"})
    assert len(ids(whole)) > 5 and ids(some) == [6, 7] and ids(web.get(TILE, params={"filter": "FALSE"})) == []
    assert ids(web.get(TILE, params={"filter": "floors > 6 AND floors < 9"})) == [7, 8], "another filter of the same structure"
    assert some.headers["etag"] != whole.headers["etag"]
    same = web.get(TILE, params={"filter": "(floors>5) and floors < 8"})
    assert same.headers["etag"] == some.headers["etag"]
    assert web.get(TILE, params={"filter": "floors > 5 AND floors < 8"}, headers={"if-none-match": some.headers["etag"]}).status_code == 304
    assert ids(web.get(TILE)) == ids(whole)


def test_conformance_and_functions(web: httpx.Client) -> None:
    assert set(CONFORMANCE) <= set(web.get("/conformance").json()["conformsTo"])
    listed = web.get("/functions").json()["functions"]
    assert {"area", "lower", "starts_with"} <= {function["name"] for function in listed}
    words = {"string", "number", "integer", "datetime", "geometry", "boolean"}
    assert all(set(function["returns"]) <= words and all(set(arg["type"]) <= words for arg in function["args"]) for function in listed)
    assert web.get("/ogc/functions").json() == {"functions": listed}


def test_secret_layers_stay_secret(web: httpx.Client) -> None:
    problem_of(web.get("/collections/secret/items", params={"filter": "TRUE"}), 404)
