"""Heights of coordinates: kept beside the outline, shown with the version they belong to."""

from pathlib import Path

import shapely

from postgis.connect import EDITOR, connect
from postgis.objects import change
from tests.importers import files
from tests.importers.conftest import Town


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
