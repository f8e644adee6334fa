"""Features as a web page: a table and a small map, plain HTML from the server, written as the rows come; nothing in it runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Final

import orjson

from layers.export.text import Row, dump, moment
from twin.fields import Field
from twin.layer import Layer
from twin.view import Drawing, View
from web.links import Links
from web.product_page import filled, tile_of

_TEMPLATE: Final = Path(__file__).with_name("item_card") / "items.html"
_WIDTH, _HEIGHT, _TILE = 768, 384, 256
_MOST_ZOOM: Final = 17
#: So much GeoJSON is drawn on the map of one page; a table needs no more to be understood.
_DRAWN_BYTES: Final = 1 << 20
_CELL_CHARS: Final = 300
_DETAIL_M: Final = 2.0

Point = tuple[float, float]


def drawn_for_page(view: View) -> View:
    """`view` with the geometries a small map needs: degrees, longitude first, no more detail than is seen."""
    asked = view.drawing
    return replace(view, crs=4490, drawing=Drawing(flat=True, skip=asked.skip, simplify_m=max(_DETAIL_M, asked.simplify_m or 0.0)))


class ItemsPage:
    """The page of one answer. The map stands above the table, but is written after it: only then is known what it shows."""

    def __init__(self, layer: Layer, fields: Sequence[Field], links: Links) -> None:
        self._layer, self._fields, self._links = layer, fields, links
        self._before, self._after = _TEMPLATE.read_text(encoding="utf-8").split("@ROWS@")
        self._shapes: list[tuple[int, Any]] = []
        self._bytes = 0
        self._left_out = 0

    def head(self) -> bytes:
        """Title, formats, and the header of the table."""
        layer, here = self._layer, ("collections", self._layer.id)
        exports = self._links.to(*here, "export")
        formats = [(name, f"{exports}?f={name}") for name in ("geojson", "csv", "fgb", "parquet", "gpkg")]
        parts = {
            "TITLE": escape(layer.title_zh),
            "TITLE_EN": escape(layer.title_en),
            "BASE": escape(self._links.base),
            "ABOUT": escape(layer.description_zh),
            "MARK": "<mark>示例数据 example data</mark>" if layer.synthetic else "",
            "FORMATS": _anchor(self._links.to(*here), "数据集 Collection")
            + "整层下载 Whole layer: "
            + "".join(_anchor(address, name) for name, address in formats),
            "HEADER": "".join(f"<th>{escape(text)}</th>" for text in ("oid", *map(_title, self._fields), "起 from", "止 to")),
        }
        return filled(self._before, parts).encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Lines of the table."""
        return "".join([self._line(row) for row in rows]).encode()

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """The map, the way to the next page, and how many there are."""
        following = next((link["href"] for link in members.get("links", ()) if link["rel"] == "next"), None)
        estimated, exact = members.get("numberMatchedEstimated"), members.get("numberMatched")
        about, matched = ("约 about ", estimated) if exact is None else ("", exact)
        parts = {
            "MAP": _map(self._shapes, self._layer, self._links),
            "CAPTION": f"另有 {self._left_out} 个要素未画出 {self._left_out} more are not drawn" if self._left_out else "",
            "NEXT": _anchor(following, "下一页 Next page") if following else "",
            "COUNT": f"本页 {members['numberReturned']} 条 rows" + (f"，共 {about}{matched}" if matched is not None else ""),
        }
        return filled(self._after, parts).encode()

    def _line(self, row: Row) -> str:
        self._keep(row)
        valid = row["valid"]
        ends = (None, None) if valid is None else (moment(valid.lower), moment(valid.upper))
        item = _anchor(self._links.to("collections", self._layer.id, "items", row["oid"], f="json"), str(row["oid"]))
        cells = "".join(f"<td>{_shown(value)}</td>" for value in (*(row[field.name] for field in self._fields), *ends))
        return f'<tr id="f{row["oid"]}"><td>{item}</td>{cells}</tr>\n'

    def _keep(self, row: Row) -> None:
        """Remember a shape for the map, while there is room."""
        text = row["geom"]
        if not text:
            return
        if self._bytes + len(text) > _DRAWN_BYTES:
            self._left_out += 1
            return
        self._bytes += len(text)
        self._shapes.append((row["oid"], orjson.loads(text)))


