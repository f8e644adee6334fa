"""The dialect of ArcGIS: catalogue, service, style and tiles of a vector tile service, and its own way to refuse."""

import json
import math

import httpx
import mapbox_vector_tile
import pytest

from tests.web.conftest import Site

HERE = "/arcgis/rest/services/houses/VectorTileServer"


def error_of(answer: httpx.Response, status: int) -> dict[str, object]:
    """The error object, checked for its shape and both languages."""
    assert answer.status_code == status and answer.headers["content-type"] == "application/json", answer.text
    error = answer.json()["error"]
    assert error["code"] == status and error["message"] and any("\u4e00" <= letter <= "\u9fff" for letter in error["details"][0])
    return dict(error)


def tile_of(lon: float, lat: float, level: int) -> tuple[int, int]:
    """Row and column in Web Mercator, from the definition."""
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int(y * 2**level), int((lon + 180) / 360 * 2**level)


def test_the_catalogue(web: httpx.Client, program: httpx.Client) -> None:
    assert web.get("/arcgis/rest/info?f=json").json()["authInfo"] == {"isTokenBasedSecurity": False}
    listed = web.get("/arcgis/rest/services?f=pjson")
    names = {service["name"] for service in listed.json()["services"]}
    assert "houses" in names and "secret" not in names and "\n" in listed.text
    assert "secret" in program.get("/arcgis/rest/services").text


def test_a_service(web: httpx.Client) -> None:
    made = web.get(HERE + "?f=json").json()
    assert (made["type"], made["capabilities"], made["tiles"]) == ("indexedVector", "TilesOnly", ["tile/{z}/{y}/{x}.pbf"])
    tiling = made["tileInfo"]
    assert tiling["rows"] == tiling["cols"] == 512 and tiling["spatialReference"]["latestWkid"] == 3857 and tiling["format"] == "pbf"
    assert tiling["lods"][0]["resolution"] == pytest.approx(78271.51696402048) and tiling["lods"][0]["scale"] == pytest.approx(
        295828763.7957775
    )
    assert [lod["level"] for lod in tiling["lods"]] == list(range(23))
    west, south, _, _ = web.get("/collections/houses").json()["extent"]["spatial"]["bbox"][0]
    extent = made["fullExtent"]
    assert extent["xmin"] == pytest.approx(west * 111319.49079327358) and extent["xmin"] < extent["xmax"]
    assert extent["ymin"] == pytest.approx(6378137 * math.asinh(math.tan(math.radians(south)))) and extent["ymin"] < extent["ymax"]


def test_the_style_leads_back_to_the_service(web: httpx.Client) -> None:
    address = httpx.URL(f"{str(web.base_url).rstrip('/')}{HERE}/resources/styles/root.json")
    made = web.get(address).json()
    (source,) = made["sources"].values()
    service = web.get(address.join(source["url"])).json()
    assert service["type"] == "indexedVector"
    assert {layer["source-layer"] for layer in made["layers"]} == {"houses"} and {layer["source"] for layer in made["layers"]} == set(
        made["sources"]
    )
    assert web.get(HERE + "/resources/styles?f=json").json() == made
    assert all(layer["type"] != "symbol" for layer in made["layers"]) or "glyphs" in made
    files = web.get(HERE + "/resources/info?f=json").json()["resourceInfo"]
    assert files[0] == "styles/root.json" and ("sprite" in made) == (len(files) > 1)
    for file in files:
        assert web.get(f"{HERE}/resources/{file}").status_code == 200
    error_of(web.get(HERE + "/resources/sprites/other.png"), 404)


def test_tiles_have_row_before_column(web: httpx.Client) -> None:
    row, column = tile_of(114.01, 22.5, 14)
    answer = web.get(f"{HERE}/tile/14/{row}/{column}.pbf")
    assert answer.status_code == 200 and answer.content == web.get(f"/tiles/houses/14/{column}/{row}").content
    assert list(mapbox_vector_tile.decode(answer.content)) == ["houses"]
    head = web.head(f"{HERE}/tile/14/{row}/{column}.pbf")
    assert head.status_code == 200 and not head.content
    assert web.get(f"{HERE}/tile/14/{row}/{column}.pbf?token=none-of-ours&blankTile=false").content == answer.content


def test_refusals(site: Site, web: httpx.Client) -> None:
    assert web.get(HERE + "/tile/14/0/0.pbf").status_code == 404, "ArcGIS wants 404 where nothing is"
    for path in ("/tile/14/99999/0.pbf", "/tile/30/0/0.pbf", "/tile/a/0/0.pbf", "/tile/14/0/0.jpg", "/exportTiles"):
        error_of(web.get(HERE + path), 404)
    assert "f=json" in json.dumps(error_of(web.get(HERE + "?f=html"), 406))
    for name in ("nothing", "secret"):
        error_of(web.get(f"/arcgis/rest/services/{name}/VectorTileServer?f=json"), 404)
        error_of(web.get(f"/arcgis/rest/services/{name}/VectorTileServer/tile/0/0/0.pbf"), 404)
    error_of(web.get("/arcgis/rest/services/houses/vectortileserver"), 404)
    row, column = tile_of(114.0005, 22.5005, 16)
    opened = web.get(f"/arcgis/rest/services/secret/VectorTileServer/tile/16/{row}/{column}.pbf", params={"token": site.key})
    assert opened.status_code == 200 and opened.headers["cache-control"].startswith("private")
