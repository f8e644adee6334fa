"""The page of one product: card, preview, addresses to copy and snippets that run as they are; plain HTML, so that it needs no build and no script to be read."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from itertools import product as product_of
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from layers.catalog import Catalog
from layers.licences import licence_of
from layers.product_search import bounds_of
from layers.products import theme_title
from layers.styles import product_style
from tiles.vector import MAX_LAYERS
from twin.layer import Bounds, Layer, LayerKind
from twin.product import Product
from twin.view import Scope
from web import caching
from web.deps import CatalogDep, HouseDep, LinksDep, ScopeDep
from web.links import Links
from web.pages import static_file
from web.params import Query

router = APIRouter(prefix="/p", tags=["catalogue"])

_PLACE: Final = re.compile(r"@([A-Z_]+)@")
_FOLDER: Final = Path(__file__).with_name("product_card")
_PROVINCE: Final[Bounds] = (109.6, 20.2, 117.4, 25.6)
"""Where to look when a product's extent is not known yet."""
_NAMES: Final = {
    "embed": "网页组件 Web component",
    "maplibre": "MapLibre",
    "openlayers": "OpenLayers",
    "cesium": "Cesium",
    "qgis": "QGIS",
    "python": "Python",
    "pydeck": "pydeck",
    "curl": "curl",
}


@router.get("/-/{name}", include_in_schema=False)
async def page_file(name: str, request: Request) -> Response:
    """The script and the looks of the page."""
    return await static_file(request, _FOLDER, name, "no-cache")


