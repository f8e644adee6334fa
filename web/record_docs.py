"""Map products in the words of OGC API – Records Part 1: the catalogue as a collection of records, each product as a GeoJSON feature."""

from typing import Any, Final

from layers.catalog import Catalog
from layers.licences import licence_of
from layers.product_search import bounds_of
from layers.products import theme_title
from twin.layer import Bounds
from twin.product import Product
from web import crs, ogc
from web.links import Links
from web.ogc import GEOJSON, JSON, OPENAPI, link
from web.products import endpoints

CATALOG: Final = "products"
CATALOG_JSON: Final = "application/ogc-catalog+json"
RECORD_TYPE: Final = "dataset"
_RECORDS: Final = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/"
_PROFILE: Final = "http://www.opengis.net/def/profile/OGC/0/ogc-"
_TITLE: Final = "地图产品目录 Catalogue of map products"
_ZH: Final = {"code": "zh-CN", "name": "中文", "alternate": "Chinese"}
_EN: Final = {"code": "en", "name": "English"}
STYLE: Final = "application/vnd.mapbox.style+json"

#: What holds here and nothing more: no sorting class (it asks for sortables), no CQL2, no HTML, and OpenAPI is 3.1, not 3.0.
CONFORMANCE: Final = (
    *("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core", "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson"),
    *(
        _RECORDS + name
        for name in ("searchable-catalog", "record-api", "record-core", "record-collection", "record-core-query-parameters", "json")
    ),
)


def landing(links: Links) -> dict[str, Any]:
    """The landing page of the catalogue as a service of its own."""
    return {
        "title": _TITLE,
        "description": "粤图的地图产品，按 OGC API – Records 检索 · The map products of Yuetu by OGC API – Records",
        "links": [
            link(links.to("records"), "self", JSON),
            link(links.to("api"), "service-desc", OPENAPI, "OpenAPI 3.1"),
            link(links.to("docs"), "service-doc", "text/html", "接口文档 API documentation"),
            link(links.to("records", "conformance"), "conformance", JSON),
            link(links.to("records", "collections"), "data", JSON),
        ],
    }


def catalogs(links: Links) -> dict[str, Any]:
    """The list of catalogues: there is one."""
    here = [link(links.to("records", "collections"), "self", JSON), link(links.to("records"), "root", JSON)]
    return {"links": here, "collections": [catalog_document(links)]}


def catalog_document(links: Links) -> dict[str, Any]:
    """The catalogue as a collection of records."""
    here = ("records", "collections", CATALOG)
    return {
        "id": CATALOG,
        "type": "Collection",
        "title": _TITLE,
        "description": "每条记录是一个已发布的地图产品 · Each record is a published map product",
        "itemType": "record",
        "crs": [crs.CRS84.uri],
        "language": _ZH,
        "conformsTo": [_RECORDS + "record-collection"],
        "links": [
            link(links.to(*here), "self", CATALOG_JSON),
            link(links.to(*here, "items"), "items", GEOJSON, _TITLE),
            link(_PROFILE + "catalog", "profile", "text/html"),
            link(links.to("records"), "root", JSON),
        ],
    }


def records(page: tuple[Product, ...], matched: int, catalog: Catalog, links: Links, onward: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of records; `onward` are its links to itself and to the next."""
    return {
        "type": "FeatureCollection",
        "features": [record(product, catalog, links) for product in page],
        "numberMatched": matched,
        "numberReturned": len(page),
        "links": [*onward, link(links.to("records", "collections", CATALOG), "collection", JSON, _TITLE)],
    }


def record(product: Product, catalog: Catalog, links: Links) -> dict[str, Any]:
    """One product as a record."""
    bounds = bounds_of(product, catalog)
    here = ("records", "collections", CATALOG)
    return {
        "type": "Feature",
        "id": product.code,
        "conformsTo": [_RECORDS + "record-core"],
        "geometry": _outline(bounds),
        **({"bbox": list(bounds)} if bounds else {}),
        "time": {"date": product.updated_on.isoformat()} if product.updated_on else None,
        "properties": _properties(product, catalog),
        "links": [
            link(links.to(*here, "items", product.code), "self", GEOJSON),
            link(links.to(*here), "collection", JSON, _TITLE),
            link(_PROFILE + "record", "profile", "text/html"),
            *_access(product, links),
        ],
    }


def _properties(product: Product, catalog: Catalog) -> dict[str, Any]:
    theme_zh, _ = theme_title(product)
    licences = licence_of(catalog.by_id[entry.layer] for entry in product.layers if entry.layer in catalog.by_id)
    properties: dict[str, Any] = {
        "type": RECORD_TYPE,
        "title": product.title_zh,
        "title_en": product.title_en,
        "description": product.description_zh,
        "description_en": product.description_en,
        "keywords": list(product.keywords),
        "themes": [{"concepts": [{"id": str(product.theme), "title": theme_zh}], "scheme": "yuetu:themes"}],
        "language": _ZH,
        "languages": [_ZH, _EN],
        "updated": catalog.product_updated(product.code),
        "contacts": [{"organization": product.owner, "roles": ["owner"]}],
        "formats": [
            {"name": "Mapbox Vector Tile", "mediaType": "application/vnd.mapbox-vector-tile"},
            {"name": "GeoJSON", "mediaType": GEOJSON},
        ],
        "license": "; ".join(licences) or "other",
        "externalIds": [{"scheme": "yuetu:product", "value": product.code}],
        "division": product.division,
        "sharing": product.sharing,
        "review_number": product.review_number,
        "synthetic": product.synthetic,
        "version": str(product.version),
    }
    return {name: value for name, value in properties.items() if value not in (None, "", [])}


def _access(product: Product, links: Links) -> list[dict[str, Any]]:
    """Where the product can be had."""
    known = endpoints(product, links)
    tiles = [link(known["tilejson"], "service", JSON, "TileJSON")] if known["tilejson"] else []
    return [
        link(known["self"], "about", JSON, product.title_zh),
        link(known["style"], "item", STYLE, "MapLibre"),
        *tiles,
        *(link(address, "item", ogc.JSON, "OGC API – Features") for address in known["collections"]),
    ]


def _outline(bounds: Bounds | None) -> dict[str, Any] | None:
    """The box as a polygon; null where nothing is known."""
    if bounds is None:
        return None
    west, south, east, north = bounds
    return {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}
