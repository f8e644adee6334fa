"""The documents of OGC API – Features: landing, conformance, collections, queryables, schema. Pure functions of the catalogue."""

from datetime import datetime
from typing import Any, Final

from layers.export.formats import FORMATS, TEXTS
from layers.export.jsonfg import CORE, TYPES_SCHEMAS
from twin.fields import Field, FieldType, Role
from twin.layer import GeometryType, Layer, LayerKind
from web import crs
from web.links import Links
from web.openapi30 import OPENAPI_30

_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
QUERYABLES: Final = _REL + "queryables"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
GEOJSON: Final = "application/geo+json"
JSON: Final = "application/json"
SCHEMA_JSON: Final = "application/schema+json"
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.1"

CONFORMANCE: Final = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    CORE,
    TYPES_SCHEMAS,
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/update",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/features",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/core-roles-features",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/sortables",
    "http://www.opengis.net/spec/ogcapi-features-8/1.0/conf/sortables",
    "http://www.opengis.net/spec/ogcapi-features-8/1.0/conf/sorting",
    "http://www.opengis.net/spec/ogcapi-features-8/1.0/conf/features-sorting",
)

_GEOMETRY_FORMATS: Final = {
    GeometryType.POINT: "geometry-point",
    GeometryType.MULTIPOINT: "geometry-multipoint",
    GeometryType.LINE: "geometry-linestring",
    GeometryType.MULTILINE: "geometry-multilinestring",
    GeometryType.POLYGON: "geometry-polygon",
    GeometryType.MULTIPOLYGON: "geometry-multipolygon",
    GeometryType.MIXED: "geometry-any",
}
_JSON_TYPES: Final[dict[FieldType, dict[str, Any]]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
    FieldType.INSTANT: {"type": "string", "format": "date-time"},
    FieldType.JSON: {},
}


def link(href: str, rel: str, media_type: str, title: str = "") -> dict[str, Any]:
    """One link object."""
    return {"href": href, "rel": rel, "type": media_type} | ({"title": title} if title else {})


def landing(links: Links) -> dict[str, Any]:
    """The landing page."""
    return {
        "title": "粤图 Yuetu",
        "description": "省域数字孪生与城市信息模型服务 · Geospatial digital twin of a province",
        "links": [
            link(links.to("ogc"), "self", JSON, "本页 This document"),
            link(links.to(), "alternate", "text/html", "地图 The map"),
            link(links.to("api"), "service-desc", OPENAPI, "OpenAPI 3.1"),
            link(links.to("ogc", "api"), "service-desc", OPENAPI_30, "OpenAPI 3.0"),
            link(links.to("docs"), "service-doc", "text/html", "接口文档 API documentation"),
            link(links.to("conformance"), "conformance", JSON, "符合性 Conformance"),
            link(links.to("collections"), "data", JSON, "数据集 Collections"),
            link(links.to("products"), "related", JSON, "地图产品 Map products"),
            link(links.to("layers"), "related", JSON, "图层 Layers"),
            link(links.to("tiles"), _REL + "tilesets-vector", JSON, "矢量瓦片 Vector tiles"),
            link(links.to("map", "tiles"), _REL + "tilesets-map", JSON, "图片瓦片 Map tiles"),
            link(links.to("tileMatrixSets"), _REL + "tiling-schemes", JSON, "瓦片矩阵集 Tile matrix sets"),
        ],
    }


def collections(layers: tuple[Layer, ...], links: Links) -> dict[str, Any]:
    """All collections the caller may read."""
    return {
        "links": [link(links.to("collections"), "self", JSON), link(links.to("ogc"), "root", JSON)],
        "collections": [collection(layer, links) for layer in layers],
    }


def collection(layer: Layer, links: Links) -> dict[str, Any]:
    """One collection."""
    document: dict[str, Any] = {
        "id": layer.id,
        "title": layer.title_zh,
        "title_en": layer.title_en,
        "description": layer.description_zh,
        "attribution": layer.attribution,
        **({"itemType": "feature", "crs": crs.uris_of(layer), "storageCrs": crs.CGCS2000.uri} if layer.kind is LayerKind.OBJECTS else {}),
        "links": _collection_links(layer, links),
    }
    extent = _extent(layer)
    return document | ({"extent": extent} if extent else {})


