"""Every format of the registry, each with a file made by hand and with the real ones."""

import json
import shutil
import struct
from pathlib import Path

import pyarrow as pa
import pytest
import shapely

from importers import CONTAINERS, FORMATS, load
from importers.base import Member
from importers.demo.reader import write as write_arrow_file
from importers.gdal import check_drivers
from importers.pinned import DRIVERS, SKIPPED
from importers.sniff import HEAD_BYTES
from tests.archives import mvt, write_archive
from tests.importers import files
from tests.importers.files import read
from twin.errors import BadFile
from twin.fields import FieldType


def sample(name: str, folder: Path) -> Path:
    """One good file of each format; a format without one here fails the contract."""
    features = [files.square(113 + at / 100, 23, 名称=f"楼{at}", 层数=at) for at in range(3)]
    shapes = [shapely.box(113 + at / 100, 23, 113.001 + at / 100, 23.001) for at in range(3)]
    makers = {
        "geojson": lambda: files.geojson(folder / "a.geojson", features),
        "geojsonseq": lambda: files.sequence(folder / "a.geojsonl", features),
        "geopackage": lambda: files.geopackage(folder / "a.gpkg", shapes, 名称=["楼0", "楼1", "楼2"], 层数=[0, 1, 2]),
        "shapefile": lambda: files.shapefile(folder, "a", shapes, 名称=["楼0", "楼1", "楼2"], 层数=[0, 1, 2]),
        "csv": lambda: _csv(folder / "a.csv"),
        "arrow": lambda: _arrow(folder / "a.arrow", shapes),
        "pmtiles": lambda: write_archive(folder / "a.pmtiles", {(5, 26, x): mvt(count=3, note="x" * 500) for x in range(14)}),
    }
    return makers[name]()


def _arrow(path: Path, shapes: list[shapely.Polygon]) -> Path:
    table = pa.table({"名称": ["楼0", "楼1", "楼2"], "层数": [0, 1, 2], "geometry": pa.array(shapely.to_wkb(shapes), pa.binary())})
    write_arrow_file(table, path)
    return path


