"""TileJSON 3.0: what a client must know before it asks for the first tile."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from twin.fields import FieldType, Role
from twin.grids import Grid, levels
from twin.layer import Bounds, GeometryType, Layer, TileSource

_MAX_LATITUDE = 85.051129
_WORLD: Bounds = (-180.0, -_MAX_LATITUDE, 180.0, _MAX_LATITUDE)
#: The words GDAL and QGIS know.
_WORDS = {FieldType.INTEGER: "Number", FieldType.NUMBER: "Number", FieldType.BOOLEAN: "Boolean"}
#: Below this zoom a layer with an overview shows sums of what is too small to draw.
_OWN_FROM = 14


class VectorLayer(BaseModel):
    """One layer inside the tiles."""

    id: str
    fields: dict[str, str]
    fields_from_zoom: dict[str, int] = {}
    """Smallest zoom at which tiles carry a field; those of the sums of an overview are there below zoom 14 only."""
    folded: dict[str, str] = {}
    """What the sums of an overview are: `count` objects folded into one shape, their `area_m2` and so on."""
    description: str = ""
    minzoom: int
    maxzoom: int


class TileJSON(BaseModel):
    """The document; bounds in degrees, west south east north."""

    tilejson: str = "3.0.0"
    name: str
    description: str = ""
    version: str = "1.0.0"
    attribution: str = ""
    scheme: str = "xyz"
    tiles: list[str]
    minzoom: int
    maxzoom: int
    bounds: Bounds
    center: tuple[float, float, int]
    vector_layers: list[VectorLayer]
    tile_matrix_set: str = Field(default="", serialization_alias="tileMatrixSet")
    """Where the grid is described, when it is not the one TileJSON means."""


def tilejson(layers: Sequence[Layer], tiles_url: str, grid: Grid = Grid.WEB_MERCATOR, grid_url: str = "") -> TileJSON:
    """The document of a tile set of `layers`, whose address template is `tiles_url`."""
    bounds = bounds_of(layers, grid)
    lowest = max(min(layer.min_zoom for layer in layers), levels(grid)[0])
    return TileJSON(
        name="、".join(layer.title_zh for layer in layers),
        description="\n".join(filter(None, (layer.description_zh for layer in layers))),
        attribution="; ".join(dict.fromkeys(filter(None, (layer.attribution for layer in layers)))),
        tiles=[tiles_url],
        minzoom=lowest,
        maxzoom=min(max(layer.max_zoom for layer in layers), levels(grid)[-1]),
        bounds=bounds,
        center=((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, lowest),
        vector_layers=[part for layer in layers for part in _vector_layers(layer)],
        tile_matrix_set=grid_url,
    )


def _vector_layers(layer: Layer) -> list[VectorLayer]:
    """The layer itself, or, where an archive has several inside, those."""
    if layer.archive is None or len(layer.archive.vector_layers) == 1:
        return [_vector_layer(layer)]
    return [VectorLayer.model_validate(content.model_dump()) for content in layer.archive.vector_layers]


def _vector_layer(layer: Layer) -> VectorLayer:
    shown = {field.name: field for field in layer.fields if field.in_tiles_from_zoom is not None}
    folded = _folded(layer)
    return VectorLayer(
        id=layer.id,
        fields={name: _WORDS.get(field.type, "String") for name, field in shown.items()} | dict.fromkeys(folded, "Number"),
        fields_from_zoom={name: field.in_tiles_from_zoom or 0 for name, field in shown.items()},
        folded=folded,
        description=layer.title_zh,
        minzoom=layer.min_zoom,
        maxzoom=layer.max_zoom,
    )


def _folded(layer: Layer) -> dict[str, str]:
    """The sums in the low zooms of a layer with an overview, and what they are sums of."""
    if layer.tile_source is not TileSource.OVERVIEW:
        return {}
    sums = {"count": "合并的要素个数 number of objects"}
    if layer.geometry_type not in (GeometryType.POINT, GeometryType.MULTIPOINT):
        sums["area_m2"] = "合计面积 sum of areas, m²"
    if layer.role(Role.FLOORS):
        sums["floor_area_m2"] = "合计建筑面积 sum of areas times floors, m²"
    if layer.role(Role.POPULATION):
        sums["population"] = "合计人口 sum of population"
    own = {field.name for field in layer.fields if field.in_tiles_from_zoom is not None}
    return {name: f"{about}; z < {_OWN_FROM}" for name, about in sums.items() if name not in own}


def bounds_of(layers: Sequence[Layer], grid: Grid = Grid.WEB_MERCATOR) -> Bounds:
    """The box of all layers, cut to what the grid can show; the whole grid when none has any rows."""
    world = (-180.0, -90.0, 180.0, 90.0) if grid is Grid.CGCS2000 else _WORLD
    boxes = [layer.bounds_4490 for layer in layers if layer.bounds_4490 is not None]
    if not boxes:
        return world
    west, south = (max(world[i], min(box[i] for box in boxes)) for i in (0, 1))
    east, north = (min(world[i], max(box[i] for box in boxes)) for i in (2, 3))
    return (west, south, east, north)
