"""Which tile an address means, in whichever dialect it is written: XYZ, OGC API – Tiles, WMTS, 天地图 or Esri."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from twin.grids import Grid

Format = Literal["mvt", "png"]
Dialect = Literal["xyz", "ogc", "wmts", "esri"]

#: Names of a grid in WMTS requests: ours and those 天地图 uses.
WMTS_GRIDS: Final[Mapping[str, Grid]] = {
    "WebMercatorQuad": Grid.WEB_MERCATOR,
    "CGCS2000Quad": Grid.CGCS2000,
    "w": Grid.WEB_MERCATOR,
    "c": Grid.CGCS2000,
}
#: FORMAT of a WMTS GetTile; `tiles` is how 天地图 calls its pictures.
WMTS_FORMATS: Final[Mapping[str, Format]] = {
    "application/vnd.mapbox-vector-tile": "mvt",
    "application/x-protobuf": "mvt",
    "mvt": "mvt",
    "pbf": "mvt",
    "image/png": "png",
    "png": "png",
    "tiles": "png",
}
_GRIDS: Final[Mapping[str, Grid]] = {grid.value: grid for grid in Grid}
_SUFFIXES: Final[Mapping[str, Format]] = {"": "mvt", "mvt": "mvt", "pbf": "mvt", "png": "png"}
_PASSED_ON: Final = ("v", "datetime", "plan")
_SAFE: Final = "-._~:/,"
#: What is found below the landing page's own address too.
_BELOW_OGC: Final = frozenset({"collections", "tiles", "map"})
_WMTS_TILE: Final = ("layer", "tilematrixset", "tilematrix", "tilerow", "tilecol")
_DATA_SERVER: Final = ("t", "l", "y", "x")


@dataclass(frozen=True, slots=True)
class TilePath:
    """An address of a tile, read but not yet checked: numbers are still text, names may be unknown."""

    layers: tuple[str, ...]
    """Lower-case ids of layers or the code of one product; empty for the tiles of the whole data set."""
    grid: Grid
    z: str
    x: str
    y: str
    format: Format = "mvt"
    dialect: Dialect = "xyz"
    query: bytes = b""
    """What is left of the query once the address is taken out of it: v, datetime, plan and (not in WMTS or Esri) equal values."""
    key: str = ""
    """The API key in the address (`tk` of 天地图, `token` of Esri); most callers send something there that is no key of ours."""
    ratio: int = 1
    """Twice for the @2x of a picture."""


def tile_path(path: str, query: bytes) -> TilePath | None:
    """The tile that a decoded path and raw query ask for; None when it is no address of a tile, which another door then explains."""
    parts = path.split("/")
    if len(parts) < 3:
        return _data_server(query) if path == "/DataServer" else _wmts_kvp("", query) if path == "/wmts" else None
    if parts[1] == "ogc" and parts[2] in _BELOW_OGC:
        del parts[1]
    read = _READERS.get(parts[1])
    if read is not None:
        return read(parts, query)
    return _tianditu(parts, query)


def _tiles(parts: list[str], query: bytes) -> TilePath | None:
    """/tiles/LAYERS/Z/X/Y, /tiles/LAYERS/GRID/Z/X/Y, and OGC's /tiles/GRID/TILEMATRIX/TILEROW/TILECOL of the whole data set."""
    if len(parts) == 6 and parts[2] in _GRIDS:
        return _ogc((), parts[2], parts[3:], query, "mvt")
    if len(parts) == 6:
        return _xyz(parts[2], Grid.WEB_MERCATOR, parts[3:], query)
    if len(parts) == 7 and parts[3] in _GRIDS:
        return _xyz(parts[2], _GRIDS[parts[3]], parts[4:], query)
    return None


def _xyz(names: str, grid: Grid, place: list[str], query: bytes) -> TilePath | None:
    y, dot, suffix = place[2].partition(".")
    form = _SUFFIXES.get(suffix)
    if form is None or (dot and not suffix):
        return None
    ratio = 2 if form == "png" and y.endswith("@2x") else 1
    return TilePath(_ids(names), grid, place[0], place[1], y[:-3] if ratio == 2 else y, form, "xyz", query, ratio=ratio)


def _collections(parts: list[str], query: bytes) -> TilePath | None:
    """/collections/LAYER[/map]/tiles/GRID/TILEMATRIX/TILEROW/TILECOL."""
    if len(parts) == 8 and parts[3] == "tiles":
        return _ogc((parts[2].lower(),), parts[4], parts[5:], query, "mvt")
    if len(parts) == 9 and parts[3] == "map" and parts[4] == "tiles":
        return _ogc((parts[2].lower(),), parts[5], parts[6:], query, "png")
    return None


def _map(parts: list[str], query: bytes) -> TilePath | None:
    """/map/tiles/GRID/TILEMATRIX/TILEROW/TILECOL: the whole data set as pictures."""
    return _ogc((), parts[3], parts[4:], query, "png") if len(parts) == 7 and parts[2] == "tiles" else None


def _ogc(layers: tuple[str, ...], grid: str, place: list[str], query: bytes, default: Format) -> TilePath | None:
    """Row before column; `f` and a suffix say the format, `collections` narrows the data set."""
    column, dot, suffix = place[2].partition(".")
    form = _SUFFIXES.get(suffix) if dot else default
    if grid not in _GRIDS or form is None or (dot and not suffix):
        return None
    if query:
        asked, query = _taken(query, b"f")
        if asked is not None:
            form = _SUFFIXES.get(asked) if asked else None
        if not layers:
            names, query = _taken(query, b"collections")
            layers = () if names is None else _ids(names)
    return None if form is None else TilePath(layers, _GRIDS[grid], place[0], column, place[1], form, "ogc", query)


