"""Abstract tests of OGC API – Tiles, Part 1."""

from typing import Any

import mapbox_vector_tile

from bench._tile_data import tile_of
from tests.ats import Ground, abstract_test, links_of, ok

PART = "tiles-1"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
MVT = "application/vnd.mapbox-vector-tile"
LEVEL = 14


def tilesets(ground: Ground, address: str) -> list[dict[str, Any]]:
    """The sets of a list of tile sets, each read by its own link."""
    listed = ok(ground.web.get(address)).json()["tilesets"]
    return [ok(ground.web.get(links_of(entry, "self")[0]["href"])).json() for entry in listed]


def template(ground: Ground, matrix_set: str = "WebMercatorQuad") -> str:
    """The address of the houses' tiles."""
    return links_of(ok(ground.web.get(f"/collections/houses/tiles/{matrix_set}")).json(), "item")[0]["href"]


def tile(ground: Ground, level: Any = LEVEL, row: Any = None, column: Any = None) -> Any:
    """A tile of the houses, by default one that is not empty."""
    x, y = tile_of(114.0105, 22.5005, LEVEL)
    values = {"tileMatrix": level, "tileRow": y if row is None else row, "tileCol": x if column is None else column}
    address = template(ground)
    for name, value in values.items():
        address = address.replace("{" + name + "}", str(value))
    return ground.web.get(address)


@abstract_test(PART, "/conf/core/tc-op", "/conf/core/tc-success", "/conf/mvt/content")
def a_tile(ground: Ground) -> None:
    answer = ok(tile(ground), MVT)
    assert mapbox_vector_tile.decode(answer.content)["houses"]["features"]


@abstract_test(PART, *(f"/conf/core/{name}" for name in ("tc-tilematrix-definition", "tc-tilerow-definition", "tc-tilecol-definition")))
def the_three_variables(ground: Ground) -> None:
    for name in ("{tileMatrix}", "{tileRow}", "{tileCol}"):
        assert template(ground).count(name) == 1
    parameters = ground.web.get("/ogc/api").json()["paths"][
        "/collections/{collection}/tiles/{tileMatrixSet}/{tileMatrix}/{tileRow}/{tileCol}"
    ]["get"]["parameters"]
    kinds = {each["name"]: each["schema"]["type"] for each in parameters if each["in"] == "path"}
    assert kinds | {"tileMatrix": "string", "tileRow": "integer", "tileCol": "integer"} == kinds


@abstract_test(PART, "/conf/core/tc-error")
def beyond_the_grid(ground: Ground) -> None:
    size = 2**LEVEL
    for row, column in ((size, 0), (0, size), (-1, 0), (2**31 - 1, 2**31 - 1), ("x", 0)):
        assert tile(ground, row=row, column=column).status_code in (400, 404)
    assert tile(ground, level=99).status_code in (400, 404)


@abstract_test(PART, "/conf/core/conformance-success")
def declared(ground: Ground) -> None:
    classes = ok(ground.web.get("/conformance")).json()["conformsTo"]
    for name in ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "collections-selection", "mvt", "png"):
        assert f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}" in classes


@abstract_test(PART, "/conf/tileset/description")
def descriptions(ground: Ground) -> None:
    for described in tilesets(ground, "/collections/houses/tiles"):
        assert described["title"] and described["dataType"] == "vector" and described["crs"].startswith("http")
        assert links_of(described, REL + "tiling-scheme") and links_of(described, "item")[0]["templated"] is True
        ok(ground.web.get(links_of(described, REL + "tiling-scheme")[0]["href"]))


@abstract_test(PART, "/conf/tilesets-list/tileset-links")
def lists(ground: Ground) -> None:
    for address in ("/tiles", "/map/tiles", "/collections/houses/tiles", "/collections/houses/map/tiles"):
        listed = ok(ground.web.get(address)).json()["tilesets"]
        assert len(listed) == 2 and all(entry["crs"] and entry["dataType"] and links_of(entry, "self") for entry in listed)


@abstract_test(PART, "/conf/dataset-tilesets/landingpage", "/conf/dataset-tilesets/operation")
def the_whole_data_set(ground: Ground) -> None:
    landing = ground.web.get("/ogc").json()
    for rel in ("tilesets-vector", "tilesets-map"):
        assert tilesets(ground, links_of(landing, REL + rel)[0]["href"])


@abstract_test(PART, "/conf/geodata-tilesets/desc-links", "/conf/geodata-tilesets/operation")
def each_collection(ground: Ground) -> None:
    for entry in ground.web.get("/collections").json()["collections"]:
        for rel in ("tilesets-vector", "tilesets-map"):
            address = links_of(entry, REL + rel)[0]["href"]
            assert address.endswith("/tiles") and tilesets(ground, address)


@abstract_test(PART, "/conf/collections-selection/query-collections", "/conf/collections-selection/collections-response")
def chosen_collections(ground: Ground) -> None:
    x, y = tile_of(114.0105, 22.5005, LEVEL)
    here = f"/tiles/WebMercatorQuad/{LEVEL}/{y}/{x}"
    assert set(mapbox_vector_tile.decode(ok(ground.web.get(here, params={"collections": "houses"}), MVT).content)) == {"houses"}
    assert ground.web.get(here, params={"collections": "nothing"}).status_code in (400, 404)
    chosen = ok(ground.web.get("/tiles/WebMercatorQuad", params={"collections": "houses"})).json()
    assert "collections=houses" in links_of(chosen, "item")[0]["href"]


@abstract_test(PART, "/conf/png/content")
def a_picture(ground: Ground) -> None:
    x, y = tile_of(114.0105, 22.5005, LEVEL)
    answer = ok(ground.web.get(f"/collections/houses/map/tiles/WebMercatorQuad/{LEVEL}/{y}/{x}"), "image/png")
    assert answer.content.startswith(b"\x89PNG")
