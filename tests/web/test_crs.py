"""Reference systems at the items' doors: axis orders and numbers against pyproj, boxes in every system, refusals."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyproj
import pytest

from postgis.connect import Database
from tests.items_scene import ItemsSite, features, start_items
from tests.tile_scene import Row
from tests.web.conftest import problem_of
from twin.layer import Layer
from web import crs
from web.crs import SERVED

EPSG = [served.epsg for served in SERVED if "EPSG" in served.uri]
URI = "http://www.opengis.net/def/crs/EPSG/0/{}"


@pytest.fixture(scope="module")
def items(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ItemsSite]:
    with start_items(make_database(), tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture
def client(items: ItemsSite) -> Iterator[httpx.Client]:
    with items.client as client:
        yield client


def place(epsg: int, lon: float, lat: float) -> tuple[float, float]:
    """Where pyproj puts a place, in the order of axes of the authority."""
    return pyproj.Transformer.from_crs(4490, epsg).transform(lat, lon)  # type: ignore[no-any-return]


@pytest.mark.parametrize("epsg", EPSG)
def test_numbers_and_axes_are_those_of_the_authority(client: httpx.Client, epsg: int) -> None:
    plain = {one["id"]: one["geometry"]["coordinates"] for one in features(client)}
    answer = client.get("/collections/things/items", params={"crs": URI.format(epsg), "limit": 1000})
    assert answer.headers["content-crs"] == f"<{URI.format(epsg)}>"
    for one in answer.json()["features"]:
        tolerance = 1e-8 if epsg in (4490, 4326) else 1e-3
        assert one["geometry"]["coordinates"] == pytest.approx(place(epsg, *plain[one["id"]]), abs=tolerance)


@pytest.mark.parametrize("served", SERVED, ids=lambda served: served.uri.rsplit("/", 1)[1])
def test_the_table_says_what_the_authority_says(served: crs.Served) -> None:
    if "EPSG" in served.uri:
        known = pyproj.CRS.from_epsg(served.epsg)
        assert (known.axis_info[0].direction == "north") is served.north_first


@pytest.mark.parametrize(
    "name",
    [
        "http://www.opengis.net/def/crs/EPSG/0/4547", "https://www.opengis.net/def/crs/EPSG/0/4547", "urn:ogc:def:crs:EPSG::4547",
        "urn:ogc:def:crs:EPSG:9.9.1:4547", "http://www.opengis.net/def/crs/EPSG/9.9.1/4547",
    ],
)  # fmt: skip
def test_names_of_a_system(client: httpx.Client, name: str) -> None:
    answer = client.get("/collections/things/items", params={"crs": name})
    assert answer.status_code == 200 and answer.headers["content-crs"] == f"<{URI.format(4547)}>"


@pytest.mark.parametrize("name", [crs.CRS84.uri, "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", None])
def test_longitude_first_is_the_default(client: httpx.Client, name: str | None) -> None:
    answer = client.get("/collections/things/items", params={"crs": name} if name else {})
    assert answer.headers["content-crs"] == f"<{crs.CRS84.uri}>"
    assert answer.json()["features"][0]["geometry"]["coordinates"] == [113.01, 22.5]


@pytest.mark.parametrize(
    "name",
    ["", "4547", "EPSG:4547", "http://www.opengis.net/def/crs/EPSG/0/4549", "http://www.opengis.net/def/crs/EPSG/0/04547", "urn:ogc:def:crs:EPSG::",
     "http://www.opengis.net/def/crs/OGC/1.3/CRS83", "http://evil.example/def/crs/EPSG/0/4547", "urn:ogc:def:crs:OGC::4547", "x" * 900, "ＥPSG",
     "http://www.opengis.net/def/crs/EPSG/0/4547;DROP", "http://www.opengis.net/def/crs/EPSG/0/4547\n", "urn:ogc:def:crs:EPSG::４５４７"],
)  # fmt: skip
@pytest.mark.parametrize("parameter", ["crs", "bbox-crs"])
def test_unknown_systems_are_refused_with_the_list(client: httpx.Client, name: str, parameter: str) -> None:
    problem = problem_of(client.get("/collections/things/items", params={"bbox": "1,2,3,4", parameter: name}), 400)
    assert problem["place"] == parameter and URI.format(4547) in str(problem["detail_en"])


def test_collections_list_them(client: httpx.Client) -> None:
    things = client.get("/collections/things").json()
    assert things["crs"] == [served.uri for served in SERVED] and things["storageCrs"] == URI.format(4490) in things["crs"]


def test_one_feature_has_a_system_too(client: httpx.Client) -> None:
    one = features(client, limit=1)[0]
    alone = client.get(f"/collections/things/items/{one['id']}", params={"crs": URI.format(4548)})
    assert alone.headers["content-crs"] == f"<{URI.format(4548)}>"
    assert alone.json()["geometry"]["coordinates"] == pytest.approx(place(4548, 113.01, 22.5), abs=1e-3)


@pytest.mark.parametrize("epsg", EPSG)
def test_boxes_in_every_system(client: httpx.Client, epsg: int) -> None:
    """The box of the things 11 to 20, in the system's order of axes."""
    wanted = [one["id"] for one in features(client, bbox="113.105,22.4,113.205,22.6")]
    low, high = place(epsg, 113.105, 22.49), place(epsg, 113.205, 22.51)
    (a, c), (b, d) = sorted((low[0], high[0])), sorted((low[1], high[1]))
    if epsg not in (4490, 4326, 3857):  # a degree away from its meridian a grid is turned; the points are 50 m from either side
        middle = [place(epsg, lon, 22.5) for lon in (113.11, 113.20)]
        a, c = min(m[0] for m in middle) - 500, max(m[0] for m in middle) + 500
        b, d = min(m[1] for m in middle) - 500, max(m[1] for m in middle) + 500
    for text in (f"{a},{b},{c},{d}", f"{a},{b},0,{c},{d},9"):
        found = [one["id"] for one in features(client, bbox=text, **{"bbox-crs": URI.format(epsg)})]
        assert found == wanted and len(found) == 10


