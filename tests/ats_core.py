"""Abstract tests of Features Core, GeoJSON and OpenAPI 3.0."""

from datetime import datetime
from typing import Any

from tests.ats import Ground, abstract_test, links_of, ok

PART = "features-1"
GEOJSON = "application/geo+json"
ITEMS = "/collections/houses/items"


def items(ground: Ground, **query: Any) -> dict[str, Any]:
    """One page of the houses."""
    found: dict[str, Any] = ok(ground.web.get(ITEMS, params=query), GEOJSON).json()
    return found


def operation(ground: Ground, path: str) -> dict[str, Any]:
    """The GET operation of a path in the OpenAPI 3.0 document."""
    found: dict[str, Any] = ground.web.get("/ogc/api").json()["paths"][path]["get"]
    return found


def parameter(ground: Ground, name: str) -> dict[str, Any]:
    """A query parameter of items in the document, which must be optional and in the form style."""
    found = next(each for each in operation(ground, "/collections/{collection}/items")["parameters"] if each["name"] == name)
    assert (found["in"], found["required"], found["style"], found["explode"]) == ("query", False, "form", False)
    return dict(found)


@abstract_test(PART, "/conf/core/http")
def speaks_http(ground: Ground) -> None:
    answer = ground.web.get("/ogc")
    assert answer.http_version == "HTTP/1.1" and ground.web.head("/ogc").status_code == 200
    assert ground.web.get("/nothing-here").status_code == 404 and ground.web.request("DELETE", "/conformance").status_code == 405


@abstract_test(PART, "/conf/core/root-op", "/conf/core/root-success")
def landing_page(ground: Ground) -> None:
    for path in ("/ogc", "/ogc/"):
        landing = ok(ground.web.get(path)).json()
        assert all(links_of(landing, rel) for rel in ("service-desc", "service-doc", "conformance", "data"))


@abstract_test(PART, "/conf/core/api-definition-op", "/conf/core/api-definition-success")
def api_definition(ground: Ground) -> None:
    landing = ground.web.get("/ogc").json()
    for described in (*links_of(landing, "service-desc"), *links_of(landing, "service-doc")):
        ok(ground.web.get(described["href"]), described["type"])


