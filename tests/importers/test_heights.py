"""Heights of coordinates: kept beside the outline, shown with the version they belong to."""

import struct
from pathlib import Path

import numpy as np
import pytest
import shapely

from importers.geoid import grid_file, undulation_m
from postgis.connect import EDITOR, connect
from postgis.objects import change
from tests.importers import files
from tests.importers.conftest import Town
from twin.errors import BadParameter
from twin.heights import DATUMS, US_FOOT_M, parse_vertical_datum


def test_heights_of_coordinates(town: Town, tmp_path: Path) -> None:
    lines = [shapely.LineString([(113, 23, 1), (113.1, 23, 5)]), shapely.LineString([(114, 23, 2), (114.1, 23, 3)])]
    path = files.geopackage(tmp_path / "pipes.gpkg", lines, 编号=["p1", "p2"])
    town.take(path, key="编号")
    assert town.live("pipes", "ST_NDims(geom), zmin, zmax") == [(2, 1.0, 5.0), (2, 2.0, 3.0)]
    assert town.shapes("pipes", "lod, ST_AsText(geom)")[0] == ("0", "LINESTRING Z (113 23 1,113.1 23 5)")
    path.unlink()
    files.geopackage(path, [lines[0], shapely.LineString([(114, 23, 2), (114.1, 23, 9)])], 编号=["p1", "p2"])
    assert town.take(path, key="编号").changed == 1
    shapes = town.shapes("pipes", "ST_ZMax(geom), upper_inf(valid), upper_inf(sys)")
    assert shapes == [(5.0, True, True), (3.0, False, True), (9.0, True, True)]
    assert town.read('SELECT ST_ZMax(geom_z) FROM layer."pipes" ORDER BY oid') == [(5.0,), (9.0,)]
    assert town.read('SELECT ST_ZMax(geom_z) FROM history."pipes" ORDER BY oid, valid') == [(5.0,), (3.0,), (9.0,)]


def test_an_outline_that_is_edited_later_has_no_old_heights(town: Town, tmp_path: Path) -> None:
    town.take(files.geopackage(tmp_path / "mains.gpkg", [shapely.LineString([(113, 23, 1), (113.1, 23, 5)])], 编号=["m1"]), key="编号")
    (oid,) = town.live("mains", "oid")[0]
    with connect(town.database, EDITOR) as connection:
        change(connection, "mains", oid, {"geom": {"type": "LineString", "coordinates": [[113, 23], [113.2, 23]]}})
    assert town.read('SELECT ST_XMax(geom), geom_z FROM layer."mains"') == [(113.2, None)]


PIPE = [shapely.LineString([(113.3, 23.1, 10), (113.31, 23.1, 12)])]


def note(report: object, rule: str) -> str:
    (found,) = [item for item in report.rules if item.rule == rule]  # type: ignore[attr-defined]
    return found.examples[0].detail_zh


def label(town: Town, layer: str) -> str:
    return town.ask("SELECT vertical_datum FROM twin.layer WHERE id = %s", layer)[0][0]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1985国家高程基准", "1985国家高程基准"), ("EPSG:5737", "1985国家高程基准"), ("85 高程", "1985国家高程基准"), ("1956黄海", "1956黄海高程系"),
        ("珠江高程", "珠江高程基准"), ("WGS84 ellipsoidal", "WGS84椭球高"), ("egm-96", "EGM96"), ("EGM2008", "EGM2008"), ("unknown", "高程基准未知"),
    ],
)  # fmt: skip
def test_names_of_vertical_datums(text: str, name: str) -> None:
    assert parse_vertical_datum(text).name == name


def test_other_names_are_refused_and_names_are_told_apart() -> None:
    with pytest.raises(BadParameter) as caught:
        parse_vertical_datum("海平面")
    assert caught.value.place == "vertical_datum" and "1985国家高程基准" in caught.value.message_zh
    words = [word for datum in DATUMS for word in (datum.name.lower(), *datum.words)]
    assert len(words) == len(set(words))


