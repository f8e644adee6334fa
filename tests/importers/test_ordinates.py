"""Coordinate columns of tables: degrees minutes seconds, decimal commas, letters, columns that were mixed up."""

from pathlib import Path

import pytest
import shapely

from tests.importers.files import read


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def xy(shapes: list[object]) -> list[tuple[float, ...]]:
    return [tuple(shapely.get_coordinates(shape, include_z=shapely.has_z(shape))[0]) for shape in shapes]


def test_degrees_minutes_seconds_in_many_spellings(tmp_path: Path) -> None:
    path = table(
        tmp_path / "angles.csv",
        "点名;经度;纬度",
        "a;113°55′30″E;22°30′0″N",
        "b;113 55 30;22 30 00",
        "c;113-55-30;22-30-00",
        "d;东经113度55分30秒;北纬22度30分",
        "e;113.925;22.5",
        "f;113,925;22,5",
        "g;113°61′00″;22.5",
        "h;;",
    )
    found = read(path)
    assert xy(found.shapes[:6]) == [pytest.approx((113.925, 22.5), abs=1e-12)] * 6 and found.shapes[6] is None
    assert found.rules["bad-coordinates"] == 1 and found.rules["angle-text"] == 1 and found.rules["decimal-comma"] == 1
    angle = next(item for item in found.findings if item.rule == "angle-text")
    assert angle.row == 0 and angle.detail_zh == "113°55′30″E → 113.925"
    assert next(item for item in found.findings if item.rule == "bad-coordinates").row == 7


def test_letters_turn_columns_that_were_mixed_up(tmp_path: Path) -> None:
    path = table(tmp_path / "mixed.csv", "lon\tlat\tn", "N22°30′\tE113°55′30″\t1", "E113°55′30″\tN22°30′\t2", "22.5\t113.925\t3")
    found = read(path)
    assert xy(found.shapes)[:2] == [pytest.approx((113.925, 22.5), abs=1e-12)] * 2
    assert xy(found.shapes)[2] == (22.5, 113.925), "plain numbers say nothing here; where they lie is judged later"
    assert found.rules["columns-swapped"] == 1


def test_columns_without_letters_are_turned_by_where_they_lie(town, tmp_path: Path) -> None:
    path = table(tmp_path / "turned.csv", "点名,经度,纬度", "a,22.54,114.05", "b,22.55,114.13")
    report = town.take(path)
    assert "axis-order" in [item.rule for item in report.warnings]
    assert town.live("turned", "ST_X(geom), ST_Y(geom)")[0] == pytest.approx((114.05, 22.54))


def test_heights_with_decimal_commas(tmp_path: Path) -> None:
    found = read(table(tmp_path / "deep.csv", "x;y;高程", "113,5;22,5;12,25"))
    assert xy(found.shapes) == [(113.5, 22.5, 12.25)]


def test_many_plain_numbers_stay_plain(tmp_path: Path) -> None:
    path = table(tmp_path / "plain.csv", "lon,lat", *(f"{113 + at / 1e5},{22 + at / 1e5}" for at in range(20_000)))
    found = read(path)
    assert len(found.shapes) == 20_000 and not found.findings