def _collection_links(layer: Layer, links: Links) -> list[dict[str, Any]]:
    """Where the collection's parts are."""
    here = ("collections", layer.id)
    return [
        link(links.to(*here), "self", JSON),
        *(_data_links(layer, links) if layer.kind is LayerKind.OBJECTS else []),
        link(links.to(*here, "queryables"), QUERYABLES, SCHEMA_JSON, "可查询字段 Queryables"),
        link(links.to(*here, "sortables"), _REL + "sortables", SCHEMA_JSON, "可排序字段 Sortables"),
        link(links.to(*here, "schema"), _REL + "schema", SCHEMA_JSON, "字段结构 Schema"),
        link(links.to("tiles", layer.id + ".json"), "tilejson", JSON, "TileJSON"),
        link(links.to(*here, "tiles"), _REL + "tilesets-vector", JSON, "矢量瓦片 Vector tiles"),
        link(links.to(*here, "map", "tiles"), _REL + "tilesets-map", JSON, "图片瓦片 Map tiles"),
        link(links.to("ogc"), "root", JSON),
    ]


def _data_links(layer: Layer, links: Links) -> list[dict[str, Any]]:
    """The features in pages, and the whole layer in every format."""
    items, exports = links.to("collections", layer.id, "items"), links.to("collections", layer.id, "export")
    return [
        link(items, "items", GEOJSON, layer.title_zh),
        *(link(f"{items}?f={each.name}", "items", each.media_type, each.title) for each in TEXTS if each.name != "geojson"),
        link(f"{items}?f=html", "items", "text/html", "网页 Web page"),
        *(link(f"{exports}?f={each.name}", "enclosure", each.media_type, f"整层 Whole layer: {each.title}") for each in FORMATS),
    ]


def _extent(layer: Layer) -> dict[str, Any]:
    """Spatial and temporal extent as far as they are known."""
    extent: dict[str, Any] = {}
    if layer.bounds_4490 is not None:
        extent["spatial"] = {"bbox": [list(layer.bounds_4490)], "crs": crs.CRS84.uri}
    if layer.time_extent is not None:
        extent["temporal"] = {"interval": [[_moment(end) for end in layer.time_extent]], "trs": _GREGORIAN}
    return extent


def _moment(moment: datetime | None) -> str | None:
    """RFC 3339, or null for an open end."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def queryables_of(layer: Layer) -> dict[str, Field]:
    """The fields that may be asked for by `?name=value`."""
    return {field.name: field for field in layer.fields if field.queryable and field.type is not FieldType.JSON}


def _property(field: Field) -> dict[str, Any]:
    """One property as JSON Schema."""
    about = {"title": field.title_zh or field.name, "x-title-en": field.title_en or field.name} | _JSON_TYPES[field.type]
    if field.unit:
        about |= {"x-ogc-unit": field.unit}
    return about | ({"x-ogc-role": "title"} if field.role is Role.NAME else {})


def _geometry(layer: Layer) -> dict[str, Any]:
    """The geometry property, when the layer has one."""
    shape = _GEOMETRY_FORMATS.get(layer.geometry_type)
    return {"geometry": {"x-ogc-role": "primary-geometry", "format": shape, "title": "几何 Geometry"}} if shape else {}


def queryables(layer: Layer, links: Links) -> dict[str, Any]:
    """The queryables document."""
    named = {field.name: _property(field) for field in layer.fields if field.queryable}
    return _askables(layer, links.to("collections", layer.id, "queryables"), _geometry(layer) | named)


def sortables(layer: Layer, links: Links) -> dict[str, Any]:
    """The sortables document: what may be asked by has an index that orders it too."""
    named = {name: _property(field) for name, field in queryables_of(layer).items()}
    return _askables(layer, links.to("collections", layer.id, "sortables"), named)


def _askables(layer: Layer, address: str, properties: dict[str, Any]) -> dict[str, Any]:
    """What rows are chosen or ordered by, as JSON Schema."""
    return {
        "$schema": _DIALECT,
        "$id": address,
        "type": "object",
        "title": layer.title_zh,
        "properties": properties,
        "additionalProperties": False,
    }


def schema(layer: Layer, links: Links) -> dict[str, Any]:
    """The schema of the collection's features."""
    oid = {"oid": {"type": "integer", "x-ogc-role": "id", "title": "标识 Identifier"}}
    named = {field.name: _property(field) for field in layer.fields}
    return {
        "$schema": _DIALECT,
        "$id": links.to("collections", layer.id, "schema"),
        "type": "object",
        "title": layer.title_zh,
        "properties": oid | _geometry(layer) | named,
    }
