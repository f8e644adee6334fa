"""A look at a file before its import: the same reading, the same steps, nothing published."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from importers import preview
from importers.options import ImportOptions, parse_options
from importers.preview import preview_file
from importers.preview_answer import Preview
from tests.importers import files
from twin.crs import wgs84_to_gcj02


@pytest.fixture
def look(town):
    def ask(path: Path, **options: Any) -> Preview:
        written = (
            "SELECT (SELECT count(*) FROM twin.import_run), (SELECT count(*) FROM twin.import_finding), (SELECT count(*) FROM twin.layer)"
        )
        before = town.ask(written)
        found = preview_file(town.database, path, parse_options(options))
        assert town.staged() == [] and town.ask(written) == before
        return found

    return ask


def shifted(shape: Any) -> Any:
    """A shape of WGS 84 as a map of the web draws it."""
    return shapely.transform(shape, lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1])))


def districts(data_root: Any) -> tuple[list[Any], list[str]]:
    """The districts of Shenzhen in WGS 84 and their names."""
    features = json.loads((data_root / "boundaries/sz.json").read_text(encoding="utf-8"))["features"]
    kept = [(shapely.geometry.shape(item["geometry"]), f"{item['properties']['qh']}区") for item in features]
    return [shapely.multipolygons([shape]) if shape.geom_type == "Polygon" else shape for shape, _ in kept], [name for _, name in kept]


class TestDatum:
    @pytest.fixture
    def wrong_prj(self, tmp_path, data_root) -> Path:
        """GCJ-02 coordinates whose .prj says CGCS2000, text in GBK without a .cpg."""
        shapes, names = districts(data_root)
        files.shapefile(tmp_path, "行政区", [shifted(shape) for shape in shapes], encoding="GBK", crs="EPSG:4490", 名称=names)
        members = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".cpg"}
        return files.zipped(tmp_path / "行政区.zip", members)

    @pytest.mark.data
    def test_the_offset_is_measured_and_goes_with_the_datum(self, look, wrong_prj, with_divisions) -> None:
        with_divisions()
        found = look(wrong_prj)
        assert (found.format, found.encoding, found.crs, found.crs_by) == ("shapefile", "gb18030", "EPSG:4490", "file")
        check = found.datum_check
        assert check is not None and check.doubtful and check.fits == "GCJ-02" and 300 < check.offset_m < 700
        assert "datum-doubt" in [rule.rule for rule in found.findings] and "名称" in [column.name for column in found.columns]
        mended = look(wrong_prj, datum="GCJ-02")
        assert mended.datum_check is not None and not mended.datum_check.doubtful and mended.datum_check.offset_m < 20
        assert mended.crs_by == "said" and mended.datum == "GCJ-02"
        moved = [np.array(each.bounds)[:2] for each in (found, mended)]
        assert 0.002 < np.abs(moved[0] - moved[1]).max() < 0.01


class TestText:
    def test_the_encoding_changes_what_is_read(self, look, tmp_path) -> None:
        path = files.shapefile(tmp_path, "a", [shapely.box(113, 23, 113.1, 23.1)], encoding="GBK", 名称=["粤图"])
        (tmp_path / "a.cpg").unlink()
        found = look(path)
        assert (found.encoding, found.encoding_by, found.sample[0][0]) == ("gb18030", "content", "粤图")
        wrong = look(path, encoding="iso-8859-1")
        assert wrong.encoding_by == "said" and wrong.columns[0].name != "名称" and "粤" not in str(wrong.sample)

    def test_long_text_is_cut_and_rows_are_few(self, look, tmp_path) -> None:
        features = [files.square(113 + at / 1000, 23, n=at, text="长" * 500) for at in range(600)]
        found = look(files.geojson(tmp_path / "many.geojson", features), crs="CGCS2000")
        assert len(found.sample) == 20 and len(found.sample[0][1]) == 201
        assert len(found.shapes["features"]) == 500 and (found.read, found.rows, found.complete) == (600, 600, True)
        assert found.geometry_types == {"Polygon": 600}


class TestPart:
    def test_a_large_file_is_read_in_part(self, look, tmp_path, monkeypatch) -> None:
        features = [json.dumps(files.square(113 + at / 100_000, 23, n=at)) for at in range(40_000)]
        (tmp_path / "large.geojsonl").write_text("\n".join(features))
        found = look(tmp_path / "large.geojsonl", crs="CGCS2000")
        assert (found.read, found.complete) == (preview.READ_ROWS, False)
        assert found.bounds == pytest.approx((113, 23, 113.02, 23.001), abs=2e-3)

    def test_many_points_are_not_all_sent(self, look, tmp_path) -> None:
        ring = shapely.Point(113.5, 23).buffer(0.4, quad_segs=20_000)
        found = look(files.geojson(tmp_path / "round.geojson", [files.feature(shapely.geometry.mapping(ring), n=1)]), crs="CGCS2000")
        (feature,) = found.shapes["features"]
        drawn = shapely.geometry.shape(feature["geometry"])
        assert shapely.get_num_coordinates(drawn) < 500 and drawn.area == pytest.approx(ring.area, rel=0.001)


class TestFields:
    def test_a_new_layer(self, look, tmp_path) -> None:
        found = look(files.geojson(tmp_path / "blocks.geojson", [files.square(113, 23, 编号="a1", 层数=3)]))
        assert (found.layer, found.known, found.key) == ("blocks", False, "编号")
        assert [(column.name, column.field, column.role, column.why) for column in found.columns] == [
            ("编号", "编号", "code", ""),
            ("层数", "层数", "floors", ""),
        ]
        assert found.crs_by == "file" or "crs-assumed" in [rule.rule for rule in found.findings]

    def test_a_known_layer_is_suggested_and_what_is_said_wins(self, town, look, tmp_path) -> None:
        town.take(files.geojson(tmp_path / "known.geojson", [files.square(113, 23, code="a1", building_height=3.5, remark="x")]))
        new = files.geojson(tmp_path / "new.geojson", [files.square(113, 23, BH="a1", BUILDING_H="9", remark="x", extra=1)])
        found = look(new, layer="known")
        assert found.known and found.known_rows
        told = {column.name: (column.field, column.why) for column in found.columns}
        assert told == {"BH": ("BH", ""), "BUILDING_H": ("building_height", "cut"), "remark": ("remark", "same"), "extra": ("extra", "")}
        said = look(new, layer="known", match={"BH": "code", "BUILDING_H": "", "extra": "remark"})
        told = {column.name: (column.field, column.why) for column in said.columns}
        assert told == {"BH": ("code", "said"), "BUILDING_H": ("", "said"), "remark": ("remark_2", ""), "extra": ("remark", "said")}


class TestRefusals:
    def test_a_file_nobody_knows(self, look, tmp_path) -> None:
        (tmp_path / "a.geojson").write_bytes(b"\x00\x01\x02")
        found = look(tmp_path / "a.geojson")
        assert found.refusal is not None and found.refusal.code == "invalid-file" and found.refusal.detail_zh != found.refusal.detail_en
        assert found.columns == () and found.layer == "a"

    def test_an_instruction_is_refused(self, look, tmp_path) -> None:
        (tmp_path / "a.csv").write_text("<OGRVRTDataSource><OGRVRTLayer name='x'/></OGRVRTDataSource>")
        found = look(tmp_path / "a.csv")
        assert found.refusal is not None and "VRT" in found.refusal.detail_en

    def test_several_tables_are_offered(self, look, tmp_path) -> None:
        for name in ("one", "two"):
            files.geopackage(tmp_path / "both.gpkg", [shapely.box(113, 23, 113.1, 23.1)], layer=name, n=[1])
        found = look(tmp_path / "both.gpkg")
        assert found.refusal is not None and found.refusal.choices == ("one", "two")
        assert look(tmp_path / "both.gpkg", table="two").refusal is None

    def test_coordinates_that_are_no_degrees(self, look, tmp_path) -> None:
        path = files.shapefile(tmp_path, "far", [shapely.box(9e8, 9e8, 9.1e8, 9.1e8)], n=[1])
        (tmp_path / "far.prj").unlink()
        found = look(path)
        assert found.refusal is not None and found.refusal.place == "crs"

    def test_a_slow_file_ends(self, look, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(preview, "LIMITS", preview.Limits(deadline_s=0.05))
        found = look(files.geojson(tmp_path / "slow.geojson", [files.square(113, 23, n=1)]))
        assert found.refusal is not None and found.refusal.code == "too-large"


def test_an_archive_of_tiles_has_no_rows(look, tmp_path) -> None:
    (tmp_path / "t.pmtiles").write_bytes(b"PMTiles\x03" + bytes(200))
    found = look(tmp_path / "t.pmtiles")
    assert (found.format, found.columns, found.refusal) == ("pmtiles", (), None)


def test_options_are_those_of_the_import() -> None:
    assert ImportOptions(match={"a": "b"}).match == {"a": "b"}
