"""TileJSON 3.0: what a client must know before it asks for the first tile."""

from collections.abc import Sequence

from pydantic import BaseModel

from twin.fields import FieldType
from twin.layer import Bounds, Layer

_MAX_LATITUDE = 85.051129
_WORLD: Bounds = (-180.0, -_MAX_LATITUDE, 180.0, _MAX_LATITUDE)
#: The words GDAL and QGIS know.
_WORDS = {FieldType.INTEGER: "Number", FieldType.NUMBER: "Number", FieldType.BOOLEAN: "Boolean"}


class VectorLayer(BaseModel):
    """One layer inside the tiles."""

    id: str
    fields: dict[str, str]
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


def tilejson(layers: Sequence[Layer], tiles_url: str) -> TileJSON:
    """The document of a tile set of `layers`, whose address template is `tiles_url`."""
    bounds = _bounds(layers)
    lowest = min(layer.min_zoom for layer in layers)
    return TileJSON(
        name="、".join(layer.title_zh for layer in layers),
        description="\n".join(filter(None, (layer.description_zh for layer in layers))),
        attribution="; ".join(dict.fromkeys(filter(None, (layer.attribution for layer in layers)))),
        tiles=[tiles_url],
        minzoom=lowest,
        maxzoom=max(layer.max_zoom for layer in layers),
        bounds=bounds,
        center=((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, lowest),
        vector_layers=[_vector_layer(layer) for layer in layers],
    )


def _vector_layer(layer: Layer) -> VectorLayer:
    fields = {field.name: _WORDS.get(field.type, "String") for field in layer.fields if field.in_tiles_from_zoom is not None}
    return VectorLayer(id=layer.id, fields=fields, description=layer.title_zh, minzoom=layer.min_zoom, maxzoom=layer.max_zoom)


def _bounds(layers: Sequence[Layer]) -> Bounds:
    """The box of all layers, cut to what Web Mercator can show; the world when none has any rows."""
    boxes = [layer.bounds_4490 for layer in layers if layer.bounds_4490 is not None]
    if not boxes:
        return _WORLD
    west, south = (max(_WORLD[i], min(box[i] for box in boxes)) for i in (0, 1))
    east, north = (min(_WORLD[i], max(box[i] for box in boxes)) for i in (2, 3))
    return (west, south, east, north)
