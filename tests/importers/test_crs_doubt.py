"""Coordinates that cannot be what they are declared to be: read as the one thing that fits, with the reason measured, or refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from importers.base import SourceMeta
from importers.crs_doubt import CHINA, judge, readings_of
from importers.crs_text import parse_reference
from importers.local_grid import parse_local_grid
from importers.shift import Move, plan_move
from tests.importers import files
from tests.importers.conftest import Town
from twin.crs import Datum, SourceCrs
from twin.errors import BadFile, BadParameter
from twin.zones import GeodeticSystem, meridian_epsg, prefixed_zone, zone_epsg

FUTIAN, LUOHU = (114.05, 22.54), (114.13, 22.55)
XIAN = (
    'PROJCS["Xian_1980_3_Degree_GK_CM_114E",GEOGCS["GCS_Xian_1980",DATUM["D_Xian_1980",SPHEROID["Xian_1980",6378140.0,298.257]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],'
    'UNIT["Meter",1.0]]'
)


def squares(epsg: int, *places: tuple[float, float]) -> list[Any]:
    """Ground plans of 100 m about places in degrees, in the coordinates of `epsg`."""
    x, y = pyproj.Transformer.from_crs(4490, epsg, always_xy=True).transform(*np.array(places).T)
    return [shapely.box(east - 50, north - 50, east + 50, north + 50) for east, north in zip(x, y, strict=True)]


def shapefile(folder: Path, stem: str, epsg: int, prj: str | None, *places: tuple[float, float], **columns: Any) -> Path:
    """A shapefile whose .prj says `prj` while its coordinates are of `epsg`."""
    path = bare(folder, stem, squares(epsg, *places), **(columns or {"no": list(range(len(places)))}))
    if prj:
        text = prj if "[" in prj else pyproj.CRS.from_user_input(prj).to_wkt("WKT1_ESRI")
        path.with_suffix(".prj").write_text(text)
    zipped = {part.name: part.read_bytes() for part in folder.glob(f"{stem}.*")}
    return files.zipped(folder / f"{stem}.zip", zipped)


def bare(folder: Path, stem: str, shapes: list[Any], **columns: Any) -> Path:
    """A shapefile without .prj."""
    path = files.shapefile(folder, stem, shapes, crs="EPSG:4490", **columns)
    path.with_suffix(".prj").unlink()
    return path


def places(town: Town, layer: str) -> list[tuple[float, float]]:
    return town.live(layer, "ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom))")


def details(report: Any, rule: str) -> str:
    (found,) = [item for item in report.rules if item.rule == rule]
    return found.examples[0].detail_en


@pytest.fixture
def doubted(town: Town, with_divisions: Callable[[], None]) -> Town:
    with_divisions()
    return town


def test_zones_and_meridians() -> None:
    assert [prefixed_zone(x) for x in (38_507_000, 39_400_000, 19_690_000, 507_000, 38_000_100, 46_500_000, 24_500_000)] == [
        38, 39, 19, None, None, None, None,
    ]  # fmt: skip
    for zone, name in ((38, "3-degree Gauss-Kruger zone 38"), (39, "3-degree Gauss-Kruger zone 39"), (19, "Gauss-Kruger zone 19")):
        for system in GeodeticSystem:
            assert pyproj.CRS(zone_epsg(zone, system)).name == f"{system} / {name}"
    for system in GeodeticSystem:
        assert [pyproj.CRS(meridian_epsg(at, system)).name for at in (111, 114, 117)] == [
            f"{system} / 3-degree Gauss-Kruger CM {at}E" for at in (111, 114, 117)
        ]
    assert (zone_epsg(38), zone_epsg(39), zone_epsg(19), zone_epsg(20)) == (4526, 4527, 4497, 4498)
    assert [meridian_epsg(at) for at in (111, 114, 117)] == [4546, 4547, 4548]


@pytest.mark.parametrize("epsg", [4526, 4497, 4547, 3857, 4527])
def test_declared_rightly_is_no_doubt(doubted: Town, tmp_path: Path, epsg: int) -> None:
    report = doubted.take(shapefile(tmp_path, f"right{epsg}", epsg, f"EPSG:{epsg}", FUTIAN, LUOHU))
    assert report.crs == f"EPSG:{epsg}" and report.crs_check is None and not report.warnings
    assert places(doubted, f"right{epsg}")[0] == pytest.approx(FUTIAN, abs=1e-5)


@pytest.mark.parametrize(
    ("actual", "prj", "rule"),
    [
        (4526, None, "crs-found"),
        (4527, None, "crs-found"),
        (4497, None, "crs-found"),
        (3857, None, "crs-found"),
        (4526, "EPSG:4326", "prj-doubt"),
        (4526, "EPSG:4547", "prj-doubt"),
        (4527, "EPSG:4526", "prj-doubt"),
        (4526, "EPSG:3857", "prj-doubt"),
        (3857, "EPSG:4490", "prj-doubt"),
    ],
)
def test_what_cannot_be_is_read_as_what_fits(doubted: Town, tmp_path: Path, actual: int, prj: str | None, rule: str) -> None:
    layer = f"doubt_{actual}_{prj[5:] if prj else 'none'}"
    report = doubted.take(shapefile(tmp_path, layer, actual, prj, FUTIAN, LUOHU))
    assert report.crs == f"EPSG:{actual}" and rule in [item.rule for item in report.warnings]
    assert report.crs_check.used == f"EPSG:{actual}" and report.crs_check.declared == (prj or "")
    used = next(item for item in report.crs_check.readings if item.crs == report.crs_check.used)
    assert (used.possible, used.inside) == (1, 1) and "100% in known divisions" in details(report, rule)
    assert places(doubted, layer)[0] == pytest.approx(FUTIAN, abs=1e-5)


def test_degrees_under_a_projected_prj(doubted: Town, tmp_path: Path) -> None:
    square = shapely.box(*FUTIAN, FUTIAN[0] + 0.001, FUTIAN[1] + 0.001)
    report = doubted.take(files.shapefile(tmp_path, "degrees", [square], crs="EPSG:4547", n=[1]))
    assert report.crs == "EPSG:4490" and "prj-doubt" in [item.rule for item in report.warnings]
    assert report.crs_check.declared == "EPSG:4547" and report.crs_check.readings[0].possible == 0


def test_possible_but_elsewhere_stays_as_declared_with_the_distance(doubted: Town, tmp_path: Path) -> None:
    """A neighbouring meridian is a real place, 308 km away: nobody but the owner can tell."""
    path = shapefile(tmp_path, "elsewhere", 4547, "EPSG:4548", FUTIAN, LUOHU)
    report = doubted.take(path, dry_run=True)
    assert report.crs == "EPSG:4548" and [item.rule for item in report.warnings] == ["prj-doubt"]
    fit = next(item for item in report.crs_check.readings if item.crs == "EPSG:4547")
    assert fit.inside == 1 and fit.offset_m == pytest.approx(308_000, rel=0.01)
    assert "308 km apart" in details(report, "prj-doubt") and "mend with --crs" in details(report, "prj-doubt")
    mended = doubted.take(path, crs="EPSG:4547")
    assert not mended.warnings and places(doubted, "elsewhere")[1] == pytest.approx(LUOHU, abs=1e-5)


def test_one_zone_of_two_by_the_divisions_that_rows_name(town: Town, tmp_path: Path) -> None:
    """Six digits fit several meridians of a province; names and codes of divisions decide."""
    load_two_cities(town)
    unnamed = shapefile(tmp_path, "unnamed", 4547, None, FUTIAN, LUOHU)
    with pytest.raises(BadFile) as caught:
        town.take(unnamed)
    assert "several reference systems fit" in caught.value.message_en and "EPSG:4546 / EPSG:4547" in caught.value.mend
    report = town.take(shapefile(tmp_path, "named", 4547, None, FUTIAN, LUOHU, 区=["福田区", "罗湖区"]))
    assert report.crs == "EPSG:4547" and [item.rule for item in report.warnings] == ["crs-found"]
    wrong = town.take(shapefile(tmp_path, "neighbour", 4547, "EPSG:4546", FUTIAN, LUOHU, 区=["福田区", "罗湖区"]))
    assert wrong.crs == "EPSG:4546" and [item.rule for item in wrong.warnings] == ["prj-doubt"]
    assert "EPSG:4547" in details(wrong, "prj-doubt") and "km apart" in details(wrong, "prj-doubt")


def load_two_cities(town: Town) -> None:
    """Futian and Luohu, and a place where meridian 111 would put them."""
    from postgis.connect import IMPORTER, connect
    from postgis.divisions import DivisionRow, replace_divisions

    boxes = {"440304": ("福田区", 113.98, 114.1), "440303": ("罗湖区", 114.1, 114.2), "440902": ("茂南区", 110.98, 111.2)}
    rows = [
        DivisionRow(code, 3, name, "", None, shapely.to_wkb(shapely.box(west, 22.4, east, 22.7)), None, None)
        for code, (name, west, east) in boxes.items()
    ]
    with connect(town.database, IMPORTER) as connection:
        replace_divisions(connection, rows, "test")
        connection.commit()


def test_nothing_fits_is_refused_with_what_was_tried(doubted: Town, tmp_path: Path) -> None:
    far = files.shapefile(tmp_path, "nothing", [shapely.box(7.0e7, 9.0e7, 7.1e7, 9.1e7)], crs="EPSG:4547", n=[1])
    with pytest.raises(BadFile) as caught:
        doubted.take(far)
    assert caught.value.place == "crs" and "reference system is probably wrong" in caught.value.message_en and "--crs" in caught.value.mend
    with pytest.raises(BadFile) as caught:
        doubted.take(shapefile(tmp_path, "word", 4526, "EPSG:4526", FUTIAN), crs="EPSG:4547")
    assert "what fits is EPSG:4526" in caught.value.message_en and caught.value.mend == "--crs EPSG:4526"
    assert doubted.staged() == []


def test_a_wrong_zone_of_an_older_system_stays_in_that_system(doubted: Town, tmp_path: Path) -> None:
    """Xian 1980 says CM 114, the eastings carry prefix 38: zone 38 of Xian 1980, and its shift to CGCS2000 is not published."""
    report = doubted.take(shapefile(tmp_path, "xian", 2362, XIAN, FUTIAN, LUOHU))
    assert report.crs == "EPSG:2362" and {item.rule for item in report.warnings} == {"prj-doubt", "crs-approximate"}
    assert "accuracy unknown" in details(report, "crs-approximate")
    beijing = doubted.take(shapefile(tmp_path, "beijing", 2414, "EPSG:2414", FUTIAN))
    assert [item.rule for item in beijing.warnings] == ["crs-approximate"] and "about 15 m" in details(beijing, "crs-approximate")


@pytest.mark.parametrize("name", ["CGCS2000_3_Degree_GK_CM_114E", "China_2000_3_DEGREE_GK_114", "CGCS2000坐标系114度带"])
def test_names_that_other_programs_give_the_same_system(town: Town, tmp_path: Path, name: str) -> None:
    wkt = XIAN.replace("Xian_1980_3_Degree_GK_CM_114E", name).replace("6378140.0,298.257]", "6378137.0,298.257222101]")
    wkt = wkt.replace("GCS_Xian_1980", "China_2000").replace("D_Xian_1980", "China_2000").replace("Xian_1980", "CGCS2000")
    layer = f"named{abs(hash(name)) % 1000}"
    report = town.take(shapefile(tmp_path, layer, 4547, wkt, FUTIAN))
    assert not report.warnings and report.datum == "CGCS2000"
    assert places(town, layer)[0] == pytest.approx(FUTIAN, abs=1e-5)


def test_axis_order(doubted: Town, tmp_path: Path) -> None:
    turned = [files.point(lat, lon, n=at) for at, (lon, lat) in enumerate((FUTIAN, LUOHU))]
    report = doubted.take(files.geojson(tmp_path / "turned.geojson", turned))
    assert [item.rule for item in report.warnings] == ["axis-order"] and "100% in known divisions" in details(report, "axis-order")
    assert places(doubted, "turned")[0] == pytest.approx(FUTIAN, abs=1e-9)
    said = doubted.take(files.geojson(tmp_path / "said.geojson", turned), axis_order="lat-lon")
    assert not said.warnings and places(doubted, "said")[1] == pytest.approx(LUOHU, abs=1e-9)
    with pytest.raises(BadFile):
        doubted.take(files.geojson(tmp_path / "held.geojson", turned), axis_order="lon-lat")
    (east,), (north,) = pyproj.Transformer.from_crs(4490, 4526, always_xy=True).transform([FUTIAN[0]], [FUTIAN[1]])
    path = tmp_path / "survey.csv"
    path.write_text(f"点号,X坐标,Y坐标\nJ1,{north},{east}\n", encoding="utf-8")
    survey = doubted.take(path)
    assert survey.crs == "EPSG:4526" and [item.rule for item in survey.warnings] == ["crs-found"]
    assert "north, east" in details(survey, "crs-found") and places(doubted, "survey")[0] == pytest.approx(FUTIAN, abs=1e-6)


def test_the_turned_reading_of_bd09_keeps_its_datum() -> None:
    points = np.array([[22.5, 114.0], [22.6, 114.1]])
    verdict = judge(Move(SourceCrs(4326, Datum.BD09)), points, CHINA)
    assert verdict.impossible and verdict.move == Move(SourceCrs(4490, Datum.BD09), swapped=True)


def test_the_world_is_no_doubt(doubted: Town, data_root: Any) -> None:
    """Data that lies elsewhere and says so is believed: degrees abroad, and projected systems in their own zones."""
    for name in ("hard/flatgeobuf/countries.fgb", "hard/gpkg/line_zm.gpkg", "natural/alaska/swamp.shp"):
        path = data_root / name
        report = doubted.take(path, layer=f"world{path.stem}", dry_run=True)
        assert report.crs_check is None and "prj-doubt" not in [item.rule for item in report.warnings], name


def test_without_divisions_china_is_the_measure() -> None:
    assert judge(None, np.array([[38_507_000.0, 2_500_000.0]]), CHINA).move == Move(SourceCrs(4526, Datum.CGCS2000))
    assert judge(None, np.array([[507_000.0, 2_500_000.0]]), CHINA).move is None, "every meridian is in China"
    north = np.array([[24.9, 60.2]])
    assert not judge(Move(SourceCrs(4326, Datum.WGS84)), north, CHINA).doubtful, "Helsinki, not Pakistan turned round"
    assert {move.crs.epsg for move in readings_of(np.array([[12_700_000.0, 2_570_000.0]]), None, CHINA)} == {3857}


class TestSaidByParameters:
    """Local city grids: similarity, seven parameters, WKT and PROJ strings. The figures here are made up."""

    SAID = "local: base=EPSG:4547; dx=385000.25; dy=-2470000.5; rotation=0°30′15.5″; scale=1.0000125; name=试验坐标系"

    def test_a_similarity_undoes_itself(self, doubted: Town, tmp_path: Path) -> None:
        grid = parse_local_grid(self.SAID)
        east, north = pyproj.Transformer.from_crs(4490, 4547, always_xy=True).transform(*FUTIAN)
        turn = np.radians(0.5 + 15.5 / 3600)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        local = np.linalg.solve(1.0000125 * spin, [east - 385000.25, north + 2470000.5])
        assert np.array(grid.to_base(*local)) == pytest.approx([east, north], abs=1e-6)
        path = bare(tmp_path, "local", [shapely.Point(local).buffer(10)], n=[1])
        report = doubted.take(path, crs=self.SAID, key="n")
        assert report.crs == "试验坐标系" and not report.warnings and "rotation=0.504305" in details(report, "crs-parameters")
        assert places(doubted, "local")[0] == pytest.approx(FUTIAN, abs=1e-6)
        again = doubted.take(path, crs=self.SAID.replace("385000.25", "385001.25"), key="n")
        assert again.changed == 1, "other parameters are other places, although the name is the same"
        assert places(doubted, "local")[0][0] == pytest.approx(FUTIAN[0] + 1 / 102_800, abs=1e-6)

    def test_seven_parameters_are_a_proj_string(self, doubted: Town, tmp_path: Path) -> None:
        said = "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=krass +towgs84=15.8,-154.4,-82.3,0.1,-0.2,0.3,1.5 +units=m"
        to_krass = pyproj.Transformer.from_pipeline(
            "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84 +step +inv +proj=helmert "
            "+x=15.8 +y=-154.4 +z=-82.3 +rx=0.1 +ry=-0.2 +rz=0.3 +s=1.5 +convention=position_vector +step +inv +proj=cart +ellps=krass "
            "+step +proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=krass"
        )
        x, y, _ = to_krass.transform(*FUTIAN, 0.0)
        report = doubted.take(bare(tmp_path, "seven", [shapely.Point(x, y).buffer(10)], n=[1]), crs=said)
        assert not report.warnings and "towgs84" in details(report, "crs-parameters")
        assert places(doubted, "seven")[0] == pytest.approx(FUTIAN, abs=2e-7), "2 cm"
        plain = doubted.take(tmp_path / "seven.shp", layer="without", crs="EPSG:4547")
        assert plain.published == 1 and places(doubted, "without")[0] != pytest.approx(FUTIAN, abs=5e-4), "the shift is what matters"

    @pytest.mark.parametrize(
        "said",
        [
            "local:", "local: base=EPSG:4547; dx=a; dy=1", "local: base=EPSG:4547; dx=1; dy=1; foo=2", "local: base=EPSG:4490; dx=1; dy=1",
            "local: base=EPSG:4547; dx=1; dy=1; scale=9", "local: base=EPSG:4547; dx=1; dy=1; rotation=forty", "local: base=EPSG:4547; dx=inf; dy=1",
            "local: base=EPSG:4547; dx=1; dx=2; dy=1", "+proj=nonsense", "PROJCS[broken", "+proj=longlat +nadgrids=/etc/passwd",
            "+proj=longlat +geoidgrids=@/dev/zero", "+init=/etc/passwd:4326", 'GEOGCS["x",DATUM["x",SPHEROID["x",6378137,298],'
            'EXTENSION["PROJ4_GRIDS","/etc/passwd"]],EXTENSION["PROJ4","+proj=longlat +nadgrids=/etc/passwd"]]',
        ],
    )  # fmt: skip
    def test_bad_parameters_are_refused(self, said: str) -> None:
        with pytest.raises(BadParameter) as caught:
            parse_reference(said)
        assert caught.value.place == "crs" and caught.value.message_zh != caught.value.message_en

    def test_definitions(self) -> None:
        assert parse_reference(pyproj.CRS(4547).to_wkt()).crs == SourceCrs(4547, Datum.CGCS2000)
        assert parse_reference("ESRI:102100").wkt == "ESRI:102100"
        assert plan_move(SourceMeta(format="x"), "GCJ-02", "", "lat-lon") is not None
        feet = Move(SourceCrs(2263, Datum.WGS84))
        lon, lat = feet.degrees(np.array([987_000.0]), np.array([200_000.0]))
        assert (lon[0], lat[0]) == pytest.approx((-73.99, 40.7156), abs=2e-3), "feet of the reference system"
