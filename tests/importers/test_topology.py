"""Overlaps, gaps and copies: none in a planar coverage, every one of those put in, and the real boundaries with their places as a layer."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely

from importers.coverage import Fault, faults
from importers.measures import in_metres
from tests.importers import files
from tests.importers.mesh import coverage

SIDE = 48
INSIDE = [SIDE * x + y for x in range(2, SIDE - 2, 4) for y in range(2, SIDE - 2, 4)]
"""Cells that are no neighbours of each other and not at the rim."""


def check(shapes):
    asked = []

    def fetch(at):
        asked.append(len(at))
        return shapes[at]

    found = list(faults(shapely.bounds(shapes), fetch))
    return found, max(asked, default=0)


def counted(found) -> Counter[str]:
    return Counter(place.fault.value for place in found)


def test_nothing_is_found_in_a_planar_coverage() -> None:
    shapes = coverage(SIDE)
    assert len(shapes) == SIDE**2 and shapely.is_valid(shapes).all()
    found, most = check(shapes)
    assert found == [] and most < SIDE**2, "read in cells"


def test_every_fault_put_in_is_found_with_its_size_and_its_two_polygons() -> None:
    shapes = coverage(SIDE)
    gone, shifted, copied = INSIDE[:30], INSIDE[30:60], INSIDE[60:80]
    faulty = shapes.copy()
    faulty[shifted] = shapely.buffer(shapes[shifted], 1e-5, join_style="mitre")
    kept = np.setdiff1d(np.arange(len(shapes)), gone)
    faulty = np.concatenate([faulty[kept], shapes[copied]])
    place_of = {int(at): number for number, at in enumerate(kept)}
    found, _ = check(faulty)
    assert counted(found)["gap"] == 30 and counted(found)["duplicate"] == 20
    overlapping = {at for place in found if place.fault is Fault.OVERLAP for at in (place.first, place.second)}
    assert {place_of[at] for at in shifted} <= overlapping
    copies = {(place.first, place.second) for place in found if place.fault is Fault.DUPLICATE}
    assert copies == {(place_of[at], len(kept) + number) for number, at in enumerate(copied)}
    sizes = sorted(place.area_m2 for place in found if place.fault is Fault.GAP)
    assert np.allclose(sizes, sorted(shapely.area(in_metres(shapes[gone]))), rtol=1e-6)
    assert all(place.first >= 0 <= place.second for place in found if place.fault is Fault.GAP)


def test_a_gap_across_cells_is_one_gap_and_a_bay_is_none() -> None:
    shapes = coverage(SIDE)
    row = [SIDE * 24 + y for y in range(3, SIDE - 3)]
    bay = [SIDE * 10 + y for y in range(0, 20)]
    found, _ = check(np.delete(shapes, row + bay))
    assert counted(found) == {"gap": 1}
    assert math.isclose(found[0].area_m2, shapely.area(in_metres(shapes[row])).sum(), rel_tol=1e-5)


def test_borders_that_only_round_differently_are_no_fault() -> None:
    """One neighbour has a vertex on the other's straight border; then all is moved by a projection."""
    from pyproj import Transformer

    move = Transformer.from_crs(4547, 4490, always_xy=True).transform
    west = shapely.box(500_000, 2_500_000, 501_000, 2_501_000)
    south, north = shapely.box(501_000, 2_500_000, 502_000, 2_500_400), shapely.box(501_000, 2_500_400, 502_000, 2_501_000)
    moved = shapely.transform(np.array([west, south, north]), move, interleaved=False)
    assert not shapely.coverage_is_valid(moved)
    assert check(moved)[0] == []
    apart = shapely.transform(np.array([west, shapely.transform(south, lambda at: np.add(at, (0.05, 0))), north]), move, interleaved=False)
    assert counted(check(apart)[0]) == {}, "a slit that is open to the outside is none"
    over = shapely.transform(
        np.array([west, shapely.transform(south, lambda at: np.subtract(at, (0.5, 0))), north]), move, interleaved=False
    )
    (place,) = check(over)[0]
    assert place.fault is Fault.OVERLAP and 199 < place.area_m2 < 202 and 0.49 < place.width_m < 0.51


def layer_file(path: Path, shapes, **columns) -> Path:
    return files.geopackage(path, list(shapes), **columns)