@abstract_test(PART, "/conf/core/conformance-op", "/conf/core/conformance-success")
def conformance(ground: Ground) -> None:
    (link,) = links_of(ground.web.get("/ogc").json(), "conformance")
    classes = ok(ground.web.get(link["href"])).json()["conformsTo"]
    for name in ("core", "geojson", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" in classes


@abstract_test(PART, "/conf/core/crs84")
def coordinates_are_crs84(ground: Ground) -> None:
    (lon, lat), *_ = items(ground)["features"][0]["geometry"]["coordinates"][0]
    assert 109 < lon < 118 and 20 < lat < 26


@abstract_test(PART, "/conf/core/fc-md-op", "/conf/core/fc-md-success", "/conf/core/fc-md-items")
def collections(ground: Ground) -> None:
    listed = ok(ground.web.get("/collections")).json()["collections"]
    assert {"houses", "traffic"} <= {entry["id"] for entry in listed}
    assert all(isinstance(entry["id"], str) and entry["links"] for entry in listed)


@abstract_test(PART, "/conf/core/fc-md-links", "/conf/core/fc-md-items-links")
def links_of_collections(ground: Ground) -> None:
    document = ground.web.get("/collections").json()
    assert all(link["type"] for link in links_of(document, "self")) and links_of(document, "self")
    for entry in document["collections"]:
        found = {link["type"]: link["href"] for link in links_of(entry, "items")}
        assert {GEOJSON, "text/html"} <= found.keys() and all(ok(ground.web.get(href), type_) for type_, href in found.items())


@abstract_test(PART, "/conf/core/fc-md-extent")
def extents_hold_the_features(ground: Ground) -> None:
    west, south, east, north = ground.web.get("/collections/houses").json()["extent"]["spatial"]["bbox"][0]
    points = [point for one in items(ground, limit=1000)["features"] for point in one["geometry"]["coordinates"][0]]
    assert all(west <= lon <= east and south <= lat <= north for lon, lat in points)


@abstract_test(PART, "/conf/core/sfc-md-op", "/conf/core/sfc-md-success")
def one_collection(ground: Ground) -> None:
    for entry in ground.web.get("/collections").json()["collections"]:
        alone = ok(ground.web.get(f"/collections/{entry['id']}")).json()
        assert {name: alone[name] for name in ("id", "title", "links", "crs")} == {
            name: entry[name] for name in ("id", "title", "links", "crs")
        }
        assert alone.get("extent") == entry.get("extent")
    assert ground.web.get("/collections/nothing").status_code == 404


@abstract_test(PART, "/conf/core/fc-op", "/conf/core/fc-response", "/conf/core/fc-links")
def features_of_a_collection(ground: Ground) -> None:
    page = items(ground, limit=3)
    assert page["type"] == "FeatureCollection" and len(page["features"]) == 3
    assert {link["rel"] for link in page["links"]} >= {"self", "next"} and all(link["type"] for link in page["links"])
    (following,) = links_of(page, "next")
    after = ok(ground.web.get(following["href"]), GEOJSON).json()
    assert not {one["id"] for one in page["features"]} & {one["id"] for one in after["features"]}


@abstract_test(PART, "/conf/core/fc-timeStamp")
def time_stamp(ground: Ground) -> None:
    moment = datetime.fromisoformat(items(ground)["timeStamp"])
    assert moment.tzinfo is not None and abs((datetime.now(moment.tzinfo) - moment).total_seconds()) < 300


@abstract_test(PART, "/conf/core/fc-numberMatched")
def number_matched(ground: Ground) -> None:
    for query in (
        {"limit": 1000},
        {"limit": 2},
        {"limit": 2, "count": "exact"},
        {"limit": 2, "floors": "3"},
        {"limit": 2, "count": "exact", "floors": "3"},
    ):
        page = items(ground, **query)
        every = items(ground, **(query | {"limit": 1000}))
        assert page.get("numberMatched", len(every["features"])) == len(every["features"])
        assert "numberMatched" in page or "count" not in query


@abstract_test(PART, "/conf/core/fc-numberReturned")
def number_returned(ground: Ground) -> None:
    for limit in (1, 7, 1000):
        page = items(ground, limit=limit)
        assert page["numberReturned"] == len(page["features"])


@abstract_test(PART, "/conf/core/fc-bbox-definition")
def bbox_definition(ground: Ground) -> None:
    schema = parameter(ground, "bbox")["schema"]
    assert (schema["type"], schema["items"]["type"], schema["minItems"], schema["maxItems"]) == ("array", "number", 4, 6)


@abstract_test(PART, "/conf/core/fc-bbox-response")
def bbox_response(ground: Ground) -> None:
    every = items(ground, limit=1000)["features"]
    inside = {one["id"] for one in every if one["geometry"]["coordinates"][0][0][0] <= 114.0305}
    for box in ("113,22,114.0305,23", "113,22,-10,114.0305,23,10"):
        assert {one["id"] for one in items(ground, bbox=box, limit=1000)["features"]} == inside
    assert 0 < len(inside) < len(every) and items(ground, bbox="-10,-10,-5,-5")["features"] == []
    assert len(items(ground, bbox="170,0,-170,90")["features"]) == 0


@abstract_test(PART, "/conf/core/fc-limit-definition")
def limit_definition(ground: Ground) -> None:
    schema = parameter(ground, "limit")["schema"]
    assert (schema["type"], schema["minimum"], schema["maximum"], schema["default"]) == ("integer", 1, 10_000, 10)


@abstract_test(PART, "/conf/core/fc-limit-response")
def limit_response(ground: Ground) -> None:
    assert [len(items(ground, limit=limit)["features"]) for limit in (1, 10)] == [1, 10] and len(items(ground)["features"]) == 10
    assert items(ground, limit=10_001)["numberReturned"] <= 10_000


@abstract_test(PART, "/conf/core/fc-time-definition")
def time_definition(ground: Ground) -> None:
    assert parameter(ground, "datetime")["schema"] == {"type": "string"}


@abstract_test(PART, "/conf/core/fc-time-response")
def time_response(ground: Ground) -> None:
    count = len(items(ground, limit=1000)["features"])
    for time, expected in (
        ("2021-01-01T00:00:00Z", count), ("2021-01-01T00:00:00Z/2022-01-01T00:00:00Z", count), ("2021-01-01T00:00:00Z/..", count),
        ("../2019-01-01T00:00:00Z", 0), ("2018-01-01T00:00:00Z", 0), ("2018-01-01T00:00:00Z/2019-01-01T00:00:00Z", 0),
    ):  # fmt: skip
        assert len(items(ground, datetime=time, limit=1000)["features"]) == expected, time


@abstract_test(PART, "/conf/core/f-op", "/conf/core/f-success", "/conf/core/f-links", "/conf/geojson/content")
def one_feature(ground: Ground) -> None:
    for one in items(ground, limit=5)["features"]:
        alone = ok(ground.web.get(f"{ITEMS}/{one['id']}"), GEOJSON).json()
        assert {name: alone[name] for name in one} == one and alone["type"] == "Feature"
        assert all(links_of(alone, rel) for rel in ("self", "collection"))


@abstract_test(PART, "/conf/core/query-param-invalid")
def invalid_parameters(ground: Ground) -> None:
    for query in ("limit=0", "limit=x", "bbox=1,2", "bbox=a,b,c,d", "datetime=x", "datetime=2020-13-01"):
        assert ground.web.get(f"{ITEMS}?{query}").status_code == 400, query


@abstract_test(PART, "/conf/core/query-param-unknown")
def unknown_parameters(ground: Ground) -> None:
    for path in (ITEMS, "/collections", "/collections/houses", "/conformance", "/ogc"):
        assert ground.web.get(path, params={"this-is-unknown": "1"}).status_code == 400, path


@abstract_test(PART, "/conf/geojson/definition")
def geojson_where_it_is_due(ground: Ground) -> None:
    for path in (ITEMS, f"{ITEMS}/{items(ground)['features'][0]['id']}"):
        ok(ground.web.get(path, headers={"accept": GEOJSON}), GEOJSON)


@abstract_test(PART, "/conf/oas30/oas-definition-1", "/conf/oas30/oas-definition-2", "/conf/oas30/oas-impl")
def openapi_30(ground: Ground) -> None:
    types = {link["type"]: link["href"] for link in links_of(ground.web.get("/ogc").json(), "service-desc")}
    document = ok(
        ground.web.get(types["application/vnd.oai.openapi+json;version=3.0"]), "application/vnd.oai.openapi+json;version=3.0"
    ).json()
    assert document["openapi"].startswith("3.0.") and document["info"]["title"] and document["info"]["version"]
    for path in document["paths"]:
        if "{" not in path:
            assert ground.web.get(document["servers"][0]["url"] + path).status_code == 200, path


@abstract_test(PART, "/conf/oas30/completeness", "/conf/oas30/exceptions-codes", "/conf/oas30/security")
def openapi_30_is_complete(ground: Ground) -> None:
    document = ground.web.get("/ogc/api").json()
    needed = (
        "/",
        "/conformance",
        "/collections",
        "/collections/{collection}",
        "/collections/{collection}/items",
        "/collections/{collection}/items/{item}",
    )
    for path in needed:
        responses = document["paths"][path]["get"]["responses"]
        assert "200" in responses and "application/problem+json" in responses["default"]["content"]
    assert {"key", "session"} <= set(document["components"]["securitySchemes"])
