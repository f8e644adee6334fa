import json

import pytest

from importers.base import Column
from importers.infer import follow, infer
from importers.options import FieldOverride, ImportOptions, parse_options, read_fields
from postgis.layers import check_fields
from twin.errors import BadParameter
from twin.fields import Field, FieldType, Role

TEXT, INTEGER, NUMBER = FieldType.TEXT, FieldType.INTEGER, FieldType.NUMBER


def columns(**types: FieldType) -> list[Column]:
    return [Column(name=name, type=kind) for name, kind in types.items()]


def fields_of(given: list[Column], *said: FieldOverride, **distinct: int) -> dict[str, Field]:
    found = infer(given, distinct, said).fields
    check_fields(found)
    return {field.name: field for field in found}


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [
        ("编码", TEXT, Role.CODE), ("ADCODE", INTEGER, Role.CODE), ("BSM", TEXT, Role.CODE), ("名称", TEXT, Role.NAME), ("NAME", TEXT, Role.NAME),
        ("XZQMC", TEXT, Role.NAME), ("DLBM", TEXT, Role.CLASS), ("地类编码", TEXT, Role.CLASS), ("建筑高度", NUMBER, Role.HEIGHT), ("H", NUMBER, Role.HEIGHT),
        ("height", TEXT, None), ("building:levels", INTEGER, Role.FLOORS), ("层数", INTEGER, Role.FLOORS), ("行政区代码", TEXT, Role.DIVISION),
        ("XZQDM", TEXT, Role.DIVISION), ("人口", INTEGER, Role.POPULATION), ("valid_from", TEXT, Role.VALID_FROM), ("失效日期", FieldType.DATE, Role.VALID_TO),
        ("uuid", TEXT, Role.KEY), ("备注", TEXT, None), ("OBJECTID", INTEGER, None),
    ],
)  # fmt: skip
def test_roles_by_name(name: str, kind: FieldType, role: Role | None) -> None:
    assert fields_of(columns(**{name: kind}))[name].role is role


def test_each_role_once_and_the_best_name_wins() -> None:
    found = fields_of(columns(代码=TEXT, code=TEXT, 名称=TEXT, name=TEXT, type=TEXT, dlbm=TEXT))
    assert {name: field.role for name, field in found.items()} == {
        "代码": None, "code": Role.CODE, "名称": None, "name": Role.NAME, "type": None, "dlbm": Role.CLASS
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "named"),
    [
        ("行政区名称", "行政区名称"), ("区县名称 面积", "区县名称"), ("ZLDWDM ZLDWMC", "ZLDWMC"),  # a village of the land survey
        ("省名 市名 县名 镇名", "镇名"), ("市名 街道名称", "街道名称"), ("省名 行政区名称", "行政区名称"),
        ("店名 区县名称", None), ("XZQMC MC", "MC"), ("XZQMC XZQDM", "XZQMC"),
        ("TBBH DLMC QSDWMC ZLDWMC", None),  # a parcel of the land survey: no name is its own
    ],
)  # fmt: skip
def test_the_name_of_a_place_names_a_thing_only_where_it_has_no_other(names: str, named: str | None) -> None:
    found = fields_of(columns(**dict.fromkeys(names.split(), TEXT)))
    assert [name for name, field in found.items() if field.role is Role.NAME] == ([named] if named else [])


def test_titles_units_tiles_and_queryables() -> None:
    found = fields_of(columns(height=NUMBER, 用途=TEXT, area=NUMBER, 备注=TEXT, 状态=TEXT), 备注=5000, 状态=4, area=900, 用途=6)
    assert (found["height"].title_zh, found["height"].title_en, found["height"].unit) == ("高度", "height", "m")
    assert (found["用途"].title_zh, found["用途"].title_en) == ("用途", "Class")
    assert found["height"].in_tiles_from_zoom == 0 == found["用途"].in_tiles_from_zoom
    assert found["备注"].in_tiles_from_zoom == 14
    assert [name for name, field in found.items() if field.queryable] == ["height", "用途", "状态"]


def test_wide_tables_stay_light() -> None:
    found = fields_of(columns(**{f"c{at}": INTEGER for at in range(200)}), **{f"c{at}": 3 for at in range(200)})
    assert sum(field.queryable for field in found.values()) <= 14
    assert sum(field.in_tiles_from_zoom is not None for field in found.values()) == 8


def test_names_that_cannot_be_columns() -> None:
    long = "很" * 40
    given = [
        *columns(oid=INTEGER, geom=TEXT, valid=TEXT, 名称=TEXT, ctid=TEXT),
        Column(name=long, type=TEXT),
        Column(name=long + "二", type=TEXT),
    ]
    given += columns(Name=TEXT)
    inferred = infer(given, {}, ())
    check_fields(inferred.fields)
    names = [field.name for field in inferred.fields]
    assert names[:5] == ["oid_", "geom_", "valid_", "名称", "ctid_"] and len(names[5].encode()) <= 60 and names[6] == names[5] + "_2"
    assert inferred.sources["oid_"] == "oid" and inferred.renamed["oid"] == "oid_" and "名称" not in inferred.renamed


def test_later_files_follow_the_first() -> None:
    known = infer(columns(code=TEXT, 高度=NUMBER), {}, ()).fields
    later = follow(known, columns(高度=TEXT, 编码=TEXT, 新=INTEGER), {}, (FieldOverride(name="高度", title_en="Height over ground"),))
    assert [(field.name, field.role) for field in later.fields] == [
        ("code", Role.CODE),
        ("高度", Role.HEIGHT),
        ("编码", None),
        ("新", None),
    ]
    assert later.fields[1].type is NUMBER and later.fields[1].title_en == "Height over ground"
    assert "code" not in later.sources
    check_fields(later.fields)


def test_fields_files(tmp_path) -> None:
    said = [{"name": "a", "role": "height", "unit": "m"}]
    (tmp_path / "a.json").write_text(json.dumps(said))
    (tmp_path / "b.json").write_text(json.dumps({"fields": said}))
    (tmp_path / "c.toml").write_text('[[fields]]\nname = "a"\nrole = "height"\nunit = "m"\n')
    assert read_fields(tmp_path / "a.json") == read_fields(tmp_path / "b.json") == read_fields(tmp_path / "c.toml")
    for name, text in (("x.json", "{"), ("y.toml", "a ="), ("z.json", '[{"nome":"a"}]'), ("w.json", "{}"), ("deep.json", "[" * 100_000)):
        (tmp_path / name).write_text(text)
        with pytest.raises(BadParameter) as caught:
            read_fields(tmp_path / name)
        assert caught.value.place == "fields" and name in caught.value.message_en


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"layer": "1x"}, "layer"), ({"crs": "nonsense"}, "crs"), ({"datum": "nonsense"}, "datum"), ({"min_zoom": 99}, "min_zoom"), ({"nope": 1}, "nope"),
        ({"valid_from": "2020-13-45"}, "valid_from"), ({"access": "secret"}, "access"), ({"fields": [{"title_zh": "x"}]}, "fields.0.name"), ([], "options"),
    ],
)  # fmt: skip
def test_bad_options_name_their_place(values, place) -> None:
    with pytest.raises(BadParameter) as caught:
        parse_options(values)
    assert caught.value.place == place


def test_times_without_a_zone_are_beijing_time() -> None:
    assert ImportOptions(valid_from="2020-01-01").valid_from.isoformat() == "2020-01-01T00:00:00+08:00"
    assert ImportOptions(layer="Aa楼").layer == "aa楼"
