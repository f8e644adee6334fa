"""Odd shapes: what the file has, what becomes of it, and what is said about it."""

from pathlib import Path

import pytest
import shapely

from tests.importers import files, raw_shapefile

OUTER = [(113.0, 23.0), (113.0, 23.1), (113.1, 23.1), (113.1, 23.0), (113.0, 23.0)]
"""With the clock, as the shells of a shapefile turn."""
INNER = [(113.02, 23.02), (113.02, 23.04), (113.04, 23.04), (113.04, 23.02), (113.02, 23.02)]
WITH_HOLE = shapely.Polygon(OUTER, [INNER])


def lines(path, *shapes):
    features = [files.feature(shapely.geometry.mapping(shapely.from_wkt(text)), n=at) for at, text in enumerate(shapes)]
    return files.geojson(path, features)


class TestVertices:
    def test_repeated_ones_go_and_heights_stay(self, tmp_path) -> None:
        path = lines(
            tmp_path / "twice.geojson",
            "LINESTRING(113 23, 113 23, 113.1 23, 113.1 23)",
            "POLYGON((113 23, 113.1 23, 113.1 23.1, 113.1 23.1, 113 23))",
            "LINESTRING Z(113 23 1, 113 23 2, 113.1 23 3)",
            "LINESTRING(113 23, 113.1 23, 113 23)",
        )
        seen = files.read(path)
        assert [shapely.get_num_coordinates(shape) for shape in seen.shapes] == [2, 4, 3, 3]
        told = [(item.row, item.detail_en) for item in seen.findings if item.rule == "repeated-points"]
        assert told == [(1, "2"), (2, "1")]

    def test_a_ring_of_one_place_is_dropped_and_the_rest_kept(self, tmp_path) -> None:
        dot = [[113.05, 23.05]] * 4
        shell = [list(point) for point in OUTER]
        rows = [
            files.feature({"type": "Polygon", "coordinates": [shell, dot]}),
            files.feature({"type": "Polygon", "coordinates": [dot]}),
        ]
        seen = files.read(files.geojson(tmp_path / "dot.geojson", rows))
        assert seen.shapes[0].equals(shapely.Polygon(OUTER)) and seen.shapes[1] is None
        assert seen.rules["ring-dropped"] == 1 and seen.rules["collapsed"] == 1


class TestRings:
    def read(self, tmp_path, *rings):
        return files.read(raw_shapefile.polygons(tmp_path / "rings.shp", [rings]))

    def test_as_it_should_be(self, tmp_path) -> None:
        seen = self.read(tmp_path, OUTER, INNER[::-1])
        assert seen.shapes[0].equals(WITH_HOLE) and not {"ring-order", "ring-direction"} & set(seen.rules)

    def test_a_hole_that_turns_as_its_shell_is_a_hole(self, tmp_path) -> None:
        for rings in ((OUTER, INNER), (OUTER[::-1], INNER[::-1]), (OUTER[::-1], INNER)):
            seen = self.read(tmp_path, *rings)
            assert seen.shapes[0].equals(WITH_HOLE), rings
            assert seen.rules["ring-order"] == 1

    def test_a_lonely_shell_against_the_clock_is_only_said(self, tmp_path) -> None:
        seen = self.read(tmp_path, OUTER[::-1])
        assert seen.shapes[0].equals(shapely.Polygon(OUTER)) and seen.rules["ring-direction"] == 1

    def test_an_island_in_the_hole_stays_land(self, tmp_path) -> None:
        island = [(113.03, 23.03), (113.03, 23.035), (113.035, 23.035), (113.035, 23.03), (113.03, 23.03)]
        seen = self.read(tmp_path, OUTER, INNER, island)
        assert seen.shapes[0].equals(shapely.MultiPolygon([WITH_HOLE, shapely.Polygon(island)])) and seen.rules["ring-order"] == 1

    def test_shells_side_by_side_are_left_alone(self, tmp_path) -> None:
        other = [(x + 1, y) for x, y in OUTER]
        seen = self.read(tmp_path, OUTER, other)
        assert len(shapely.get_parts(seen.shapes[0])) == 2 and not seen.rules["ring-order"]

    def test_a_geojson_hole_before_its_shell(self, tmp_path) -> None:
        rows = [files.feature({"type": "Polygon", "coordinates": [list(map(list, INNER)), list(map(list, OUTER))]})]
        seen = files.read(files.geojson(tmp_path / "swapped.geojson", rows))
        assert seen.shapes[0].equals(WITH_HOLE) and seen.rules["ring-order"] == 1


