"""Every format of the registry, each with a file made by hand and with the real ones."""

import io
import json
import shutil
import struct
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely
from pyogrio.raw import write_arrow

from importers import CONTAINERS, FORMATS, load, opendocument
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
        "filegdb": lambda: files.zipped_folder(folder / "a.gdb.zip", written(folder / "a.gdb", "OpenFileGDB", shapes, "EPSG:4490")),
        "flatgeobuf": lambda: written(folder / "a.fgb", "FlatGeobuf", shapes, "EPSG:4490", layer_options={"SPATIAL_INDEX": "NO"}),
        "gml": lambda: written(folder / "a.gml", "GML", shapes, "EPSG:4490"),
        "mapinfo": lambda: interchange(folder / "a.mif"),
        "dxf": lambda: drawing(folder / "a.dxf"),
        "osm": lambda: extract(folder / "a.osm"),
        "kml": lambda: placemarks(folder / "a.kml"),
        "geoparquet": lambda: parquet(folder / "a.parquet", shapes),
        "spreadsheet": lambda: workbook(folder / "a.xlsx"),
        "pmtiles": lambda: write_archive(folder / "a.pmtiles", {(5, 26, x): mvt(count=3, note="x" * 500) for x in range(14)}),
    }
    return makers[name]()


def _arrow(path: Path, shapes: list[shapely.Polygon]) -> Path:
    table = pa.table({"名称": ["楼0", "楼1", "楼2"], "层数": [0, 1, 2], "geometry": pa.array(shapely.to_wkb(shapes), pa.binary())})
    write_arrow_file(table, path)
    return path


def written(path: Path, driver: str, shapes: list[Any], crs: str, **options: Any) -> Path:
    """Three buildings as GDAL writes them."""
    wkb = pa.array(shapely.to_wkb(shapes), pa.binary())
    table = pa.table({"名称": ["楼0", "楼1", "楼2"], "层数": pa.array([0, 1, 2], pa.int32()), "geometry": wkb})
    kind = options.pop("geometry_type", "Polygon")
    write_arrow(table, path, driver=driver, geometry_name="geometry", geometry_type=kind, crs=crs, encoding="UTF-8", **options)
    return path


def interchange(path: Path, charset: str = "WindowsSimpChinese", encoding: str = "gb18030") -> Path:
    """Three points as MIF with its MID."""
    points = "".join(f"Point {113 + at / 100} 23\n" for at in range(3))
    head = f'Version 300\nCharset "{charset}"\nDelimiter ","\nCoordSys Earth Projection 1, 104\n'
    path.write_bytes(f"{head}Columns 2\n  名称 Char(20)\n  层数 Integer\nData\n\n{points}".encode(encoding))
    path.with_suffix(".mid").write_bytes("".join(f'"楼{at}",{at}\n' for at in range(3)).encode(encoding))
    return path


def drawing(path: Path, code_page: str = "ANSI_936", entities: str = "") -> Path:
    """A small drawing: a closed polyline and a text on two Chinese layers, and a block drawn twice."""
    header = f"0\nSECTION\n2\nHEADER\n9\n$ACADVER\n1\nAC1015\n9\n$DWGCODEPAGE\n3\n{code_page}\n0\nENDSEC\n"
    block = "0\nSECTION\n2\nBLOCKS\n0\nBLOCK\n8\n0\n2\n井\n70\n0\n10\n0\n20\n0\n0\nPOINT\n8\n井盖\n10\n0\n20\n0\n0\nENDBLK\n0\nENDSEC\n"
    corners = "".join(f"10\n{x}\n20\n{y}\n" for x, y in ((113, 23), (113.001, 23), (113.001, 23.001)))
    shape = f"0\nLWPOLYLINE\n100\nAcDbEntity\n8\n建筑\n100\nAcDbPolyline\n90\n3\n70\n1\n{corners}"
    text = "0\nTEXT\n100\nAcDbEntity\n8\n注记\n100\nAcDbText\n10\n113\n20\n23\n40\n1\n1\n东莞\n"
    insert = "0\nINSERT\n8\n管线\n2\n井\n10\n113\n20\n23\n"
    body = f"0\nSECTION\n2\nENTITIES\n{shape}{text}{insert}{entities}0\nENDSEC\n0\nEOF\n"
    path.write_bytes((header + block + body).encode("gb18030" if code_page == "ANSI_936" else "utf-8"))
    return path


