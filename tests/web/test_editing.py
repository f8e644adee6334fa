"""Create, replace, update, delete over HTTP: who may, what is checked, which version comes of it, and how soon the map shows it."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from postgis.connect import IMPORTER, connect
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tests.web.conftest import Site, problem_of
from twin.fields import Field
from twin.layer import Access, Layer

GEOJSON = {"Content-Type": "application/geo+json"}
PATCH = {"Content-Type": "application/merge-patch+json"}
FIELDS = (*BUILDING_FIELDS, Field(name="用途", code_list="land_use"), Field(name="编号", role="code"))


def box(lon: float = 113.5, lat: float = 22.5, size: float = 0.001) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry: Any = None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry or box(), "properties": properties}


@pytest.fixture(scope="module")
def yard(site: Site) -> Iterator[Layer]:
    """A layer of this module's own."""
    yield put_layer(site.database, Layer(number=0, id="yard", title_zh="院子", fields=FIELDS, geometry_type="Polygon"))
    with connect(site.database, IMPORTER) as connection:
        connection.execute("SELECT twin.drop_layer('yard')")


@pytest.fixture
def items(site: Site, yard: Layer, program: httpx.Client) -> str:
    """The address of the items, once every door knows of the layer."""
    wait_for_layer(program, "yard")
    return "/collections/yard/items"


def wait_for_layer(client: httpx.Client, name: str) -> None:
    deadline = time.monotonic() + 5
    while client.get(f"/collections/{name}").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.02)


def made(client: httpx.Client, items: str, **properties: Any) -> tuple[str, str]:
    """Address and tag of a new feature."""
    answer = client.post(items, json=feature(**properties), headers=GEOJSON)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"], answer.headers["etag"]


def test_create_says_where_and_which_version(program: httpx.Client, items: str) -> None:
    answer = program.post(
        items, json=feature(名称="新楼", 高度=12.5, floors=4, listed=True, built="2026-01-31", raw={"a": [1]}), headers=GEOJSON
    )
    assert answer.status_code == 201 and answer.json()["repaired"] == []
    got = program.get(answer.headers["location"])
    assert got.headers["etag"] == answer.headers["etag"] and got.json()["id"] == answer.json()["id"]
    shown = got.json()["properties"]
    assert (shown["名称"], shown["高度"], shown["floors"], shown["listed"], shown["built"], shown["raw"]) == (
        "新楼", 12.5, 4, True, "2026-01-31", {"a": [1]},
    )  # fmt: skip
    assert got.json()["geometry"] == box()


def test_put_replaces_patch_merges_delete_ends(program: httpx.Client, items: str) -> None:
    where, tag = made(program, items, 名称="甲", floors=3, 高度=9.0)
    patched = program.patch(where, json={"properties": {"floors": 5, "高度": None}}, headers=PATCH | {"If-Match": tag})
    assert patched.status_code == 200, patched.text
    shown = program.get(where)
    assert shown.headers["etag"] == patched.headers["etag"] != tag
    assert (shown.json()["properties"]["名称"], shown.json()["properties"]["floors"], shown.json()["properties"]["高度"]) == ("甲", 5, None)
    back = shown.json()
    back["properties"]["名称"] = "乙"
    put = program.put(where, json=back, headers=GEOJSON | {"If-Match": shown.headers["etag"]})
    assert put.status_code == 200, put.text
    assert program.get(where).json()["properties"]["名称"] == "乙"
    whole = program.put(where, json=feature(floors=1), headers=GEOJSON)
    assert whole.status_code == 200 and program.get(where).json()["properties"]["名称"] is None
    assert program.delete(where).status_code == 204
    assert program.get(where).status_code == 404
    problem_of(program.delete(where), 404)
    versions = program.get(where + "/versions").json()["features"]
    assert [v["properties"]["floors"] for v in versions] == [3, 5, 5, 1]
    assert all(v["valid"][1] is not None and v["known"][1] is None for v in versions)


def test_an_old_tag_is_refused(program: httpx.Client, items: str) -> None:
    where, tag = made(program, items)
    program.patch(where, json={"properties": {"floors": 2}}, headers=PATCH).raise_for_status()
    for method, body, headers in (("PATCH", {"properties": {}}, PATCH), ("PUT", feature(), GEOJSON), ("DELETE", None, {})):
        problem = problem_of(program.request(method, where, json=body, headers=headers | {"If-Match": tag}), 412)
        assert problem["code"] == "precondition-failed"
    assert program.patch(where, json={"properties": {"floors": 3}}, headers=PATCH | {"If-Match": "*"}).status_code == 200
    problem_of(program.delete(where, headers={"If-Match": "W/" + program.get(where).headers["etag"]}), 412)
    problem_of(program.delete(where, headers={"If-Match": "bare"}), 400)


