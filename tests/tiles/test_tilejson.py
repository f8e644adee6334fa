"""TileJSON 3.0 of one layer and of several."""

from tests.tile_scene import BUILDING_FIELDS
from tiles.tilejson import tilejson
from twin.layer import Layer

ONE = Layer(
    number=1,
    id="buildings",
    title_zh="建筑",
    fields=BUILDING_FIELDS,
    bounds_4490=(113.5, 22.0, 114.5, 23.0),
    min_zoom=12,
    attribution="甲局",
)
POLES = Layer(number=2, id="grid", title_zh="格网", bounds_4490=(-181.0, -90.0, 180.0, 90.0), max_zoom=10, attribution="甲局")
EMPTY = Layer(number=3, id="empty", title_zh="空")


def test_one_layer() -> None:
    made = tilejson([ONE], "http://h/tiles/buildings/{z}/{x}/{y}.mvt?v=7").model_dump(mode="json")
    assert made["tilejson"] == "3.0.0" and made["scheme"] == "xyz" and made["name"] == "建筑"
    assert made["tiles"] == ["http://h/tiles/buildings/{z}/{x}/{y}.mvt?v=7"]
    assert made["bounds"] == [113.5, 22.0, 114.5, 23.0] and made["center"] == [114.0, 22.5, 12]
    assert (made["minzoom"], made["maxzoom"]) == (12, 16)
    (layer,) = made["vector_layers"]
    assert layer["id"] == "buildings" and layer["description"] == "建筑" and layer["minzoom"] == 12
    assert layer["fields"]["高度"] == "Number" and layer["fields"]["类别"] == "String"
    assert "floors" not in layer["fields"]  # never in tiles


def test_several_layers() -> None:
    made = tilejson([ONE, POLES, EMPTY], "t")
    assert made.name == "建筑、格网、空" and made.attribution == "甲局"
    assert (made.minzoom, made.maxzoom) == (0, 16)
    assert made.bounds == (-180.0, -85.051129, 180.0, 85.051129)
    assert [layer.id for layer in made.vector_layers] == ["buildings", "grid", "empty"]


def test_layers_without_rows_span_the_world() -> None:
    assert tilejson([EMPTY], "t").bounds == (-180.0, -85.051129, 180.0, 85.051129)
