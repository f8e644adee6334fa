"""What a name in a tile address stands for, and that nothing hidden shows through it."""

import pytest

from layers.catalog import Catalog
from tiles.vector import MAX_LAYERS
from twin.errors import BadParameter, NotFound
from twin.grids import Grid
from twin.layer import Access, Layer
from twin.product import Product
from twin.view import EVERYTHING, PUBLIC
from web.tile_paths import TilePath
from web.tile_sets import TileSet, check_limits, checked, product_of, tile_set
from web.wmts_capabilities import offered, offered_as

BOX = (113.0, 22.0, 114.0, 23.0)


def layer(name: str, number: int, **about: object) -> Layer:
    return Layer.model_validate({"number": number, "id": name, "title_zh": name, "bounds_4490": BOX, **about})


def product(code: str, *names: str) -> Product:
    entries = [{"layer": name, "symbol": {"kind": "fill"}} for name in names]
    about = {"title_zh": code, "title_en": code, "theme": "society", "owner": "测试", "status": "published", "layers": entries}
    return Product.model_validate({"code": code, **about})


LAYERS = [layer("roads", 1), layer("secret", 2, access=Access.INTERNAL), *(layer(f"l{n}", n + 10) for n in range(20))]
CATALOG = Catalog(
    by_id={found.id: found for found in LAYERS},
    cards={
        found.code: found
        for found in (
            product("base", "l1", "roads", "l1"),
            product("roads", "l2"),
            product("wide", *(f"l{n}" for n in range(20))),
            product("mixed", "secret", "roads"),
            product("hidden", "secret"),
        )
    },
)


@pytest.mark.parametrize(
    ("names", "ids", "code"),
    [
        (("roads",), ("roads",), ""),
        (("base",), ("l1", "roads"), "base"),
        (("vec",), ("l1", "roads"), "base"),
        (("cva",), ("l1", "roads"), "base"),
        ((), ("l1", "roads"), "base"),
        (("wide",), tuple(f"l{n}" for n in range(16)), "wide"),
        (("mixed",), ("roads",), "mixed"),
        (("hidden",), ("hidden",), ""),
        (("nothing",), ("nothing",), ""),
        (("base", "roads"), ("base", "roads"), ""),
    ],
)
def test_names(names: tuple[str, ...], ids: tuple[str, ...], code: str) -> None:
    assert tile_set(names, CATALOG, PUBLIC) == TileSet(ids, code)


def test_who_may_more_sees_more() -> None:
    assert tile_set(("hidden",), CATALOG, EVERYTHING) == TileSet(("secret",), "hidden")
    assert tile_set(("mixed",), CATALOG, EVERYTHING).ids == ("secret", "roads")
    assert product_of("hidden", CATALOG, PUBLIC) is None


def test_without_a_base_map_the_data_set_is_the_first_layers() -> None:
    bare = Catalog(by_id=CATALOG.by_id)
    found = tile_set((), bare, PUBLIC)
    assert len(found.ids) == MAX_LAYERS and "secret" not in found.ids and not found.product
    assert tile_set((), Catalog(), PUBLIC) == TileSet(())
    assert tile_set(("vec",), bare, PUBLIC) == TileSet(("vec",)), "there is nothing it could stand for"


def test_a_hidden_layer_called_base_is_not_the_data_set() -> None:
    hidden = layer("base", 99, access=Access.INTERNAL)
    catalog = Catalog(by_id={"base": hidden, "roads": LAYERS[0]})
    assert tile_set((), catalog, PUBLIC) == TileSet(("roads",))


def test_capabilities_list_each_name_once() -> None:
    names = [thing.name for thing in offered(CATALOG, PUBLIC)]
    assert len(set(names)) == len(names) and "hidden" not in names and "secret" not in names and {"base", "roads", "wide"} <= set(names)
    assert offered_as("vec", CATALOG, PUBLIC).title == "base"
    for name in ("nothing", "hidden", "secret"):
        with pytest.raises(NotFound):
            offered_as(name, CATALOG, PUBLIC)


def test_too_many_layers() -> None:
    for names in (tuple(f"l{n}" for n in range(17)), ("a", "a")):
        with pytest.raises(BadParameter):
            checked(names)


def test_limits_bind_only_ogc() -> None:
    asked = TilePath(("roads",), Grid.CGCS2000, "14", "0", "0", dialect="ogc")
    with pytest.raises(BadParameter, match="tileRow"):
        check_limits(asked, (CATALOG.by_id["roads"],))
    with pytest.raises(BadParameter, match="tileMatrix"):
        check_limits(TilePath(("roads",), Grid.CGCS2000, "17", "0", "0", dialect="ogc"), (CATALOG.by_id["roads"],))
    with pytest.raises(BadParameter, match="outside the grid"):
        check_limits(TilePath(("roads",), Grid.CGCS2000, "0", "0", "0", dialect="ogc"), (CATALOG.by_id["roads"],))
    check_limits(TilePath(("roads",), Grid.CGCS2000, "14", "0", "0"), (CATALOG.by_id["roads"],))