def extract(path: Path) -> Path:
    """Three named places with a tag that has no column of its own."""
    nodes = "".join(
        f'<node id="{at}" lat="23" lon="{113 + at / 100}"><tag k="name" v="楼{at}"/><tag k="place" v="square"/><tag k="层数" v="{at}"/></node>'
        for at in range(1, 4)
    )
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">{nodes}</osm>', encoding="utf-8")
    return path


def placemarks(path: Path, declared: str = "UTF-8", extra: str = "") -> Path:
    marks = "".join(
        f'<Placemark><ExtendedData><SchemaData><SimpleData name="名称">楼{at}</SimpleData></SchemaData>'
        f'<Data name="层数"><value>{at}</value></Data></ExtendedData>'
        f"<Point><coordinates>{113 + at / 100}, 23, 0</coordinates></Point></Placemark>"
        for at in range(3)
    )
    text = (
        f'<?xml version="1.0" encoding="{declared}"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{extra}{marks}</Document></kml>'
    )
    path.write_bytes(text.encode({"UTF-8": "utf-8"}.get(declared, "gb18030")))
    return path


def parquet(path: Path, shapes: list[Any], encoding: str = "WKB", geometry: Any = None, **column: Any) -> Path:
    geometry = pa.array(shapely.to_wkb(shapes), pa.binary()) if geometry is None else geometry
    crs = json.loads(pyproj.CRS.from_epsg(4490).to_json())
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": encoding, "crs": crs, **column}}}
    table = pa.table({"名称": ["楼0", "楼1", "楼2"], "层数": [0, 1, 2], "geometry": geometry})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path, row_group_size=2)
    return path


def workbook(path: Path, driver: str = "XLSX") -> Path:
    """A sheet with a title above its heading, as offices write it."""
    rows = {"a": ["学校一览表", "名称", "楼0", "楼1", "楼2"], "b": [None, "层数", "0", "1", "2"]}
    rows |= {"c": [None, "经度", "113", "113.01", "113.02"], "d": [None, "纬度", "23", "23", "23"]}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})
    write_arrow(table, path, driver=driver, layer="学校")
    return path


