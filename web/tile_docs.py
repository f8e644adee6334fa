"""The doors in front of FastAPI as OpenAPI describes them: a tile in each of its dialects."""

from typing import Any, Final

from twin.grids import Grid
from web.filters import PARAMETERS

_MVT: Final = "application/vnd.mapbox-vector-tile"
_PNG: Final = "image/png"
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_GRID: Final = {"type": "string", "enum": [grid.value for grid in Grid]}
_PLACES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "layers": ("Layer ids, comma between them, at most 16.", _TEXT),
    "collection": ("Layer id.", _TEXT),
    "name": ("Layer id or product code.", _TEXT),
    "grid": ("Grid, in exactly this case.", _GRID),
    "tileMatrixSet": ("Grid, in exactly this case.", _GRID),
    "TileMatrixSet": ("Grid; `w` and `c` are the names 天地图 uses.", {"type": "string", "enum": [*_GRID["enum"], "w", "c"]}),
    "style": ("Always `default`.", _TEXT),
    "format": ("png or mvt.", {"type": "string", "enum": ["png", "mvt"]}),
    "z": ("Zoom", _NUMBER),
    "x": ("Column", _NUMBER),
    "y": ("Row, from the north", _NUMBER),
    "tileMatrix": ("Level", _TEXT),
    "tileRow": ("Row, from the north", _NUMBER),
    "tileCol": ("Column", _NUMBER),
}
_NARROWED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "datetime": ("RFC 3339 instant or interval: what held then.", _TEXT),
    "plan": ("Name of a plan instead of the present.", _TEXT),
    "v": ("Epoch in the address, so that caches may keep the answer for ever.", _TEXT),
    "f": ("mvt or png.", {"type": "string", "enum": ["mvt", "png"]}),
    **{parameter.name: (parameter.description, dict(parameter.schema)) for parameter in PARAMETERS},
    "collections": ("Only these collections.", {"type": "array", "items": _TEXT, "maxItems": 16}),
}
_SHORT: Final = ("datetime", "plan", "v", *(parameter.name for parameter in PARAMETERS))
_OGC: Final = (*_SHORT, "f")
_WHOLE: Final = (*_OGC, "collections")


def tile_paths() -> dict[str, Any]:
    """Every address of a tile."""
    here = "{tileMatrixSet}/{tileMatrix}/{tileRow}/{tileCol}"
    return {
        "/tiles/{layers}/{z}/{x}/{y}": _tile("Tile in Web Mercator (.mvt, .pbf or .png)", ("layers", "z", "x", "y"), _SHORT),
        "/tiles/{layers}/{grid}/{z}/{x}/{y}": _tile("Tile in a grid (.mvt, .pbf or .png)", ("layers", "grid", "z", "x", "y"), _SHORT),
        f"/collections/{{collection}}/tiles/{here}": _ogc("Vector tile of a collection", "collection", "collection.vector", _OGC),
        f"/collections/{{collection}}/map/tiles/{here}": _ogc("Map tile of a collection", "collection", "collection.map", _OGC),
        f"/tiles/{here}": _ogc("Vector tile of the whole data set", "", "dataset.vector", _WHOLE),
        f"/map/tiles/{here}": _ogc("Map tile of the whole data set", "", "dataset.map", _WHOLE),
        "/wmts/1.0.0/{name}/{style}/{TileMatrixSet}/{tileMatrix}/{tileRow}/{tileCol}.{format}": _tile(
            "WMTS tile, REST", ("name", "style", "TileMatrixSet", "tileMatrix", "tileRow", "tileCol", "format"), ()
        ),
        "/arcgis/rest/services/{name}/VectorTileServer/tile/{z}/{y}/{x}.pbf": _tile(
            "Vector tile as ArcGIS asks for it; 404 where it is empty", ("name", "z", "y", "x"), ()
        ),
    }


def _ogc(summary: str, first: str, operation: str, narrowed: tuple[str, ...]) -> dict[str, Any]:
    """An OGC tile, with the operation id the standard asks for."""
    places = (*filter(None, (first,)), "tileMatrixSet", "tileMatrix", "tileRow", "tileCol")
    document = _tile(summary, places, narrowed)
    document["get"]["operationId"] = f"yuetu.{operation}.getTile"
    return document


def _tile(summary: str, places: tuple[str, ...], narrowed: tuple[str, ...]) -> dict[str, Any]:
    listed = [_parameter(name, "path", *_PLACES[name]) for name in places]
    listed += [_parameter(name, "query", *_NARROWED[name]) for name in narrowed]
    responses = {
        "200": {"description": "A tile", "content": {_MVT: {}, _PNG: {}}},
        "204": {"description": "Nothing here"},
        "304": {"description": "Unchanged"},
    }
    return {"get": {"tags": ["tiles"], "summary": summary, "parameters": listed, "responses": responses}}


def _parameter(name: str, place: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    exploded = {"style": "form", "explode": False} if place == "query" else {}
    return {"name": name, "in": place, "required": place == "path", "description": description, "schema": schema, **exploded}
