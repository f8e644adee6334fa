"""Real Guangdong: codes and shapes matched by name within a city, what is missing said, everything valid after the shift."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from importers.demo.guangdong import Guangdong, Outlines, counties_of, division_rows, layer_tables, make_outlines, read_guangdong
from importers.demo.reader import GEOMETRY
from twin.errors import OperationError


@pytest.fixture(scope="module")
def guangdong() -> Guangdong:
    return read_guangdong()


@pytest.fixture(scope="module")
def outlines(guangdong: Guangdong) -> Outlines:
    return make_outlines(guangdong)


def test_five_levels_of_codes(guangdong: Guangdong) -> None:
    levels = [area.level for area in guangdong.areas]
    assert [levels.count(level) for level in range(1, 6)] == [1, 21, 124, 1757, 26842]
    codes = {area.code for area in guangdong.areas}
    assert len(codes) == len(guangdong.areas)
    assert all(area.parent in codes for area in guangdong.areas if area.level > 1)


def test_what_has_no_partner_is_named(guangdong: Guangdong) -> None:
    assert len(guangdong.shapes) == 124 and guangdong.invalid == 81
    assert guangdong.without_code == ("东沙群岛",)
    assert [(area.code, area.name) for area in guangdong.without_shape] == [("440311", "光明区")]


def test_cities_without_counties_have_their_shape(guangdong: Guangdong, outlines: Outlines) -> None:
    assert {"441900", "442000"} <= set(outlines.counties) and {"4419", "4420"} <= set(outlines.cities)
    assert len(outlines.counties) == 123 and len(outlines.cities) == 21


def test_outlines_are_valid_and_add_up(outlines: Outlines) -> None:
    placed = outlines.placed()
    assert shapely.is_valid(list(placed.values())).all()
    cities = shapely.union_all([placed[code] for code in outlines.cities])
    assert shapely.difference(cities, placed["44"]).area / cities.area < 1e-4
    assert 15.5 < placed["44"].area < 16.5


def test_divisions_have_outlines_down_to_counties(guangdong: Guangdong, outlines: Outlines) -> None:
    rows = list(division_rows(guangdong, outlines.placed()))
    assert len(rows) == 28_745
    assert sum(row.wkb is not None for row in rows) == 1 + 21 + 123


def test_places_are_in_their_county(guangdong: Guangdong, outlines: Outlines) -> None:
    counties = counties_of(guangdong, outlines.placed())
    points = shapely.points([(113.9303, 22.5333), (113.2644, 23.1291), (113.7518, 23.0207)])
    assert counties.of(points).tolist() == ["440305", "440104", "441900"]


def test_the_county_layer_keeps_what_came(guangdong: Guangdong, outlines: Outlines) -> None:
    counties = layer_tables(guangdong, outlines)["counties"]
    assert counties.num_rows == 125
    by_name = dict(
        zip(counties["name"].to_pylist(), zip(counties["code"].to_pylist(), counties[GEOMETRY].to_pylist(), strict=True), strict=True)
    )
    assert by_name["光明区"] == ("440311", None)
    assert by_name["东沙群岛"][0] is None
    found = shapely.from_wkb([wkb for wkb in counties[GEOMETRY].to_pylist() if wkb])
    assert np.sum(~shapely.is_valid(found)) == 81


def test_missing_packages_are_said_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(OperationError) as caught:
        read_guangdong(tmp_path)
    assert "npm ci" in caught.value.mend
