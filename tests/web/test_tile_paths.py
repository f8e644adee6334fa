"""Which tile an address means: every dialect, and everything that is nearly one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.grids import Grid
from web.tile_paths import TilePath, tile_path

W, C = Grid.WEB_MERCATOR, Grid.CGCS2000
KVP = b"SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=houses&STYLE=default&TILEMATRIXSET=c&FORMAT=image/png&TILEMATRIX=3&TILEROW=1&TILECOL=2"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/tiles/Houses/14/1/2", b"", TilePath(("houses",), W, "14", "1", "2")),
        ("/tiles/houses,建筑/14/1/2.pbf", b"v=3&x=1", TilePath(("houses", "建筑"), W, "14", "1", "2", query=b"v=3&x=1")),
        ("/tiles/houses/14/1/2.png", b"", TilePath(("houses",), W, "14", "1", "2", "png")),
        ("/tiles/houses/CGCS2000Quad/14/1/2.mvt", b"", TilePath(("houses",), C, "14", "1", "2")),
        ("/tiles/webmercatorquad/14/1/2", b"", TilePath(("webmercatorquad",), W, "14", "1", "2")),
        ("/tiles/WebMercatorQuad/14/2/1", b"", TilePath((), W, "14", "1", "2", dialect="ogc")),
        ("/ogc/tiles/CGCS2000Quad/14/2/1", b"v=1&collections=a,B&f=png", TilePath(("a", "b"), C, "14", "1", "2", "png", "ogc", b"v=1")),
        ("/map/tiles/CGCS2000Quad/14/2/1", b"", TilePath((), C, "14", "1", "2", "png", "ogc")),
        ("/collections/Houses/tiles/CGCS2000Quad/14/2/1", b"f=mvt", TilePath(("houses",), C, "14", "1", "2", dialect="ogc")),
        ("/ogc/collections/houses/tiles/CGCS2000Quad/14/2/1.png", b"", TilePath(("houses",), C, "14", "1", "2", "png", "ogc")),
        ("/collections/houses/map/tiles/CGCS2000Quad/14/2/1", b"", TilePath(("houses",), C, "14", "1", "2", "png", "ogc")),
        ("/wmts", KVP, TilePath(("houses",), C, "3", "2", "1", "png", "wmts")),
        ("/wmts/", KVP.lower().replace(b"wmts", b"Wmts"), TilePath(("houses",), C, "3", "2", "1", "png", "wmts")),
        (
            "/wmts",
            KVP.replace(b"=c", b"=WebMercatorQuad").replace(b"image/png", b"application%2Fvnd.mapbox-vector-tile") + b"&tk=k%2B1&_t=9",
            TilePath(("houses",), W, "3", "2", "1", "mvt", "wmts", key="k+1"),
        ),
        (
            "/wmts",
            KVP + b"&TIME=2024-01-01T00:00:00%2B08:00&V=7",
            TilePath(("houses",), C, "3", "2", "1", "png", "wmts", b"v=7&datetime=2024-01-01T00:00:00%2B08:00"),
        ),
        (
            "/vec_c/wmts",
            KVP.replace(b"houses", b"vec").replace(b"image/png", b"tiles"),
            TilePath(("vec",), C, "3", "2", "1", "png", "wmts"),
        ),
        ("/vec_w/wmts", b"request=GetTile&TileMatrix=3&TileRow=1&TileCol=2", TilePath(("vec",), W, "3", "2", "1", "png", "wmts")),
        ("/DataServer", b"T=vec_w&x=2&y=1&l=3&tk=k", TilePath(("vec",), W, "3", "2", "1", "png", "wmts", key="k")),
        ("/wmts/1.0.0/houses/default/w/3/1/2.png", b"tk=k", TilePath(("houses",), W, "3", "2", "1", "png", "wmts", key="k")),
        (
            "/arcgis/rest/services/houses/VectorTileServer/tile/3/1/2.pbf",
            b"token=k&blankTile=false",
            TilePath(("houses",), W, "3", "2", "1", "mvt", "esri", key="k"),
        ),
    ],
)
def test_addresses(path: str, query: bytes, expected: TilePath) -> None:
    assert tile_path(path, query) == expected


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", b""),
        ("/tiles", b""),
        ("/tiles/", b""),
        ("/tiles/houses.json", b""),
        ("/tiles/WebMercatorQuad", b""),
        ("/tiles/houses/14/1", b""),
        ("/tiles/houses/14/1/2.", b""),
        ("/tiles/houses/14/1/2.jpg", b""),
        ("/tiles/houses/14/1/2/", b""),
        ("/tiles/houses/cgcs2000quad/14/1/2", b""),
        ("/tiles/houses/CGCS2000Quad/tilejson.json", b""),
        ("/tiles/WebMercatorQuad/14/1/2", b"f=html"),
        ("/tiles/WebMercatorQuad/14/1/2", b"f="),
        ("/collections/houses/tiles/webmercatorquad/14/1/2", b""),
        ("/collections/houses/items/1/2/3/4", b""),
        ("/collections/houses/map/tiles/CGCS2000Quad/14/2", b""),
        ("/wmts", b""),
        ("/wmts", KVP.replace(b"GetTile", b"GetCapabilities")),
        ("/wmts", KVP.replace(b"&TILEROW=1", b"")),
        ("/wmts", KVP.replace(b"=c&", b"=C&")),
        ("/wmts", KVP.replace(b"image/png", b"image/jpeg")),
        ("/wmts", KVP.replace(b"SERVICE=WMTS", b"SERVICE=WMS")),
        ("/vec_c/wmts", KVP),
        ("/vec_w/wmts", KVP.replace(b"houses", b"vec")),
        ("/vec_x/wmts", KVP),
        ("/DataServer", b"T=vec&x=2&y=1&l=3"),
        ("/DataServer", b"T=_c&x=2&y=1&l=3"),
        ("/DataServer", b""),
        ("/wmts/1.0.0/houses/default/w/3/1/2", b""),
        ("/wmts/1.1.0/houses/default/w/3/1/2.png", b""),
        ("/arcgis/rest/services/houses/VectorTileServer", b""),
        ("/arcgis/rest/services/houses/vectortileserver/tile/3/1/2.pbf", b""),
        ("/arcgis/rest/services/houses/VectorTileServer/tile/3/1/2", b""),
        ("/ogc", b""),
        ("/ogc/wmts/1.0.0/houses/default/w/3/1/2.png", b""),
    ],
)
def test_no_addresses(path: str, query: bytes) -> None:
    assert tile_path(path, query) is None


@given(st.text("/abc01.%_é瓦", max_size=60), st.binary(max_size=80))
def test_nothing_makes_it_fail(path: str, query: bytes) -> None:
    for start in ("", "/", "/tiles/", "/wmts", "/collections/", "/arcgis/", "/vec_c/wmts", "/DataServer"):
        tile_path(start + path, query)
        tile_path("/wmts", KVP + b"&" + query)
