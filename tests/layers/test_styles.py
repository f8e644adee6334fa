"""Styles say what the symbols say, with our own absolute addresses and nothing else."""

import json
from types import MappingProxyType
from typing import Any

import pytest

from layers.catalog import Catalog
from layers.styles import NO_DATA, base_style, color, product_style
from twin.fields import Field, FieldType, Role
from twin.layer import Access, Layer
from twin.product import LegendEntry, Product, ProductLayer, Symbol, Theme
from twin.view import EVERYTHING, PUBLIC

URL = "https://host/yzt"


def layer(number: int, layer_id: str, access: Access = Access.PUBLIC, *fields: Field) -> Layer:
    return Layer(number=number, id=layer_id, title_zh=layer_id, access=access, fields=fields, bounds_4490=(113, 22, 114, 23), min_zoom=5)


PHASE = Field(name="状态", role=Role.PHASE, in_tiles_from_zoom=13)
HEIGHT = Field(name="高度", role=Role.HEIGHT, type=FieldType.NUMBER, in_tiles_from_zoom=13)
CATALOG = Catalog(
    by_id=MappingProxyType(
        {
            "楼": layer(1, "楼", Access.PUBLIC, PHASE, HEIGHT),
            "parcels": layer(2, "parcels"),
            "secret": layer(3, "secret", Access.INTERNAL),
            "roads": layer(4, "roads"),
        }
    )
)
CLASSES = (LegendEntry(label_zh="耕地", color="#F5E15B", value="01"), LegendEntry(label_zh="其他", color="#CCCCCC"))
BREAKS = (LegendEntry(label_zh="低", color="#FFFFFF", max=10), LegendEntry(label_zh="高", color="#000000", min=10))


def product(*layers: ProductLayer, code: str = "p1") -> Product:
    return Product(code=code, title_zh="图", title_en="Map", theme=Theme.SOCIETY, owner="x", layers=layers)


def test_a_product_is_drawn_in_order_with_labels_on_top() -> None:
    style = product_style(
        product(
            ProductLayer(
                layer="parcels",
                symbol=Symbol(kind="fill", class_field="dlbm", legend=CLASSES, label_field="name", outline_color="#999999"),
                min_zoom=9,
            ),
            ProductLayer(layer="secret", symbol=Symbol(kind="fill")),
            ProductLayer(layer="楼", symbol=Symbol(kind="extrusion"), max_zoom=18),
            ProductLayer(layer="roads", symbol=Symbol(kind="line", dash=(2, 1)), visible=False),
        ),
        CATALOG,
        URL,
        PUBLIC,
    )
    assert [part["id"] for part in style["layers"]] == [
        "background",
        "parcels:area",
        "parcels:outline",
        "楼:area",
        "楼:planned",
        "楼:demolished",
        "roads:line",
        "parcels:label",
    ]
    assert style["sources"] == {"twin-0": {"type": "vector", "url": f"{URL}/tiles/parcels,%E6%A5%BC,roads.json"}}
    by_id = {part["id"]: part for part in style["layers"]}
    assert (by_id["parcels:area"]["minzoom"], by_id["楼:area"]["maxzoom"]) == (9, 18)
    assert by_id["roads:line"]["layout"]["visibility"] == "none"
    assert by_id["楼:area"]["paint"]["fill-extrusion-height"][1] == ["has", "高度"]
    assert "glyphs" not in style and "sprite" not in style
    assert json.dumps(style).count("http") == json.dumps(style).count(URL)


def test_classes_and_breaks_become_expressions() -> None:
    classes = color(Symbol(kind="fill", class_field="dlbm", legend=CLASSES))
    assert classes == ["match", ["to-string", ["coalesce", ["get", "dlbm"], ""]], "01", "#F5E15B", "#CCCCCC"]
    breaks = color(Symbol(kind="fill", class_field="n", legend=BREAKS))
    assert breaks[0] == "case" and breaks[2] == NO_DATA, "no value is not zero"
    assert breaks[3:5] == [["all", True, ["<", ["to-number", ["get", "n"]], 10.0]], "#FFFFFF"]
    assert color(Symbol(kind="fill", color="#123456")) == "#123456"


@pytest.mark.parametrize("kind", ["fill", "line", "circle", "extrusion"])
def test_every_kind_of_symbol_has_its_layer(kind: str) -> None:
    symbol = Symbol.model_validate({"kind": kind})
    style = product_style(product(ProductLayer(layer="parcels", symbol=symbol)), CATALOG, URL, PUBLIC)
    drawn = style["layers"][1:]
    assert [part["type"] for part in drawn] == [{"extrusion": "fill-extrusion"}.get(kind, kind)]


def test_more_than_sixteen_layers_are_two_sources() -> None:
    many = {f"l{n}": layer(n, f"l{n}") for n in range(18)}
    catalog = Catalog(by_id=MappingProxyType(many))
    style = product_style(product(*(ProductLayer(layer=name, symbol=Symbol(kind="fill")) for name in many)), catalog, URL, EVERYTHING)
    assert len(style["sources"]) == 2
    assert {part["source"] for part in style["layers"][1:]} == set(style["sources"])


def test_the_base_map_is_a_product_or_bare_ground() -> None:
    assert [part["id"] for part in base_style(CATALOG, URL, PUBLIC)["layers"]] == ["background"]
    base = product(ProductLayer(layer="roads", symbol=Symbol(kind="line")), code="base")
    catalog = Catalog(by_id=CATALOG.by_id, cards=MappingProxyType({"base": base}))
    assert [part["id"] for part in base_style(catalog, URL, PUBLIC)["layers"]] == ["background", "roads:line"]


def test_icons_lie_in_their_circles_once_these_are_large_enough() -> None:
    def drawn(radius_px: float, **more: Any) -> dict[str, Any]:
        symbol = Symbol(kind="circle", icon="school", radius_px=radius_px)
        return product_style(product(ProductLayer(layer="parcels", symbol=symbol, **more)), CATALOG, URL, PUBLIC)

    style = drawn(7)
    assert style["sprite"] == f"{URL}/sprites/icons"
    circle, icon = style["layers"][1:]
    assert (circle["id"], icon["id"], icon["type"]) == ("parcels:circle", "parcels:icon", "symbol")
    assert icon["layout"]["icon-image"] == "school-white"
    assert icon["layout"]["visibility"] == "visible"
    assert 13 <= icon["minzoom"] < drawn(4)["layers"][2]["minzoom"] < 18
    assert drawn(7, min_zoom=16)["layers"][2]["minzoom"] == 16
    assert [part["id"] for part in drawn(0)["layers"]] == ["background"]


@pytest.mark.parametrize("name", ["../x", "a b", "x" * 41, "图"])
def test_an_icon_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="icon"):
        Symbol(kind="circle", icon=name)