def test_of_two_editors_with_one_tag_one_wins(site: Site, program: httpx.Client, items: str) -> None:
    for _ in range(5):
        where, tag = made(program, items)
        answers: list[int] = []

        def edit(value: int, where: str = where, tag: str = tag, answers: list[int] = answers) -> None:
            with site.with_key() as client:
                answers.append(client.patch(where, json={"properties": {"floors": value}}, headers=PATCH | {"If-Match": tag}).status_code)

        threads = [threading.Thread(target=edit, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 412, 412, 412]


def test_valid_from_and_correct(program: httpx.Client, items: str) -> None:
    answer = program.post(items, json=feature(floors=1), headers=GEOJSON, params={"valid_from": "2020-01-01T00:00:00Z"})
    where = answer.headers["location"]
    late = {"valid_from": "2022-01-01T00:00:00Z"}
    program.patch(where, json={"properties": {"floors": 2}}, headers=PATCH, params=late).raise_for_status()
    program.patch(where, json={"properties": {"floors": 9}}, headers=PATCH, params=late | {"correct": "true"}).raise_for_status()
    at = {moment: program.get(where, params={"datetime": moment}).json()["properties"]["floors"] for moment in ("2021-01-01", "2023-01-01")}
    assert at == {"2021-01-01": 1, "2023-01-01": 9}
    assert len(program.get(where + "/versions").json()["features"]) == 4
    problem_of(program.patch(where, json={}, headers=PATCH, params={"valid_from": "2019-01-01T00:00:00Z"}), 404)
    problem_of(program.patch(where, json={}, headers=PATCH, params={"valid_from": "yesterday"}), 400)


@pytest.mark.parametrize(
    ("crs", "point"),
    [
        ("http://www.opengis.net/def/crs/EPSG/0/4490", [22.5, 113.5]), ("http://www.opengis.net/def/crs/EPSG/0/4326", [22.5, 113.5]),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", [113.5, 22.5]), ("http://www.opengis.net/def/crs/EPSG/0/3857", [12634762.2, 2571663.6]),
        ("http://www.opengis.net/def/crs/EPSG/0/4547", [2489184.0, 448552.0]),
    ],
)  # fmt: skip
def test_content_crs(program: httpx.Client, items: str, crs: str, point: list[float]) -> None:
    x, y = point
    size = 0.001 if x < 200 else 100
    ring = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    answer = program.post(items, json=feature(geometry), headers=GEOJSON | {"Content-Crs": f"<{crs}>"})
    assert answer.status_code == 201, answer.text
    west, south = program.get(answer.headers["location"]).json()["geometry"]["coordinates"][0][0]
    assert abs(west - 113.5) < 0.02 and abs(south - 22.5) < 0.02


def test_a_broken_shape_is_repaired_and_said(program: httpx.Client, items: str) -> None:
    spike = {"type": "Polygon", "coordinates": [[[113, 22], [113.01, 22], [113.02, 22], [113.01, 22], [113.01, 22.01], [113, 22]]]}
    answer = program.post(items, json=feature(spike), headers=GEOJSON)
    assert answer.status_code == 201 and "made valid" in answer.json()["repaired"][0]
    bow = {"type": "Polygon", "coordinates": [[[113, 22], [113.01, 22.01], [113.01, 22], [113, 22.01], [113, 22]]]}
    assert "MultiPolygon" in str(problem_of(program.post(items, json=feature(bow), headers=GEOJSON), 400)["detail_en"])
    flat = {"type": "Polygon", "coordinates": [[[113, 22], [113.01, 22], [113.02, 22], [113, 22]]]}
    problem_of(program.post(items, json=feature(flat), headers=GEOJSON), 400)


@pytest.mark.parametrize(
    "properties",
    [
        {"nope": 1}, {"floors": "3"}, {"floors": 1.5}, {"floors": True}, {"floors": 10**18}, {"高度": "x"}, {"高度": True}, {"listed": 1},
        {"built": "2026-02-30"}, {"built": 5}, {"seen": "2026-01-01"}, {"seen": "2026-13-01T00:00:00Z"}, {"名称": 5}, {"名称": "x" * 20_000},
        {"名称": "a\x00b"}, {"raw": {"a": "\x00"}}, {"用途": "99"}, {"floors": [1]}, {"floors": {"a": 1}},
        {"'; DROP TABLE twin.object; --": 1},
    ],
)  # fmt: skip
def test_odd_properties(program: httpx.Client, items: str, properties: dict[str, Any]) -> None:
    problem = problem_of(program.post(items, json=feature(**properties), headers=GEOJSON), 400)
    if "nope" in properties:
        assert "nope" in str(problem["detail_en"])


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [113, 22]}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": []}, {"type": "Polygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": [[[113, 22], [114, 22], [113, 22]]]}, {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 2]]]},
        {"type": "Polygon", "coordinates": [[["0", 0], [1, 0], [1, 1], ["0", 0]]]}, {"type": "Polygon", "coordinates": [[[0], [1], [1], [0]]]},
        {"type": "Polygon", "coordinates": [[[200, 0], [201, 0], [201, 1], [200, 0]]]}, {"type": "Sphere", "coordinates": [0, 0]},
        {"type": "GeometryCollection", "geometries": []}, {"type": ["Polygon"], "coordinates": []}, "POLYGON((0 0,1 0,1 1,0 0))", [1, 2], 5,
        {"type": "Polygon", "coordinates": [[[1e300, 0], [1, 0], [1, 1], [1e300, 0]]]}, {"type": "Polygon", "coordinates": [[[True, 0], [1, 0], [1, 1], [True, 0]]]},
    ],
)  # fmt: skip
def test_odd_geometries(program: httpx.Client, items: str, geometry: Any) -> None:
    problem_of(program.post(items, json=feature(geometry), headers=GEOJSON), 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b"5", 400), (b'{"type":"Feature","geometry":null,"properties":{"floors":NaN}}', 400),
        (b'{"type":"Feature","geometry":null,"properties":{"\xe9\xab\x98\xe5\xba\xa6":1e999}}', 400),
        (b'{"type":"Feature","geometry":null,"properties":[]}', 400), (b'{"type":"Feature","properties":{}}', 400),
        (b'{"type":"FeatureCollection","features":[]}', 400), (b'{"type":"Feature","geometry":null,"properties":{},"crs":{}}', 400),
        (b'{"type":"Feature","geometry":null,"properties":{"\xe5\x90\x8d\xe7\xa7\xb0":"\\ud800"}}', 400), (b"\xff\xfe", 400),
        (b"[" * 65 + b"]" * 65, 400), (b"[" * 100_000, 400), (b" " * 1_100_000, 413),
        (b'{"type":"Feature","properties":{},"geometry":{"type":"MultiPoint","coordinates":[' + b"[1,2]," * 1_000_000 + b"[1,2]]}}", 413),
        (b'{"type":"Feature","properties":{},"geometry":{"type":"MultiPoint","coordinates":[' + b"[1,2]," * 100_000 + b"[1,2]]}}", 400),
    ],
)  # fmt: skip
def test_hostile_bodies(program: httpx.Client, items: str, body: bytes, status: int) -> None:
    problem_of(program.post(items, content=body, headers=GEOJSON), status)


