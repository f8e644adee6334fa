"""OGC API – Tiles as its standard (20-057) and the tests of its compliance suite want it; tiles are decoded, not only counted."""

from itertools import pairwise
from typing import Any

import httpx
import morecantile
import pytest

from tests.web.conftest import Site, problem_of

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
GRIDS = ("WebMercatorQuad", "CGCS2000Quad")


def links_of(document: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    return [link for link in document["links"] if link["rel"] == rel]


def fill(template: str, level: object, row: object, column: object) -> str:
    return template.replace("{tileMatrix}", str(level)).replace("{tileRow}", str(row)).replace("{tileCol}", str(column))


def test_the_landing_page_leads_to_tiles(web: httpx.Client) -> None:
    landing = web.get("/ogc").json()
    for rel, path in (("tilesets-vector", "/tiles"), ("tilesets-map", "/map/tiles"), ("tiling-schemes", "/tileMatrixSets")):
        (found,) = links_of(landing, REL + rel)
        assert found["href"].endswith(path) and web.get(found["href"]).status_code == 200


def test_conformance(web: httpx.Client) -> None:
    declared = web.get("/conformance").json()["conformsTo"]
    for name in ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "collections-selection", "mvt"):
        assert f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}" in declared
    assert len(set(declared)) == len(declared)