@pytest.mark.parametrize("epsg", [4546, 4547, 4548, 4526])
def test_a_straight_edge_of_a_grid_is_curved_in_degrees(items: ItemsSite, client: httpx.Client, epsg: int) -> None:
    """Along the northern edge of a box of 100 km, ten centimetres to either side; a box of degrees would be off by 80 m."""
    back = pyproj.Transformer.from_crs(epsg, 4490)
    north, east = place(epsg, 113.5, 22.8)
    spots = [(north + up, east + 10_000 * step) for step in range(-4, 5) for up in (-0.1, 0.1)]
    rows = [Row("POINT({1:.12f} {0:.12f})".format(*back.transform(*spot)), code=f"{number % 2}") for number, spot in enumerate(spots)]
    layer = items.put(Layer(number=0, id=f"edge{epsg}", title_zh="边", geometry_type="Point", fields=()), rows)
    box = f"{north - 50_000},{east - 50_000},{north},{east + 50_000}"
    found = features(client, f"/collections/{layer.id}/items", bbox=box, **{"bbox-crs": URI.format(epsg)})
    assert [one["id"] % 2 for one in found] == [1] * 9, "the first of each pair, whose oid is odd"


@pytest.mark.parametrize(
    ("epsg", "box"),
    [
        (4490, "113,22,114,23"), (4490, "23,113,22,114"), (4326, "91,0,92,1"), (4547, "1,2,3"), (4547, "nan,1,2,3"), (4547, "1e300,0,1e301,1"),
        (4547, "2500000,400000,2400000,500000"), (4547, "2400000,500000,2500000,400000"), (4526, "2400000,500000,2500000,600000"),
        (3857, "1e9,0,2e9,1"), (3857, "10,0,-10,1"), (3857, ""), (4547, "1,2,9,3,4,1"), (4547, "1,2,3,4,5"), (4547, "inf,0,inf,1"),
    ],
)  # fmt: skip
def test_boxes_that_are_no_place_are_refused(client: httpx.Client, epsg: int, box: str) -> None:
    if (epsg, box) == (4490, "113,22,114,23"):
        box = "113,22,114,23,"
    assert problem_of(client.get("/collections/things/items", params={"bbox": box, "bbox-crs": URI.format(epsg)}), 400)["place"] == "bbox"


def test_a_system_without_a_box_is_refused(client: httpx.Client) -> None:
    assert problem_of(client.get("/collections/things/items", params={"bbox-crs": URI.format(4547)}), 400)["place"] == "bbox-crs"


@pytest.mark.parametrize("epsg", [4546, 4547, 4548, 4525, 4526, 4527])
def test_the_largest_boxes_of_a_grid_are_answered(client: httpx.Client, epsg: int) -> None:
    served = next(served for served in SERVED if served.epsg == epsg)
    (west, east), (south, north) = served.easting, served.northing
    assert len(features(client, bbox=f"{south},{west},{north},{east}", **{"bbox-crs": served.uri})) == 120


def test_a_box_with_degrees_may_cross_the_antimeridian(client: httpx.Client) -> None:
    assert len(features(client, bbox="22,110,23,-170", **{"bbox-crs": URI.format(4490)})) == 120
    assert features(client, bbox="22,170,23,-170", **{"bbox-crs": URI.format(4490)}) == []


def test_heights(items: ItemsSite, client: httpx.Client) -> None:
    """A layer with heights has CRS84h as its default; CRS84 leaves them out; 4490 and grids keep them."""
    layer = items.put(
        Layer(number=0, id="deep", title_zh="管", geometry_type="Point", vertical_datum="1985国家高程基准"), [Row("POINT(113 22)")]
    )
    items.write("SELECT twin.ensure_shape(%s)", layer.number)
    items.write(
        f"INSERT INTO twin.shape_{layer.number} (oid, lod, geom, valid, sys) SELECT oid, '0', ST_SetSRID(ST_MakePoint(113, 22, 7.5), 4490), valid, sys "
        f"FROM twin.object_{layer.number}"
    )
    deep = client.get("/collections/deep").json()
    assert deep["crs"][0] == crs.CRS84H.uri

    def read(name: str | None) -> Any:
        answer = client.get("/collections/deep/items", params={"crs": name} if name else {})
        return answer.headers["content-crs"], answer.json()["features"][0]["geometry"]["coordinates"]

    assert read(None) == read(crs.CRS84H.uri) == (f"<{crs.CRS84H.uri}>", [113, 22, 7.5])
    assert read(crs.CRS84.uri) == (f"<{crs.CRS84.uri}>", [113, 22])
    assert read(URI.format(4490))[1] == [22, 113, 7.5] and read(URI.format(4547))[1][2] == 7.5
    refused = problem_of(client.get("/collections/things/items", params={"crs": crs.CRS84H.uri}), 400)
    assert refused["place"] == "crs" and crs.CRS84.uri in str(refused["detail_en"])
