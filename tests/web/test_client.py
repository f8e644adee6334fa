"""The Python client against a real server: what it reads, what it writes, and what it says when something is wrong."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow
import pytest

import yuetu
from tests.tile_scene import Row, put_layer
from tests.web.conftest import HOUSES, Site
from tests.web.quarters import CODE, LAYER, SIDE, SOUTH, WEST, publish_quarters
from tests.web.test_catalogue_doors import eventually
from tests.web_server import ROOT
from twin.fields import Field
from twin.layer import Layer
from web import client as package
from web.client import packages

MANY = 2345
SPOT = {"type": "Point", "coordinates": [113.5, 22.5]}


@pytest.fixture(scope="module")
def house(site: Site) -> yuetu.House:
    """Anybody."""
    publish_quarters(site)
    fields = (Field(name="n", type="integer", queryable=True), Field(name="text"), Field(name="seen", type="instant"))
    rows = [Row(f"POINT({113 + n / 10000} 22.5)", {"n": n, "seen": "2026-01-01T00:00:00Z"} if n % 2 else {"n": n}) for n in range(MANY)]
    put_layer(site.database, Layer(number=0, id="many", title_zh="许多", fields=fields, geometry_type="Point"), rows)
    put_layer(site.database, Layer(number=0, id="notes", title_zh="记事", fields=fields, geometry_type="Point"))
    with site.client() as web:
        eventually(web, "/layers/notes")
    return yuetu.connect(site.url)


@pytest.fixture(scope="module")
def notes(site: Site, house: yuetu.House) -> yuetu.Layer:
    """A layer to write to, with a key that may."""
    return yuetu.connect(site.url + "/", site.key).layer("notes")


def test_layers_and_products(site: Site, house: yuetu.House) -> None:
    ids = [layer.id for layer in house.layers()]
    assert LAYER in ids and "secret" not in ids
    assert "secret" in [layer.id for layer in yuetu.connect(site.url, site.key).layers()]
    quarters = house.layer(LAYER)
    assert quarters.fields == {"名称": "text", "人口": "integer", "日期": "date"}
    assert quarters.bounds == pytest.approx((WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE))
    for words in ("常住人口", "changzhurenkou", "slczrk"):
        assert CODE in [product.code for product in house.products(words)], words
    product = house.product(CODE)
    assert product.synthetic and product.layer_ids == [LAYER] and product.style()["version"] == 8
    assert product.page == f"{site.url}/p/{CODE}" and house.products("没有这样的产品") == []
    assert any(hit["ref"] == CODE for group in house.search("常住人口") for hit in group["hits"])


def test_a_frame(house: yuetu.House) -> None:
    frame = house.layer(LAYER).frame(sortby="-人口")
    assert list(frame["名称"]) == ["示例片区三", "示例片区二", "示例片区一", "示例片区四"]
    assert str(frame.crs) == "OGC:CRS84" and frame.index.name == "id" and frame.index[0] > 1 << 40
    assert frame["人口"].dtype == "Int64" and frame["人口"].isna().sum() == 1 and frame["日期"].dtype.kind == "M"
    assert tuple(frame.total_bounds) == pytest.approx((WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE))


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"filter": "人口 > 500000"}, 2),
        ({"filter": {"op": "isNull", "args": [{"property": "人口"}]}}, 1),
        ({"bbox": (WEST + 0.001, SOUTH + 0.001, WEST + 0.002, SOUTH + 0.002)}, 1),
        ({"valid_at": "2019-01-01"}, 0),
        ({"valid_at": datetime(2021, 1, 1, tzinfo=UTC)}, 4),
        ({"limit": 3}, 3),
        ({"properties": ["名称"]}, 4),
    ],
)
def test_what_may_be_asked(house: yuetu.House, asked: yuetu.Asked, count: int) -> None:
    layer = house.layer(LAYER)
    frame = layer.frame(**asked)
    assert len(frame) == count and str(frame.crs) == "OGC:CRS84"
    assert list(frame.columns) == ["名称", *(() if "properties" in asked else ("人口", "日期")), "geometry"]
    assert layer.count(**asked) == (4 if "limit" in asked else count)


def test_x_comes_first_in_every_system(house: yuetu.House) -> None:
    layer = house.layer(LAYER)
    degrees = layer.frame()
    for code, within in ((4490, 1e-6), (4547, 0.02), (3857, 0.02)):
        served = layer.frame(crs=code)
        assert served.crs.to_epsg() == code
        assert tuple(served.total_bounds) == pytest.approx(tuple(degrees.to_crs(code).total_bounds), abs=within), code
    assert layer.frame(crs="EPSG:4547", limit=1).crs.to_epsg() == 4547


def test_pages_are_followed_and_a_limit_ends_them(house: yuetu.House) -> None:
    many = house.layer("many")
    frame = many.frame()
    assert len(frame) == MANY == many.count() and sorted(frame["n"]) == list(range(MANY)) and frame.index.is_unique
    assert str(frame["seen"].dtype.tz) == "UTC" and frame["seen"].notna().sum() == MANY // 2
    assert len(list(many.features(limit=1500))) == 1500
    assert next(many.features())["type"] == "Feature"


def test_an_arrow_table(house: yuetu.House) -> None:
    table = house.layer("many").table(limit=10)
    assert table.num_rows == 10 and {"id", "n", "seen", "geometry"} <= set(table.column_names)
    assert table.schema.field("n").type == pyarrow.int64()
    assert table.schema.field("geometry").metadata[b"ARROW:extension:name"] == b"geoarrow.wkb"


def test_edits_are_guarded_by_the_version_they_mean(notes: yuetu.Layer) -> None:
    made = notes.create(SPOT, {"n": 1, "text": "一"})
    item = notes.item(made.id)
    assert item.etag == made.etag and item.feature["properties"]["text"] == "一"
    notes.update(item, {"text": "二"})
    with pytest.raises(yuetu.Changed) as caught:
        notes.update(item, {"text": "三"})
    assert caught.value.status == 412 and caught.value.title_zh and caught.value.title_en
    assert notes.item(made.id).feature["properties"] == {"n": 1, "text": "二", "seen": None}
    notes.replace(notes.item(made.id), SPOT, {"text": "四"})
    assert notes.item(made.id).feature["properties"] == {"n": None, "text": "四", "seen": None}
    notes.delete(notes.item(made.id))
    with pytest.raises(yuetu.Missing):
        notes.item(made.id)
    early = notes.create(SPOT, {"n": 2}, valid_from=datetime(2020, 1, 1, tzinfo=UTC))
    assert [feature["id"] for feature in notes.features(valid_at="2020-06-01")] == [early.id]


def test_a_transaction_is_all_or_nothing(notes: yuetu.Layer) -> None:
    before = notes.count()
    edits = [yuetu.Edit(action="create", geometry=SPOT, properties={"n": n}) for n in range(50)]
    done = notes.transaction(edits, key="notes-1")
    assert done.counts["create"] == 50 and len(done.created) == 50 and notes.count() == before + 50
    assert notes.transaction(edits, key="notes-1").created == done.created and notes.count() == before + 50
    with pytest.raises(yuetu.Refused) as caught:
        notes.transaction(
            [yuetu.Edit(action="delete", id=done.created[0]), yuetu.Edit(action="update", id=done.created[1], properties={"no": 1})]
        )
    assert [fault["line"] for fault in caught.value.errors] == [2] and notes.count() == before + 50
    etag = notes.item(done.created[0]).etag
    changed = [yuetu.Edit(action="update", id=done.created[0], properties={"text": "x"}, if_match=etag)]
    assert notes.transaction(changed).counts["update"] == 1


def test_refusals_speak_both_languages(site: Site, house: yuetu.House) -> None:
    with pytest.raises(yuetu.Missing, match=r"nope.*没有图层"):
        house.layer("nope")
    with pytest.raises(yuetu.Refused) as caught:
        house.layer(LAYER).frame(filter="人口 >")
    assert (caught.value.status, caught.value.code) == (400, "invalid-parameter") and caught.value.place.startswith("filter")
    with pytest.raises(yuetu.NotAllowed):
        house.layer("notes").create(SPOT)
    with pytest.raises(yuetu.NotAllowed):
        yuetu.connect(site.url, "not-a-key")
    with pytest.raises(yuetu.YuetuError, match="limit"):
        house.layer("many").frame(limit=0)
    with pytest.raises(yuetu.YuetuError, match="不是服务地址"):
        yuetu.connect("file:///etc/passwd")


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(yuetu.NoAnswer, match=r"timeout_s = 0\.3"):
            yuetu.connect(address, timeout_s=0.3)
    with pytest.raises(yuetu.NoAnswer, match="没有应答"):
        yuetu.connect(address)
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(yuetu.NotInstalled, match=r"yuetu\[client\]"):
        packages.needed("geopandas")


@pytest.fixture
def elsewhere() -> Iterator[Callable[[list[tuple[int, dict[str, str], bytes]]], tuple[str, list[str]]]]:
    """A server that says what a test wants; answers its address and the keys it was shown."""
    servers = []

    def start(answers: list[tuple[int, dict[str, str], bytes]]) -> tuple[str, list[str]]:
        keys: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.append(f"{self.path} {self.headers.get('Authorization')}")
                status, headers, body = answers.pop(0)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", keys

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_key_stays_with_its_server(elsewhere: Callable[..., tuple[str, list[str]]]) -> None:
    thief, stolen = elsewhere([(200, {}, b"{}")] * 3)
    page = {"features": [{"id": 1}], "links": [{"rel": "next", "href": f"{thief}/collections/a/items?after=1"}]}
    last = {"features": [], "links": []}
    layer = {"id": "a", "title_zh": "", "title_en": "", "fields": []}
    address, keys = elsewhere([(200, {}, json.dumps(body).encode()) for body in ({}, layer, page, last)])
    assert [feature["id"] for feature in yuetu.connect(address, "k").layer("a").features()] == [1]
    assert keys[-1] == "/collections/a/items?after=1 Bearer k" and stolen == []
    moved, _ = elsewhere([(302, {"Location": thief}, b"")])
    with pytest.raises(yuetu.NoAnswer, match="HTTP 302"):
        yuetu.connect(moved, "k")
    assert stolen == []


def test_a_busy_server_is_asked_again(elsewhere: Callable[..., tuple[str, list[str]]]) -> None:
    busy = (503, {"Retry-After": "0"}, b'{"code": "overloaded", "title": "x", "status": 503}')
    address, keys = elsewhere([busy, busy, (200, {}, b"{}"), busy, busy, busy, (200, {}, b"<html>")])
    house = yuetu.connect(address)
    assert len(keys) == 3
    with pytest.raises(yuetu.Refused, match="503 overloaded"):
        house.me()
    with pytest.raises(yuetu.NoAnswer, match="not JSON"):
        house.me()


def test_it_brings_nothing_of_the_server_with_it() -> None:
    program = (
        "import sys, yuetu; print(*sorted({name.split('.')[0] for name in sys.modules} | {n for n in sys.modules if n[:4] == 'web.'}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", f"sys = __import__('sys'); sys.path.insert(0, {str(ROOT)!r}); {program}"],
                          capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    loaded = set(done.stdout.split())
    assert not loaded & {
        "postgis",
        "layers",
        "tiles",
        "importers",
        "twin",
        "fastapi",
        "pydantic",
        "numpy",
        "geopandas",
        "pydeck",
        "pyarrow",
    }
    assert {name for name in loaded if name.startswith("web.") and not name.startswith("web.client")} == set()


def test_the_names_for_users_are_those_of_the_package() -> None:
    assert sorted(yuetu.__all__) == sorted(package.__all__) and all(
        getattr(yuetu, name) is getattr(package, name) for name in yuetu.__all__
    )


def test_the_houses_have_a_count(house: yuetu.House) -> None:
    assert house.layer("houses").count(filter="类别 = '住宅'") == (HOUSES + 1) // 2