@router.get("/{code}", response_class=HTMLResponse, summary="The page of a product")
async def product_page(code: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Card, map preview, addresses and snippets of one product, for people."""
    Query(request.scope["query_string"], [])
    product = catalog.product(code, scope)
    house.uses.saw(product.code)
    return HTMLResponse(page(product, catalog, links, scope), headers=caching.headers(scope))


def page(product: Product, catalog: Catalog, links: Links, scope: Scope) -> str:
    """The whole page."""
    parts = {
        "TITLE_ZH": escape(product.title_zh),
        "TITLE_EN": escape(product.title_en),
        "MARK": "<mark>示例数据 example data</mark>" if product.synthetic else "",
        "ABOUT": escape(product.description_zh),
        "PREVIEW": "".join(f'<img alt="" src="{escape(address)}">' for address in _preview(product, catalog, links)),
        "CARD": "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _card(product, catalog)),
        "ENDPOINTS": "".join(_endpoint(name, address) for name, address in _addresses(product, catalog, links)),
        "SNIPPETS": "".join(_shown(name, text) for name, text in snippets(product, catalog, links, scope).items()),
    }
    return filled((_FOLDER / "product.html").read_text(encoding="utf-8"), parts)


def snippets(product: Product, catalog: Catalog, links: Links, scope: Scope) -> dict[str, str]:
    """Programs by the name of their tool, with this product's real addresses in them."""
    layers = _layers(product, catalog)
    ids = ",".join(layer.id for layer in layers[:MAX_LAYERS])
    data = next((links.to("collections", layer.id, "items", limit=10) for layer in layers if layer.kind is LayerKind.OBJECTS), None)
    bounds = bounds_of(product, catalog) or _PROVINCE
    values = {
        "CODE": product.code,
        "CARD": links.to("products", product.code),
        "EMBED": links.to("embed", "yuetu-map.js"),
        "VIEW": _view(product_style(product, catalog, links.base, scope)),
        "ZOOM": f"{_zoom(bounds):.1f}",
        "STYLE": links.to("styles", product.code, "style.json"),
        "DATA": data or links.to("products", product.code),
        "TILES": links.to("tiles", ids) + "/{z}/{x}/{y}.mvt",
        "PICTURES": _pictures(product, links),
        "BOUNDS": str([round(value, 6) for value in bounds]),
        "MAX_ZOOM": str(max((layer.max_zoom for layer in layers), default=16)),
    }
    return {name: filled(text, values) for name, text in _templates().items()}


@cache
def _templates() -> Mapping[str, str]:
    paths = sorted((_FOLDER / "snippets").iterdir())
    return {path.name.split("-")[1].split(".")[0]: path.read_text(encoding="utf-8") for path in paths}


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with each @NAME@ replaced; what is put in is not looked at again."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), template)


def _layers(product: Product, catalog: Catalog) -> list[Layer]:
    return [catalog.by_id[entry.layer] for entry in product.layers if entry.layer in catalog.by_id]


def _pictures(product: Product, links: Links) -> str:
    return links.to("wmts", "1.0.0", product.code, "default", "w") + "/{z}/{y}/{x}.png"


def _card(product: Product, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """The rows of the card; what nobody stated says so."""
    theme_zh, theme_en = theme_title(product)
    yield "编码 Code", f"{product.code} · v{product.version}"
    yield "主题 Theme", f"{theme_zh} {theme_en}"
    yield "行政区划 Division", product.division
    yield "比例尺 Scale", product.scale or "—"
    yield "权属单位 Owner", product.owner
    yield "数据日期 Date of data", product.updated_on.isoformat() if product.updated_on else "—"
    yield "更新周期 Update cycle", product.update_cycle or "—"
    yield "共享类型 Sharing", product.sharing
    yield "审图号 Map review", product.review_number
    yield "许可 Licence", "；".join(licence_of(_layers(product, catalog))) or "未注明 not stated"
    yield "图层 Layers", "、".join(layer.title_zh for layer in _layers(product, catalog))


def _addresses(product: Product, catalog: Catalog, links: Links) -> Iterable[tuple[str, str]]:
    layers = _layers(product, catalog)
    yield "产品 Card (JSON)", links.to("products", product.code)
    yield "样式 MapLibre style", links.to("styles", product.code, "style.json")
    if len(layers) <= MAX_LAYERS:
        yield "TileJSON", links.to("tiles", ",".join(layer.id for layer in layers) + ".json")
    yield "WMTS (w)", _pictures(product, links)
    yield "记录 OGC record", links.to("records", "collections", "products", "items", product.code)
    for layer in layers:
        yield f"要素 {layer.title_zh}", links.to("collections", layer.id)


def _endpoint(name: str, address: str) -> str:
    shown = escape(address)
    return f'<tr><th>{escape(name)}</th><td>{shown}</td><td><button type="button" data-copy="{shown}">复制 copy</button></td></tr>'


def _shown(name: str, text: str) -> str:
    identifier = f"snippet-{name}"
    button = f'<button type="button" data-from="{identifier}">复制 copy</button>'
    return f'<details open><summary>{_NAMES[name]}</summary><pre id="{identifier}">{escape(text)}</pre>{button}</details>\n'


def _preview(product: Product, catalog: Catalog, links: Links) -> Iterator[str]:
    """Six pictures, three in a row, that hold the middle of the product."""
    west, south, east, north = bounds_of(product, catalog) or _PROVINCE
    zoom = max(1, min(16, math.floor(_zoom((west, south, east, north)) + 1)))
    column, row = tile_of((west + east) / 2, (south + north) / 2, zoom)
    most = 2**zoom - 1
    first = math.floor(row - 0.5)
    for y, x in product_of((first, first + 1), (int(column) - 1, int(column), int(column) + 1)):
        yield _pictures(product, links).format(z=zoom, y=min(max(y, 0), most), x=min(max(x, 0), most))


def _zoom(bounds: Bounds) -> float:
    """The zoom at which the box fills about one tile of 512 px."""
    west, south, east, north = bounds
    return min(math.log2(360 / max(east - west, (north - south) * 1.5, 0.0005)), 17)


def _view(style: Mapping[str, Any]) -> str:
    """Where a style opens as `zoom/lat/lon`, as the page and the web component take it."""
    lon, lat = style.get("center", ((_PROVINCE[0] + _PROVINCE[2]) / 2, (_PROVINCE[1] + _PROVINCE[3]) / 2))
    return f"{style.get('zoom', _zoom(_PROVINCE)):.1f}/{lat:.5f}/{lon:.5f}"


def tile_of(lon: float, lat: float, zoom: int) -> tuple[float, float]:
    """Column and row with their fractions."""
    side = 2**zoom
    down = math.asinh(math.tan(math.radians(max(-85.0, min(85.0, lat)))))
    return (lon + 180) / 360 * side, (1 - down / math.pi) / 2 * side
