"""Abstract tests of Features Parts 2 (reference systems), 3 (filtering) and 4 (create, replace, delete)."""

import json
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyproj
import pytest

from tests.ats import Ground, abstract_test, links_of, ok
from tests.ats_core import GEOJSON, ITEMS, items
from web.crs import SERVED

CRS, FILTER, CRUD = "features-2", "features-3", "features-4"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
NO_SYSTEM = "http://www.opengis.net/def/crs/OGC/0/does_not_exist"


@cache
def _transformer(uri: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(CRS84, uri)


def _to(uri: str, lon: float, lat: float) -> tuple[float, float]:
    """Where PROJ puts a place in a system, in its order of axes."""
    x, y = _transformer(uri).transform(lon, lat)
    return float(x), float(y)


def _box(uri: str, bounds: list[float]) -> str:
    """Bounds in CRS84 as a box of a system that holds them, a little widened."""
    west, south, east, north = bounds
    corners = [_to(uri, lon, lat) for lon in (west - 1e-4, east + 1e-4) for lat in (south - 1e-3, north + 1e-3)]
    return ",".join(repr(pick(corner[axis] for corner in corners)) for pick in (min, max) for axis in (0, 1))


def _bounds(ground: Ground) -> list[float]:
    found: list[float] = ground.web.get("/collections/houses").json()["extent"]["spatial"]["bbox"][0]
    return found


def _ids(page: dict[str, Any]) -> set[int]:
    return {one["id"] for one in page["features"]}


@abstract_test(CRS, "/conf/crs/crs-uri", "/conf/crs/default-crs", "/conf/crs/storageCrs")
def systems_of_collections(ground: Ground) -> None:
    for entry in ground.web.get("/collections").json()["collections"]:
        for uri in (*entry["crs"], entry["storageCrs"]):
            assert uri.startswith("http://www.opengis.net/def/crs/") and urlsplit(uri).netloc and pyproj.CRS(uri)
        assert CRS84 in entry["crs"] and entry["storageCrs"] in entry["crs"]


@abstract_test(CRS, "/conf/crs/crs-parameter", "/conf/crs/crs-parameter-transform")
def answers_in_every_system(ground: Ground) -> None:
    plain = items(ground, limit=3)["features"]
    for uri in ground.web.get("/collections/houses").json()["crs"]:
        many = ok(ground.web.get(ITEMS, params={"crs": uri, "limit": 3}), GEOJSON)
        alone = ok(ground.web.get(f"{ITEMS}/{plain[0]['id']}", params={"crs": uri}), GEOJSON)
        assert many.headers["content-crs"] == alone.headers["content-crs"] == f"<{uri}>"
        degrees = uri == CRS84 or pyproj.CRS(uri).is_geographic
        for one, other in zip(plain, many.json()["features"], strict=True):
            wanted = [_to(uri, *point) for point in one["geometry"]["coordinates"][0]]
            assert other["geometry"]["coordinates"][0] == [pytest.approx(point, abs=1e-7 if degrees else 2e-3) for point in wanted]


@abstract_test(CRS, "/conf/crs/crs-parameter-invalid")
def unknown_systems(ground: Ground) -> None:
    one = items(ground)["features"][0]["id"]
    for path in (ITEMS, f"{ITEMS}/{one}"):
        assert ground.web.get(path, params={"crs": NO_SYSTEM}).status_code == 400


@abstract_test(CRS, "/conf/crs/crs-parameter-default")
def the_default_is_said(ground: Ground) -> None:
    for entry in ground.web.get("/collections").json()["collections"]:
        assert ground.web.get(f"/collections/{entry['id']}/items").headers["content-crs"] == f"<{CRS84}>"


@abstract_test(CRS, "/conf/crs/bbox-crs-parameter")
def boxes_in_every_system(ground: Ground) -> None:
    west, south, east, north = _bounds(ground)
    half = [west - 0.0005, south, (west + east) / 2, north]
    for served in SERVED:
        assert _ids(items(ground, bbox=_box(served.uri, [west, south, east, north]), limit=1000, **{"bbox-crs": served.uri})) == _ids(
            items(ground, limit=1000)
        )
        some = _ids(items(ground, bbox=_box(served.uri, half), limit=1000, **{"bbox-crs": served.uri}))
        assert 0 < len(some) < 25 and _ids(items(ground, bbox=",".join(map(str, half)), limit=1000)) <= some


@abstract_test(CRS, "/conf/crs/bbox-crs-parameter-invalid")
def boxes_in_no_system(ground: Ground) -> None:
    assert ground.web.get(ITEMS, params={"bbox": "113,22,114,23", "bbox-crs": NO_SYSTEM}).status_code == 400


@abstract_test(CRS, "/conf/crs/bbox-crs-parameter-default")
def the_default_of_boxes(ground: Ground) -> None:
    box = "113,22,114.0305,23"
    assert _ids(items(ground, bbox=box)) == _ids(items(ground, bbox=box, **{"bbox-crs": CRS84})) != set()


@abstract_test(
    FILTER, *(f"/conf/{name}/get-conformance" for name in ("queryables", "queryables-query-parameters", "filter", "features-filter"))
)
def filters_are_declared(ground: Ground) -> None:
    declared = ok(ground.web.get("/conformance")).json()["conformsTo"]
    for name in ("queryables", "queryables-query-parameters", "filter", "features-filter"):
        assert f"http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/{name}" in declared


def _queryables(ground: Ground) -> httpx.Response:
    """The document that a HEAD of the items names in its Link header."""
    head = ground.web.head(ITEMS)
    assert head.status_code == 200
    (found,) = [link["url"] for link in head.links.values() if link["rel"] == QUERYABLES]
    return ok(ground.web.get(found), "application/schema+json")


@abstract_test(FILTER, "/conf/queryables/get-queryables-uris", "/conf/queryables/get-queryables")
def queryables(ground: Ground) -> None:
    answer = _queryables(ground)
    document = answer.json()
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema" and document["$id"] == str(answer.url)
    assert document["type"] == "object" and document["properties"] and document["additionalProperties"] is False
    assert all("type" in about or about["format"].startswith("geometry-") for about in document["properties"].values())


@abstract_test(FILTER, "/conf/queryables-query-parameters/query-param")
def queryables_as_parameters(ground: Ground) -> None:
    valid = {"floors": "3", "高度": "3.5", "listed": "true", "built": "2001-01-31", "类别": "住宅", "seen": "2026-01-01T00:00:00Z"}
    for name, about in _queryables(ground).json()["properties"].items():
        if name not in valid:
            continue
        found = items(ground, **{name: valid[name]})["features"]
        assert found and all(json.dumps(one["properties"][name], ensure_ascii=False).strip('"') == valid[name] for one in found), name
        if about["type"] != "string" or "format" in about:
            assert ground.web.get(ITEMS, params={name: "this is none"}).status_code == 400


@abstract_test(FILTER, "/conf/filter/filter-param", "/conf/filter/filter-lang-default", "/conf/features-filter/filter-on-items")
def filters(ground: Ground) -> None:
    for language in ({"filter-lang": "cql2-text"}, {}):
        assert items(ground, filter="floors IS NULL", **language)["features"] == []
        found = items(ground, filter="floors > 20", limit=100, **language)["features"]
        assert found and all(one["properties"]["floors"] > 20 for one in found)
        assert ground.web.get(ITEMS, params={"filter": "THIS IS NOT A FILTER", **language}).status_code == 400
    as_json = items(ground, filter='{"op":">","args":[{"property":"floors"},20]}', limit=100, **{"filter-lang": "cql2-json"})
    assert _ids(as_json) == {one["id"] for one in found}
    assert ground.web.get(ITEMS, params={"filter": "floors = 1", "filter-lang": "none"}).status_code == 400


@abstract_test(FILTER, "/conf/filter/expression-construction")
def unknown_queryables(ground: Ground) -> None:
    assert ground.web.get(ITEMS, params={"filter": "this_is_not_a_queryable IS NULL"}).status_code == 400


@abstract_test(FILTER, "/conf/filter/filter-crs-wgs84")
def filters_are_in_wgs84(ground: Ground) -> None:
    box = ",".join(map(str, _bounds(ground)))
    assert _ids(items(ground, filter=f"S_INTERSECTS(geometry,BBOX({box}))", limit=1000)) == _ids(items(ground, limit=1000))
    beyond = "S_INTERSECTS(geometry,BBOX(1000000,1000000,2000000,2000000))"
    assert ground.web.get(ITEMS, params={"filter": beyond}).status_code == 400


@abstract_test(FILTER, "/conf/filter/filter-crs-param")
def filters_in_every_system(ground: Ground) -> None:
    bounds = _bounds(ground)
    systems = ground.web.get("/api").json()["paths"]["/collections/{collection}/items"]["get"]["parameters"]
    known = next(each for each in systems if each["name"] == "filter-crs")["schema"]["enum"]
    assert len(known) >= 5
    for uri in known:
        text = f"S_INTERSECTS(geometry,BBOX({_box(uri, bounds)}))"
        assert _ids(items(ground, filter=text, limit=1000, **{"filter-crs": uri})) == _ids(items(ground, limit=1000)), uri
    refused = ground.web.get(ITEMS, params={"filter": f"S_INTERSECTS(geometry,BBOX({_box(CRS84, bounds)}))", "filter-crs": NO_SYSTEM})
    assert refused.status_code == 400


@abstract_test(FILTER, "/conf/filter/get-functions")
def functions(ground: Ground) -> None:
    listed = ok(ground.web.get("/functions")).json()["functions"]
    assert listed and all(each["name"] and each["returns"] and all(arg["type"] for arg in each["args"]) for each in listed)


@abstract_test(FILTER, "/conf/features-filter/get-collections", "/conf/features-filter/get-collection")
def collections_name_their_queryables(ground: Ground) -> None:
    for entry in ok(ground.web.get("/collections")).json()["collections"]:
        alone = ok(ground.web.get(f"/collections/{entry['id']}")).json()
        (link,) = links_of(alone, QUERYABLES)
        assert link["href"] == str(ground.web.base_url).rstrip("/") + f"/collections/{entry['id']}/queryables"


@abstract_test(FILTER, "/conf/features-filter/mixing-expression")
def filter_and_box_both_hold(ground: Ground) -> None:
    box, text = "113,22,114.1005,23", "floors > 5"
    both = _ids(items(ground, bbox=box, filter=text, limit=1000))
    assert both == _ids(items(ground, bbox=box, limit=1000)) & _ids(items(ground, filter=text, limit=1000)) != set()


_DOOR = "/collections/traffic/items"
_SQUARE = {"type": "Polygon", "coordinates": [[[114.5, 22.5], [114.501, 22.5], [114.501, 22.501], [114.5, 22.5]]]}
_FEATURE = {"type": "Feature", "geometry": _SQUARE, "properties": {}}


def _made(ground: Ground, **headers: str) -> httpx.Response:
    return ground.program.post(_DOOR, content=json.dumps(_FEATURE), headers={"content-type": GEOJSON} | headers)


@abstract_test(CRUD, *(f"/conf/create-replace-delete/insert/{name}" for name in ("post-op", "body", "response", "response-rid")))
def create(ground: Ground) -> None:
    made = _made(ground)
    assert made.status_code == 201, made.text
    found = ok(ground.web.get(made.headers["location"]), GEOJSON).json()
    assert found["geometry"] == _SQUARE and str(found["id"]) == made.headers["location"].rsplit("/", 1)[1]


@abstract_test(CRUD, "/conf/create-replace-delete/insert/content-type", "/conf/create-replace-delete/update/put/content-type")
def bodies_say_what_they_are(ground: Ground) -> None:
    address = _made(ground).headers["location"]
    for send in (
        lambda headers: ground.program.post(_DOOR, content=b"{}", headers=headers),
        lambda headers: ground.program.put(address, content=b"{}", headers=headers),
    ):
        assert send({"content-type": "application/xml"}).status_code == 415


@abstract_test(CRUD, *(f"/conf/create-replace-delete/update/put/{name}" for name in ("put-op", "body", "response", "rid-exception")))
def replace(ground: Ground) -> None:
    address = _made(ground).headers["location"]
    moved = {"type": "Polygon", "coordinates": [[[114.6, 22.5], [114.601, 22.5], [114.601, 22.501], [114.6, 22.5]]]}
    done = ground.program.put(address, content=json.dumps(_FEATURE | {"geometry": moved}), headers={"content-type": GEOJSON})
    assert done.status_code == 200, done.text
    assert ground.web.get(address).json()["geometry"] == moved
    gone = address.rsplit("/", 1)[0] + "/" + str(int(address.rsplit("/", 1)[1]) + 10_000)
    assert ground.program.put(gone, content=json.dumps(_FEATURE), headers={"content-type": GEOJSON}).status_code == 404


@abstract_test(CRUD, "/conf/create-replace-delete/delete/delete-op", "/conf/create-replace-delete/delete/response")
def delete(ground: Ground) -> None:
    address = _made(ground).headers["location"]
    assert ground.program.delete(address).status_code == 204
    assert ground.web.get(address).status_code == 404 and ground.program.delete(address).status_code == 404


@abstract_test(CRUD, *(f"/conf/create-replace-delete/crs/{name}" for name in ("crs84", "geojson", "storage-crs")))
def bodies_in_other_systems(ground: Ground) -> None:
    assert ground.web.get(_made(ground).headers["location"]).json()["geometry"] == _SQUARE
    storage = ground.web.get("/collections/traffic").json()["storageCrs"]
    turned = {"type": "Polygon", "coordinates": [[[lat, lon] for lon, lat in _SQUARE["coordinates"][0]]]}  # type: ignore[index]
    made = ground.program.post(
        _DOOR, content=json.dumps(_FEATURE | {"geometry": turned}), headers={"content-type": GEOJSON, "content-crs": f"<{storage}>"}
    )
    assert made.status_code == 201 and ground.web.get(made.headers["location"]).json()["geometry"] == _SQUARE


@abstract_test(CRUD, "/conf/features/collection-items-end-point", "/conf/features/feature-end-point")
def end_points(ground: Ground) -> None:
    address = _made(ground).headers["location"]
    assert address.rsplit("/", 1)[0].endswith(_DOOR)
    assert "POST" in ground.program.options(_DOOR).headers["allow"]
    assert {"PUT", "PATCH", "DELETE"} <= set(ground.program.options(address).headers["allow"].split(", "))