def _csv(path: Path) -> Path:
    path.write_text("名称,层数,经度,纬度\n楼0,0,113,23\n楼1,1,113.01,23\n楼2,2,113.02,23\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
class TestContract:
    def test_reads_its_own(self, entry, tmp_path) -> None:
        path = sample(entry.name, tmp_path)
        found = read(path)
        assert found.meta.format == entry.name
        if entry.name == "pmtiles":  # tiles are not rows
            assert found.meta.archive.tiles == 14 and found.rows == []
            return
        assert [found.named(at)["名称"] for at in range(3)] == ["楼0", "楼1", "楼2"]
        assert [found.named(at)["层数"] for at in range(3)] == [0, 1, 2]
        assert {column.name: column.type for column in found.meta.columns} == {"名称": FieldType.TEXT, "层数": FieldType.INTEGER}
        assert [row["row"] for row in found.rows] == [1, 2, 3] == [row["rid"] for row in found.rows]
        assert all(shape.distance(shapely.Point(113, 23)) < 0.03 for shape in found.shapes)
        assert found.summary.rows == 3 and found.summary.refused == 0

    def test_its_bytes_are_told_whatever_the_name(self, entry, tmp_path) -> None:
        path = sample(entry.name, tmp_path)
        head = path.read_bytes()[:HEAD_BYTES]
        assert load(entry.sniff)(head, Member("x.dat", path))
        others = [other for other in FORMATS if load(other.sniff)(head, Member("x.dat", path))]
        assert others[0] is entry

    def test_half_of_it_is_refused_with_a_reason(self, entry, tmp_path) -> None:
        path = sample(entry.name, tmp_path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        if entry.name == "csv":  # a table that ends early is a shorter table
            return
        if entry.name == "geojsonseq":
            found = read(path)
            assert found.rules["bad-line"] == 1 and found.summary.rows + found.summary.refused == found.summary.features
            return
        with pytest.raises(BadFile) as caught:
            read(path)
        assert caught.value.place

    def test_is_listed_with_suffixes(self, entry) -> None:
        assert entry.suffixes and all(suffix.startswith(".") for suffix in entry.suffixes)
        assert entry.title_zh and entry.title_en and not set(entry.suffixes) & set(CONTAINERS)


def test_gdal_has_no_driver_beyond_the_list() -> None:
    import pyogrio

    assert set(pyogrio.list_drivers()) == set(DRIVERS) | set(SKIPPED), "look at the new driver, then put it on a list"
    with pytest.raises(Exception, match="not allowed"):
        check_drivers()  # this process has them all


class TestGeojson:
    def test_gbk_bom_and_list(self, tmp_path) -> None:
        text = json.dumps({"type": "FeatureCollection", "features": [files.point(113, 23, 名="东莞")]}, ensure_ascii=False)
        for name, data, encoding in (
            ("gbk", text.encode("gb18030"), "GB18030"),
            ("bom", b"\xef\xbb\xbf" + text.encode(), "UTF-8-SIG"),
            ("list", json.dumps([files.point(113, 23, 名="东莞")]).encode(), "UTF-8"),
        ):
            (tmp_path / name).write_bytes(data)
            found = read(tmp_path / name)
            assert found.named(0) == {"名": "东莞"} and found.meta.encoding == encoding

    def test_crs_member_is_believed(self, tmp_path) -> None:
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
        found = read(files.geojson(tmp_path / "a.json", [files.point(500000, 2500000)], crs=crs))
        assert found.meta.crs == "EPSG:4547"

    def test_types_nulls_and_nesting(self, tmp_path) -> None:
        rows = [
            files.point(113, 23, t="2020-01-02", i=1, f=1.5, b=True, o={"a": [1, None]}, when="2020-01-02T03:04:05+08:00"),
            files.feature(None, t=None, i=None, f=2, b=None, o=None, when=None),
        ]
        found = read(files.geojson(tmp_path / "a.json", rows))
        types = {column.name: column.type.value for column in found.meta.columns}
        assert types == {"t": "date", "i": "integer", "f": "number", "b": "boolean", "o": "text", "when": "instant"}
        assert json.loads(found.named(0)["o"]) == {"a": [1, None]}
        assert found.named(0)["when"].isoformat() == "2020-01-01T19:04:05+00:00"
        assert found.shapes[1] is None and found.rules == {"null-geometry": 1}

    def test_rings_are_closed_and_empty_is_null(self, tmp_path) -> None:
        rows = [files.polygon(files.SQUARE[:-1]), files.feature({"type": "GeometryCollection", "geometries": []})]
        found = read(files.geojson(tmp_path / "a.json", rows))
        assert found.shapes[0].is_valid and found.shapes[1] is None
        assert found.rules["ring-closed"] == 1 and found.rules["null-geometry"] == 1

    def test_real_footprints_are_split(self, data_root) -> None:
        found = read(data_root / "buildings/nanshan-building.geojson.gz", explode=True)
        assert (found.summary.features, found.summary.rows) == (10, 5438)
        assert {shape.geom_type for shape in found.shapes} == {"Polygon"}
        assert {row["row"] for row in found.rows} == set(range(1, 11))
        assert min(found.named(at)["height"] for at in range(5438)) == 18
        assert [row["part"] for row in found.rows[:3]] == [1, 2, 3]

    def test_many_documents_of_an_archive_are_one_source(self, data_root) -> None:
        found = read(data_root / "boundaries/counties_echarts_guangdong.zip")
        assert found.summary.rows == 124 and found.meta.total == 124
        assert [row["row"] for row in found.rows] == list(range(1, 125))


class TestSequence:
    def test_a_bad_line_is_refused_alone(self, tmp_path) -> None:
        path = tmp_path / "a.ndjson"
        good = json.dumps(files.point(113, 23, 名="一"))
        bad = ["{", '{"type":"Point"}', '{"type":"Feature","geometry":{"type":"Point","coordinates":[NaN,1]}}']
        path.write_text("\n".join([good, *bad, "", good]) + "\n")
        found = read(path)
        assert [row["row"] for row in found.rows] == [1, 6]
        assert sorted(finding.row for finding in found.findings) == [2, 3, 4]
        assert found.summary.refused == 3 and found.summary.features == 5

    def test_rs_separators(self, tmp_path) -> None:
        path = tmp_path / "a.json"
        path.write_text("".join(f"\x1e{json.dumps(files.point(113, 23, n=at))}\n" for at in range(3)))
        assert [read(path).named(at)["n"] for at in range(3)] == [0, 1, 2]


class TestShapefile:
    def test_gbk_without_cpg(self, data_root) -> None:
        found = read(data_root / "hard/shapefile-chongqing/区县界_area.shp")
        assert found.named(0)["NAME"] == "奉节县" and found.meta.encoding == "gb18030" and found.summary.rows == 38

    @pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
    @pytest.mark.parametrize("told", [True, False])
    def test_encoding_is_found_out(self, tmp_path, encoding, told) -> None:
        path = files.shapefile(tmp_path, "楼", [shapely.box(113, 23, 113.1, 23.1)], encoding=encoding, 名称=["广州市天河区"], 用途=["住宅"])
        if not told:
            path.with_suffix(".cpg").unlink(missing_ok=True)
            table = bytearray(path.with_suffix(".dbf").read_bytes())
            table[29] = 0
            path.with_suffix(".dbf").write_bytes(table)
        found = read(path)
        assert found.named(0) == {"名称": "广州市天河区", "用途": "住宅"}
        assert bool(found.rules["encoding-detected"]) == (not told)

    def test_a_lying_cpg_is_not_believed(self, tmp_path) -> None:
        path = files.shapefile(tmp_path, "a", [shapely.box(113, 23, 113.1, 23.1)], encoding="GBK", 名称=["广州"])
        path.with_suffix(".cpg").write_text("UTF-8")
        found = read(path)
        assert found.named(0) == {"名称": "广州"} and found.rules["encoding-mismatch"] == 1

    def test_lost_side_files(self, tmp_path, data_root) -> None:
        for name in ("polygonz", "pointm", "multipatch"):
            before = sorted(path.name for path in (data_root / "hard/shapefile-types").iterdir())
            found = read(data_root / f"hard/shapefile-types/{name}.shp")
            assert found.rules["missing-shx"] == 1 and found.rules["missing-prj"] == 1 and found.meta.crs == ""
            assert found.summary.has_z == (name != "pointm")
            assert sorted(path.name for path in (data_root / "hard/shapefile-types").iterdir()) == before, (
                "nothing is written beside a source"
            )
        assert found.shapes[0].geom_type == "MultiPolygon" and found.rules["surface-flattened"] == 1

    def test_measures_are_dropped_and_heights_kept(self, data_root) -> None:
        found = read(data_root / "hard/gpkg/line_zm.gpkg")
        assert shapely.has_z(found.shapes[0]) and not shapely.has_m(found.shapes[0])
        assert found.rules == {"measure-dropped": 1}

    def test_zip_with_folder_gbk_names_and_mixed_case(self, tmp_path) -> None:
        path = files.shapefile(tmp_path, "楼", [shapely.box(113, 23, 113.1, 23.1)], encoding="GBK", 名称=["广州"])
        members = {f"数据/楼{side.suffix.upper()}": side.read_bytes() for side in tmp_path.iterdir()}
        found = read(files.zipped(tmp_path / "楼.zip", members))
        assert found.named(0) == {"名称": "广州"} and found.meta.crs == "EPSG:4490"
        raw = (tmp_path / "楼.zip").read_bytes()
        for name in members:
            raw = raw.replace(name.encode(), name.encode("gbk").ljust(len(name.encode()), b"_"))
        assert path.exists() and raw

    def test_two_sets_in_a_zip_ask_for_one(self, tmp_path) -> None:
        for stem in ("a", "b"):
            files.shapefile(tmp_path, stem, [shapely.box(113, 23, 113.1, 23.1)], 名称=[stem])
        both = files.zipped(tmp_path / "two.zip", {path.name: path.read_bytes() for path in tmp_path.iterdir()})
        with pytest.raises(BadFile, match=r"--table: a\.shp, b\.shp"):
            read(both)
        assert read(both, table="b").named(0) == {"名称": "b"}

    def test_text_cut_inside_a_character_is_still_gbk(self, tmp_path) -> None:
        path = files.shapefile(tmp_path, "a", [shapely.box(113, 23, 113.1, 23.1)], encoding="GBK", 名称=["广" * 40])
        data = path.with_suffix(".dbf").read_bytes()
        width = struct.unpack("<H", data[10:12])[0] - 1
        assert width == 80
        path.with_suffix(".dbf").write_bytes(data[:-2] + b"\xb9\x1a")
        path.with_suffix(".cpg").unlink()
        found = read(path)
        assert found.meta.encoding == "gb18030" and found.named(0)["名称"].startswith("广广广")

    def test_corrupt_but_readable(self, data_root) -> None:
        assert read(data_root / "hard/shapefile/corrupt_too_long.shp").summary.rows == 10
        assert read(data_root / "hard/shapefile/REL.zip").meta.crs == "EPSG:31287"


class TestGeopackage:
    def test_curves_become_lines(self, data_root) -> None:
        found = read(data_root / "hard/gpkg/curvepolygon.gpkg")
        assert found.shapes[0].geom_type == "Polygon" and found.rules == {"curve-linearised": 1}

    def test_every_number_type(self, data_root) -> None:
        found = read(data_root / "hard/gpkg/test_gpkg_nulls.gpkg")
        assert found.named(0)["col_float32"] == 1.5 and found.named(3)["col_int64"] is None

    def test_two_tables_ask_for_one(self, tmp_path) -> None:
        for layer in ("buildings", "roads"):
            files.geopackage(tmp_path / "a.gpkg", [shapely.box(113, 23, 113.1, 23.1)], layer=layer, 名=[layer])
        with pytest.raises(BadFile, match="--table: buildings, roads"):
            read(tmp_path / "a.gpkg")
        assert read(tmp_path / "a.gpkg", table="roads").named(0) == {"名": "roads"}

    def test_the_file_is_not_touched(self, tmp_path) -> None:
        path = files.geopackage(tmp_path / "a.gpkg", [shapely.box(113, 23, 113.1, 23.1)], 名=["a"])
        before = path.read_bytes()
        read(path)
        assert path.read_bytes() == before and [item.name for item in tmp_path.iterdir()] == ["a.gpkg"]


class TestTable:
    def test_types_are_fixed_by_all_rows(self, tmp_path) -> None:
        path = tmp_path / "a.csv"
        rows = [f"{at},0{at % 9},{at}.5,2024-01-0{at % 9 + 1},113.{at:05d},23" for at in range(60_000)]
        path.write_text("\n".join(["n,区号代码,f,d,lng,lat", *rows, "x,001,,,113,23"]) + "\n", encoding="utf-8")
        found = read(path)
        types = {column.name: column.type.value for column in found.meta.columns}
        assert types == {"n": "text", "区号代码": "text", "f": "number", "d": "date"}
        assert found.named(60_000) == {"n": "x", "区号代码": "001", "f": None, "d": None} and found.summary.rows == 60_001

    def test_gb18030_semicolons_and_quoted_newlines(self, tmp_path) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes('名称;X;Y;备注\n学校;113.5;23.5;"一\n二;三"\n'.encode("gb18030"))
        found = read(path)
        assert found.meta.encoding == "GB18030" and found.named(0) == {"名称": "学校", "备注": "一\n二;三"}
        assert shapely.to_wkt(found.shapes[0], rounding_precision=2) == "POINT (113.5 23.5)"

    def test_bad_rows_are_refused_alone(self, tmp_path) -> None:
        path = tmp_path / "a.csv"
        lines = [
            "名,lng,lat",
            "好,113,23",
            "缺,113",
            "词,abc,23",
            "坏,nan,23",
            "大,1e400,23",
            "逗,'113,5',23",
            "空,,",
            "阿,١١٣,23",
            "末,113.1,23.1",
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found = read(path)
        assert [found.named(at)["名"] for at in range(len(found.rows))] == ["好", "空", "末"]
        assert found.summary.refused == 6 and found.summary.rows == 3 and found.meta.total == 9
        assert found.rules == {"bad-line": 2, "bad-coordinates": 4, "null-geometry": 1}

    def test_heights_make_deep_points(self, tmp_path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("经度,纬度,高程\n113,23,12.5\n113,23,\n", encoding="utf-8")
        found = read(path)
        assert [bool(shapely.has_z(shape)) for shape in found.shapes] == [True, False] and found.summary.has_z

    def test_without_coordinates_it_says_what_it_wants(self, data_root) -> None:
        with pytest.raises(BadFile, match="longitude, 经度") as caught:
            read(data_root / "boundaries/codes/guangdong_areas.csv.gz")
        assert "line 1" in caught.value.place


def test_other_real_files_are_refused_by_their_content(data_root, tmp_path) -> None:
    for name in ("hard/flatgeobuf/countries.fgb", "hard/osm/bad_spain_relation.xml", "hard/filegdb/testopenfilegdb.gdb.zip"):
        with pytest.raises(BadFile, match="no reader here knows"):
            read(data_root / name)
    disguised = tmp_path / "countries.geojson"
    shutil.copy(data_root / "hard/flatgeobuf/countries.fgb", disguised)
    with pytest.raises(BadFile):
        read(disguised)
