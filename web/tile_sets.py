"""What stands behind a name in a tile address: a layer, a product with its layers, or the whole data set."""

from dataclasses import dataclass
from typing import Final

from layers.catalog import Catalog
from layers.styles import BASE_PRODUCT
from tiles.grid import read_address
from tiles.matrixsets import levels_of, limits
from tiles.tilejson import bounds_of
from tiles.vector import MAX_LAYERS
from twin.errors import BadParameter
from twin.layer import Layer
from twin.product import Product
from twin.view import Scope
from web.tile_paths import TilePath

#: What a page written for 天地图 asks for: its base map is our product `base`, unless a layer or product has that very name.
#: Names are written on it already, so that its overlay of names `cva` is the same picture.
ALIASES: Final = {"vec": BASE_PRODUCT, "cva": BASE_PRODUCT}


@dataclass(frozen=True, slots=True)
class TileSet:
    """What is in the tiles of one name."""

    ids: tuple[str, ...]
    """Layers in drawing order, at most as many as one tile holds."""
    product: str = ""
    """Code of the product whose style draws them; empty for plain layers."""


def tile_set(names: tuple[str, ...], catalog: Catalog, scope: Scope) -> TileSet:
    """What `names` of a TilePath stand for; a name that is neither stays itself, so that looking up its layer says what is wrong."""
    if len(names) > 1:
        return TileSet(names)
    if names and names[0] in catalog.by_id:
        return TileSet(names)
    product = product_of(names[0] if names else BASE_PRODUCT, catalog, scope)
    if product is not None:
        return TileSet(_ids(product), product.code)
    return TileSet(names) if names else TileSet(tuple(layer.id for layer in catalog.layers(scope)[:MAX_LAYERS]))


def product_of(name: str, catalog: Catalog, scope: Scope) -> Product | None:
    """The product of that code or 天地图 name, cut to what `scope` may read; None when there is none."""
    found = catalog.cards.get(name) or catalog.cards.get(ALIASES.get(name, ""))
    readable = found is not None and any(_reads(entry.layer, catalog, scope) for entry in found.layers)
    return catalog.product(found.code, scope) if found is not None and readable else None


def members(ids: tuple[str, ...], catalog: Catalog) -> tuple[Layer, ...]:
    """The layers themselves."""
    return tuple(catalog.by_id[layer_id] for layer_id in ids)


def checked(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` when one tile can hold them; BadParameter for too many or repeated ones."""
    if len(names) > MAX_LAYERS or len(set(names)) < len(names):
        raise BadParameter(
            f"at most {MAX_LAYERS} layers in one tile, none twice", f"一个瓦片最多 {MAX_LAYERS} 个图层，且不得重复", place="layers"
        )
    return names


def check_limits(found: TilePath, layers: tuple[Layer, ...]) -> None:
    """Refuse an OGC tile outside the limits its tile set declares (the standard wants 400 or 404); other dialects declare none."""
    if found.dialect != "ogc":
        return
    address = read_address(found.z, found.x, found.y, found.grid)
    if address.z not in levels_of(found.grid, layers):
        raise _outside("tileMatrix", found.z)
    level = limits(found.grid, address.z, bounds_of(layers, found.grid))
    if not level.min_row <= address.y <= level.max_row:
        raise _outside("tileRow", found.y)
    if not level.min_column <= address.x <= level.max_column:
        raise _outside("tileCol", found.x)


def _outside(place: str, text: str) -> BadParameter:
    shown = text[:60]
    return BadParameter(
        f"{place}={shown!r} is outside the limits of this tile set (tileMatrixSetLimits)",
        f"{place}={shown!r} 超出该瓦片集的范围（tileMatrixSetLimits）",
        place=place,
    )


def _ids(product: Product) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.layer for entry in product.layers))[:MAX_LAYERS]


def _reads(layer_id: str, catalog: Catalog, scope: Scope) -> bool:
    layer = catalog.by_id.get(layer_id)
    return layer is not None and scope.may_read(layer.access)
