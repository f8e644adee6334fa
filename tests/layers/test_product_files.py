"""The products that come with the demo: valid, only on demo layers and their fields, legends true to the data and told apart by eye."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from importers.demo.district.city import City, make_city
from importers.demo.district.layers import LAYERS
from importers.demo.district.recipe import recipe
from importers.demo.load import PRODUCTS, REAL_LAYERS
from importers.demo.spec import LAYER_IDS, layer_options
from layers.products import read_toml
from layers.styles import BASE_PRODUCT
from twin.product import LegendEntry, Product, ProductLayer, Status, Theme

FILES = sorted(PRODUCTS.glob("*.toml"))
ALL = [read_toml(path) for path in FILES]
REAL = set(REAL_LAYERS)
#: CIE 1976 distance below which two colours of one legend are mistaken for each other.
LEAST_DISTANCE = 11.0


def entries() -> Iterator[tuple[Product, ProductLayer]]:
    for product in ALL:
        for entry in product.layers:
            yield product, entry


ENTRIES = [pytest.param(product, entry, id=f"{product.code}:{entry.layer}") for product, entry in entries()]


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(recipe())


@pytest.fixture(scope="module")
def values(city: City) -> dict[tuple[str, str], list[object]]:
    """Column values of every made-up layer that a legend classifies."""
    wanted = {(entry.layer, entry.symbol.class_field) for _, entry in entries() if entry.symbol.class_field}
    made = {layer_id: LAYERS[layer_id](city) for layer_id, _ in wanted}
    return {(layer_id, name): made[layer_id][name].to_pylist() for layer_id, name in wanted}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_named_after_its_product(path: Path) -> None:
    product = read_toml(path)
    assert product.code == path.stem and product.status is Status.PUBLISHED and product.version == 1


def test_the_set_is_what_the_plan_asks_for() -> None:
    maps = [product for product in ALL if product.code != BASE_PRODUCT]
    assert len(maps) >= 12
    assert len({entry.layer for product in maps for entry in product.layers}) >= 10
    assert {product.theme for product in maps} == set(Theme)
    assert BASE_PRODUCT in {product.code for product in ALL}
    assert len({product.title_zh for product in ALL}) == len({product.title_en for product in ALL}) == len(ALL)


@pytest.mark.parametrize("product", ALL, ids=lambda product: product.code)
def test_the_card_is_whole_and_honest(product: Product) -> None:
    assert product.review_number == "未送审"
    assert product.owner.startswith("示例：")
    assert product.synthetic is any(entry.layer not in REAL for entry in product.layers)
    assert (
        product.title_en
        and product.description_zh
        and product.description_en
        and product.scale
        and product.update_cycle
        and product.updated_on
    )
    if product.code != BASE_PRODUCT:
        assert any(entry.symbol.legend for entry in product.layers)


@pytest.mark.parametrize(("product", "entry"), ENTRIES)
def test_only_demo_layers_and_their_fields_are_drawn(product: Product, entry: ProductLayer) -> None:
    assert entry.layer in LAYER_IDS
    options = layer_options(entry.layer)
    fields = {item.name: item for item in options.fields}
    least = max(entry.min_zoom or 0, options.min_zoom or 0)
    for name in (entry.symbol.class_field, entry.symbol.height_field):
        if name:
            zoom = fields[name].in_tiles_from_zoom
            assert zoom is not None and zoom <= least, f"{name} is not in the tiles from zoom {least}"
    if label := entry.symbol.label_field:
        zoom = fields[label].in_tiles_from_zoom
        assert zoom is not None and zoom <= max(entry.symbol.label_min_zoom, least), f"{label} is labelled before it is in the tiles"


@pytest.mark.parametrize(("product", "entry"), ENTRIES)
def test_the_legend_is_true_to_the_data(product: Product, entry: ProductLayer, values: dict[tuple[str, str], list[object]]) -> None:
    if not entry.symbol.class_field:
        return
    found = [value for value in values[entry.layer, entry.symbol.class_field] if value is not None]
    legend = entry.symbol.legend
    named = {item.value for item in legend if item.value is not None}
    breaks = [item for item in legend if item.min is not None or item.max is not None]
    if named:
        assert named <= set(map(str, found))
        assert set(map(str, found)) <= named or any(item.value is None for item in legend), "a value of the data has no entry"
    else:
        assert all(any(_in(item, float(str(value))) for item in breaks) for value in found)
        assert all(any(_in(item, float(str(value))) for value in found) for item in breaks), "an entry stands for nothing"


def _in(item: LegendEntry, value: float) -> bool:
    return (item.min is None or value >= item.min) and (item.max is None or value < item.max)


@pytest.mark.parametrize(("product", "entry"), ENTRIES)
def test_colours_can_be_told_apart(product: Product, entry: ProductLayer) -> None:
    if product.code == BASE_PRODUCT:
        return  # calm on purpose
    for one, other in itertools.combinations(entry.symbol.legend, 2):
        distance = float(np.linalg.norm(_lab(one.color) - _lab(other.color)))
        assert distance >= LEAST_DISTANCE, f"{one.label_zh} and {other.label_zh}: {distance:.1f}"
        assert one.label_zh != other.label_zh and one.label_en != other.label_en


def _lab(color: str) -> np.ndarray:
    """#RRGGBB as CIE Lab (D65)."""
    srgb = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
