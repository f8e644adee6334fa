"""MapLibre styles of products and of the base map, drawn from the same symbols and legends that the page shows; nothing from outside."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from layers.catalog import Catalog
from twin.codes import code_list
from twin.errors import NotFound
from twin.fields import Role
from twin.layer import Bounds, Layer, TileSource
from twin.product import LegendEntry, Product, ProductLayer, Symbol
from twin.view import Scope

JSON = dict[str, Any]

BASE_PRODUCT = "base"
"""Code of the product that is the base map."""
BACKGROUND = "#E8EAEC"
"""What we have no map of: neighbours and sea alike, so it must not look like either."""
NO_DATA = "#E3E3E3"
_PLANNED_OPACITY = 0.45
_LAYERS_PER_SOURCE = 16
_FONTS = ["Noto Sans SC", "Microsoft YaHei", "sans-serif"]
_METRES_PER_FLOOR = 3.0
#: How many things a feature of a low zoom stands for, and how much wider ten of them are than one.
_COUNT: Any = ["to-number", ["get", "count"], 1]
_CLUSTER_PX = 3.5
_LEAST_ICON_PX = 8.0
_ICON_SHARE = 1.4 / 15
"""Side of an icon of 15 px in radii of the circle around it."""
_TILE_PX, _SCREEN_PX = 512, 900
_CLOSER = 3
"""Zooms by which a bare style may open closer than all of it, to show its top layer at all."""


def product_style(product: Product, catalog: Catalog, base_url: str, scope: Scope) -> JSON:
    """The MapLibre style of one product on a plain ground; `base_url` is our own absolute address without a slash at the end."""
    drawn = [(entry, layer) for entry in product.layers if (layer := _readable(catalog, entry.layer, scope))]
    return {
        "version": 8,
        "name": product.title_zh,
        "metadata": {
            "twin:product": product.code,
            "twin:version": product.version,
            "twin:title_en": product.title_en,
            "twin:synthetic": product.synthetic,
            "twin:review_number": product.review_number,
        },
        **_camera(drawn),
        **({"sprite": f"{base_url}/sprites/icons"} if any(entry.symbol.icon for entry, _ in drawn) else {}),
        "sources": _sources([layer for _, layer in drawn], base_url),
        "layers": [_background(), *style_layers(drawn, _source)],
    }


def base_style(catalog: Catalog, base_url: str, scope: Scope) -> JSON:
    """The base map: the product `base` when there is one, else bare ground."""
    try:
        return product_style(catalog.product(BASE_PRODUCT, scope), catalog, base_url, scope)
    except NotFound:
        return {"version": 8, "name": "底图", "metadata": {}, "sources": {}, "layers": [_background()]}


def _readable(catalog: Catalog, layer_id: str, scope: Scope) -> Layer | None:
    layer = catalog.by_id.get(layer_id)
    return layer if layer is not None and scope.may_read(layer.access) else None


def _background() -> JSON:
    return {"id": "background", "type": "background", "paint": {"background-color": BACKGROUND}}


def _sources(layers: list[Layer], base_url: str) -> JSON:
    """One composite source for every 16 layers, so that a view asks for few tiles."""
    found = {}
    for start in range(0, len(layers), _LAYERS_PER_SOURCE):
        ids = ",".join(quote(layer.id, safe="") for layer in layers[start : start + _LAYERS_PER_SOURCE])
        found[_source(start)] = {"type": "vector", "url": f"{base_url}/tiles/{ids}.json"}
    return found


def _source(index: int) -> str:
    return f"twin-{index // _LAYERS_PER_SOURCE}"


def _camera(drawn: Sequence[tuple[ProductLayer, Layer]]) -> JSON:
    """Where a reader that opens the bare style should look: at all of it, or a little closer where its top layer has no tiles that far out."""
    boxes = [layer.bounds_4490 for _, layer in drawn if layer.bounds_4490]
    if not boxes:
        return {}
    box: Bounds = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    width = max(box[2] - box[0], (box[3] - box[1]) * 1.1, 0.002)
    zoom = math.log2(360 * _SCREEN_PX / (_TILE_PX * width))
    closer = _least_zoom(*drawn[-1])
    shown = closer if zoom < closer <= zoom + _CLOSER else zoom
    return {"center": [round((box[0] + box[2]) / 2, 6), round((box[1] + box[3]) / 2, 6)], "zoom": round(min(max(shown, 0), 16), 2)}


def _least_zoom(entry: ProductLayer, layer: Layer) -> int:
    """From where on the layer is drawn in this product."""
    return layer.min_zoom if entry.min_zoom is None else max(entry.min_zoom, layer.min_zoom)


def style_layers(drawn: Sequence[tuple[ProductLayer, Layer]], source_of: Callable[[int], str]) -> Iterator[JSON]:
    """All shapes in the given order, then all labels on top; `source_of` names the source of the layer at a place."""
    labels = []
    for index, (entry, layer), inside in ((at, pair, name) for at, pair in enumerate(drawn) for name in _inside(pair[1])):
        common = _common(entry, layer, source_of(index)) | {"source-layer": inside}
        mark = layer.id if inside == layer.id else f"{layer.id}:{inside}"
        for part in _shapes(entry.symbol, layer):
            layout = {**common["layout"], **part.get("layout", {})}
            least = max(common["minzoom"], part.get("minzoom", 0))
            yield {**common, **part, "minzoom": least, "layout": layout, "id": f"{mark}:{part['id']}"}
        if entry.symbol.label_field:
            labels.append({**common, **_label(entry, layer), "id": f"{mark}:label"})
    yield from labels


def _inside(layer: Layer) -> tuple[str, ...]:
    """What the layer is called inside its tiles: an archive may hold several, by names of their own."""
    contents = layer.archive.vector_layers if layer.archive else ()
    return tuple(content.id for content in contents) if len(contents) > 1 else (layer.id,)


def _common(entry: ProductLayer, layer: Layer, source: str) -> JSON:
    """What every style layer of one product layer shares."""
    zooms = {"minzoom": _least_zoom(entry, layer)} | ({} if entry.max_zoom is None else {"maxzoom": entry.max_zoom})
    return {"source": source, "source-layer": layer.id, "metadata": {"twin:layer": layer.id}, **zooms, "layout": _visibility(entry)}


def _visibility(entry: ProductLayer) -> JSON:
    return {"visibility": "visible" if entry.visible else "none"}


def _shapes(symbol: Symbol, layer: Layer) -> Iterator[JSON]:
    if symbol.kind == "line":
        yield _line("line", color(symbol), symbol)
    elif symbol.kind == "circle":
        yield from [_circle(symbol)] if symbol.radius_px else []
        yield from [_icon(symbol)] if symbol.radius_px and symbol.icon else []
        yield from [_counts()] if layer.tile_source is TileSource.OVERVIEW else []
    else:
        yield from _areas(symbol, layer)


def _areas(symbol: Symbol, layer: Layer) -> Iterator[JSON]:
    """Areas and blocks; planned ones are translucent, demolished ones only an outline."""
    phase = layer.role(Role.PHASE)
    area = _block if symbol.kind == "extrusion" else _fill
    if phase is None or phase.in_tiles_from_zoom is None:
        yield area("area", color(symbol), symbol.opacity, symbol, layer)
    else:
        value = ["coalesce", ["get", phase.name], ""]
        standing = ["!", ["in", value, ["literal", ["planned", "demolished"]]]]
        phases = code_list("phases").entries
        yield area("area", color(symbol), symbol.opacity, symbol, layer) | {"filter": standing}
        yield area("planned", phases["planned"].color, _PLANNED_OPACITY, symbol, layer) | {"filter": ["==", value, "planned"]}
        outline = _line("demolished", phases["demolished"].color, symbol.model_copy(update={"dash": (2.0, 2.0)}))
        yield outline | {"filter": ["==", value, "demolished"]}
    if symbol.outline_color:
        yield _line("outline", symbol.outline_color, symbol)


def _fill(part: str, paint: Any, opacity: float, symbol: Symbol, layer: Layer) -> JSON:
    return {"id": part, "type": "fill", "paint": {"fill-color": paint, "fill-opacity": opacity}}


def _block(part: str, paint: Any, opacity: float, symbol: Symbol, layer: Layer) -> JSON:
    return {
        "id": part,
        "type": "fill-extrusion",
        "paint": {
            "fill-extrusion-color": paint,
            "fill-extrusion-opacity": opacity,
            "fill-extrusion-height": _height(symbol, layer),
            "fill-extrusion-base": _number(layer, Role.BASE_HEIGHT, 0),
        },
    }


def _height(symbol: Symbol, layer: Layer) -> Any:
    """The height field in metres, else floors of three metres, else one floor."""
    floors = layer.role(Role.FLOORS)
    named = symbol.height_field or (field.name if (field := layer.role(Role.HEIGHT)) else "")
    guess: Any = ["*", _METRES_PER_FLOOR, ["to-number", ["get", floors.name], 1]] if floors else _METRES_PER_FLOOR
    return ["case", ["has", named], ["to-number", ["get", named], 0], guess] if named else guess


def _number(layer: Layer, role: Role, default: float) -> Any:
    field = layer.role(role)
    return ["to-number", ["get", field.name], default] if field else default


def _line(part: str, paint: Any, symbol: Symbol) -> JSON:
    dash = {"line-dasharray": list(symbol.dash)} if symbol.dash else {}
    width = symbol.width_px
    return {
        "id": part,
        "type": "line",
        "paint": {
            "line-color": paint,
            "line-opacity": symbol.opacity if part == "line" else 1,
            "line-width": ["interpolate", ["exponential", 1.4], ["zoom"], 8, round(width * 0.5, 2), 14, width, 19, round(width * 2.5, 2)],
            **dash,
        },
    }


def _circle(symbol: Symbol) -> JSON:
    radius = symbol.radius_px
    return {
        "id": "circle",
        "type": "circle",
        "paint": {
            "circle-color": color(symbol),
            "circle-opacity": symbol.opacity,
            "circle-radius": [
                "interpolate",
                ["linear"],
                ["zoom"],
                8,
                _clustered(round(radius * 0.5, 2)),
                14,
                _clustered(radius),
                19,
                round(radius * 1.8, 2),
            ],
            "circle-stroke-color": symbol.outline_color or "#FFFFFF",
            "circle-stroke-width": 1,
        },
    }


def _icon(symbol: Symbol) -> JSON:
    """The icon of a point of its own, from where its circle is large enough to hold one; it neither hides names nor gives way to them."""
    size = symbol.radius_px * _ICON_SHARE
    readable = 14 + 5 * (_LEAST_ICON_PX / 15 / size - 1) / 0.8
    return {
        "id": "icon",
        "type": "symbol",
        "minzoom": round(max(13.0, readable), 1),
        "filter": ["<=", _COUNT, 1],
        "layout": {
            "icon-image": f"{symbol.icon}-white",
            "icon-size": ["interpolate", ["linear"], ["zoom"], 14, round(size, 3), 19, round(size * 1.8, 3)],
            "icon-allow-overlap": True,
            "icon-ignore-placement": True,
        },
    }


def _clustered(radius: float) -> Any:
    """A cluster of an overview grows with the logarithm of its count; a point of its own stays as it is."""
    return ["+", radius, ["*", _CLUSTER_PX, ["log10", ["max", 1, _COUNT]]]]


def _counts() -> JSON:
    """The number on a cluster."""
    return {
        "id": "count",
        "type": "symbol",
        "filter": [">", _COUNT, 1],
        "layout": {"text-field": ["number-format", _COUNT, {}], "text-font": _FONTS, "text-size": 11},
        "paint": {"text-color": "#1F242B", "text-halo-color": "#FFFFFF", "text-halo-width": 1.4},
    }


def _label(entry: ProductLayer, layer: Layer) -> JSON:
    symbol = entry.symbol
    along = symbol.kind == "line"
    return {
        "id": f"{layer.id}:label",
        "type": "symbol",
        "minzoom": max(symbol.label_min_zoom, layer.min_zoom),
        "layout": {
            **_visibility(entry),
            "text-field": ["to-string", ["coalesce", ["get", symbol.label_field], ""]],
            "text-font": _FONTS,
            "text-size": 13,
            "symbol-placement": "line" if along else "point",
            **({"text-offset": [0, 1], "text-anchor": "top"} if symbol.kind == "circle" and symbol.radius_px else {}),
        },
        "paint": {"text-color": "#333333", "text-halo-color": "#FFFFFF", "text-halo-width": 1.2},
    }


def color(symbol: Symbol) -> Any:
    """A MapLibre expression of the legend, or the one colour; unknown values get its entry without value or break."""
    breaks = [entry for entry in symbol.legend if entry.min is not None or entry.max is not None]
    values = {entry.value: entry.color for entry in symbol.legend if entry.value is not None}
    other = next((entry.color for entry in symbol.legend if entry.value is None and entry not in breaks), None)
    if not symbol.class_field or not (breaks or values):
        return other or symbol.color
    if breaks:
        return _by_breaks(symbol.class_field, breaks, other or NO_DATA)
    cases = [part for pair in values.items() for part in pair]
    return ["match", ["to-string", ["coalesce", ["get", symbol.class_field], ""]], *cases, other or symbol.color]


def _by_breaks(field: str, breaks: list[LegendEntry], missing: str) -> Any:
    """Colours by number; no value is not zero."""
    value = ["to-number", ["get", field]]
    cases: list[Any] = [["!=", ["typeof", ["get", field]], "number"], missing]
    for entry in breaks:
        above = [">=", value, entry.min] if entry.min is not None else True
        below = ["<", value, entry.max] if entry.max is not None else True
        cases = [*cases, ["all", above, below], entry.color]
    return ["case", *cases, missing]
