"""WMTS 1.0.0 in both dialects, read by OWSLib and GDAL; every exception by its OGC code."""

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import mapbox_vector_tile
import pytest
from owslib.wmts import WebMapTileService

from layers.accounts import add_key
from layers.products import put_product
from postgis.connect import EDITOR, Database, connect
from tests.tile_scene import Row, put_layer, square
from tests.web_server import start_server
from twin.fields import Field
from twin.layer import Access, Layer
from twin.product import Product

NAMES = {"wmts": "http://www.opengis.net/wmts/1.0", "ows": "http://www.opengis.net/ows/1.1"}
#: A place whose pixel in the grid `c` is worked out by hand below.
LON, LAT = 113.264385, 23.129112
CARD = {
    "code": "base",
    "title_zh": "底图",
    "title_en": "Base map",
    "theme": "natural-resources",
    "owner": "测试单位",
    "status": "published",
    "layers": [{"layer": "houses", "symbol": {"kind": "fill"}}, {"layer": "post", "symbol": {"kind": "circle"}}],
}
TILE = {
    "SERVICE": "WMTS",
    "REQUEST": "GetTile",
    "VERSION": "1.0.0",
    "LAYER": "post",
    "STYLE": "default",
    "FORMAT": "application/vnd.mapbox-vector-tile",
    "TILEMATRIXSET": "c",
    "TILEMATRIX": "15",
}


@dataclass(frozen=True, slots=True)
class Ours:
    """Where the server is, and a key of it."""

    url: str
    key: str


@pytest.fixture(scope="module")
def ours(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    """A server of this module's own with one point, a hidden layer, and the base map."""
    database, home = make_database(), tmp_path_factory.mktemp("home")
    name = Field(name="名称", in_tiles_from_zoom=0)
    put_layer(
        database,
        Layer(number=0, id="post", title_zh="界桩", geometry_type="Point", fields=(name,)),
        [Row(f"POINT({LON} {LAT})", {"名称": "甲"})],
    )
    put_layer(
        database,
        Layer(number=0, id="houses", title_zh="房屋", geometry_type="Polygon"),
        [Row(square(LON, LAT)), Row(square(LON + 0.005, LAT))],
    )
    put_layer(database, Layer(number=0, id="secret", title_zh="内部", access=Access.INTERNAL), [Row(square(LON, LAT))])
    with connect(database, EDITOR) as connection:
        put_product(connection, Product.model_validate(CARD))
        key = add_key(connection, "test-program")
    with start_server(database, home, hot_connections="2") as server:
        yield Ours(server.url, key)


@pytest.fixture
def web(ours: Ours) -> Iterator[httpx.Client]:
    """Anybody."""
    with httpx.Client(base_url=ours.url, timeout=20) as client:
        yield client


def place(level: int = 15) -> tuple[int, int, float, float]:
    """Column, row and units inside the tile of the point, from nothing but the definition: 360/2^L degrees, from 90 N 180 W."""
    size = 360 / 2**level
    column, row = (LON + 180) / size, (90 - LAT) / size
    return int(column), int(row), column % 1 * 4096, row % 1 * 4096


def unit_of(body: bytes, layer: str = "post") -> tuple[float, float]:
    """Where the only point of the tile is, y counted downward."""
    (feature,) = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})[layer]["features"]
    x, y = feature["geometry"]["coordinates"]
    return x, y