class TestLayer:
    def test_places_are_a_layer_with_fault_size_and_both_keys(self, town, tmp_path) -> None:
        shapes = coverage(8)
        shapes[9] = shapely.buffer(shapes[9], 1e-4, join_style="mitre")
        shapes = np.append(np.delete(shapes, 45), shapes[50])
        names = [f"甲{at}" for at in range(len(shapes))]
        path = layer_file(tmp_path / "parcels.gpkg", shapes, 编码=names)
        report = town.take(path, topology=True)
        assert report.topology.model_dump() == {
            "layer": "parcels-topology", "polygons": 64, "overlaps": 8, "gaps": 1, "duplicates": 1, "written": 10,
        }  # fmt: skip
        counts = {rule.rule: rule.count for rule in report.rules}
        assert (counts["topology-overlap"], counts["topology-gap"], counts["topology-duplicate"]) == (8, 1, 1)
        assert report.seconds.topology > 0
        rows = town.live("parcels-topology", "class, name, attrs, ST_Area(geom::geography)", "source_key")
        assert Counter(row[0] for row in rows) == {"overlap": 8, "gap": 1, "duplicate": 1}
        for fault, name, attrs, area in rows:
            assert math.isclose(area, attrs["area_m2"], rel_tol=1e-3, abs_tol=0.01) and attrs["width_m"] > 0
            assert (
                attrs["key_a"] in names
                and attrs["key_b"] in names
                and name.startswith({"overlap": "重叠", "gap": "缝隙"}.get(fault, "重复"))
            )
        example = next(rule for rule in report.rules if rule.rule == "topology-duplicate").examples[0]
        assert example.key == "甲49" and example.lon and "甲63" in example.detail_zh

    def test_the_next_check_is_a_difference_and_a_mended_layer_is_empty(self, town, tmp_path) -> None:
        shapes = coverage(6)
        faulty = shapes.copy()
        faulty[7] = shapely.buffer(faulty[7], 1e-5, join_style="mitre")
        names = [f"k{at}" for at in range(36)]
        town.take(layer_file(tmp_path / "mended.gpkg", faulty, 编码=names), topology=True)
        first = town.live("mended-topology", "oid")
        assert len(first) == 8
        (tmp_path / "again").mkdir()
        other = faulty.copy()
        other[28] = shapely.buffer(other[28], 1e-5, join_style="mitre")
        town.take(layer_file(tmp_path / "again" / "mended.gpkg", other, 编码=names), topology=True)
        assert set(first) < set(town.live("mended-topology", "oid")) and len(town.live("mended-topology", "oid")) == 16
        (tmp_path / "good").mkdir()
        report = town.take(layer_file(tmp_path / "good" / "mended.gpkg", shapes, 编码=names), topology=True)
        assert (report.topology.overlaps, report.topology.gaps, report.topology.layer) == (0, 0, "mended-topology")
        assert town.live("mended-topology", "oid") == []

    def test_a_layer_with_nothing_wrong_or_no_areas_gets_no_second_layer(self, town, tmp_path) -> None:
        report = town.take(layer_file(tmp_path / "clean.gpkg", coverage(5)), topology=True)
        assert report.topology.polygons == 25 and report.topology.layer == ""
        report = town.take(files.geojson(tmp_path / "dots.geojson", [files.point(113, 23), files.point(113, 23)]), topology=True)
        assert report.topology.polygons == 0 and not report.topology.duplicates
        assert town.ask("SELECT id FROM twin.layer WHERE id LIKE '%%-topology' AND id ~ '^(clean|dots)'") == []
        assert town.take(layer_file(tmp_path / "plain.gpkg", coverage(3))).topology is None


@pytest.mark.data
class TestRealBoundaries:
    def test_counties_on_a_coarse_grid_are_repaired_and_checked(self, town, data_root) -> None:
        report = town.take(data_root / "boundaries/counties_echarts_guangdong.zip", layer="counties", topology=True, datum="GCJ-02")
        assert report.repaired >= 81
        found = report.topology
        assert found.polygons == 124 and found.duplicates == 0
        rows = town.live("counties-topology", "class, ST_IsValid(geom), (attrs ->> 'area_m2')::float8, attrs ->> 'key_a'", "1")
        assert len(rows) == found.overlaps + found.gaps + found.duplicates > 0
        assert all(valid and area > 0 and key for _, valid, area, key in rows)

    def test_prefectures_that_share_their_borders_have_no_fault_once_repaired(self, town, data_root) -> None:
        report = town.take(data_root / "boundaries/datav/440000.json.gz", layer="prefectures", topology=True, datum="GCJ-02")
        assert next(rule.count for rule in report.rules if rule.rule == "invalid-geometry") == 3
        assert report.topology.model_dump() == {
            "layer": "", "polygons": 22, "overlaps": 0, "gaps": 0, "duplicates": 0, "written": 0,
        }  # fmt: skip

    def test_the_gap_between_two_districts_names_both(self, town, data_root) -> None:
        report = town.take(data_root / "boundaries/sz.json", layer="districts", topology=True)
        (row,) = town.live("districts-topology", "class, name, (attrs ->> 'area_m2')::float8")
        assert row[0] == "gap" and {"龙岗", "龙华"} == set(row[1].removeprefix("缝隙 ").split(" / ")) and 60_000 < row[2] < 80_000
        assert report.topology.gaps == 1
