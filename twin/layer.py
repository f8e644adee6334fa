"""Layer: anything on the map, with one id, one field schema and one epoch."""

import re
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from twin.errors import BadParameter
from twin.fields import Field, Role

Bounds = tuple[float, float, float, float]

_LAYER_ID = re.compile(r"^[^\W\d_][\w-]*$")
MAX_ID_BYTES = 48
OID_LAYER_SHIFT = 40


class LayerKind(StrEnum):
    """How a layer is stored and served."""

    OBJECTS = "objects"
    CELLS = "cells"
    RASTER = "raster"
    TILES = "tiles"
    """Ready-made vector tiles in a file; there are no rows."""


class Access(StrEnum):
    """Who may read a layer before any finer grant: everybody, or everybody signed in."""

    PUBLIC = "public"
    INTERNAL = "internal"


class GeometryType(StrEnum):
    """Homogeneous geometry class of a layer, as GeoJSON and OGC name it; MIXED when the source mixes dimensions."""

    POINT = "Point"
    MULTIPOINT = "MultiPoint"
    LINE = "LineString"
    MULTILINE = "MultiLineString"
    POLYGON = "Polygon"
    MULTIPOLYGON = "MultiPolygon"
    MIXED = "Geometry"
    NONE = "None"


class TileContent(BaseModel):
    """One layer inside the tiles of an archive, as its file describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    fields: dict[str, str] = {}
    description: str = ""
    minzoom: int = 0
    maxzoom: int = 22


class TileArchive(BaseModel):
    """The file that a layer of kind TILES reads: a PMTiles archive among the blobs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    vector_layers: tuple[TileContent, ...] = ()


class TileSource(StrEnum):
    """What the tiles of a layer are made from at present."""

    LIVE = "live"
    """The rows themselves: no twin, or one in doubt."""
    TWIN = "twin"
    OVERVIEW = "overview"
    """The twin from zoom 14 on, its overview below."""


class Layer(BaseModel):
    """One entry of the catalogue, immutable; a change makes a new snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    id: str
    kind: LayerKind = LayerKind.OBJECTS
    title_zh: str
    title_en: str = ""
    description_zh: str = ""
    geometry_type: GeometryType = GeometryType.MIXED
    fields: tuple[Field, ...] = ()
    bounds_4490: Bounds | None = None
    time_extent: tuple[datetime | None, datetime | None] | None = None
    count: int = 0
    epoch: int = 0
    min_zoom: int = 0
    max_zoom: int = 16
    access: Access = Access.PUBLIC
    synthetic: bool = False
    """Made-up demo data: the page shows 示例数据."""
    attribution: str = ""
    licence: str = ""
    accuracy_note_zh: str = ""
    """Shown on the card, e.g. 示意，约 100 m 精度."""
    vertical_datum: str = ""
    """What its heights count from (`twin/heights.py`), 高程基准未知 where nobody said; empty: it has no heights."""
    updated_at: datetime | None = None
    tile_source: TileSource = TileSource.LIVE
    archive: TileArchive | None = None
    """Only of kind TILES."""

    def field(self, name: str) -> Field | None:
        """The field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def role(self, role: Role) -> Field | None:
        """The field that plays `role`, or None."""
        return next((field for field in self.fields if field.role == role), None)


def check_layer_id(layer_id: str) -> str:
    """Return `layer_id` lower-cased; BadParameter unless it is a letter then letters, digits, `_`, `-`, at most 48 UTF-8 bytes."""
    layer_id = layer_id.lower()
    if not _LAYER_ID.match(layer_id) or len(layer_id.encode()) > MAX_ID_BYTES:
        raise BadParameter(
            f"layer id {layer_id!r} is not a letter followed by letters, digits, '_' or '-' (at most {MAX_ID_BYTES} bytes)",
            f"图层标识 {layer_id!r} 必须以字母或汉字开头，只含字母、汉字、数字、“_”或“-”，不超过 {MAX_ID_BYTES} 字节",
            place="layer",
        )
    return layer_id


def layer_number_of(oid: int) -> int:
    """The layer number inside an oid: `oid >> 40` (oid < 2^53, so JSON keeps it exactly)."""
    return oid >> OID_LAYER_SHIFT
