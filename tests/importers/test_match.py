"""A file's columns beside the fields of a layer that is there: suggestions, renaming, casts, code lists; and the score that comes of it."""

import pytest

from importers.base import Column, Severity
from importers.infer import infer, matched
from importers.match import Why, initials, suggest
from importers.options import FieldOverride
from importers.quality import quality_of
from tests.importers import files
from twin.errors import BadParameter
from twin.fields import Field

KNOWN = (
    Field(name="行政区名称"),
    Field(name="building_height", title_zh="建筑高度", type="number"),
    Field(name="usage", title_zh="用途"),
    Field(name="storeys", title_zh="层数", role="floors", type="integer"),
    Field(name="population", type="integer"),
    Field(name="remark"),
)


def columns(**types: str) -> list[Column]:
    return [Column(name=name, type=kind) for name, kind in types.items()]


class TestSuggestions:
    @pytest.mark.parametrize(
        ("column", "kind", "field", "why"),
        [
            ("remark", "text", "remark", Why.SAME),
            ("Building_Height", "number", "building_height", Why.SAME),
            ("用途", "text", "usage", Why.TITLE),
            ("楼层", "integer", "storeys", Why.ROLE),
            ("BUILDING_H", "number", "building_height", Why.CUT),
            ("XZQMC", "text", "行政区名称", Why.INITIALS),
            ("JZGD", "number", "building_height", Why.INITIALS),
            ("populatoin", "integer", "population", Why.SIMILAR),
        ],
    )
    def test_each_way_to_be_one(self, column: str, kind: str, field: str, why: Why) -> None:
        found = columns(**{column: kind})
        (suggestion,) = suggest(found, KNOWN, infer(found, {}, []).roles)
        assert (suggestion.field, suggestion.why) == (field, why)

    @pytest.mark.parametrize(("column", "kind"), [("OBJECTID", "integer"), ("re", "text"), ("populatoin", "boolean"), ("b", "text")])
    def test_what_is_nothing(self, column: str, kind: str) -> None:
        found = columns(**{column: kind})
        assert suggest(found, KNOWN, infer(found, {}, []).roles) == ()

    def test_the_better_name_wins_and_nothing_is_used_twice(self) -> None:
        found = columns(BUILDING_H="number", building_height="number")
        assert {each.column: each.field for each in suggest(found, KNOWN, {})} == {"building_height": "building_height"}

    def test_initials_are_those_of_every_sound(self) -> None:
        assert initials("啊八擦搭蛾发噶哈击喀垃妈拿哦啪期然撒塌挖昔压匝") == "abcdefghjklmnopqrstwxyz"
        assert initials("road") == "" and initials("地类编码") == "dlbm" and "\0" in initials("圳名")


class TestMatch:
    def test_renamed_left_out_and_new(self) -> None:
        found = matched(KNOWN, columns(XZQMC="text", JUNK="text", extra="text"), {}, [], {"XZQMC": "行政区名称", "JUNK": ""})
        assert found.sources == {"行政区名称": "XZQMC", "extra": "extra"} and found.left_out == ("JUNK",)
        assert [field.name for field in found.fields] == [*(field.name for field in KNOWN), "extra"]

    def test_the_own_name_gives_way_to_what_is_said(self) -> None:
        found = matched(KNOWN, columns(MC="text", usage="text"), {}, [], {"MC": "usage"})
        assert found.sources == {"usage": "MC", "usage_2": "usage"}

    def test_a_field_gets_its_column_even_where_names_alone_would_not(self) -> None:
        known = (Field(name="code", role="code"), Field(name="编码"))
        found = matched(known, columns(编码="text", BH="text"), {}, [], {"BH": "code"})
        assert found.sources == {"编码": "编码", "code": "BH"} and [field.name for field in found.fields] == ["code", "编码"]

    def test_a_new_layer_gets_the_names_said(self) -> None:
        found = matched((), columns(XZQMC="text", H="number"), {}, [FieldOverride(name="H", unit="m")], {"XZQMC": "name", "H": "height"})
        assert [(field.name, field.role) for field in found.fields] == [("name", "name"), ("height", "height")]
        assert found.fields[1].unit == "m" and found.sources == {"name": "XZQMC", "height": "H"}

    @pytest.mark.parametrize("match", [{"nobody": "usage"}, {"a": "usage", "b": "usage"}])
    def test_refused(self, match: dict[str, str]) -> None:
        with pytest.raises(BadParameter) as caught:
            matched(KNOWN, columns(a="text", b="text"), {}, [], match)
        assert caught.value.place == "match" and caught.value.message_zh != caught.value.message_en


def plots(path, key: str, name: str, use: str, *rows: tuple[str, str, object]):
    return files.geojson(path, [files.square(113 + at / 100, 23, **{key: k, name: n, use: u}) for at, (k, n, u) in enumerate(rows)])


ROWS = (("p1", "一号地", "耕地"), ("p2", "二号地", "0102"), ("p3", "三号地", "Paddy field"))


