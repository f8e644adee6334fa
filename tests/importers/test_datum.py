"""The datum of real data: undone to the metre, and noticed when nobody declared it."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from importers.base import SourceMeta
from importers.datum_check import check_datum
from importers.shift import Move, plan_move
from tests.importers import files
from twin.crs import Datum, SourceCrs, wgs84_to_gcj02
from twin.errors import BadParameter

METRES = 111_195.0


def p95_m(ours: shapely.Geometry, known: shapely.Geometry) -> float:
    """95th percentile of the distance of one outline's vertices from the other."""
    points = shapely.get_coordinates(ours)
    scale = np.array([np.cos(np.radians(points[:, 1].mean())), 1]) * METRES
    line = shapely.transform(shapely.boundary(known), lambda xy: xy * scale)
    return float(np.percentile(shapely.distance(shapely.points(points * scale), line), 95))


def test_datav_lies_on_the_wgs84_districts(town, data_root) -> None:
    town.take(data_root / "boundaries/datav/440300.json.gz", layer="shenzhen", datum="GCJ-02")
    ours = {name[:2]: shapely.from_wkb(bytes(wkb)) for name, wkb in town.live("shenzhen", "name, ST_AsBinary(geom)")}
    features = json.loads((data_root / "boundaries/sz.json").read_text(encoding="utf-8"))["features"]
    known = {item["properties"]["qh"]: shapely.geometry.shape(item["geometry"]) for item in features}
    distances = {name: p95_m(shape, known[name]) for name, shape in ours.items() if name != "龙岗"}
    assert len(distances) == 8 and max(distances.values()) <= 60, distances


def test_an_undeclared_offset_is_noticed_and_a_declared_one_is_not(town, with_divisions, data_root) -> None:
    with_divisions()
    path = data_root / "boundaries/datav/440300.json.gz"
    wrong = town.take(path, layer="undeclared")
    assert wrong.datum_check.doubtful and wrong.datum_check.fits == "GCJ-02" and wrong.datum_check.compared == 9
    assert wrong.datum_check.offset_m > 300 and wrong.datum_check.readings_m["GCJ-02"] < 20
    assert [item.rule for item in wrong.warnings] == ["datum-doubt"]
    right = town.take(path, layer="declared", datum="GCJ-02")
    assert not right.datum_check.doubtful and right.datum_check.offset_m < 20 and not right.warnings
    counties = town.take(data_root / "boundaries/counties_echarts_guangdong.zip", layer="undeclared2")
    assert counties.datum_check.doubtful and counties.datum_check.fits == "GCJ-02"
    fine = town.take(data_root / "boundaries/sz.json", layer="fine")
    assert fine.datum_check.fits == "WGS84" and not fine.datum_check.doubtful


def test_nothing_to_compare_is_no_check(town, data_root) -> None:
    assert town.take(data_root / "buildings/nanshan-building.geojson.gz", explode=True).datum_check is None
    assert check_datum([], Datum.WGS84) is None


def points_in_districts(data_root, each: int = 250) -> list[dict]:
    """Points strewn over the districts of the map offset, each with the name of its district, as a shop list of a map service has them."""
    with gzip.open(data_root / "boundaries/datav/440300.json.gz") as file:
        districts = json.load(file)["features"]
    chance = np.random.default_rng(7)
    rows = []
    for district in districts:
        shape = shapely.geometry.shape(district["geometry"])
        west, south, east, north = shape.bounds
        strewn = np.column_stack([chance.uniform(west, east, 40 * each), chance.uniform(south, north, 40 * each)])
        inside = strewn[shapely.contains_xy(shape, strewn)][:each]
        rows += [files.point(lon, lat, 店名=f"店{at}", 所在区=district["properties"]["name"]) for at, (lon, lat) in enumerate(inside)]
    return rows


def test_points_and_lines_by_the_divisions_that_their_rows_name(town, with_divisions, data_root, tmp_path) -> None:
    with_divisions()
    rows = points_in_districts(data_root)
    path = files.geojson(tmp_path / "shops.geojson", rows)
    wrong = town.take(path)
    check = wrong.datum_check
    assert (check.by, check.fits, check.doubtful) == ("points", "GCJ-02", True)
    assert 0.8 * len(rows) < check.compared < len(rows), "a district that was divided since is no measure"
    assert check.outside["WGS84"] > 10 * check.outside["GCJ-02"] and check.outside["WGS84"] > 30
    assert 300 < check.readings_m["WGS84"] < 900 and check.offset_m == check.readings_m["WGS84"]
    (doubt,) = [item for item in wrong.rules if item.rule == "datum-doubt"]
    assert f"{check.offset_m:.0f} m" in doubt.examples[0].detail_zh and "GCJ-02" in doubt.examples[0].detail_en
    right = town.take(path, layer="shops_right", datum="GCJ-02")
    assert not right.datum_check.doubtful and right.datum_check.fits == "GCJ-02" and not right.warnings
    lines = [
        files.feature({"type": "LineString", "coordinates": [row["geometry"]["coordinates"], [114, 22.6]]}, **row["properties"])
        for row in rows
    ]
    drawn = town.take(files.geojson(tmp_path / "roads.geojson", lines))
    assert drawn.datum_check.by == "points" and drawn.datum_check.fits == "GCJ-02" and drawn.datum_check.doubtful