class TestSlivers:
    def test_thin_areas_are_warned_about_with_their_width(self, tmp_path) -> None:
        thin = shapely.box(113, 23, 113.01, 23 + 4e-7)
        path = files.geopackage(tmp_path / "thin.gpkg", [thin, shapely.box(113, 23, 113.01, 23.0001)])
        (finding,) = [item for item in files.read(path).findings if item.rule == "sliver"]
        assert finding.row == 1 and finding.detail_en.endswith("0.044 m")

    def test_in_metres_of_a_grid(self, tmp_path) -> None:
        boxes = [shapely.box(500_000, 2_500_000, 501_000, 2_500_000.05), shapely.box(500_000, 2_500_000, 501_000, 2_500_004)]
        path = files.geopackage(tmp_path / "grid.gpkg", boxes, crs="EPSG:4547")
        assert self.thin(path) == [1]

    def thin(self, path: Path, **options: str) -> list[int | None]:
        return [item.row for item in files.read(path, **options).findings if item.rule == "sliver"]

    @pytest.mark.parametrize("wrong", ["", "EPSG:4326", "EPSG:4547"])
    def test_the_numbers_tell_degrees_from_metres(self, tmp_path, wrong) -> None:
        thin_and_not = [shapely.box(113, 23, 113.01, 23 + 4e-7), shapely.box(113, 23, 113.001, 23.001)]
        metres = [shapely.box(500_000, 2_500_000, 501_000, 2_500_000.05), shapely.box(500_000, 2_500_000, 500_010, 2_500_004)]
        for name, boxes in (("degrees", thin_and_not), ("metres", metres)):
            assert self.thin(files.geopackage(tmp_path / f"{name}.gpkg", boxes, crs=wrong or None)) == [1], name

    def test_feet_are_feet_where_anybody_says_so(self, tmp_path) -> None:
        feet = [shapely.box(1_500_000, 200_000, 1_500_900, 200_000 + width) for width in (0.2, 0.4)]  # 6 and 12 cm
        assert self.thin(files.geopackage(tmp_path / "said.gpkg", feet, crs="EPSG:2926")) == [1]
        bare = files.geopackage(tmp_path / "bare.gpkg", feet, crs=None)
        assert (self.thin(bare), self.thin(bare, crs="EPSG:2926")) == ([], [1])


class TestMeridian:
    def test_what_crosses_is_cut_and_what_is_beyond_comes_back(self, tmp_path) -> None:
        path = lines(
            tmp_path / "fiji.geojson",
            "POLYGON((179 -17, -179 -17, -179 -16, 179 -16, 179 -17))",
            "POLYGON((179 -17, 181 -17, 181 -16, 179 -16, 179 -17))",
            "LINESTRING(170 0, -170 10)",
            "POINT(190 5)",
            "POLYGON((200 0, 201 0, 201 1, 200 1, 200 0))",
        )
        seen = files.read(path)
        both = shapely.MultiPolygon([shapely.box(179, -17, 180, -16), shapely.box(-180, -17, -179, -16)])
        assert seen.shapes[0].equals(both) and seen.shapes[1].equals(both)
        assert seen.shapes[2].equals(shapely.from_wkt("MULTILINESTRING((170 0, 180 5), (-180 5, -170 10))"))
        assert seen.shapes[3].equals(shapely.Point(-170, 5)) and seen.shapes[4].equals(shapely.box(-160, 0, -159, 1))
        assert (seen.rules["antimeridian"], seen.rules["longitude-turned"]) == (3, 2)

    def test_what_only_touches_it_or_is_wide_is_left_alone(self, tmp_path) -> None:
        path = lines(
            tmp_path / "wide.geojson",
            "POLYGON((-180 -90, 180 -90, 180 -80, -180 -80, -180 -90))",
            "POLYGON((-120 -60, 120 -60, 120 60, -120 60, -120 -60))",
            "MULTIPOLYGON(((179 -17, 180 -17, 180 -16, 179 -17)), ((-180 -17, -179 -17, -180 -16, -180 -17)))",
            "MULTIPOINT(179 0, -179 0)",
        )
        seen = files.read(path)
        assert not {"antimeridian", "longitude-turned"} & set(seen.rules)
        assert shapely.bounds(seen.shapes[1]).tolist() == [-120, -60, 120, 60]

    def test_a_grid_in_metres_is_no_longitude(self, tmp_path) -> None:
        path = files.geopackage(tmp_path / "local.gpkg", [shapely.box(190, 0, 200, 10)], crs="EPSG:4547")
        seen = files.read(path)
        assert seen.shapes[0].equals(shapely.box(190, 0, 200, 10)) and not seen.rules["longitude-turned"]


class TestKinds:
    def test_mixed_kinds_are_counted(self, tmp_path) -> None:
        path = lines(
            tmp_path / "mixed.geojson",
            "POINT(113 23)",
            "POINT(113 24)",
            "LINESTRING(113 23, 114 23)",
            "POLYGON((113 23, 114 23, 114 24, 113 23))",
        )
        (finding,) = [item for item in files.read(path).findings if item.rule == "mixed-types"]
        assert (finding.detail_zh, finding.detail_en) == ("点 2，线 1，面 1", "points 2, lines 1, areas 1")

    def test_single_and_multi_are_one_kind(self, tmp_path) -> None:
        path = lines(tmp_path / "same.geojson", "POINT(113 23)", "MULTIPOINT(113 23, 114 23)")
        assert not files.read(path).rules["mixed-types"]

    def test_empty_shapes_are_none(self, tmp_path) -> None:
        shapes = [shapely.from_wkt("POLYGON EMPTY"), None, shapely.from_wkt("MULTIPOLYGON EMPTY"), shapely.box(113, 23, 114, 24)]
        seen = files.read(files.geopackage(tmp_path / "empty.gpkg", shapes))
        assert seen.shapes[:3] == [None, None, None] and seen.rules["null-geometry"] == 3
