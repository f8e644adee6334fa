"""What a layer is to be, from what the person says, what it was, and what the file shows."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from importers import CONTAINERS, suffixes
from importers.options import ImportOptions
from postgis.layers import LayerSpec
from twin.fields import Field
from twin.layer import Access, GeometryType, Layer

MOST_PER_TILE = 20_000
_DEFAULT_MAX_ZOOM = 16

_TYPES: Sequence[tuple[frozenset[str], GeometryType]] = (
    (frozenset({"POINT"}), GeometryType.POINT),
    (frozenset({"POINT", "MULTIPOINT"}), GeometryType.MULTIPOINT),
    (frozenset({"LINESTRING"}), GeometryType.LINE),
    (frozenset({"LINESTRING", "MULTILINESTRING"}), GeometryType.MULTILINE),
    (frozenset({"POLYGON"}), GeometryType.POLYGON),
    (frozenset({"POLYGON", "MULTIPOLYGON"}), GeometryType.MULTIPOLYGON),
)


def stem_of(path: Path) -> str:
    """The file's name without its suffixes (`a.geojson.gz` → `a`), fit for a layer id where that is possible."""
    known = set(suffixes()) | set(CONTAINERS)
    while path.suffix.lower() in known:
        path = path.with_suffix("")
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in path.name)


def geometry_type(found: Set[str], before: GeometryType = GeometryType.NONE) -> GeometryType:
    """The narrowest class that holds all PostGIS type names found and what the layer had before."""
    held = next((names for names, kind in _TYPES if kind is before), frozenset({"GEOMETRY"} if before is GeometryType.MIXED else ()))
    if not found | held:
        return GeometryType.NONE
    return next((kind for names, kind in _TYPES if found | held <= names), GeometryType.MIXED)


def min_zoom(densest: Mapping[int, int]) -> int:
    """The first zoom at which no tile holds more than `MOST_PER_TILE` rows; 14 at most."""
    return next((zoom for zoom in sorted(densest) if densest[zoom] <= MOST_PER_TILE), max(densest, default=0))


def known_spec(known: Layer) -> LayerSpec:
    """What a layer of the catalogue is now, as a spec."""
    return LayerSpec.model_validate(known.model_dump(include=set(LayerSpec.model_fields)))


def spec_of(layer_id: str, options: ImportOptions, known: Layer | None, fields: tuple[Field, ...]) -> LayerSpec:
    """Said now, else as it was, else a default: title = id, everybody may read it."""
    base = known_spec(known) if known else LayerSpec(id=layer_id, title_zh=layer_id, access=Access.PUBLIC, max_zoom=_DEFAULT_MAX_ZOOM)
    names = (
        "title_zh",
        "title_en",
        "description_zh",
        "access",
        "synthetic",
        "attribution",
        "licence",
        "accuracy_note_zh",
        "min_zoom",
        "max_zoom",
    )
    said = {name: value for name in names if (value := getattr(options, name)) not in (None, "")}
    return base.model_copy(update=said | {"fields": fields})