class TestImports:
    def test_a_file_with_other_names_changes_nothing(self, town, tmp_path) -> None:
        town.take(plots(tmp_path / "a.geojson", "code", "name", "area", *((k, n, at) for at, (k, n, _) in enumerate(ROWS))), layer="same")
        other = plots(tmp_path / "b.geojson", "DKBM", "DKMC", "MJ", *((k, n, at) for at, (k, n, _) in enumerate(ROWS)))
        report = town.take(other, layer="same", match={"DKBM": "code", "DKMC": "name", "MJ": "area"})
        assert (report.unchanged, report.changed, report.added, report.removed, report.key) == (3, 0, 0, 0, "DKBM")
        again = town.take(other, layer="same", match={"DKBM": "code", "DKMC": "name", "MJ": "area"})
        assert (again.unchanged, again.key) == (3, "DKBM")

    def test_values_that_do_not_cast_are_reported(self, town, tmp_path) -> None:
        town.take(plots(tmp_path / "a.geojson", "code", "name", "area", ("p1", "一", 1.5)), layer="casts")
        file = plots(tmp_path / "b.geojson", "code", "name", "MJ", ("p1", "一", "2.5"), ("p2", "二", "很大"))
        report = town.take(file, layer="casts", match={"MJ": "area"})
        assert town.live("casts", "attrs ->> 'area', attrs -> '_raw' ->> 'area'") == [("2.5", None), (None, "很大")]
        (rule,) = [rule for rule in report.rules if rule.rule == "bad-value"]
        assert (rule.count, rule.examples[0].key) == (1, "p2")

    def test_labels_become_codes_and_other_words_are_reported(self, town, tmp_path) -> None:
        fields = (FieldOverride(name="use", code_list="land_use", role="class"), FieldOverride(name="code"))
        file = plots(tmp_path / "c.geojson", "code", "name", "use", *ROWS, ("p4", "四号地", "火星地"), ("p5", "五号地", None))
        report = town.take(file, layer="coded", fields=fields)
        assert town.live("coded", "class") == [("01",), ("0102",), ("0101",), ("火星地",), (None,)]
        (rule,) = [rule for rule in report.rules if rule.rule == "bad-code"]
        assert (rule.count, rule.examples[0].row, "火星地" in rule.examples[0].detail_zh) == (1, 4, True)
        again = town.take(file, layer="coded", fields=fields)
        assert again.unchanged == 5 and not [rule for rule in again.rules if rule.rule == "bad-code"]

    def test_codes_in_a_field_without_a_role(self, town, tmp_path) -> None:
        fields = (FieldOverride(name="use", code_list="land_use", role=""),)
        file = plots(tmp_path / "d.geojson", "code", "name", "use", *ROWS)
        town.take(file, layer="coded-attrs", fields=fields)
        assert town.live("coded-attrs", "attrs ->> 'use'") == [("01",), ("0102",), ("0101",)]


class TestQuality:
    def test_a_clean_file_has_a_hundred(self, town, tmp_path) -> None:
        file = plots(tmp_path / "clean.geojson", "code", "name", "use", *ROWS)
        assert town.take(file, layer="clean", crs="CGCS2000").quality.score == 100
        assert town.take(file, layer="clean", crs="CGCS2000").quality is None  # nothing was looked at

    def test_every_rule_says_what_it_costs(self, town, tmp_path) -> None:
        bow = {"type": "Polygon", "coordinates": [[[113, 23], [113.01, 23.01], [113.01, 23], [113, 23.01], [113, 23]]]}
        features = [files.square(113 + at / 100, 23, code=f"p{at}") for at in range(7)]
        features += [{"type": "Feature", "properties": {"code": "bow"}, "geometry": bow}]
        features += [files.square(113, 23, code="p1"), files.square(500, 23, code="far")]
        report = town.take(files.geojson(tmp_path / "mixed.geojson", features), layer="mixed", key="code", crs="CGCS2000")
        costs = {rule.rule: (rule.rows, rule.share, rule.points) for rule in report.quality.rules if rule.points}
        assert costs["out-of-range"] == (1, 0.1, 10) and costs["invalid-geometry"] == (1, 0.1, 2) and costs["duplicate-key"] == (1, 0.1, 5)
        assert report.quality.score == pytest.approx(100 - sum(points for _, _, points in costs.values()))

    @pytest.mark.parametrize(
        ("rules", "score"),
        [
            ([], 100),
            ([("a", "note", 9, 9)], 100),
            ([("a", "refuse", 10, 10)], 0),
            ([("a", "repair", 30, 10)], 80),
            ([("crs-assumed", "warn", 1, 0)], 95),
            ([("a", "refuse", 10, 10), ("b", "warn", 10, 10)], 0),
        ],
    )
    def test_the_formula(self, rules: list[tuple[str, str, int, int]], score: float) -> None:
        found = quality_of(10, [(rule, Severity(severity), count, rows) for rule, severity, count, rows in rules])
        assert found is not None and found.score == score
        assert quality_of(0, []) is None
