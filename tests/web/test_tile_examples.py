"""Every example of docs/tiles.md is asked for as it stands there, where the demo's layers of those names would be."""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import mapbox_vector_tile
import pytest

from layers.products import put_product
from postgis.connect import EDITOR, Database, connect
from tests.tile_scene import Row, put_layer, square
from tests.web_server import start_server
from twin.layer import Layer
from twin.product import Product

PAGE = (Path(__file__).parents[2] / "docs" / "tiles.md").read_text("utf-8")
EXAMPLES = re.findall(r"'http://127\.0\.0\.1:8080(/[^']+)'", PAGE.split("## Dialects")[1])
LON, LAT = 113.411865, 22.887562
CARD = {
    "code": "base",
    "title_zh": "底图",
    "title_en": "Base map",
    "theme": "natural-resources",
    "owner": "测试单位",
    "status": "published",
    "layers": [{"layer": "buildings", "symbol": {"kind": "fill"}}, {"layer": "roads", "symbol": {"kind": "line"}}],
}


@pytest.fixture(scope="module")
def web(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    database = make_database()
    put_layer(database, Layer(number=0, id="buildings", title_zh="建筑", geometry_type="Polygon"), [Row(square(LON, LAT))])
    road = Row(f"LINESTRING({LON} {LAT},{LON + 0.002} {LAT + 0.001})")
    put_layer(database, Layer(number=0, id="roads", title_zh="道路", geometry_type="LineString"), [road])
    with connect(database, EDITOR) as connection:
        put_product(connection, Product.model_validate(CARD))
    with start_server(database, tmp_path_factory.mktemp("home"), hot_connections="2") as server, server.client() as client:
        yield client


def test_there_is_an_example_of_each_dialect() -> None:
    for start in ("/tiles/", "/collections/", "/wmts", "/vec_c/", "/DataServer", "/arcgis/"):
        assert any(example.startswith(start) for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_does_what_it_says(web: httpx.Client, example: str) -> None:
    answer = web.get(example)
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"].split(";")[0]
    if kind == "application/vnd.mapbox-vector-tile":
        assert "buildings" in mapbox_vector_tile.decode(answer.content)
    elif kind == "image/png":
        assert answer.content.startswith(b"\x89PNG") and struct.unpack(">II", answer.content[16:24]) == (
            (512, 512) if "@2x" in example else (256, 256)
        )
    else:
        assert kind in ("application/json", "text/xml") and len(answer.content) > 300