def _title(field: Field) -> str:
    named = field.title_zh or field.name
    return f"{named} ({field.unit})" if field.unit else named


def _anchor(address: str, text: str) -> str:
    return f'<a href="{escape(address)}">{escape(text)}</a>'


def _shown(value: Any) -> str:
    """A cell, cut where it is very long."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else dump(value).decode().strip('"')
    return escape(text if len(text) <= _CELL_CHARS else text[:_CELL_CHARS] + "…")


def _map(shapes: Sequence[tuple[int, Any]], layer: Layer, links: Links) -> str:
    """The shapes over pictures of the layer, as one drawing whose unit is a pixel of its zoom."""
    points = [point for _, shape in shapes for part in _parts(shape) for point in part]
    if not points:
        return ""
    west, east = min(point[0] for point in points), max(point[0] for point in points)
    south, north = min(point[1] for point in points), max(point[1] for point in points)
    zoom = _zoom(west, south, east, north)
    left, top = (value * _TILE for value in tile_of(west, north, zoom))
    right, bottom = (value * _TILE for value in tile_of(east, south, zoom))
    x, y = (left + right - _WIDTH) / 2, (top + bottom - _HEIGHT) / 2
    drawn = "".join(f'<a href="#f{oid}"><path class="f" d="{_path(shape, zoom, x, y)}"/></a>' for oid, shape in shapes)
    label = '<svg role="img" aria-label="地图 Map"'
    return f'{label} viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(_pictures(zoom, x, y, layer, links))}{drawn}</svg>'


def _zoom(west: float, south: float, east: float, north: float) -> int:
    """The nearest zoom at which the box leaves a margin."""
    for zoom in range(_MOST_ZOOM, 0, -1):
        (left, top), (right, bottom) = tile_of(west, north, zoom), tile_of(east, south, zoom)
        if (right - left) * _TILE <= _WIDTH * 0.8 and (bottom - top) * _TILE <= _HEIGHT * 0.8:
            return zoom
    return 0


def _pictures(zoom: int, x: float, y: float, layer: Layer, links: Links) -> Iterator[str]:
    """The picture tiles below a window whose corner is pixel (x, y) of the world."""
    most = 2**zoom - 1
    for row in range(max(0, math.floor(y / _TILE)), min(most, math.floor((y + _HEIGHT) / _TILE)) + 1):
        for column in range(max(0, math.floor(x / _TILE)), min(most, math.floor((x + _WIDTH) / _TILE)) + 1):
            address = escape(links.to("tiles", layer.id, zoom, column, f"{row}.png"))
            place = f'x="{column * _TILE - x:.1f}" y="{row * _TILE - y:.1f}" width="{_TILE}" height="{_TILE}"'
            yield f'<image href="{address}" {place}/>'


def _path(shape: Any, zoom: int, x: float, y: float) -> str:
    return "".join(_drawn(part, zoom, x, y) for part in _parts(shape))


def _drawn(part: Sequence[Point], zoom: int, x: float, y: float) -> str:
    """Moves of a pen; a single point is a dot as wide as the pen."""
    places = [tile_of(lon, lat, zoom) for lon, lat in part]
    steps = [f"{column * _TILE - x:.1f} {row * _TILE - y:.1f}" for column, row in places]
    return f"M{steps[0]}m-3 0h6m-3-3v6" if len(steps) == 1 else "M" + "L".join(steps)


def _parts(shape: Any) -> Iterator[Sequence[Point]]:
    """The lines, rings and points of a geometry."""
    if shape["type"] == "GeometryCollection":
        for member in shape["geometries"]:
            yield from _parts(member)
        return
    yield from _lists(shape["coordinates"], shape["type"] in ("Point", "MultiPoint"))


def _lists(coordinates: Any, single: bool) -> Iterator[Sequence[Point]]:
    if not coordinates:
        return
    if not isinstance(coordinates[0], list):
        yield [(coordinates[0], coordinates[1])]
    elif not isinstance(coordinates[0][0], list) and not single:
        yield [(point[0], point[1]) for point in coordinates]
    else:
        for inner in coordinates:
            yield from _lists(inner, single)
