"""The WMTS 1.0.0 capabilities, in two dialects: OGC's own, and the one of 天地图 that Chinese platforms are written for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from layers.catalog import Catalog
from tiles.matrixsets import OGC_PIXEL_M, TILE_PX, Matrix, matrices, origin
from tiles.tilejson import bounds_of
from twin.grids import Grid
from twin.layer import Bounds, Layer
from twin.view import Scope
from web.links import Links
from web.tile_sets import members, product_of, tile_set

#: Levels 天地图 numbers from 1 to 18 in both its grids.
TIANDITU_LEVELS: Final = range(1, 19)
#: How 天地图 itself writes the upper left corners: those of `w` are neither in the order nor with the signs of OGC.
_TIANDITU_CORNERS: Final = {"c": "90.0 -180.0", "w": "20037508.3427892 -20037508.3427892"}
_TIANDITU_CRS: Final = {"c": "urn:ogc:def:crs:EPSG::4490", "w": "urn:ogc:def:crs:EPSG::900913"}
_TIANDITU_GRIDS: Final = {"c": Grid.CGCS2000, "w": Grid.WEB_MERCATOR}
_TIANDITU_LEVEL_1: Final = 2.958293554545656e8
_URN: Final = {Grid.WEB_MERCATOR: "urn:ogc:def:crs:EPSG::3857", Grid.CGCS2000: "urn:ogc:def:crs:EPSG::4490"}
_SCALE_SETS: Final = {Grid.WEB_MERCATOR: "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"}
_FORMATS: Final = (("image/png", "png"), ("application/vnd.mapbox-vector-tile", "mvt"))
_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" \
xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:gml="http://www.opengis.net/gml" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.opengis.net/wmts/1.0 http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd" version="1.0.0">
<ows:ServiceIdentification><ows:Title>粤图 Yuetu</ows:Title>\
<ows:Abstract>省域数字孪生与城市信息模型服务 · Geospatial digital twin of a province</ows:Abstract>\
<ows:ServiceType>OGC WMTS</ows:ServiceType><ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>\
<ows:Fees>none</ows:Fees><ows:AccessConstraints>none</ows:AccessConstraints></ows:ServiceIdentification>
<ows:ServiceProvider><ows:ProviderName>粤图 Yuetu</ows:ProviderName><ows:ServiceContact/></ows:ServiceProvider>
"""


@dataclass(frozen=True, slots=True)
class Offered:
    """One layer of the capabilities: a layer of ours, or a product with all its layers."""

    name: str
    title: str
    abstract: str
    box: Bounds


def offered(catalog: Catalog, scope: Scope) -> list[Offered]:
    """Everything the caller may ask tiles of: products first, then plain layers that no product hides the name of."""
    products = [
        Offered(product.code, product.title_zh, product.title_en, _box(members(tile_set((product.code,), catalog, scope).ids, catalog)))
        for product in catalog.products(scope)
        if product.code not in catalog.by_id
    ]
    return products + [Offered(layer.id, layer.title_zh, layer.description_zh, _box((layer,))) for layer in catalog.layers(scope)]


def offered_as(name: str, catalog: Catalog, scope: Scope) -> Offered:
    """What 天地图's name stands for, under that name; NotFound when it is nothing."""
    product = None if name in catalog.by_id else product_of(name, catalog, scope)
    if product is not None:
        return Offered(name, product.title_zh, product.title_en, _box(members(tile_set((name,), catalog, scope).ids, catalog)))
    layer = catalog.layer(name, scope)
    return Offered(name, layer.title_zh, layer.description_zh, _box((layer,)))


def ogc_capabilities(things: Iterable[Offered], links: Links) -> str:
    """OGC's dialect: pixels of 0.28 mm, both grids, key-value and REST addresses."""
    document = links.to("wmts", "1.0.0", "WMTSCapabilities.xml")
    operations = _operations(links.to("wmts"), {"GetCapabilities": document, "GetTile": links.to("wmts", "1.0.0")})
    layers = "".join(_ogc_layer(thing, links) for thing in things)
    sets = "".join(_ogc_set(grid) for grid in Grid)
    metadata = f"<ServiceMetadataURL xlink:href={quoteattr(document)}/>"
    return f"{_HEAD}{operations}<Contents>{layers}{sets}</Contents>\n{metadata}</Capabilities>\n"


