"""TileJSON 3.0 of one layer and of several."""

from tests.tile_scene import BUILDING_FIELDS
from tiles.tilejson import tilejson
from twin.fields import Field, FieldType, Role
from twin.grids import Grid
from twin.layer import GeometryType, Layer, TileSource

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


def test_the_other_grid_says_which_it_is() -> None:
    made = tilejson([ONE, POLES], "t", Grid.CGCS2000, "http://h/tileMatrixSets/CGCS2000Quad").model_dump(mode="json", by_alias=True)
    assert made["tileMatrixSet"] == "http://h/tileMatrixSets/CGCS2000Quad" and (made["minzoom"], made["maxzoom"]) == (1, 16)
    assert made["bounds"] == [-180.0, -90.0, 180.0, 90.0], "this grid goes to the poles"


def test_fields_say_from_which_zoom() -> None:
    (layer,) = tilejson([ONE], "t").vector_layers
    assert layer.fields_from_zoom["类别"] == 0 and layer.fields_from_zoom["名称"] == 15 and "floors" not in layer.fields_from_zoom
    assert layer.folded == {} and set(layer.fields_from_zoom) == set(layer.fields)


def test_an_overview_adds_its_sums() -> None:
    floors = Field(name="层数", type=FieldType.INTEGER, role=Role.FLOORS, in_tiles_from_zoom=14)
    people = Field(name="人口", type=FieldType.INTEGER, role=Role.POPULATION, in_tiles_from_zoom=14)
    source = ONE.model_copy(update={"tile_source": TileSource.OVERVIEW, "fields": (floors, people)})
    (layer,) = tilejson([source], "t").vector_layers
    assert set(layer.folded) == {"count", "area_m2", "floor_area_m2", "population"} and "z < 14" in layer.folded["count"]
    assert all(layer.fields[name] == "Number" for name in layer.folded)
    (plain,) = tilejson([source.model_copy(update={"fields": ()})], "t").vector_layers
    assert set(plain.folded) == {"count", "area_m2"}
    counted = Field(name="count", in_tiles_from_zoom=14)
    points = source.model_copy(update={"fields": (counted,), "geometry_type": GeometryType.POINT})
    (spots,) = tilejson([points], "t").vector_layers
    assert spots.folded == {} and spots.fields == {"count": "String"}, "a field of that name comes first, and points have no area"
