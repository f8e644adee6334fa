"""How layers look on pictures (PNG tiles): the style of a product, or each layer's usual symbol, in words that MapLibre Native knows."""

from collections.abc import Iterable, Sequence
from typing import Any

from layers.catalog import Catalog
from layers.styles import BASE_PRODUCT, style_layers
from twin.layer import GeometryType, Layer
from twin.picture import FONT, SOURCE
from twin.product import Product, ProductLayer, Symbol
from twin.view import Scope

JSON = dict[str, Any]

_POINTS = (GeometryType.POINT, GeometryType.MULTIPOINT)
_LINES = (GeometryType.LINE, GeometryType.MULTILINE)


def picture_layers(layers: Sequence[Layer], catalog: Catalog, scope: Scope, product: Product | None = None) -> list[JSON]:
    """Style layers, bottom first, of `layers` drawn as in `product`, or each as in the smallest product that has it."""
    chosen = {entry.layer: entry for entry in product.layers} if product else _usual(layers, catalog.products(scope))
    drawn = [(chosen[layer.id] if layer.id in chosen else _plain(layer), layer) for layer in layers]
    return [flat(part) for part in style_layers(drawn, lambda _: SOURCE)]


def _usual(layers: Iterable[Layer], products: Iterable[Product]) -> dict[str, ProductLayer]:
    """The entry of each layer in the product that shows the fewest others, the base map only where there is no other; always visible."""
    wanted = {layer.id for layer in layers}
    found: dict[str, ProductLayer] = {}
    for product in sorted(products, key=lambda product: (product.code == BASE_PRODUCT, len(product.layers), product.code)):
        for entry in product.layers:
            if entry.layer in wanted and entry.layer not in found:
                found[entry.layer] = entry.model_copy(update={"visible": True, "min_zoom": None, "max_zoom": None})
    return found


def _plain(layer: Layer) -> ProductLayer:
    """What no product says: one colour, by the class of geometry."""
    if layer.geometry_type in _POINTS:
        return ProductLayer(layer=layer.id, symbol=Symbol(kind="circle"))
    if layer.geometry_type in _LINES:
        return ProductLayer(layer=layer.id, symbol=Symbol(kind="line", width_px=1.6))
    return ProductLayer(layer=layer.id, symbol=Symbol(kind="fill", opacity=0.35, outline_color="#1456A0"))


def flat(part: JSON) -> JSON:
    """A style layer for a picture: blocks are flat, names have our font."""
    if part["type"] == "fill-extrusion":
        paint = {name.replace("extrusion-", ""): value for name, value in part["paint"].items() if name.endswith(("color", "opacity"))}
        return part | {"type": "fill", "paint": paint}
    if part["type"] == "symbol":
        return part | {"layout": part["layout"] | {"text-font": [FONT]}}
    return part