def tianditu_capabilities(thing: Offered, own_set: str, links: Links) -> str:
    """天地图's dialect: one layer, one grid `c` or `w`, pixels of 96 dpi, levels from 1, its own corners and format name."""
    here = links.to(f"{thing.name}_{own_set}", "wmts")
    link = f"<TileMatrixSetLink><TileMatrixSet>{own_set}</TileMatrixSet></TileMatrixSetLink>"
    layer = f"<Layer>{_about(thing)}{_STYLE}<Format>tiles</Format>{link}</Layer>\n"
    matrix_set = _matrix_set(
        own_set,
        _TIANDITU_CRS[own_set],
        "",
        [
            _matrix(matrix, _TIANDITU_LEVEL_1 / 2 ** (int(matrix.id) - 1), _TIANDITU_CORNERS[own_set])
            for matrix in matrices(_TIANDITU_GRIDS[own_set])
            if int(matrix.id) in TIANDITU_LEVELS
        ],
    )
    return f"{_HEAD}{_operations(here, {})}<Contents>{layer}{matrix_set}</Contents>\n</Capabilities>\n"


_STYLE: Final = '<Style isDefault="true"><ows:Title>默认 Default</ows:Title><ows:Identifier>default</ows:Identifier></Style>'


def _box(layers: tuple[Layer, ...]) -> Bounds:
    return bounds_of(layers, Grid.CGCS2000)


def _operations(key_value: str, rest: dict[str, str]) -> str:
    """Where each operation is: by key and value, and (OGC's dialect only) by REST."""
    named = []
    for name in ("GetCapabilities", "GetTile"):
        gets = _get(key_value + "?", "KVP") + (_get(rest[name], "RESTful") if rest else "")
        named.append(f'<ows:Operation name="{name}"><ows:DCP><ows:HTTP>{gets}</ows:HTTP></ows:DCP></ows:Operation>')
    return f"<ows:OperationsMetadata>{''.join(named)}</ows:OperationsMetadata>\n"


def _get(address: str, encoding: str) -> str:
    values = f"<ows:AllowedValues><ows:Value>{encoding}</ows:Value></ows:AllowedValues>"
    return f'<ows:Get xlink:href={quoteattr(address)}><ows:Constraint name="GetEncoding">{values}</ows:Constraint></ows:Get>'


def _about(thing: Offered) -> str:
    """Title, abstract, box and identifier, in the order the schema wants."""
    west, south, east, north = thing.box
    abstract = f"<ows:Abstract>{escape(thing.abstract)}</ows:Abstract>" if thing.abstract else ""
    corners = f"<ows:LowerCorner>{west} {south}</ows:LowerCorner><ows:UpperCorner>{east} {north}</ows:UpperCorner>"
    box = f"<ows:WGS84BoundingBox>{corners}</ows:WGS84BoundingBox>"
    return f"<ows:Title>{escape(thing.title)}</ows:Title>{abstract}{box}<ows:Identifier>{escape(thing.name)}</ows:Identifier>"


def _ogc_layer(thing: Offered, links: Links) -> str:
    formats = "".join(f"<Format>{media_type}</Format>" for media_type, _ in _FORMATS)
    sets = "".join(f"<TileMatrixSetLink><TileMatrixSet>{grid.value}</TileMatrixSet></TileMatrixSetLink>" for grid in Grid)
    here = links.to("wmts", "1.0.0", thing.name, "default") + "/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}."
    resources = "".join(
        f'<ResourceURL format="{media_type}" resourceType="tile" template={quoteattr(here + suffix)}/>' for media_type, suffix in _FORMATS
    )
    return f"<Layer>{_about(thing)}{_STYLE}{formats}{sets}{resources}</Layer>\n"


def _ogc_set(grid: Grid) -> str:
    corner = " ".join(repr(value) for value in origin(grid))
    levels = [_matrix(matrix, matrix.scale(OGC_PIXEL_M), corner) for matrix in matrices(grid)]
    return _matrix_set(grid.value, _URN[grid], _SCALE_SETS.get(grid, ""), levels)


def _matrix_set(name: str, crs: str, scale_set: str, levels: list[str]) -> str:
    known = f"<WellKnownScaleSet>{scale_set}</WellKnownScaleSet>" if scale_set else ""
    head = f"<ows:Identifier>{name}</ows:Identifier><ows:SupportedCRS>{crs}</ows:SupportedCRS>{known}"
    return f"<TileMatrixSet>{head}{''.join(levels)}</TileMatrixSet>\n"


def _matrix(matrix: Matrix, scale: float, corner: str) -> str:
    size = f"<TileWidth>{TILE_PX}</TileWidth><TileHeight>{TILE_PX}</TileHeight>"
    count = f"<MatrixWidth>{matrix.width}</MatrixWidth><MatrixHeight>{matrix.height}</MatrixHeight>"
    place = f"<ScaleDenominator>{scale!r}</ScaleDenominator><TopLeftCorner>{corner}</TopLeftCorner>"
    return f"<TileMatrix><ows:Identifier>{matrix.id}</ows:Identifier>{place}{size}{count}</TileMatrix>"