def test_web_mercator_is_the_registered_set(web: httpx.Client) -> None:
    ours, theirs = web.get("/tileMatrixSets/WebMercatorQuad").json(), morecantile.tms.get("WebMercatorQuad")
    assert ours["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857" and ours["uri"] == str(theirs.uri)
    for ours_level, level in zip(ours["tileMatrices"], theirs.tileMatrices, strict=False):
        assert ours_level["id"] == level.id and ours_level["tileWidth"] == level.tileWidth == 256
        assert (ours_level["matrixWidth"], ours_level["matrixHeight"]) == (level.matrixWidth, level.matrixHeight)
        assert ours_level["scaleDenominator"] == pytest.approx(level.scaleDenominator, rel=1e-12)
        assert ours_level["cellSize"] == pytest.approx(level.cellSize, rel=1e-12)
        assert ours_level["pointOfOrigin"] == pytest.approx(level.pointOfOrigin, rel=1e-12)


def test_cgcs2000_is_numbered_as_tianditu(web: httpx.Client) -> None:
    made = web.get("/tileMatrixSets/CGCS2000Quad").json()
    assert made["crs"] == "http://www.opengis.net/def/crs/EPSG/0/4490" and made["orderedAxes"] == ["Lat", "Lon"] and "uri" not in made
    first = made["tileMatrices"][0]
    assert (first["id"], first["matrixWidth"], first["matrixHeight"]) == ("1", 2, 1)
    assert first["scaleDenominator"] == pytest.approx(279541132.0143589, rel=1e-12) and first["cellSize"] == 0.703125
    assert all(level["pointOfOrigin"] == [90, -180] for level in made["tileMatrices"])
    assert [level["id"] for level in made["tileMatrices"]] == [str(level) for level in range(1, 19)]
    for upper, lower in pairwise(made["tileMatrices"]):
        assert lower["matrixWidth"] == 2 * upper["matrixWidth"] and lower["cellSize"] == upper["cellSize"] / 2
    assert morecantile.TileMatrixSet.model_validate(made).crs.srs


def test_the_sets_are_listed(web: httpx.Client) -> None:
    listed = web.get("/tileMatrixSets").json()["tileMatrixSets"]
    assert [entry["id"] for entry in listed] == list(GRIDS)
    for entry in listed:
        (link,) = links_of(entry, REL + "tiling-scheme")
        assert web.get(link["href"]).json()["id"] == entry["id"]


@pytest.mark.parametrize("odd", ["webmercatorquad", "CGCS2000QUAD", "WorldCRS84Quad", "c", "%20"])
def test_a_set_has_one_name(web: httpx.Client, odd: str) -> None:
    for path in (f"/tileMatrixSets/{odd}", f"/collections/houses/tiles/{odd}", f"/tiles/{odd}"):
        assert problem_of(web.get(path), 404)["place"] == "tileMatrixSet"


@pytest.mark.parametrize(
    "start", ["/collections/houses/tiles", "/ogc/collections/houses/tiles", "/tiles", "/collections/houses/map/tiles", "/map/tiles"]
)
def test_a_list_says_enough_to_ask_for_a_tile(web: httpx.Client, start: str) -> None:
    tilesets = web.get(start).json()["tilesets"]
    assert [entry["tileMatrixSetId"] for entry in tilesets] == list(GRIDS)
    for entry in tilesets:
        assert entry["dataType"] == ("map" if "/map/" in start else "vector") and entry["crs"].startswith(
            "http://www.opengis.net/def/crs/EPSG/0/"
        )
        whole = web.get(links_of(entry, "self")[0]["href"]).json()
        assert whole["tileMatrixSetLimits"] == entry["tileMatrixSetLimits"] and whole["layers"][0]["dataType"] == "vector"
        assert web.get(links_of(whole, REL + "tiling-scheme")[0]["href"]).json()["id"] == entry["tileMatrixSetId"]
        (item,) = links_of(whole, "item")
        assert item["templated"] is True and item["type"] == ("image/png" if "/map/" in start else "application/vnd.mapbox-vector-tile")
        assert "/{tileMatrix}/{tileRow}/{tileCol}" in item["href"]


def test_only_the_registered_set_has_a_uri(web: httpx.Client) -> None:
    mercator, cgcs = web.get("/collections/houses/tiles").json()["tilesets"]
    assert (
        mercator["tileMatrixSetURI"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
        and "tileMatrixSetURI" not in cgcs
    )


@pytest.mark.parametrize("grid", GRIDS)
def test_limits_are_those_of_the_rows(web: httpx.Client, grid: str) -> None:
    """Every level's limits hold the corners of the layer, counted by another library."""
    west, south, east, north = web.get("/collections/houses").json()["extent"]["spatial"]["bbox"][0]
    other = morecantile.TileMatrixSet.model_validate(web.get(f"/tileMatrixSets/{grid}").json())
    for limits in web.get(f"/collections/houses/tiles/{grid}").json()["tileMatrixSetLimits"]:
        level = [matrix.id for matrix in other.tileMatrices].index(limits["tileMatrix"])
        matrix = other.tileMatrices[level]
        if grid == "WebMercatorQuad":
            upper, lower = other.tile(west, north, level), other.tile(east, south, level)
            corners = (upper.y, lower.y, upper.x, lower.x)
        else:
            size = matrix.cellSize * 256
            corners = (int((90 - north) / size), int((90 - south) / size), int((west + 180) / size), int((east + 180) / size))
        assert (limits["minTileRow"], limits["maxTileRow"], limits["minTileCol"], limits["maxTileCol"]) == corners


@pytest.mark.parametrize("start", ["/collections/houses/tiles", "/tiles"])
def test_tiles_inside_the_limits_are_there_and_others_are_refused(web: httpx.Client, start: str) -> None:
    """As the compliance suite does it: the first limits, then one row below them."""
    for entry in web.get(start).json()["tilesets"]:
        template = links_of(entry, "item")[0]["href"]
        for limits in (entry["tileMatrixSetLimits"][0], entry["tileMatrixSetLimits"][-1]):
            level, row, column = limits["tileMatrix"], limits["maxTileRow"], limits["minTileCol"]
            assert web.get(fill(template, level, row, column)).status_code in (200, 204)
            assert web.get(fill(template, level, row + 1, column)).status_code == 400
            assert web.get(fill(template, level, row, limits["maxTileCol"] + 1)).status_code == 400
        assert web.get(fill(template, 19, 0, 0)).status_code == 400 and web.get(fill(template, "x", 0, 0)).status_code == 400


def test_collections_narrow_the_data_set(web: httpx.Client, program: httpx.Client) -> None:
    whole = web.get("/tiles/WebMercatorQuad?collections=traffic,houses").json()
    assert [layer["id"] for layer in whole["layers"]] == ["traffic", "houses"]
    assert "collections=traffic,houses" in links_of(whole, "item")[0]["href"]
    assert problem_of(web.get("/tiles/WebMercatorQuad?collections=secret"), 404)["place"] == "layer"
    assert program.get("/tiles/WebMercatorQuad?collections=secret").status_code == 200
    assert problem_of(web.get("/tiles/WebMercatorQuad?collections=houses,houses"), 400)["place"] == "layers"
    assert problem_of(web.get("/tiles?x=1"), 400)["place"] == "x"


def test_what_is_hidden_is_not_there(web: httpx.Client, program: httpx.Client) -> None:
    assert "secret" not in web.get("/tiles/WebMercatorQuad").text
    for path in ("/collections/secret/tiles", "/collections/secret/tiles/WebMercatorQuad", "/collections/nothing/tiles"):
        assert problem_of(web.get(path), 404)["place"] == "layer"
    assert program.get("/collections/secret/tiles").headers["cache-control"].startswith("private")


def test_an_address_that_is_none_says_what_would_be(web: httpx.Client) -> None:
    for path in ("/tiles/houses/1/2", "/tiles/houses/1/2/3.exe", "/tiles/houses/1/2/3/4/5/6"):
        assert "/tiles/LAYERS/Z/X/Y" in str(problem_of(web.get(path), 404)["detail_en"])
    problem_of(web.post("/tiles/houses/14/1/1"), 405)


def test_links_keep_the_prefix_of_a_proxy(site: Site) -> None:
    with site.client(headers={"X-Forwarded-Prefix": "/yzt", "X-Forwarded-Host": "map.gd.cn", "X-Forwarded-Proto": "https"}) as client:
        text = client.get("/collections/houses/tiles").text
    assert "yzt" not in text, "a peer that is no trusted proxy is not believed"
