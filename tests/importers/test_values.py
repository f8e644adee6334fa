"""Attribute values and names with the faults they arrive with: encodings, days, codes, cut and doubled names, very wide tables."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from importers.base import MAX_COLUMNS, Column
from importers.cut_names import completed
from importers.mixed import kind_of, usual_kind
from tests.importers import files, raw_shapefile
from twin.errors import TooLarge, TwinError
from twin.fields import FieldType

CITIES = ("广州市天河区", "深圳市南山区", "珠海市香洲区", "汕头市金平区", "佛山市禅城区", "韶关市浈江区")


def named(path: Path, fields: Sequence[tuple[bytes, int]], *rows: Sequence[bytes]) -> Path:
    return raw_shapefile.table(raw_shapefile.points(path, len(rows)), fields, rows)


def values(seen: files.Read, column: int = 1) -> list[str]:
    return [row[f"c{column}"] for row in seen.rows]


def rule(report, name: str):
    return next((item for item in report.rules if item.rule == name), None)


class TestEncodings:
    def test_a_table_of_two_offices_is_read_row_by_row(self, tmp_path) -> None:
        rows = [(city.encode("utf-8" if at % 3 else "gbk"),) for at, city in enumerate(CITIES)]
        seen = files.read(named(tmp_path / "joined.shp", [("名称".encode("gbk"), 30)], *rows))
        assert values(seen) == list(CITIES) and seen.meta.encoding == "UTF-8+GB18030"
        assert seen.meta.columns[0].name == "名称"
        told = [(item.row, item.detail_zh) for item in seen.findings if item.rule == "mixed-encodings"]
        assert told == [(1, "该行为 GB18030"), (4, "该行为 GB18030")]

    def test_a_csv_joined_from_two(self, tmp_path) -> None:
        path = tmp_path / "joined.csv"
        lines = [f"{city},113.{at},23\n".encode("gb18030" if at < 4 else "utf-8") for at, city in enumerate(CITIES)]
        path.write_bytes("名称,lng,lat\n".encode("gb18030") + b"".join(lines))
        seen = files.read(path)
        assert values(seen) == list(CITIES) and seen.meta.columns[0].name == "名称"
        assert [item.row for item in seen.findings if item.rule == "mixed-encodings"] == [5, 6]

    def test_a_few_broken_rows_do_not_spoil_the_others(self, tmp_path) -> None:
        rows = [(city.encode("gbk"),) for city in CITIES * 3] + [("深圳".encode("gbk") + b"\xff\xff",)]
        seen = files.read(named(tmp_path / "broken.shp", [(b"NAME", 30)], *rows))
        assert values(seen)[:6] == list(CITIES) and values(seen)[-1].startswith("深圳")
        assert [item.row for item in seen.findings if item.rule == "bad-text"] == [19]

    def test_full_fields_that_end_inside_a_character_are_no_other_encoding(self, tmp_path) -> None:
        for encoding in ("utf-8", "gbk"):
            rows = [(("中" + city * 3).encode(encoding)[:20],) for city in CITIES]
            seen = files.read(named(tmp_path / f"{encoding}.shp", [(b"NAME", 20)], *rows))
            assert all(value.startswith("中" + city[:3]) for value, city in zip(values(seen), CITIES, strict=True))
            assert not seen.rules["mixed-encodings"]

    def test_western_text_is_left_alone(self, tmp_path) -> None:
        seen = files.read(named(tmp_path / "west.shp", [(b"NAME", 20)], (b"Caf\xe9",), (b"\xc9t\xe9",)))
        assert values(seen) == ["Café", "Été"]

    def test_words(self) -> None:
        assert kind_of("联通".encode("gbk"), "gb18030") == "gb18030"
        assert usual_kind([city.encode() for city in CITIES]) == "" == usual_kind([city.encode("gbk") for city in CITIES])
        assert usual_kind([CITIES[0].encode(), CITIES[1].encode("gbk"), CITIES[2].encode("gbk")]) == "gb18030"


class TestDays:
    FORMS = (
        "2026/1/2",
        "2026年1月2日",
        "20260102",
        "2026-01-02T08:30:00",
        "2026.1.2",
        "２０２６－０１－０２",
        "46024",
        "2026-1-2 8:30",
        None,
    )

    def test_every_way_of_writing_is_one_day(self, town, tmp_path) -> None:
        rows = [files.point(113 + at / 10, 23, 登记日期=form, n=at) for at, form in enumerate(self.FORMS)]
        report = town.take(files.geojson(tmp_path / "days.geojson", rows))
        assert next(field.type for field in report.fields if field.name == "登记日期") is FieldType.INSTANT
        read = [
            row[0] for row in town.live("days", "twin.as_instant(attrs, '登记日期') AT TIME ZONE 'Asia/Shanghai'", "(attrs ->> 'n')::int")
        ]
        assert {str(day.date()) for day in read[:-1]} == {"2026-01-02"} and read[-1] is None
        assert [str(read[at].time()) for at in (3, 7)] == ["08:30:00", "08:30:00"]
        assert "2026年1月2日 → 2026-01-02" in rule(report, "days-read").examples[0].detail_zh

    def test_a_column_without_times_is_a_date_and_odd_words_are_kept_aside(self, town, tmp_path) -> None:
        forms = ["2026/1/2", "2026年12月31日", *[f"2025-3-{day}" for day in range(1, 28)], "不详"]
        rows = [files.point(113 + at / 100, 23, 建成=form, n=at) for at, form in enumerate(forms)]
        report = town.take(files.geojson(tmp_path / "built.geojson", rows))
        assert next(field.type for field in report.fields if field.name == "建成") is FieldType.DATE
        assert rule(report, "bad-value").count == 1
        last = town.live("built", "attrs", "(attrs ->> 'n')::int")[-1][0]
        assert last["_raw"] == {"建成": "不详"} and "建成" not in last

    def test_day_numbers_of_a_spreadsheet_are_taken_with_a_warning(self, town, tmp_path) -> None:
        path = tmp_path / "serial.csv"
        path.write_text("lng,lat,竣工日期,层数\n113,23,45292,45292\n113.1,23,46024,30001\n", encoding="utf-8")
        report = town.take(path)
        kinds = {field.name: field.type for field in report.fields}
        assert kinds["竣工日期"] is FieldType.DATE and kinds["层数"] is FieldType.INTEGER
        assert town.live("serial", "attrs ->> '竣工日期'", "1") == [("2024-01-01",), ("2026-01-02",)]
        assert rule(report, "day-numbers").severity.value == "warn"

    def test_eight_digits_are_a_day_only_under_a_name_of_days(self, town, tmp_path) -> None:
        path = tmp_path / "digits.csv"
        path.write_text("lng,lat,update_date,面积\n113,23,20240229,20240229\n113.1,23,20231231,20231231\n", encoding="utf-8")
        kinds = {field.name: field.type for field in town.take(path).fields}
        assert kinds == {"update_date": FieldType.DATE, "面积": FieldType.INTEGER}

    def test_no_such_day_stays_text(self, town, tmp_path) -> None:
        rows = [files.point(113 + at / 10, 23, 日期=form) for at, form in enumerate(("2026年2月30日", "第三季度", "1/2/2026"))]
        report = town.take(files.geojson(tmp_path / "nodays.geojson", rows))
        assert report.fields[0].type is FieldType.TEXT and rule(report, "days-read") is None

    def test_a_known_field_of_days_reads_them_all(self, town, tmp_path) -> None:
        path = tmp_path / "known.csv"
        path.write_text("id,lng,lat,起\n1,113,23,2001-02-03\n", encoding="utf-8")
        town.take(path, key="id")
        path.write_text("id,lng,lat,起\n1,113,23,2001年2月4日\n2,113,23,20010205\n", encoding="utf-8")
        report = town.take(path, key="id")
        assert town.live("known", "attrs ->> '起'", "source_key") == [("2001-02-04",), ("2001-02-05",)]
        assert rule(report, "bad-value") is None


class TestCodes:
    def test_land_use_gets_its_zeros_back_where_the_code_is_known(self, town, tmp_path) -> None:
        path = tmp_path / "landuse.csv"
        path.write_text("lng,lat,地类编码\n113,23,101\n113.1,23,1001\n113.2,23,1\n113.3,23,999\n", encoding="utf-8")
        report = town.take(path)
        codes = [row[0] for row in town.live("landuse", "coalesce(class, code, attrs ->> '地类编码')", "oid")]
        assert codes == ["0101", "1001", "01", "999"]
        restored = rule(report, "code-restored")
        assert restored.count == 2 and restored.examples[0].detail_zh == "地类编码：101 → 0101"

    def test_postcodes_read_as_numbers(self, town, tmp_path) -> None:
        rows = [files.point(113 + at / 10, 23, 邮编=code) for at, code in enumerate((10010, 510000, 518000))]
        report = town.take(files.geojson(tmp_path / "post.geojson", rows))
        assert town.live("post", "attrs ->> '邮编'", "oid") == [("010010",), ("510000",), ("518000",)]
        assert rule(report, "code-restored").count == 1

    def test_a_code_shorter_than_its_siblings_is_warned_about_and_left_as_it_is(self, town, tmp_path) -> None:
        codes = ["0755001", "0755002", "755003", *[f"20{at:05}" for at in range(9)]]
        rows = [files.point(113 + at / 100, 23, 设施编号=code) for at, code in enumerate(codes)]
        report = town.take(files.geojson(tmp_path / "short.geojson", rows))
        warned = rule(report, "short-code")
        assert warned.count == 1 and warned.examples[0].row == 3 and "755003" in warned.examples[0].detail_en
        assert ("755003",) in town.live("short", "coalesce(code, attrs ->> '设施编号')")

    def test_levels_of_divisions_and_plain_counters_are_fine(self, town, tmp_path) -> None:
        divisions = ["44", "4403", "440303", "440303001", *[f"4403{at:02}" for at in range(40)]]
        rows = [files.point(113 + at / 1000, 23, 行政区代码=code, 编号=str(at + 1)) for at, code in enumerate(divisions * 30)]
        assert rule(town.take(files.geojson(tmp_path / "fine.geojson", rows)), "short-code") is None


class TestNames:
    def test_a_name_cut_inside_a_character_is_read_and_told(self, tmp_path) -> None:
        for encoding, whole, shown in (("gbk", "a建筑物编号", "a建筑物编"), ("utf-8", "建筑物编号", "建筑物")):
            fields = [(whole.encode(encoding)[:10], 10), (b"H", 4)]
            seen = files.read(named(tmp_path / f"{encoding}.shp", fields, ("甲".encode(encoding), b"3")))
            assert [column.name for column in seen.meta.columns] == [shown, "H"] and values(seen) == ["甲"]
            assert [item.detail_zh for item in seen.findings if item.rule == "name-cut"] == [f"字段 {shown}…"]

    def test_cut_names_find_the_fields_of_the_layer(self, town, tmp_path) -> None:
        rows = [files.point(113.0, 23, 建筑物统一编号="B1", building_height_m=3.5, building_width_m=2.0)]
        town.take(files.geojson(tmp_path / "whole.geojson", rows), key="建筑物统一编号")
        fields = [("建筑物统一编号".encode("gbk")[:10], 10), (b"building_h", 5), (b"building_w", 5)]
        path = named(tmp_path / "cut.shp", fields, (b"B1", b"3.5", b"9"), (b"B2", b"8", b"9"))
        report = town.take(path, layer="whole", encoding="gbk")
        assert [field.name for field in report.fields] == ["建筑物统一编号", "building_height_m", "building_width_m"]
        assert report.key == "建筑物统一编号" and (report.changed, report.added) == (1, 1)
        assert rule(report, "name-completed").count == 3
        assert town.live("whole", "attrs ->> 'building_height_m'", "source_key") == [("3.5",), ("8",)]

    def test_two_fields_that_begin_alike_are_not_guessed(self) -> None:
        columns = [Column(name="building_h", type=FieldType.TEXT), Column(name="short", type=FieldType.TEXT)]
        assert completed(columns, ["building_height", "building_hall", "shortened"], "utf-8") == {}
        assert completed(columns, ["building_height", "shortened"], "utf-8") == {"building_h": "building_height"}
        assert completed(columns, ["building_h", "building_height"], "utf-8") == {}

    def test_doubled_names_keep_their_values(self, town, tmp_path) -> None:
        path = named(tmp_path / "twice.shp", [(b"NAME", 8), (b"NAME", 8), (b"name", 8)], (b"a", b"b", b"c"))
        report = town.take(path)
        assert [field.name for field in report.fields] == ["NAME", "NAME_2", "name_3"] and rule(report, "doubled-name").count == 2
        assert town.live("twice", "name, attrs ->> 'NAME_2', attrs ->> 'name_3'") == [("a", "b", "c")]

    def test_names_that_differ_by_letter_case_only(self, town, tmp_path) -> None:
        report = town.take(files.geojson(tmp_path / "case.geojson", [files.point(113, 23, Status="x", STATUS="y")]))
        assert [field.name for field in report.fields] == ["Status", "STATUS_2"]
        assert rule(report, "column-renamed").examples[0].detail_en == "STATUS → STATUS_2"


class TestWidth:
    @pytest.mark.parametrize("count", [500, MAX_COLUMNS])
    def test_wide_tables_arrive_whole(self, town, tmp_path, count) -> None:
        path = tmp_path / f"wide{count}.csv"
        header = ",".join(["lng", "lat", *(f"v{at}" for at in range(count - 2))])
        row = ",".join(["113", "23", *(str(10**12 + at) for at in range(count - 2))])
        path.write_text(f"{header}\n{row}\n", encoding="utf-8")
        report = town.take(path)
        assert report.published == 1 and len(report.fields) == count - 2
        ((attrs,),) = town.live(f"wide{count}", "attrs")
        assert len(attrs) == count - 2 and attrs[f"v{count - 3}"] == 10**12 + count - 3

    def test_wider_ones_are_refused_with_the_limit(self, town, tmp_path) -> None:
        path = tmp_path / "wider.csv"
        path.write_text(",".join(["lng", "lat", *(f"v{at}" for at in range(1700))]) + "\n", encoding="utf-8")
        with pytest.raises(TwinError, match=f"1702 columns .limit {MAX_COLUMNS}"):
            town.take(path)
        features = [files.point(113, 23, **{f"v{at}": at for at in range(1200)})]
        with pytest.raises(TooLarge, match=f"1200 columns .limit {MAX_COLUMNS}"):
            town.take(files.geojson(tmp_path / "widest.geojson", features))
