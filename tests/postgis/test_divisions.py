"""Divisions are loaded by source, walked as a tree, and found under a point; a whole table is filled at once."""

from datetime import UTC, datetime

import psycopg
import pytest
import shapely

from postgis.connect import IMPORTER, Database, connect
from postgis.divisions import (
    DivisionRow,
    children_statement,
    containing_statement,
    division_statement,
    fill_division,
    replace_divisions,
    to_division,
)
from postgis.pool import HotPool
from twin.errors import BadFile


def box(west: float, south: float, east: float, north: float) -> bytes:
    return bytes(shapely.box(west, south, east, north).wkb)


BOW_TIE = bytes(shapely.Polygon([(114, 22), (115, 23), (115, 22), (114, 23)]).wkb)
ROWS = [
    DivisionRow("44", 1, "广东省", "Guangdong", None, box(112, 22, 115, 24)),
    DivisionRow("4403", 2, "深圳市", "Shenzhen", "44", box(113, 22, 114, 23)),
    DivisionRow("440305", 3, "南山区", "Nanshan", "4403", box(113, 22, 113.5, 23)),
    DivisionRow("440304", 3, "福田区", "Futian", "4403", box(113.5, 22, 114, 23)),
    DivisionRow("440305001", 4, "南头街道", "", "440305"),
    DivisionRow("440307", 3, "龙岗区", "", "4403", BOW_TIE),
    DivisionRow("440399", 3, "旧区", "", "4403", box(113, 22, 114, 23), datetime(1990, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)),
]


@pytest.fixture(scope="module", autouse=True)
def loaded(database: Database) -> None:
    with connect(database, IMPORTER) as connection:
        assert replace_divisions(connection, ROWS, "test") == len(ROWS)
        assert replace_divisions(connection, ROWS, "test") == len(ROWS), "the same source again takes its place"


async def test_the_tree_is_walked_and_points_are_found(database: Database) -> None:
    pool = await HotPool.open(database, 1)
    top = [to_division(row) for row in await pool.fetch(children_statement(None))]
    assert [(division.code, division.has_children, division.bounds) for division in top] == [("44", True, (112, 22, 115, 24))]
    below = [to_division(row) for row in await pool.fetch(children_statement("4403"))]
    assert [division.name_zh for division in below] == ["福田区", "南山区", "龙岗区"], "a division that is over is not in force"
    town = to_division(await pool.fetchrow(division_statement("440305001")))
    assert (town.bounds, town.point, town.has_children) == (None, None, False)
    assert [row["code"] for row in await pool.fetch(containing_statement(113.2, 22.5))] == ["44", "4403", "440305"]
    assert await pool.fetch(division_statement("x")) == []
    await pool.close()


def test_a_broken_polygon_is_mended(importer: psycopg.Connection) -> None:
    row = importer.execute("SELECT ST_IsValid(geom), ST_Area(geom) FROM twin.division WHERE code = '440307'").fetchone()
    assert row is not None and row[0] and row[1] == pytest.approx(0.5)


def test_a_table_is_filled_by_point_on_surface(importer: psycopg.Connection) -> None:
    importer.execute("""
        CREATE TABLE stage.fill AS SELECT n, NULL::text AS division, ST_MakeEnvelope(113 + n, 22.1, 113.1 + n, 22.2, 4490) AS geom
        FROM unnest(ARRAY[0, 0.45, 0.6, 1.2, 60]) n""")
    importer.execute("INSERT INTO stage.fill VALUES (7, 'kept', ST_MakeEnvelope(113, 22, 113.1, 22.1, 4490)), (8, NULL, NULL)")
    assert fill_division(importer, "stage.fill") == 4
    found = importer.execute("SELECT n::float, division FROM stage.fill ORDER BY n").fetchall()
    assert found == [(0, "440305"), (0.45, "440304"), (0.6, "440304"), (1.2, "44"), (7, "kept"), (8, None), (60, None)]
    assert importer.execute("SELECT twin.division_of(ST_SetSRID(ST_MakePoint(113.2, 22.5), 4490))").fetchone() == ("440305",)


def test_two_rows_of_one_code_are_refused(importer: psycopg.Connection) -> None:
    with pytest.raises(BadFile, match="440305"):
        replace_divisions(importer, [ROWS[2], ROWS[2]], "other")


def test_sources_do_not_touch_each_other(importer: psycopg.Connection) -> None:
    assert replace_divisions(importer, [DivisionRow("45", 1, "广西壮族自治区")], "other") == 1
    assert importer.execute("SELECT count(*) FROM twin.division WHERE source = 'test'").fetchone() == (len(ROWS),)