def _csv(path: Path) -> Path:
    path.write_text("名称,层数,经度,纬度\n楼0,0,113,23\n楼1,1,113.01,23\n楼2,2,113.02,23\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
class TestContract:
    def test_reads_its_own(self, entry, tmp_path) -> None:
        path = sample(entry.name, tmp_path)
        found = read(path, table="points" if entry.name == "osm" else "")
        assert found.meta.format == entry.name
        if entry.name in ("dxf", "osm"):  # their columns are their own
            assert found.summary.rows == 3 and found.summary.refused == 0
            return
        if entry.name == "pmtiles":  # tiles are not rows
            assert found.meta.archive.tiles == 14 and found.rows == []
            return
        assert [found.named(at)["名称"] for at in range(3)] == ["楼0", "楼1", "楼2"]
        assert [found.named(at)["层数"] for at in range(3)] == [0, 1, 2]
        assert {column.name: column.type for column in found.meta.columns if column.name != "gml_id"} == {
            "名称": FieldType.TEXT,
            "层数": FieldType.INTEGER,
        }
        assert [row["row"] for row in found.rows] == [1, 2, 3] == [row["rid"] for row in found.rows]
        assert all(shape.distance(shapely.Point(113, 23)) < 0.03 for shape in found.shapes)
        assert found.summary.rows == 3 and found.summary.refused == 0

    def test_its_bytes_are_told_whatever_the_name(self, entry, tmp_path) -> None:
        path = sample(entry.name, tmp_path)
        if entry.name == "filegdb":  # its folder has a fixed list of files
            path = tmp_path / "a.gdb" / "a00000001.gdbtable"
        head = path.read_bytes()[:HEAD_BYTES]
        name = path.name if entry.name == "filegdb" else "x.dat"
        others = [other for other in FORMATS if load(other.sniff)(head, Member(name, path))]
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
        check_drivers(("GML",))  # this process has them all


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


class TestGeodatabase:
    def test_real_one_asks_for_a_feature_class(self, data_root) -> None:
        path = data_root / "hard/filegdb/testopenfilegdb.gdb.zip"
        with pytest.raises(BadFile, match="34 tables with geometry") as caught:
            read(path)
        assert "polygonzm" in caught.value.choices and "big_layer" not in caught.value.choices
        found = read(path, table="multipatch")
        assert found.rules["surface-flattened"] == 5 and found.shapes[0].geom_type == "MultiPolygon" and found.meta.crs == "EPSG:4326"
        assert read(path, table="testopenfilegdb.gdb/several_polygons").summary.rows == read(path, table="several_polygons").summary.rows
        with pytest.raises(BadFile, match="no table 'nowhere'"):
            read(path, table="nowhere")

    def test_a_folder_and_a_folder_deep_in_a_zip(self, tmp_path) -> None:
        path = written(tmp_path / "国土.gdb", "OpenFileGDB", [shapely.box(113, 23, 113.1, 23.1)] * 3, "EPSG:4547", layer="地块")
        before = sorted(item.name for item in path.iterdir())
        assert read(path).named(1)["名称"] == "楼1" and read(path).meta.crs == "EPSG:4547"
        assert sorted(item.name for item in path.iterdir()) == before, "nothing is written beside a source"
        deep = {f"2024年/数据/{path.name}/{file.name}": file.read_bytes() for file in path.iterdir()}
        found = read(files.zipped(tmp_path / "x.zip", deep | {"2024年/说明.txt": "甲,乙".encode()}))
        assert found.meta.format == "filegdb" and found.summary.rows == 3


class TestKml:
    def test_folders_gbk_holes_tracks_and_bad_coordinates(self, tmp_path) -> None:
        ring = "113,23 113.01,23 113.01,23.01 113,23.01 113,23"
        hole = "113.001,23.001 113.002,23.001 113.002,23.002 113.001,23.001"
        extra = (
            "<Folder><name>公园</name><Placemark><name>中心公园</name><MultiGeometry>"
            f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs>"
            f"<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing></innerBoundaryIs></Polygon>"
            f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
            "</MultiGeometry></Placemark></Folder>"
            "<Placemark><name>坏</name><Point><coordinates>一,二</coordinates></Point></Placemark>"
            "<Placemark><name>无</name></Placemark>"
            '<Placemark><gx:Track xmlns:gx="http://www.google.com/kml/ext/2.2"><gx:coord>113 23 5</gx:coord><gx:coord>113.1 23 6</gx:coord></gx:Track></Placemark>'
            "<NetworkLink><Link><href>http://127.0.0.1/x.kml</href></Link></NetworkLink>"
        )
        found = read(placemarks(tmp_path / "a.kml", "GB2312", extra))
        assert found.meta.encoding == "GB18030" and found.named(0)["folder"] == "公园" and found.named(0)["name"] == "中心公园"
        assert found.shapes[0].geom_type == "MultiPolygon" and len(found.shapes[0].geoms[0].interiors) == 1
        assert found.summary.refused == 1 and found.rules["bad-coordinates"] == 1 and found.rules["link-not-followed"] == 1
        assert found.shapes[1] is None and shapely.get_coordinates(found.shapes[2], include_z=True)[1].tolist() == [113.1, 23, 6]
        assert [row["row"] for row in found.rows] == [1, 3, 4, 5, 6, 7]

    def test_kmz_reads_its_doc(self, tmp_path) -> None:
        data = placemarks(tmp_path / "a.kml").read_bytes()
        kmz = files.zipped(tmp_path / "a.kmz", {"doc.kml": data, "other/b.kml": data, "images/a.png": b"\x89PNG\r\n"})
        assert read(kmz).summary.rows == 3


class TestGml:
    def test_axis_order_follows_the_name_of_the_system(self, tmp_path) -> None:
        def document(srs: str, place: str) -> bytes:
            return (
                '<?xml version="1.0" encoding="GBK"?><gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:d="urn:d">'
                f'<gml:featureMember><d:学校 gml:id="a.1"><d:名称>东莞中学</d:名称><d:place><gml:Point gml:id="p" srsName="{srs}">'
                f"<gml:pos>{place}</gml:pos></gml:Point></d:place></d:学校></gml:featureMember></gml:FeatureCollection>"
            ).encode("gbk")

        for srs, place, crs, wanted in (
            ("urn:ogc:def:crs:EPSG::4490", "23 113", "EPSG:4490", (113, 23)),
            ("http://www.opengis.net/def/crs/EPSG/0/4490", "23 113", "EPSG:4490", (113, 23)),
            ("EPSG:4490", "113 23", "EPSG:4490", (113, 23)),
            ("urn:ogc:def:crs:EPSG::4547", "2545000 500000", "EPSG:4547", (500000, 2545000)),
        ):
            path = tmp_path / "a.gml"
            path.write_bytes(document(srs, place))
            found = read(path)
            assert found.named(0)["名称"] == "东莞中学" and found.meta.encoding == "GB18030"
            assert (found.meta.crs, found.shapes[0].x, found.shapes[0].y) == (crs, *wanted), srs

    def test_real_ones(self, data_root) -> None:
        assert read(data_root / "natural/alaska/lakes.gml").summary.rows == 15
        found = read(data_root / "natural/plateau-numazu-landuse/523836_luse_6668_op.gml.gz")
        assert found.summary.rows == 225 and 138 < found.shapes[0].centroid.x < 139
        with pytest.raises(BadFile, match="3D model"):
            read(data_root / "cim/plateau/udx/bldg/53392642_bldg_6697_op2.gml")
        for path in [*(data_root / "cim/citygml3").glob("*.gml.gz"), data_root / "cim/citygml/lod2_buildings_v3.gml.gz"]:
            with pytest.raises(BadFile, match="CityGML 3"):
                read(path)

    @pytest.mark.parametrize("version", ["2.0", "3.0"])
    def test_a_city_model_is_not_taken_without_its_shapes(self, tmp_path, version) -> None:
        kind = f"xmlns:b='http://www.opengis.net/citygml/building/{version}'"
        footprint = (
            "<b:lod0FootPrint><gml:MultiSurface><gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing>"
            "<gml:posList srsDimension='3'>113 23 0 113.001 23 0 113.001 23.001 0 113 23 0</gml:posList>"
            "</gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember></gml:MultiSurface></b:lod0FootPrint>"
        )
        for shape, taken in ((footprint, version == "2.0"), ("<b:storeysAboveGround>3</b:storeysAboveGround>", False)):
            (tmp_path / "a.gml").write_text(
                f"<c:CityModel xmlns:c='http://www.opengis.net/citygml/{version}' {kind} xmlns:gml='http://www.opengis.net/gml'>"
                f"<c:cityObjectMember><b:Building gml:id='a'>{shape}</b:Building></c:cityObjectMember></c:CityModel>"
            )
            if taken:
                assert read(tmp_path / "a.gml").shapes[0].geom_type == "MultiPolygon"
                continue
            with pytest.raises(BadFile, match="only attributes") as caught:
                read(tmp_path / "a.gml")
            assert "城市模型" in caught.value.message_zh


class TestOsm:
    def test_layers_and_other_tags(self, data_root, tmp_path) -> None:
        path = data_root / "osm/monaco-latest.osm.pbf"
        with pytest.raises(BadFile, match="points, lines") as caught:
            read(path)
        assert caught.value.choices == ("points", "lines", "multilinestrings", "multipolygons", "other_relations")
        found = read(path, table="multipolygons")
        assert found.summary.rows == 1459 and found.meta.encoding == "UTF-8"
        tags = json.loads(read(extract(tmp_path / "a.osm"), table="points").named(0)["other_tags"])
        assert tags == {"层数": "1"}
        assert read(data_root / "hard/osm/bad_spain_relation.xml", table="multipolygons").summary.rows == 28


class TestDxf:
    @pytest.mark.parametrize("code_page", ["ANSI_936", "UTF-8"])
    def test_layers_texts_and_blocks(self, tmp_path, code_page) -> None:
        found = read(drawing(tmp_path / "a.dxf", code_page))
        rows = [found.named(at) for at in range(3)]
        assert [row["Layer"] for row in rows][:2] == ["建筑", "注记"] and rows[1]["Text"] == "东莞"
        assert found.shapes[2].geom_type == "Point" and (found.shapes[2].x, found.shapes[2].y) == (113, 23), "the block where it is put"
        assert found.meta.crs == "" and found.rules["missing-prj"] == 1


class TestParquet:
    def test_wkb_projjson_nested_and_row_groups(self, tmp_path) -> None:
        shapes = [shapely.Point(113 + at, 23) for at in range(3)]
        path = parquet(tmp_path / "a.parquet", shapes)
        table = pq.read_table(path)
        nested = pa.array([{"k": [1, None]}, None, {"k": []}])
        pq.write_table(table.append_column("标签", nested).append_column("raw", pa.array([b"\0"] * 3)), path, row_group_size=1)
        found = read(path)
        assert found.meta.crs == "EPSG:4490" and json.loads(found.named(0)["标签"]) == {"k": [1, None]} and found.named(1)["标签"] is None
        assert found.rules["column-dropped"] == 1 and [shape.x for shape in found.shapes] == [113, 114, 115]

    @pytest.mark.parametrize("struct", [True, False])
    def test_native_encodings(self, tmp_path, struct) -> None:
        shapes = [shapely.MultiPolygon([shapely.box(113, 23, 114, 24)]), shapely.MultiPolygon([shapely.box(110, 20, 111, 21)]), None]
        _, coordinates, offsets = shapely.to_ragged_array(shapes[:2])
        flat = pa.StructArray.from_arrays([coordinates[:, 0], coordinates[:, 1]], ["x", "y"])
        values = flat if struct else pa.FixedSizeListArray.from_arrays(pa.array(coordinates.ravel()), 2)
        for each in offsets:
            values = pa.ListArray.from_arrays(pa.array(each, pa.int32()), values)
        column = pa.concat_arrays([values, pa.nulls(1, values.type)])
        found = read(parquet(tmp_path / "a.parquet", shapes, "multipolygon", column))
        assert found.shapes[0].equals(shapes[0]) and found.shapes[1].equals(shapes[1]) and found.shapes[2] is None

    def test_lies_are_refused_with_their_place(self, tmp_path) -> None:
        shapes = [shapely.Point(113, 23)] * 3
        for change, said in (({"encoding": "polygon"}, "encoding polygon"), ({"crs": {"type": "nonsense"}}, "PROJJSON")):
            with pytest.raises(BadFile, match=said) as caught:
                read(parquet(tmp_path / "a.parquet", shapes, **change))
            assert "geometry" in caught.value.place


class TestMapinfo:
    def test_tab_in_a_zip_and_what_is_missing(self, tmp_path) -> None:
        interchange(tmp_path / "b.mif", "Neutral")
        assert read(tmp_path / "b.mif").rules["encoding-detected"] == 1 and read(tmp_path / "b.mif").named(0)["名称"] == "楼0"
        (tmp_path / "b.mid").unlink()
        with pytest.raises(BadFile, match=r"\.mid is missing"):
            read(tmp_path / "b.mif")

    def test_a_view_of_other_tables_is_refused(self, tmp_path, data_root) -> None:
        for text in (
            "!table\n!version 300\nDefinition Table\n  Type LINKED\n",
            '!table\n!version 300\nOpen Table "/etc/passwd" Hide\nCreate View v As Select * From passwd\n',
            '!table\n!version 300\nDefinition Table\n  Type NATIVE\nbegin_metadata\n"\\IsSeamless" = "TRUE"\nend_metadata\n',
        ):
            (tmp_path / "a.tab").write_text(text)
            with pytest.raises(BadFile, match="view of other tables"):
                read(tmp_path / "a.tab")


class TestShapesInText:
    def test_wkt_ewkt_hex_and_geojson(self, tmp_path) -> None:
        wkt = "POLYGON ((113 23, 114 23, 114 24, 113 23))"
        hexed = shapely.to_wkb(shapely.set_srid(shapely.from_wkt(wkt), 4547), hex=True, include_srid=True)
        for name, value, crs in (
            ("wkt", wkt, ""),
            ("几何", f"SRID=4490;{wkt}", "EPSG:4490"),
            ("any", hexed, "EPSG:4547"),
            ("g", shapely.to_geojson(shapely.from_wkt(wkt)), ""),
        ):
            path = tmp_path / "a.csv"
            quoted = value.replace('"', '""')
            path.write_text(f'名,{name},经度\n甲,"{quoted}",1\n乙,"POLYGON ((1",2\n丙,,3\n', encoding="utf-8")
            path.write_text(f'名,{name},经度\n甲,"{quoted}",1\n丙,,3\n乙,"坏",2\n', encoding="utf-8")
            if name != "wkt":
                path.write_text(f'名,{name},经度\n甲,"{quoted}",1\n丙,,3\n', encoding="utf-8")
                found = read(path)
                assert found.shapes[0].equals(shapely.from_wkt(wkt)) and found.meta.crs == crs and found.shapes[1] is None
                assert found.named(0) == {"名": "甲", "经度": 1}

    def test_a_bad_shape_is_refused_alone(self, tmp_path) -> None:
        path = tmp_path / "a.csv"
        rows = [f"{at},POINT (113 {at})" for at in range(30)] + ["x,POINT (113", "y,no shape"]
        path.write_text("\n".join(["n,wkt", *rows]) + "\n")
        found = read(path)
        assert found.summary.rows == 30 and found.summary.refused == 2 and found.rules["bad-coordinates"] == 2


class TestSpreadsheet:
    def test_two_sheets_ask_for_one_and_none_says_what_it_wants(self, tmp_path, data_root) -> None:
        path = workbook(tmp_path / "a.xlsx")
        table = pa.table({"经度": [113.5], "纬度": [23.5], "日期": [date(2024, 1, 2)], "代码": ["007"]})
        write_arrow(table, path, driver="XLSX", layer="医院", append=True)
        with pytest.raises(BadFile, match="2 sheets have coordinates") as caught:
            read(path)
        assert caught.value.choices == ("学校", "医院")
        assert read(path, table="医院").named(0) == {"日期": date(2024, 1, 2), "代码": "007"}
        with pytest.raises(BadFile, match="no sheet 'x'"):
            read(path, table="x")
        with pytest.raises(BadFile, match="no sheet has a heading"):
            read(data_root / "mobility/shenzhen-ev/SZweather20220619-20220718.xls")

    @pytest.mark.parametrize("block", [7, 1 << 20])
    def test_open_document_sheets_as_gdal_writes_them(self, tmp_path, monkeypatch, block) -> None:
        table = pa.table({"经度": [113.5, 113.6], "纬度": [23.5, 23.6], "名称": ["甲 > 乙", " 丙\n丁"], "n": [1, None]})
        write_arrow(table, tmp_path / "a.ods", driver="ODS", layer="学校")
        assert read(tmp_path / "a.ods").named(0) == {"名称": "甲 > 乙", "n": 1}
        with zipfile.ZipFile(tmp_path / "a.ods") as archive:
            raw = archive.read("content.xml")
        monkeypatch.setattr(opendocument, "_BLOCK", block)
        clean = b"".join(opendocument._closed_up(io.BytesIO(raw)))
        assert b">\n<table:table-cell" in raw and clean == opendocument._BREAK.sub(b">", raw) and len(clean) < len(raw)

    def test_in_a_zip_and_broken(self, tmp_path) -> None:
        data = workbook(tmp_path / "a.xlsx").read_bytes()
        assert read(files.zipped(tmp_path / "z.zip", {"表/学校.xlsx": data})).meta.format == "spreadsheet"
        (tmp_path / "b.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000))
        with pytest.raises(BadFile, match="workbook cannot be read"):
            read(tmp_path / "b.xls")


def test_real_flatgeobuf_under_any_name(data_root, tmp_path) -> None:
    disguised = tmp_path / "countries.geojson"
    shutil.copy(data_root / "hard/flatgeobuf/countries.fgb", disguised)
    assert read(disguised).meta.format == "flatgeobuf" and read(disguised).summary.rows == 179
    found = read(data_root / "hard/flatgeobuf/osm-buildings-3857-ch-sample.fgb")
    assert (found.meta.crs, found.summary.rows) == ("EPSG:3857", 204)


def test_several_formats_in_a_zip_with_gbk_names(tmp_path) -> None:
    """Old Windows archivers: names in GBK without a flag, backslashes between folders."""
    path = files.zipped(tmp_path / "a.zip", {"aaaa/bb.csv": b"lng,lat,n\n113,23,1\n", "c.kml": placemarks(tmp_path / "c.kml").read_bytes()})
    raw = path.read_bytes().replace(b"aaaa/bb.csv", "数据\\楼".encode("gbk") + b".csv"[:4])
    path.write_bytes(raw)
    with pytest.raises(BadFile, match="several data sets") as caught:
        read(path)
    assert set(caught.value.choices) == {"c.kml", "数据/楼.csv"}
    assert read(path, table="楼.csv").meta.format == "csv" and read(path, table="c.kml").meta.format == "kml"
