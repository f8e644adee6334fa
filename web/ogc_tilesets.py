"""The documents of OGC API – Tiles: lists of tile sets, one tile set, tile matrix sets. Pure functions of the catalogue."""

from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from tiles.matrixsets import CRS, URI, definition, limits_of
from tiles.tilejson import bounds_of
from twin.grids import Grid
from twin.layer import GeometryType, Layer
from web.crs import CRS84
from web.links import Links
from web.ogc import JSON, link

DataType = Literal["vector", "map"]

MVT: Final = "application/vnd.mapbox-vector-tile"
PNG: Final = "image/png"
REL: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
CONFORMANCE: Final = tuple(
    [
        f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}"
        for name in ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "collections-selection", "mvt", "png")
    ]
    + [
        f"http://www.opengis.net/spec/tms/2.0/conf/{name}"
        for name in (
            "tilematrixset",
            "json-tilematrixset",
            "tilesetmetadata",
            "json-tilesetmetadata",
            "tilematrixsetlimits",
            "json-tilematrixsetlimits",
        )
    ]
)
_TILE: Final = "/{tileMatrix}/{tileRow}/{tileCol}"
_DIMENSIONS: Final = {
    GeometryType.POINT: 0,
    GeometryType.MULTIPOINT: 0,
    GeometryType.LINE: 1,
    GeometryType.MULTILINE: 1,
    GeometryType.POLYGON: 2,
    GeometryType.MULTIPOLYGON: 2,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """What is tiled, and below which address: one collection, or the whole data set (`collection` empty) or some collections of it."""

    layers: tuple[Layer, ...]
    data_type: DataType
    links: Links
    collection: str = ""
    chosen: str = ""
    """The `collections` that were asked for, as they go into addresses."""

    @property
    def path(self) -> tuple[str, ...]:
        """The segments of the list of its tile sets."""
        here = ("collections", self.collection) if self.collection else ()
        return (*here, "tiles") if self.data_type == "vector" else (*here, "map", "tiles")

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.layers[0].title_zh if self.collection else "全部数据 Whole data set"


def tilesets(origin: Origin) -> dict[str, Any]:
    """The list of tile sets; empty when there is nothing to tile."""
    listed = [_summary(origin, grid) for grid in Grid] if origin.layers else []
    return {"links": [link(origin.links.to(*origin.path), "self", JSON)], "tilesets": listed}


def tileset(origin: Origin, grid: Grid) -> dict[str, Any]:
    """One tile set in full."""
    box = bounds_of(origin.layers, grid)
    return {
        **_summary(origin, grid),
        "boundingBox": {"lowerLeft": list(box[:2]), "upperRight": list(box[2:]), "crs": CRS84.uri, "orderedAxes": ["Lon", "Lat"]},
        "layers": [_layer(origin, layer, grid) for layer in origin.layers],
        "links": [*_links(origin, grid), *_further_links(origin, grid)],
    }


def _summary(origin: Origin, grid: Grid) -> dict[str, Any]:
    """What the list says of a tile set: enough to ask for a tile."""
    registered = {"tileMatrixSetURI": URI[grid]} if grid in URI else {}
    return {
        "title": f"{origin.title} · {grid.value}",
        "dataType": origin.data_type,
        "crs": CRS[grid],
        "tileMatrixSetId": grid.value,
        **registered,
        "tileMatrixSetLimits": [
            {
                "tileMatrix": str(found.level),
                "minTileRow": found.min_row,
                "maxTileRow": found.max_row,
                "minTileCol": found.min_column,
                "maxTileCol": found.max_column,
            }
            for found in limits_of(grid, origin.layers)
        ],
        "links": _links(origin, grid),
    }


def _links(origin: Origin, grid: Grid) -> list[dict[str, Any]]:
    """The tile set, its grid and its tiles."""
    here = origin.links.to(*origin.path, grid.value)
    chosen = f"?collections={origin.chosen}" if origin.chosen else ""
    version = ("&" if chosen else "?") + f"v={max(layer.epoch for layer in origin.layers)}"
    form = MVT if origin.data_type == "vector" else PNG
    return [
        link(here + chosen, "self", JSON),
        link(origin.links.to("tileMatrixSets", grid.value), REL + "tiling-scheme", JSON, grid.value),
        link(here + _TILE + chosen + version, "item", form, "瓦片 Tile") | {"templated": True},
    ]


def _further_links(origin: Origin, grid: Grid) -> list[dict[str, Any]]:
    """The same tiles as TileJSON, and the collection they come from."""
    ids = ",".join(layer.id for layer in origin.layers)
    address = ("tiles", ids + ".json") if grid is Grid.WEB_MERCATOR else ("tiles", ids, grid.value, "tilejson.json")
    found = [link(origin.links.to("conformance"), REL + "conformance", JSON)]
    if origin.data_type == "vector":
        found.append(link(origin.links.to(*address), "alternate", JSON, "TileJSON"))
    if origin.collection:
        found.append(link(origin.links.to("collections", origin.collection), REL + "geodata", JSON, origin.title))
    return found


def _layer(origin: Origin, layer: Layer, grid: Grid) -> dict[str, Any]:
    """One layer inside the tiles."""
    shown = limits_of(grid, [layer])
    about: dict[str, Any] = {"id": layer.id, "title": layer.title_zh, "dataType": "vector"}
    if layer.geometry_type in _DIMENSIONS:
        about["geometryDimension"] = _DIMENSIONS[layer.geometry_type]
    if shown:
        about |= {"minTileMatrix": str(shown[0].level), "maxTileMatrix": str(shown[-1].level)}
    if layer.attribution:
        about["attribution"] = layer.attribution
    return about | {"links": [link(origin.links.to("collections", layer.id), REL + "geodata", JSON, layer.title_zh)]}


def matrix_sets(links: Links) -> dict[str, Any]:
    """The grids there are."""
    return {
        "links": [link(links.to("tileMatrixSets"), "self", JSON)],
        "tileMatrixSets": [
            {"id": grid.value, "title": definition(grid)["title"]}
            | ({"uri": URI[grid]} if grid in URI else {})
            | {"crs": CRS[grid], "links": [link(links.to("tileMatrixSets", grid.value), REL + "tiling-scheme", JSON)]}
            for grid in Grid
        ],
    }


def chosen_names(names: tuple[str, ...]) -> str:
    """A choice of collections as it stands in an address."""
    return ",".join(quote(name, safe="") for name in names)
