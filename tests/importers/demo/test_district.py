"""The made-up district: the same for the same seed, and sound as a city: nothing in the water, land without gaps, one road graph."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from importers.demo.district.city import City, make_city
from importers.demo.district.elevation import write_elevation
from importers.demo.district.layers import LAYERS
from importers.demo.district.network import UTILITIES
from importers.demo.district.people import grid
from importers.demo.district.recipe import recipe
from importers.demo.district.streets import HALF_WIDTH_M, RoadClass
from importers.demo.load import REAL_LAYERS
from importers.demo.reader import GEOMETRY
from importers.demo.spec import LAYER_IDS, layer_options
from twin.codes import code_list
from twin.errors import BadParameter
from twin.layer import Bounds

Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(recipe())


@pytest.fixture(scope="module")
def tables(city: City) -> Tables:
    return {name: make(city) for name, make in LAYERS.items()}


def shapes(table: pa.Table) -> np.ndarray:
    return np.asarray(shapely.from_wkb(table[GEOMETRY].to_numpy()))


def digest(tables: Tables) -> str:
    hasher = hashlib.sha256()
    for table in tables.values():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        hasher.update(sink.getvalue())
    return hasher.hexdigest()


def test_the_counts_asked_for(tables: Tables) -> None:
    built = tables["buildings"]
    assert built.num_rows == 110_000
    phases = np.asarray(built["phase"])
    assert np.sum(phases == "built") >= 100_000
    assert {"planned", "building", "demolished"} < set(phases.tolist())
    assert tables["cameras"].num_rows == 10_000 and tables["sensors"].num_rows == 2_000
    assert all(table.num_rows for table in tables.values()) and len(tables) >= 12


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    def small(seed: int) -> str:
        city = make_city(recipe(seed, buildings=2_000))
        return digest({name: make(city) for name, make in LAYERS.items()})

    assert small(7) == small(7) != small(8)


def test_layers_do_not_depend_on_which_were_made_before(city: City, tables: Tables) -> None:
    assert digest({"grid": grid(make_city(city.recipe))}) == digest({"grid": tables["grid"]})


def test_geometry_is_sound_and_inside_the_box(city: City, tables: Tables) -> None:
    west, south, east, north = city.recipe.bbox_4490
    for name, table in tables.items():
        found = shapes(table)
        assert shapely.is_valid(found).all() and not shapely.is_empty(found).any(), name
        bounds = shapely.total_bounds(found)
        assert bounds[0] >= west and bounds[1] >= south and bounds[2] <= east and bounds[3] <= north, name


def test_no_building_in_the_water_or_on_a_road(city: City) -> None:
    footprints = city.buildings.footprints
    water = city.terrain.water
    shapely.prepare(water)
    assert not shapely.intersects(water, footprints).any()
    half = np.array([HALF_WIDTH_M[kind] for kind in RoadClass])[city.roads.road_class]
    street = shapely.buffer(city.roads.edges, half * 0.98, cap_style="flat")
    building, edge = shapely.STRtree(street).query(footprints, predicate="intersects")
    assert len(building) == 0, city.roads.road_class[edge][:5]


def test_standing_buildings_do_not_overlap(tables: Tables) -> None:
    standing = np.asarray(tables["buildings"]["phase"]) == "built"
    footprints = shapes(tables["buildings"])[standing]
    for predicate in ("overlaps", "contains_properly"):
        one, _ = shapely.STRtree(footprints).query(footprints, predicate=predicate)
        assert len(one) == 0, predicate


def test_buildings_vary(tables: Tables) -> None:
    built = tables["buildings"]
    found = shapes(built)
    assert np.sum(shapely.get_num_interior_rings(found) > 0) > 1_000
    assert np.sum(shapely.get_num_coordinates(found) > 5) > 10_000
    heights = np.asarray(built["height"])
    assert heights.min() > 2 and heights.max() > 200 and len(np.unique(heights)) > 100
    assert len(set(built["class"].to_pylist())) >= 9


def test_parcels_cover_the_district_once(city: City, tables: Tables) -> None:
    parcels = shapes(tables["parcels"])
    assert shapely.coverage_is_valid(parcels)
    whole = shapely.coverage_union_all(parcels)
    assert whole.geom_type == "Polygon" and not whole.interiors
    assert np.isclose(shapely.area(parcels).sum(), whole.area, rtol=1e-12)
    assert np.isclose(shapely.area(city.land.faces).sum(), 4 * city.frame.half_u * city.frame.half_v, rtol=1e-9)
    known = code_list("land_use").entries
    assert set(tables["parcels"]["class"].to_pylist()) <= set(known) and set(tables["parcels"]["category"].to_pylist()) <= set(known)


def test_every_building_stands_on_its_parcel(tables: Tables) -> None:
    at = dict(zip(tables["parcels"]["code"].to_pylist(), shapes(tables["parcels"]), strict=True))
    some = slice(0, None, 97)
    footprints = shapes(tables["buildings"])[some]
    parcels = np.array([at[code] for code in tables["buildings"]["parcel"].to_pylist()[some]])
    covered = shapely.area(shapely.intersection(footprints, parcels)) / shapely.area(footprints)
    assert np.mean(covered > 0.999) > 0.99


def test_roads_are_one_graph_with_shared_nodes(tables: Tables) -> None:
    roads = tables["roads"]
    lines = shapes(roads)
    ends: dict[int, tuple[float, float]] = {}
    for column, at in (("from_node", 0), ("to_node", -1)):
        points = shapely.get_coordinates(shapely.get_point(lines, at)).tolist()
        for node, point in zip(roads[column].to_pylist(), points, strict=True):
            assert ends.setdefault(node, tuple(point)) == tuple(point)
    assert len(set(ends.values())) == len(ends), "two nodes in one place"
    reached, todo = set(), [0]
    neighbours: dict[int, list[int]] = {}
    for a, b in zip(roads["from_node"].to_pylist(), roads["to_node"].to_pylist(), strict=True):
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    while todo:
        node = todo.pop()
        if node not in reached:
            reached.add(node)
            todo.extend(neighbours[node])
    assert len(reached) == len(ends)
    assert np.asarray(roads["bridge"]).sum() > 10 and len(set(roads["class"].to_pylist())) == 5
    assert not any(name is None for name in roads["name"].to_pylist())


def test_pipes_lie_below_the_ground(city: City, tables: Tables) -> None:
    pipes = tables["pipes"]
    lines = shapes(pipes)
    assert shapely.has_z(lines).all()
    assert set(pipes["class"].to_pylist()) == {utility.title for utility in UTILITIES}
    flat, index = shapely.get_coordinates(lines, include_z=True, return_index=True)
    board = city.frame.board(flat[:, :2])
    below = city.terrain.ground(board[:, 0], board[:, 1]) - flat[:, 2]
    assert below.min() > 0.5 and below.max() < 5.0
    assert np.allclose(below, np.asarray(pipes["depth_m"])[index], atol=0.05)


def test_people_live_where_they_can(city: City, tables: Tables) -> None:
    people = tables["population"]
    assert np.asarray(people["persons"]).min() >= 1
    assert 500_000 < np.asarray(people["persons"]).sum() < 3_000_000
    in_cells = np.asarray(tables["grid"]["persons"]).sum()
    assert in_cells == np.asarray(people["persons"]).sum()
    assert len(set(tables["grid"]["code"].to_pylist())) == tables["grid"].num_rows
    assert all(len(code) == 15 and code[6] == "9" for code in tables["grid"]["code"].to_pylist())


def test_each_layer_is_described_and_has_the_described_columns(tables: Tables) -> None:
    assert set(tables) == set(LAYER_IDS) - set(REAL_LAYERS)
    for name, table in tables.items():
        options = layer_options(name)
        assert {item.name for item in options.fields} == set(table.column_names) - {GEOMETRY}, name
        assert options.synthetic and options.layer == name and options.title_zh and options.title_en
        codes = table["code"].to_pylist()
        assert len(set(codes)) == len(codes), name


@pytest.mark.parametrize("bbox", [(110.30, 21.10, 110.36, 21.15), (116.60, 23.30, 116.70, 23.36), (-0.2, 51.4, -0.1, 51.5)])
def test_a_district_can_be_put_anywhere(bbox: Bounds) -> None:
    city = make_city(recipe(3, bbox, 20_000))
    parcels = shapes(LAYERS["parcels"](city))
    assert shapely.coverage_is_valid(parcels) and shapely.is_valid(parcels).all()
    assert shapely.box(*bbox).contains(shapely.box(*shapely.total_bounds(parcels)))
    assert city.recipe.tag and LAYERS["schools"](city)["code"][0].as_py().startswith(f"SL{city.recipe.tag}XX")
    assert replace(city.recipe, seed=4).tag != city.recipe.tag


@pytest.mark.parametrize(
    "bbox",
    [
        (1.0, 1.0, 1.0, 1.0),
        (113.0, 22.0, 113.001, 22.1),
        (110.0, 20.0, 114.0, 24.0),
        (float("nan"), 22.0, 113.0, 23.0),
        (5.0, 1.0, 4.0, 2.0),
    ],
)
def test_a_bad_box_is_refused(bbox: Bounds) -> None:
    with pytest.raises(BadParameter) as caught:
        recipe(1, bbox)
    assert caught.value.place == "bbox"


def test_the_ground_is_written_as_a_grid(tmp_path: Path) -> None:
    city = make_city(recipe(buildings=2_000))
    columns, rows = write_elevation(city, tmp_path / "dem.asc", step_m=25)
    lines = (tmp_path / "dem.asc").read_text().splitlines()
    assert lines[0] == f"ncols {columns}" and lines[1] == f"nrows {rows}" and len(lines) == 6 + rows
    heights = np.loadtxt(lines[6:])
    assert heights.shape == (rows, columns)
    dry = heights[heights > 0]
    assert 2 < np.median(dry) < 20 and dry.max() > 30 and (heights == -4).any()


def test_board_and_degrees_are_inverse(city: City) -> None:
    board = np.random.default_rng(0).uniform(-1, 1, (500, 2)) * (city.frame.half_u, city.frame.half_v)
    assert np.abs(city.frame.board(city.frame.degrees(board)) - board).max() < 0.01