def test_null_geometry_is_taken_and_media_types_are_not_guessed(program: httpx.Client, items: str) -> None:
    answer = program.post(items, json={"type": "Feature", "geometry": None, "properties": {}}, headers=GEOJSON)
    assert answer.status_code == 201 and program.get(answer.headers["location"]).json()["geometry"] is None
    problem_of(program.post(items, content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    problem_of(program.patch(answer.headers["location"], content=b"{}", headers=GEOJSON), 415)
    problem_of(program.post(items, json=feature(), headers=GEOJSON | {"Content-Crs": "<EPSG:9999>"}), 400)
    problem_of(program.post(items + "?x=1", json=feature(), headers=GEOJSON), 400)


def test_who_may(site: Site, web: httpx.Client, admin: httpx.Client, program: httpx.Client, items: str) -> None:
    problem_of(web.post(items, json=feature(), headers=GEOJSON), 401)
    where, _ = made(admin, items)
    del admin.headers["X-CSRF-Token"]
    assert problem_of(admin.post(items, json=feature(), headers=GEOJSON), 403)["code"] == "csrf"
    problem_of(admin.delete(where), 403)
    problem_of(program.post("/collections/none/items", json=feature(), headers=GEOJSON), 404)
    problem_of(program.delete(f"/collections/houses/items/{where.rsplit('/', 1)[1]}"), 404)


def test_options_say_what_this_caller_may(web: httpx.Client, program: httpx.Client, items: str) -> None:
    where, _ = made(program, items)
    assert web.options(items).headers["allow"] == "GET, HEAD, OPTIONS"
    assert program.options(items).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert program.options(where).headers["allow"] == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    assert web.options("/collections/secret/items").status_code == 404
    refused = program.put(items, json={})
    assert refused.status_code == 405 and refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    preflight = web.options(items, headers={"Origin": "https://x", "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204 and preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"


def test_an_edit_is_on_the_map_within_a_second(site: Site, program: httpx.Client, web: httpx.Client, items: str) -> None:
    x, y = int((113.9 + 180) / 360 * 2**16), 28_650
    lat = 22.35
    import math

    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**16)
    tile = f"/tiles/yard/16/{x}/{y}"
    before = web.get(tile)
    started = time.monotonic()
    answer = program.post(items, json=feature(box(113.9, lat, 0.002), 名称="新"), headers=GEOJSON)
    assert answer.status_code == 201
    while (now := web.get(tile)).content == before.content and time.monotonic() - started < 5:
        time.sleep(0.01)
    assert now.status_code == 200 and time.monotonic() - started < 1.0
    found = web.get(items, params={"bbox": "113.899,22.349,113.903,22.353"}).json()["features"]
    assert [one["id"] for one in found] == [answer.json()["id"]]


def test_conformance(web: httpx.Client) -> None:
    declared = set(web.get("/conformance").json()["conformsTo"])
    stem = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
    assert {stem + name for name in ("create-replace-delete", "update", "optimistic-locking-etags")} <= declared


def test_a_layer_one_may_not_read_is_not_there(site: Site, web: httpx.Client) -> None:
    for path in ("items/1/versions", "changes", "diff?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z"):
        problem_of(web.get(f"/collections/secret/{path}"), 404)
    assert site.secret.access is Access.INTERNAL and json.dumps(Row(square(1, 1)).wkt)