def test_a_declared_datum_labels_the_layer_and_states_its_error(town: Town, tmp_path: Path) -> None:
    path = files.geopackage(tmp_path / "sewer.gpkg", PIPE, 编号=["s1"])
    report = town.take(path, key="编号")
    assert report.vertical_datum == "高程基准未知" == label(town, "sewer") and "--vertical-datum" in note(report, "height-datum-unknown")
    said = town.take(path, key="编号", vertical_datum="85高程")
    assert (said.vertical_datum, label(town, "sewer"), said.unchanged) == ("1985国家高程基准", "1985国家高程基准", 1)
    assert "EGM96" in note(said, "height-datum") and "±1 m" in note(said, "height-datum") and "(-6.8" in note(said, "height-datum")
    assert town.live("sewer", "zmin, zmax") == [(10.0, 12.0)], "labelled, never changed"
    kept = town.take(path, key="编号")
    assert kept.vertical_datum == "1985国家高程基准" and not kept.warnings, "what was said once holds"
    mixed = town.take(path, key="编号", source="other", vertical_datum="珠江高程")
    assert [item.rule for item in mixed.warnings] == ["height-datum-mixed"]
    assert town.ask("SELECT vertical_datum FROM door.layer") == []  # no scope, no layer
    assert town.read("SELECT vertical_datum FROM door.layer WHERE id = 'sewer'") == [("珠江高程基准",)]


def test_flat_layers_say_nothing_about_heights(town: Town, tmp_path: Path) -> None:
    report = town.take(files.geojson(tmp_path / "flat.geojson", [files.point(113, 23)]), vertical_datum="EGM96")
    assert report.vertical_datum is None and label(town, "flat") == "" and not [item for item in report.rules if "height" in item.rule]


def test_feet_become_metres(town: Town, tmp_path: Path) -> None:
    path = files.geopackage(tmp_path / "feet.gpkg", PIPE, 编号=["f1"])
    report = town.take(path, key="编号", height_unit="us-ft")
    assert "0.3048006" in note(report, "height-unit")
    assert town.live("feet", "zmin, zmax")[0] == pytest.approx((10 * US_FOOT_M, 12 * US_FOOT_M), rel=1e-6)
    again = town.take(path, key="编号")
    assert again.changed == 1 and town.live("feet", "zmin, zmax") == [(10.0, 12.0)], "the unit is part of what a row is"


def test_units_of_the_reference_system(town: Town, tmp_path: Path) -> None:
    """New York in US survey feet: coordinates and, where the system has a vertical part, heights; without one nobody knows."""
    foot = [shapely.LineString([(987_000, 200_000, 100), (988_000, 200_000, 200)])]
    flat = files.geopackage(tmp_path / "ny.gpkg", foot, crs="EPSG:2263", n=["a"])
    report = town.take(flat, layer="ny")
    assert "height-unit-unknown" in [item.rule for item in report.warnings]
    assert town.live("ny", "zmax") == [(200.0,)]
    whole = town.take(flat, layer="ny_whole", crs="EPSG:8767", vertical_datum="unknown")
    assert "0.3048006" in note(whole, "height-unit") and town.live("ny_whole", "zmax")[0][0] == pytest.approx(60.96012, abs=1e-4)
    stated = town.take(flat, layer="ny_stated", crs="EPSG:8767")
    assert stated.vertical_datum.startswith("NAVD88"), "a datum that only the file knows keeps its own name"


def bilinear(path: Path, lon: float, lat: float) -> float:
    """The grid read by hand: header of four doubles and two integers, rows from the south, 32-bit floats, all big-endian."""
    data = path.read_bytes()
    south, west, dlat, dlon, rows, columns = struct.unpack(">4d2i", data[:40])
    grid = np.frombuffer(data, ">f4", offset=40).reshape(rows, columns)
    y, x = (lat - south) / dlat, ((lon - west) % 360) / dlon
    i, j = int(y), int(x)
    corners = grid[i : i + 2, j : j + 2].astype(float)
    return float(
        (1 - (y - i)) * ((1 - (x - j)) * corners[0, 0] + (x - j) * corners[0, 1])
        + (y - i) * ((1 - (x - j)) * corners[1, 0] + (x - j) * corners[1, 1])
    )


def test_the_geoid_of_guangdong_and_a_machine_without_the_grid(tmp_path: Path) -> None:
    """As the 15-minute grid says, read by hand; without `proj-data` nothing is guessed."""
    grid = grid_file()
    assert grid is not None and grid.suffix == ".gtx", "Debian's proj-data is part of the setup"
    places = [(113.3, 23.1), (114.05, 22.54), (110.4, 21.2), (0.0, 0.0)]
    heights = undulation_m(*np.array(places).T)
    assert heights is not None and heights == pytest.approx([bilinear(grid, *place) for place in places], abs=1e-3)
    assert heights[3] == pytest.approx(17.16, abs=0.01), "EGM96 at 0° N 0° E"
    assert grid_file((tmp_path,)) is None