def test_points_that_name_no_division_are_not_judged(town, with_divisions, tmp_path) -> None:
    with_divisions()
    report = town.take(
        files.geojson(tmp_path / "nameless.geojson", [files.point(114 + at / 1000, 22.6, 店名=f"店{at}") for at in range(50)])
    )
    assert report.datum_check is None


def test_a_source_that_changes_its_datum_between_two_imports(town, tmp_path) -> None:
    places = np.random.default_rng(3).uniform((113.8, 22.5), (114.3, 22.8), (60, 2))

    def layer_file(coordinates: np.ndarray) -> Path:
        return files.geojson(
            tmp_path / "stops.geojson", [files.point(lon, lat, 编号=f"s{at}") for at, (lon, lat) in enumerate(coordinates)]
        )

    assert town.take(layer_file(places)).datum_check is None
    moved = np.column_stack(wgs84_to_gcj02(*places.T))
    report = town.take(layer_file(moved), dry_run=True)
    assert (report.datum_check.by, report.datum_check.fits, report.datum_check.compared) == ("earlier", "GCJ-02", 60)
    assert 500 < report.datum_check.offset_m < 700 and report.datum_check.readings_m["GCJ-02"] < 0.1
    assert [item.rule for item in report.warnings] == ["datum-doubt"]
    assert not town.take(layer_file(moved), datum="GCJ-02").warnings, "who says the datum is believed"
    assert town.take(layer_file(places + 0.01)).datum_check is None, "a real move is no datum"


def test_moving_keeps_heights_and_refuses_alone() -> None:
    move = Move(SourceCrs(4326, Datum.GCJ02))
    lon, lat = wgs84_to_gcj02(np.array([113.5, 114.5]), np.array([23.5, 22.5]))
    shapes = np.array(
        [shapely.Point(lon[0], lat[0], 7.5), shapely.LineString([(lon[1], lat[1]), (lon[0], lat[0])]), shapely.Point(2.35, 48.86)],
        dtype=object,
    )
    moved = move.geometry(shapes)
    assert shapely.get_coordinates(moved[0], include_z=True)[0] == pytest.approx([113.5, 23.5, 7.5], abs=1e-9)
    assert shapely.get_coordinates(moved[1]) == pytest.approx(np.array([[114.5, 22.5], [113.5, 23.5]]), abs=1e-9)
    assert moved[2].equals(shapes[2]), "outside China nothing moves"
    far = Move(SourceCrs(4547, Datum.CGCS2000)).geometry(np.array([shapely.Point(5e5, 2.5e6), shapely.Point(1e30, 0)], dtype=object))
    assert far[0] is not None and far[1] is None


def test_web_mercator_of_a_chinese_map() -> None:
    """Tiles of Chinese maps are Mercator of GCJ-02: first the projection, then the offset."""
    lon, lat = wgs84_to_gcj02(np.array([113.5]), np.array([23.5]))
    x, y = np.radians(lon) * 6378137, np.log(np.tan(np.pi / 4 + np.radians(lat) / 2)) * 6378137
    got = Move(SourceCrs(3857, Datum.GCJ02)).degrees(x, y)
    assert np.column_stack(got)[0] == pytest.approx([113.5, 23.5], abs=1e-8)


def test_who_says_what() -> None:
    silent, says = SourceMeta(format="csv"), SourceMeta(format="x", crs="EPSG:4326")
    assert plan_move(silent, "", "") is None
    assert not plan_move(says, "", "").needed
    assert plan_move(says, "", "GCJ-02").crs == SourceCrs(4326, Datum.GCJ02)
    assert plan_move(says, "EPSG:4547", "").crs.epsg == 4547
    assert plan_move(silent, "", "BD-09").crs == SourceCrs(4326, Datum.BD09)
    local = SourceMeta(
        format="x",
        crs='PROJCS["城建坐标系",GEOGCS["x",DATUM["x",SPHEROID["x",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",113.28],PARAMETER["latitude_of_origin",0],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],PARAMETER["scale_factor",1],UNIT["metre",1]]',
    )
    move = plan_move(local, "", "")
    assert move.needed and move.name == "城建坐标系"
    assert move.degrees(np.array([500000.0]), np.array([2500000.0]))[0][0] == pytest.approx(113.28)
    with pytest.raises(BadParameter):
        Move(SourceCrs(9999, Datum.WGS84)).degrees(np.array([0.0]), np.array([0.0]))
    assert not Move(SourceCrs(4547, Datum.CGCS2000)).is_approximate() and not Move(SourceCrs(3857, Datum.WGS84)).is_approximate()
