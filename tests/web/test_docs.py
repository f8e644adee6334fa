"""The OpenAPI document: valid 3.1, every door in it, with the parameters the door really takes."""

import json
import re

import httpx
import pytest
from fastapi.routing import APIRoute

from web.app import ROUTERS
from web.openapi30 import older
from web.tile_docs import tile_paths


@pytest.fixture(scope="module")
def document(site: object) -> dict[str, object]:
    return httpx.get(site.url + "/api").json()  # type: ignore[attr-defined]


def test_version_and_server(document: dict[str, object], web: httpx.Client) -> None:
    assert str(document["openapi"]).startswith("3.1") and document["servers"] == [{"url": str(web.base_url).rstrip("/")}]
    assert web.get("/api").headers["content-type"] == "application/vnd.oai.openapi+json;version=3.1"


def test_every_door_is_in_it(document: dict[str, object]) -> None:
    doors = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema}
    assert set(document["paths"]) == doors | set(tile_paths())  # type: ignore[call-overload]


def test_tiles_are_described_in_every_dialect(document: dict[str, object]) -> None:
    paths: dict[str, dict[str, dict[str, object]]] = document["paths"]  # type: ignore[assignment]
    for path in ("/wmts", "/{name}_{matrix_set}/wmts", "/arcgis/rest/services/{name}/VectorTileServer", "/tiles/{layers}.json"):
        assert "get" in paths[path]
    tile = paths["/tiles/{tileMatrixSet}/{tileMatrix}/{tileRow}/{tileCol}"]["get"]
    assert tile["operationId"] == "yuetu.dataset.vector.getTile"
    (chosen,) = [parameter for parameter in tile["parameters"] if parameter["name"] == "collections"]  # type: ignore[attr-defined]
    assert (chosen["in"], chosen["style"], chosen["explode"], chosen["schema"]["type"]) == ("query", "form", False, "array")
    ids = [operation["operationId"] for operations in paths.values() for operation in operations.values() if "operationId" in operation]
    assert len(set(ids)) == len(ids)


def test_parameters(document: dict[str, object]) -> None:
    items = document["paths"]["/collections/{collection}/items"]["get"]  # type: ignore[index]
    named = {parameter["name"]: parameter["in"] for parameter in items["parameters"]}
    asked = ("limit", "bbox", "bbox-crs", "crs", "datetime", "valid_at", "known_at", "plan", "properties", "skipGeometry", "simplify")
    filters = ("filter", "filter-lang", "filter-crs")
    assert named == {"collection": "path"} | dict.fromkeys((*asked, *filters, "sortby", "after", "cursor", "count", "f"), "query")


def test_every_operation_has_a_summary_and_problems(document: dict[str, object]) -> None:
    for path, operations in document["paths"].items():  # type: ignore[attr-defined]
        for method, operation in operations.items():
            assert operation["summary"] and "default" in operation["responses"], (method, path)
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"], (method, path)


def test_the_older_document_has_only_older_words(web: httpx.Client) -> None:
    """OpenAPI 3.0 knows no lists of types, no const and no numbers as exclusiveMinimum."""
    answer = web.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    found = answer.json()
    assert found["openapi"] == "3.0.3" and found["servers"] == [{"url": str(web.base_url).rstrip("/") + "/ogc"}]
    assert {"/", "/conformance", "/collections", "/collections/{collection}", "/collections/{collection}/items/{item}"} <= set(
        found["paths"]
    )
    assert all(set(operations) == {"get"} for operations in found["paths"].values())
    limit = next(each for each in found["paths"]["/collections/{collection}/items"]["get"]["parameters"] if each["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"], limit["style"], limit["explode"]) == (1, 10_000, "form", False)

    def walk(value: object) -> None:
        if isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, dict):
            assert not isinstance(value.get("type"), list) and "const" not in value and value.get("exclusiveMinimum", True) is True
            walk(list(value.values()))

    walk(found["paths"])


def test_words_of_the_older_document() -> None:
    newer = {"type": ["string", "null"], "const": 1, "exclusiveMinimum": 0, "maximum": 5}
    made = older({"info": {}, "components": {}, "paths": {"/ogc": {"get": newer}}}, [], "")
    assert made["paths"]["/"]["get"] == {
        "type": "string",
        "nullable": True,
        "enum": [1],
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 5,
    }


def test_every_reference_leads_somewhere(document: dict[str, object]) -> None:
    found = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    schemas: dict[str, object] = document["components"]["schemas"]  # type: ignore[index]
    assert len(found) > 1 and found == {f"#/components/schemas/{name}" for name in schemas}