def _taken(query: bytes, name: bytes) -> tuple[str | None, bytes]:
    """The text of the first parameter called `name`, and the query without it; None when it was not sent."""
    pairs = query.split(b"&")
    for index, pair in enumerate(pairs):
        left, _, right = pair.partition(b"=")
        if left == name:
            del pairs[index]
            return unquote_to_bytes(right.replace(b"+", b" ")).decode("utf-8", "replace"), b"&".join(pairs)
    return None, query


def _wmts(parts: list[str], query: bytes) -> TilePath | None:
    """/wmts/1.0.0/LAYER/STYLE/TILEMATRIXSET/TILEMATRIX/TILEROW/TILECOL.FORMAT, and /wmts/ as /wmts."""
    if len(parts) == 3 and not parts[2]:
        return _wmts_kvp("", query)
    if len(parts) != 9 or parts[2] != "1.0.0" or parts[5] not in WMTS_GRIDS:
        return None
    column, _, suffix = parts[8].partition(".")
    form = _SUFFIXES.get(suffix) if suffix else None
    if form is None:
        return None
    kept, key = _wmts_rest(pairs_of(query))
    return TilePath(_ids(parts[3]), WMTS_GRIDS[parts[5]], parts[6], column, parts[7], form, "wmts", kept, key)


def _tianditu(parts: list[str], query: bytes) -> TilePath | None:
    """/LAYER_c/wmts and /LAYER_w/wmts."""
    if len(parts) != 3 or parts[2] != "wmts" or parts[1][-2:] not in ("_c", "_w"):
        return None
    return _wmts_kvp(parts[1][:-2], query, parts[1][-1])


def _wmts_kvp(name: str, query: bytes, own_set: str = "") -> TilePath | None:
    """A complete GetTile by key and value; 天地图's address names layer and set once more, and both must agree."""
    pairs = pairs_of(query)
    if pairs.get("request", "").lower() != "gettile" or pairs.get("service", "wmts").lower() != "wmts":
        return None
    pairs = {"layer": name, "tilematrixset": own_set, **pairs}
    layer, grid, z, row, column = (pairs.get(word, "") for word in _WMTS_TILE)
    form = WMTS_FORMATS.get(pairs.get("format", "tiles" if name else "").lower())
    if not (layer and z and row and column) or grid not in WMTS_GRIDS or form is None:
        return None
    if name and (layer.lower(), grid) != (name.lower(), own_set):
        return None
    kept, key = _wmts_rest(pairs)
    return TilePath(_ids(layer), WMTS_GRIDS[grid], z, column, row, form, "wmts", kept, key)


def _data_server(query: bytes) -> TilePath | None:
    """天地图's short form: /DataServer?T=vec_w&x=…&y=…&l=…."""
    pairs = pairs_of(query)
    layer, z, row, column = (pairs.get(word, "") for word in _DATA_SERVER)
    if layer[-2:] not in ("_c", "_w") or not (layer[:-2] and z and row and column):
        return None
    return TilePath((layer[:-2].lower(),), WMTS_GRIDS[layer[-1]], z, column, row, "png", "wmts", b"", pairs.get("tk", ""))


def _esri(parts: list[str], query: bytes) -> TilePath | None:
    """/arcgis/rest/services/NAME/VectorTileServer/tile/Z/Y/X.pbf."""
    if len(parts) != 10 or parts[2:4] != ["rest", "services"] or parts[5:7] != ["VectorTileServer", "tile"]:
        return None
    column, _, suffix = parts[9].partition(".")
    if suffix not in ("pbf", "mvt"):
        return None
    pairs = pairs_of(query)
    kept = _passed_on(pairs)
    return TilePath(_ids(parts[4]), Grid.WEB_MERCATOR, parts[7], column, parts[8], "mvt", "esri", kept, pairs.get("token", ""))


def pairs_of(query: bytes) -> dict[str, str]:
    """Names in lower case and values of a query; OGC's key-value pairs know no case, and of a repeated one the first holds."""
    pairs: dict[str, str] = {}
    for pair in query.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        pairs.setdefault(name.lower(), unquote_plus(value, errors="replace") if "%" in value or "+" in value else value)
    return pairs


def _wmts_rest(pairs: Mapping[str, str]) -> tuple[bytes, str]:
    """The query that goes on, TIME as datetime, and the key; other pairs are none of ours, and OGC wants those ignored."""
    moment = pairs.get("time")
    return _passed_on({"datetime": moment, **pairs} if moment else pairs), pairs.get("tk", "")


def _passed_on(pairs: Mapping[str, str]) -> bytes:
    """`v`, `datetime` and `plan`, quoted again."""
    return "&".join([f"{name}={quote(pairs[name], safe='-._~:/,')}" for name in _PASSED_ON if pairs.get(name)]).encode()


def _ids(names: str) -> tuple[str, ...]:
    return tuple(names.lower().split(","))


_READERS: Final[Mapping[str, Callable[[list[str], bytes], TilePath | None]]] = {
    "tiles": _tiles,
    "collections": _collections,
    "map": _map,
    "wmts": _wmts,
    "arcgis": _esri,
}
