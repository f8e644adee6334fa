"""Cards found by words, letters and filters, in order and in pages; nothing the caller may not see is counted."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

import pytest

from layers.card_text import card_text
from layers.catalog import Catalog
from layers.product_search import ProductQuery, find
from twin.layer import Access, Layer
from twin.product import Product, ProductLayer, Status, Symbol, Theme
from twin.view import EVERYTHING, PUBLIC, Scope, TimeSpan

FARM = "farmland"


def card(code: str, title: str, layer: str = "open", **more: object) -> Product:
    given = {"title_en": code, "theme": Theme.NATURAL_RESOURCES, "owner": "省自然资源厅", "status": Status.PUBLISHED, **more}
    return Product(code=code, title_zh=title, layers=(ProductLayer(layer=layer, symbol=Symbol(kind="fill")),), **given)  # type: ignore[arg-type]


CARDS = (
    card(FARM, "永久基本农田", keywords=("耕地保护",), updated_on=date(2026, 3, 1)),
    card("farm-plan", "基本农田规划图", description_zh="含永久基本农田储备区", division="4401", updated_on=date(2025, 1, 1)),
    card("flood", "洪水风险图", theme=Theme.EMERGENCY, owner="省应急管理厅", division="440106", layer="far"),
    card("secret-farm", "永久基本农田（内部）", layer="closed"),
)


def catalogue() -> Catalog:
    layers = (
        Layer(number=1, id="open", title_zh="开放", bounds_4490=(113.0, 22.0, 114.0, 23.0)),
        Layer(number=2, id="far", title_zh="远", bounds_4490=(179.0, -10.0, 179.5, -9.0)),
        Layer(number=3, id="closed", title_zh="内部", access=Access.INTERNAL),
    )
    cards = {each.code: each for each in sorted(CARDS, key=lambda each: each.code)}
    return Catalog(
        by_id=MappingProxyType({layer.id: layer for layer in layers}),
        cards=MappingProxyType(cards),
        texts=MappingProxyType({code: card_text(each) for code, each in cards.items()}),
    )


def codes(query: ProductQuery, scope: Scope = PUBLIC) -> list[str]:
    catalog = catalogue()
    found = find(catalog.products(scope), catalog, query)
    assert found.matched >= len(found.products)
    return [each.code for each in found.products]


@pytest.mark.parametrize("text", ["永久基本农田", "yongjiu", "yjjbnt", "jbnt", "基本农田 永久", "YongJiu", "yong jiu ji ben", "永久 基本"])
def test_the_same_product_comes_first(text: str) -> None:
    first, *_ = codes(ProductQuery(text))
    assert first == FARM or text == "jbnt"
    assert FARM in codes(ProductQuery(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("储备区", ["farm-plan"]),
        ("gengdi", [FARM]),
        ("gdbh", [FARM]),
        ("耕地", [FARM]),
        ("省应急", ["flood"]),
        ("FLOOD", ["flood"]),
        ("洪水 农田", []),
        ("没有", []),
        ("xyz", []),
        ("%", []),
        ("\\", []),
    ],
)
def test_it_is_found_by(text: str, expected: list[str]) -> None:
    assert codes(ProductQuery(text)) == expected


def test_filters() -> None:
    assert codes(ProductQuery(theme=Theme.EMERGENCY)) == ["flood"]
    assert codes(ProductQuery(division="4401")) == ["farm-plan", "flood"]
    assert codes(ProductQuery(owner="应急")) == ["flood"]
    assert codes(ProductQuery(bounds_4490=(113.5, 22.5, 113.6, 22.6))) == ["farm-plan", FARM]
    assert codes(ProductQuery(bounds_4490=(170.0, -20.0, -170.0, 0.0))) == ["flood"]
    assert codes(ProductQuery(bounds_4490=(0.0, 0.0, 1.0, 1.0))) == []
    year = TimeSpan(datetime(2026, 1, 1, tzinfo=UTC), None)
    assert codes(ProductQuery(date=year)) == [FARM]
    assert codes(ProductQuery(date=TimeSpan(datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 2, 28, 16, tzinfo=UTC)))) == [FARM]


def test_nothing_hidden_is_counted() -> None:
    catalog = catalogue()
    assert find(catalog.products(PUBLIC), catalog, ProductQuery("永久")).matched == 2
    assert find(catalog.products(EVERYTHING), catalog, ProductQuery("永久")).matched == 3
    assert codes(ProductQuery("内部")) == [] and codes(ProductQuery("secret-farm")) == []


@pytest.mark.parametrize("sort", ["relevance", "code", "title", "theme", "date", "updated"])
@pytest.mark.parametrize("backwards", [False, True])
def test_pages_are_the_whole_in_order(sort: str, backwards: bool) -> None:
    catalog, query = catalogue(), ProductQuery(sort=sort, backwards=backwards)  # type: ignore[arg-type]
    whole = codes(query, EVERYTHING)
    paged: list[str] = []
    page = replace(query, limit=1)
    while True:
        found = find(catalog.products(EVERYTHING), catalog, page)
        paged += [each.code for each in found.products]
        if found.next is None:
            break
        page = replace(page, after=found.next)
    assert paged == whole and len(whole) == 4


def test_titles_go_by_pinyin() -> None:
    assert codes(ProductQuery(sort="title")) == ["flood", "farm-plan", FARM]