def exception_of(answer: httpx.Response, status: int = 400) -> tuple[str, str]:
    """Code and locator of an exception report, checked for its shape and both languages."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/xml; charset=utf-8" and answer.headers["cache-control"] == "no-store"
    report = ET.fromstring(answer.content)
    assert report.tag == "{http://www.opengis.net/ows/1.1}ExceptionReport" and report.get("version") == "1.1.0"
    (exception,) = report
    zh, en = (text.text or "" for text in exception)
    assert zh and en and any("\u4e00" <= letter <= "\u9fff" for letter in zh)
    return exception.get("exceptionCode", ""), exception.get("locator", "")


def test_a_point_lies_where_the_grid_says(web: httpx.Client) -> None:
    column, row, x, y = place()
    answer = web.get("/wmts", params={**TILE, "TILEROW": row, "TILECOL": column})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    found = unit_of(answer.content)
    one_pixel = 4096 / 256
    assert abs(found[0] - x) <= one_pixel and abs(found[1] - y) <= one_pixel
    assert abs(found[0] - x) <= 1 and abs(found[1] - y) <= 1, "not one pixel off, nor one unit of the tile"


def test_all_dialects_give_the_same_bytes(web: httpx.Client) -> None:
    column, row, *_ = place()
    kvp = web.get("/wmts", params={**TILE, "TILEROW": row, "TILECOL": column}).content
    lower = web.get(
        "/wmts", params={name.lower(): str(value) for name, value in {**TILE, "TILEROW": row, "TILECOL": column}.items()}
    ).content
    others = [
        web.get(f"/wmts/1.0.0/post/default/c/15/{row}/{column}.mvt").content,
        web.get(f"/wmts/1.0.0/post/default/CGCS2000Quad/15/{row}/{column}.mvt?tk=whatever").content,
        web.get(f"/tiles/post/CGCS2000Quad/15/{column}/{row}.mvt").content,
        web.get(f"/collections/post/tiles/CGCS2000Quad/15/{row}/{column}").content,
        web.get(f"/tiles/CGCS2000Quad/15/{row}/{column}?collections=post").content,
    ]
    assert kvp and lower == kvp and all(other == kvp for other in others)


def test_owslib_reads_ours_and_fetches_a_tile(ours: Ours) -> None:
    service = WebMapTileService(ours.url + "/wmts")
    assert (
        service.identification.type == "OGC WMTS"
        and {"post", "houses", "base"} <= set(service.contents)
        and "secret" not in service.contents
    )
    layer, made = service["post"], service.tilematrixsets["CGCS2000Quad"]
    assert set(layer.tilematrixsetlinks) == {"WebMercatorQuad", "CGCS2000Quad"} and list(layer.styles) == ["default"]
    assert layer.boundingBoxWGS84 == pytest.approx((LON, LAT, LON, LAT))
    assert made.crs == "urn:ogc:def:crs:EPSG::4490" and made.tilematrix["1"].scaledenominator == pytest.approx(279541132.0143589)
    assert made.tilematrix["1"].topleftcorner == (90.0, -180.0) and len(made.tilematrix) == 18
    column, row, x, y = place()
    tile = service.gettile(
        layer="post", tilematrixset="CGCS2000Quad", tilematrix="15", row=row, column=column, format="application/vnd.mapbox-vector-tile"
    )
    assert unit_of(tile.read()) == pytest.approx((x, y), abs=1)
    (template,) = [resource["template"] for resource in layer.resourceURLs if resource["format"].endswith("vector-tile")]
    address = template.format(TileMatrixSet="WebMercatorQuad", TileMatrix=0, TileRow=0, TileCol=0)
    assert httpx.get(address).status_code == 200


@pytest.mark.parametrize(
    ("own_set", "crs", "corner", "height"),
    [("c", "urn:ogc:def:crs:EPSG::4490", "90.0 -180.0", 1), ("w", "urn:ogc:def:crs:EPSG::900913", "20037508.3427892 -20037508.3427892", 2)],
)
def test_owslib_reads_the_dialect_of_tianditu(ours: Ours, own_set: str, crs: str, corner: str, height: int) -> None:
    service = WebMapTileService(f"{ours.url}/vec_{own_set}/wmts", headers={"User-Agent": "Mozilla"})
    assert list(service.contents) == ["vec"] and service["vec"].formats == ["tiles"] and list(service.tilematrixsets) == [own_set]
    made = service.tilematrixsets[own_set]
    assert made.crs == crs and list(made.tilematrix) == [str(level) for level in range(1, 19)]
    first, last = made.tilematrix["1"], made.tilematrix["18"]
    assert first.scaledenominator == 2.958293554545656e8 and last.scaledenominator == pytest.approx(2256.998866688275)
    assert (first.matrixwidth, first.matrixheight) == (2, height) and first.topleftcorner == tuple(map(float, corner.split()))
    raw = httpx.get(f"{ours.url}/vec_{own_set}/wmts?request=GetCapabilities&service=wmts&tk=any").text
    assert f"<TopLeftCorner>{corner}</TopLeftCorner>" in raw and f"/vec_{own_set}/wmts?" in raw


def test_gdal_reads_our_capabilities(ours: Ours) -> None:
    address = f"WMTS:{ours.url}/wmts,layer=base,tilematrixset=CGCS2000Quad"
    told = subprocess.run(["gdalinfo", address], capture_output=True, text=True, check=True).stdout
    assert "Driver: WMTS" in told and "China Geodetic Coordinate System 2000" in told and '"EPSG",4490' in told
    pixel = next(line for line in told.splitlines() if line.startswith("Pixel Size"))
    finest = 360 / 2**18 / 256
    assert float(pixel.split("(")[1].split(",")[0]) == pytest.approx(finest, rel=1e-9)


@pytest.mark.parametrize("grid", ["WebMercatorQuad", "CGCS2000Quad"])
def test_gdal_sees_the_house_where_it_stands(ours: Ours, grid: str) -> None:
    """Pictures through the WMTS driver: coloured just inside the square, transparent just outside it; an outline is one pixel wide."""

    def alpha(lon: float, lat: float) -> int:
        source = f"WMTS:{ours.url}/wmts,layer=houses,tilematrixset={grid}"
        command = ["gdallocationinfo", "-valonly", "-wgs84", "-b", "4", source, str(lon), str(lat)]
        for _ in range(20):  # GDAL's driver does not come back after a 503, which a busy painter may answer
            told = subprocess.run(command, capture_output=True, text=True, check=False)
            if told.returncode == 0 and "ERROR" not in told.stderr:
                return int(told.stdout)
        raise AssertionError(told.stderr)

    little = 0.00002
    assert alpha(LON + little, LAT + little) > 0 and alpha(LON + 0.001 - little, LAT + 0.001 - little) > 0
    assert alpha(LON + 0.001 + little, LAT + little) == 0 and alpha(LON + 0.005 - little, LAT + 0.0005) == 0


def test_gdal_reads_a_tile(ours: Ours) -> None:
    address = f"{ours.url}/wmts/1.0.0/post/default/WebMercatorQuad/0/0/0.mvt"
    told = subprocess.run(["ogrinfo", "-al", f"MVT:{address}"], capture_output=True, text=True, check=True).stdout
    assert "Layer name: post" in told and "甲" in told


@pytest.mark.parametrize(
    ("changed", "code", "locator"),
    [
        ({"LAYER": "nothing"}, "InvalidParameterValue", "LAYER"),
        ({"LAYER": "secret"}, "InvalidParameterValue", "LAYER"),
        ({"LAYER": ""}, "MissingParameterValue", "LAYER"),
        ({"TILEMATRIXSET": "C"}, "InvalidParameterValue", "TILEMATRIXSET"),
        ({"TILEMATRIX": "19"}, "InvalidParameterValue", "TILEMATRIX"),
        ({"TILEMATRIX": "0"}, "InvalidParameterValue", "TILEMATRIX"),
        ({"TILEROW": str(2**14)}, "TileOutOfRange", "TILEROW"),
        ({"TILECOL": str(2**15)}, "TileOutOfRange", "TILECOL"),
        ({"TILECOL": "-1"}, "TileOutOfRange", "TILECOL"),
        ({"FORMAT": "image/gif"}, "InvalidParameterValue", "FORMAT"),
        ({"SERVICE": "WMS"}, "InvalidParameterValue", "SERVICE"),
        ({"REQUEST": ""}, "MissingParameterValue", "REQUEST"),
        ({"TIME": "yesterday"}, "InvalidParameterValue", "TIME"),
    ],
)
def test_exceptions(web: httpx.Client, changed: dict[str, str], code: str, locator: str) -> None:
    assert exception_of(web.get("/wmts", params={**TILE, "TILEROW": "0", "TILECOL": "0", **changed})) == (code, locator)


@pytest.mark.parametrize("name", ["LAYER", "TILEMATRIXSET", "TILEMATRIX", "TILEROW", "TILECOL", "FORMAT"])
def test_what_is_missing_is_named(web: httpx.Client, name: str) -> None:
    asked = {**TILE, "TILEROW": "0", "TILECOL": "0"}
    del asked[name]
    assert exception_of(web.get("/wmts", params=asked)) == ("MissingParameterValue", name)


def test_other_refusals(web: httpx.Client) -> None:
    assert exception_of(web.get("/wmts?service=WMTS&request=GetFeatureInfo"), 501) == ("OperationNotSupported", "GetFeatureInfo")
    versions = "/wmts?service=WMTS&request=GetCapabilities&AcceptVersions="
    assert (
        exception_of(web.get(versions + "2.0.0"))[0] == "VersionNegotiationFailed" and web.get(versions + "2.0.0,1.0.0").status_code == 200
    )
    assert exception_of(web.get("/nothing_c/wmts")) == ("InvalidParameterValue", "LAYER")
    assert exception_of(web.get("/vec_x/wmts")) == ("InvalidParameterValue", "TILEMATRIXSET")
    assert exception_of(web.get("/vec_w/wmts", params={**TILE, "LAYER": "vec", "TILEROW": 0, "TILECOL": 0}))[1] == "TILEMATRIXSET"
    assert exception_of(web.get("/wmts/1.0.0/post/default/c/15/0"))[1] == "path"
    assert exception_of(web.get("/wmts/1.0.0/nothing/default/c/15/0/0.mvt")) == ("InvalidParameterValue", "LAYER")
    assert exception_of(web.get("/DataServer?T=vec_c&x=1&y=1")) == ("MissingParameterValue", "l")
    assert "<script" not in web.get("/wmts", params={**TILE, "LAYER": "<script>"}).text


def test_a_product_has_tiles_as_a_layer_has(web: httpx.Client) -> None:
    column, row, *_ = place()
    made = web.get("/tiles/base/CGCS2000Quad/tilejson.json").json()
    assert [layer["id"] for layer in made["vector_layers"]] == ["houses", "post"]
    assert httpx.get(made["tileMatrixSet"]).json()["id"] == "CGCS2000Quad"
    address = made["tiles"][0].replace("{z}/{x}/{y}", f"15/{column}/{row}")
    answer = httpx.get(address)
    assert set(mapbox_vector_tile.decode(answer.content)) == {"houses", "post"} and "immutable" in answer.headers["cache-control"]


def test_a_tile_without_anything_is_empty(web: httpx.Client) -> None:
    answer = web.get("/wmts", params={**TILE, "TILEROW": "0", "TILECOL": "0"})
    assert answer.status_code == 204 and not answer.content


def test_head(web: httpx.Client) -> None:
    column, row, *_ = place()
    for path in ("/wmts", f"/wmts/1.0.0/post/default/c/15/{row}/{column}.mvt", "/vec_c/wmts"):
        whole, head = web.get(path), web.head(path)
        assert head.status_code == whole.status_code == 200 and not head.content
        assert head.headers["content-type"] == whole.headers["content-type"]


def test_a_key_in_the_address_opens_what_it_may(ours: Ours, web: httpx.Client) -> None:
    assert "secret" in httpx.get(ours.url + "/wmts", headers={"X-API-Key": ours.key}).text
    column, row, *_ = place()
    asked = {**TILE, "LAYER": "secret", "TILEROW": row, "TILECOL": column}
    opened = web.get("/wmts", params={**asked, "tk": ours.key})
    assert opened.status_code == 200 and opened.headers["cache-control"].startswith("private")
    assert exception_of(web.get("/wmts", params=asked)) == ("InvalidParameterValue", "LAYER")
    assert web.get("/wmts", params={**asked, "LAYER": "houses", "tk": "0123456789abcdef0123456789abcdef"}).status_code == 200
