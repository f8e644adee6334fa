"""Layers of ready-made tiles behind every door that lists or reads layers: served where there are tiles, a clear answer where there are rows."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import mapbox_vector_tile
import pytest

from importers.options import ImportOptions
from importers.run import import_file
from layers.accounts import add_key, ensure_admin
from postgis.connect import EDITOR, Database, connect
from tests.archives import mvt, write_archive
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tests.web_server import Server, start_server
from twin.layer import Access, Layer

HERE = "14/13382/7138"


@pytest.fixture(scope="module")
def place(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, Database, Path]]:
    database, home = make_database(), tmp_path_factory.mktemp("home")
    put_layer(database, Layer(number=0, id="houses", title_zh="房屋", fields=BUILDING_FIELDS), [Row(square(114.0550, 22.5400))])
    folder = tmp_path_factory.mktemp("archives")
    one = write_archive(folder / "frozen.pmtiles", {(14, 13382, 7138): mvt(count=3, note="x" * 3000)})
    two = write_archive(folder / "two.pmtiles", {(14, 13382, 7138): mvt("water") + mvt("land")}, contents=("water", "land"))
    for path, access in ((one, Access.PUBLIC), (two, Access.INTERNAL)):
        import_file(database, path, ImportOptions(access=access), home=home)
    with connect(database, EDITOR) as connection:
        ensure_admin(connection)
        key = add_key(connection, "program")
    with start_server(database, home) as server:
        yield server, key, database, home


@pytest.fixture
def web(place: tuple[Server, str, Database, Path]) -> Iterator[httpx.Client]:
    with place[0].client() as client:
        yield client


@pytest.fixture
def program(place: tuple[Server, str, Database, Path]) -> Iterator[httpx.Client]:
    with place[0].client(headers={"Authorization": f"Bearer {place[1]}"}) as client:
        yield client


def layers_in(body: bytes) -> dict[str, int]:
    return {name: len(layer["features"]) for name, layer in mapbox_vector_tile.decode(body).items()}


def test_tiles_in_every_encoding(web: httpx.Client) -> None:
    packed = web.get(f"/tiles/frozen/{HERE}.mvt", headers={"accept-encoding": "gzip"})
    plain = web.get(f"/tiles/frozen/{HERE}.mvt", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content
    assert layers_in(plain.content) == {"frozen": 3}
    assert packed.headers["etag"] != plain.headers["etag"]
    assert (
        web.get(f"/tiles/frozen/{HERE}.mvt", headers={"if-none-match": packed.headers["etag"], "accept-encoding": "gzip"}).status_code
        == 304
    )
    assert web.get("/tiles/frozen/14/0/0.mvt").status_code == 204
    assert web.get("/tiles/frozen/3/0/0.mvt").status_code == 204
    assert web.get("/tiles/frozen/14/99999/0.mvt").status_code == 400
    assert web.get("/tiles/frozen/CGCS2000Quad/14/13382/3066.mvt").status_code == 204
    assert layers_in(web.get(f"/tiles/houses,frozen/{HERE}.mvt").content) == {"houses": 1, "frozen": 3}


def test_who_may_see_it(web: httpx.Client, program: httpx.Client) -> None:
    assert web.get(f"/tiles/two/{HERE}.mvt").status_code == 404
    assert web.get(f"/tiles/frozen,two/{HERE}.mvt").status_code == 404
    found = program.get(f"/tiles/frozen,two/{HERE}.mvt")
    assert layers_in(found.content) == {"frozen": 3, "water": 1, "land": 1}
    assert "private" in found.headers["cache-control"]
    assert {layer["id"] for layer in web.get("/layers").json()["layers"]} == {"houses", "frozen"}


def test_descriptions(web: httpx.Client, program: httpx.Client) -> None:
    described = web.get("/tiles/frozen.json").json()
    assert [layer["id"] for layer in described["vector_layers"]] == ["frozen"]
    assert (described["minzoom"], described["maxzoom"], described["bounds"]) == (14, 14, [113.0, 22.0, 115.0, 23.0])
    assert [layer["id"] for layer in program.get("/tiles/two.json").json()["vector_layers"]] == ["water", "land"]
    layer = web.get("/layers/frozen").json()
    assert layer["kind"] == "tiles" and layer["title_zh"] == "试验"


def test_it_has_no_items_and_says_so(web: httpx.Client) -> None:
    collection = web.get("/collections/frozen").json()
    relations = {link["rel"] for link in collection["links"]}
    assert "items" not in relations and "itemType" not in collection
    for path in ("items", "items/1099511627777", "items?bbox=113,22,115,23"):
        answer = web.get(f"/collections/frozen/{path}")
        assert answer.status_code == 404 and "no items" in answer.text and "没有要素" in answer.text
    for path in (
        "/collections",
        "/collections/frozen/queryables",
        "/collections/frozen/schema",
        "/search?q=试验",
        "/styles/base/style.json",
        "/",
    ):
        assert web.get(path, headers={"accept": "application/json"}).status_code == 200, path


def test_parameters_that_cannot_be(web: httpx.Client) -> None:
    assert web.get(f"/tiles/frozen/{HERE}.mvt?name=x").status_code == 400
    assert layers_in(web.get(f"/tiles/frozen/{HERE}.mvt?datetime=2020-01-01T00:00:00Z").content) == {"frozen": 3}


def test_dialects(web: httpx.Client) -> None:
    assert layers_in(web.get("/collections/frozen/tiles/WebMercatorQuad/14/7138/13382").content) == {"frozen": 3}
    for path in (
        "/collections/frozen/tiles",
        "/tiles",
        "/wmts?service=WMTS&request=GetCapabilities",
        "/collections/frozen/tiles/WebMercatorQuad",
    ):
        assert web.get(path).status_code == 200, path


def test_another_file_under_the_same_id(web: httpx.Client, place: tuple[Server, str, Database, Path], tmp_path: Path) -> None:
    _, _, database, home = place
    before = web.get(f"/tiles/frozen/{HERE}.mvt")
    path = write_archive(tmp_path / "frozen.pmtiles", {(14, 13382, 7138): mvt(count=7)})
    import_file(database, path, ImportOptions(), home=home)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        after = web.get(f"/tiles/frozen/{HERE}.mvt", headers={"if-none-match": before.headers["etag"]})
        if after.status_code == 200:
            break
    assert layers_in(after.content) == {"frozen": 7} and after.headers["etag"] != before.headers["etag"]
