"""Coverages made simpler: edges stay shared, nothing vanishes, and a few polygons among their neighbours come out as in the whole."""

import itertools
import json
import math
import zipfile
from typing import Any

import psycopg
import pytest
import shapely

from postgis.generalise import simplify_coverage
from postgis.layers import LayerSpec, make_layer
from tests.postgis.test_overviews import assert_same, bring_up, one, rebuild
from twin.layer import GeometryType

Connection = psycopg.Connection[Any]

_ROWS = "SELECT zoom_to, oid, ST_AsBinary(geom), area_m2 FROM twin.tile_kept_{n} ORDER BY zoom_to, oid"
_PUT = """
    INSERT INTO twin.object_{n} (geom, source, source_key)
    SELECT ST_CollectionExtract(ST_MakeValid(ST_GeomFromText(wkt, 4490)), 3), 'test', gen_random_uuid()::text FROM unnest(%s::text[]) wkt RETURNING oid
"""


def edge(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[float, float]]:
    """A crooked edge between two corners of a grid, the same whichever way it is walked."""
    if start > end:
        return edge(end, start)[::-1]
    points = []
    for step in range(20):
        x, y = (a + (b - a) * step / 20 for a, b in zip(start, end, strict=True))
        bend = 0.06 * math.sin(97 * x + 57 * y) * math.sin(math.pi * step / 20) ** 2
        points.append((x + bend, y + bend))
    return [*points, (float(end[0]), float(end[1]))]


def crooked_cell(x: int, y: int) -> shapely.Polygon:
    corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1), (x, y)]
    return shapely.Polygon([point for pair in itertools.pairwise(corners) for point in edge(*pair)[:-1]])


def put(importer: Connection, number: int, shapes: list[Any]) -> list[int]:
    return [row[0] for row in importer.execute(_PUT.format(n=number).encode(), [[shapely.to_wkt(shape, -1) for shape in shapes]])]


def bands(owner: Connection, number: int) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for zoom_to, _, shape, _ in owner.execute(_ROWS.format(n=number).encode()):
        found.setdefault(zoom_to, []).append(shapely.from_wkb(shape))
    owner.commit()
    return found


def test_edges_stay_shared_and_nothing_vanishes() -> None:
    cells = [shapely.transform(crooked_cell(x, y), lambda xy: xy * 1000) for x in range(6) for y in range(6)]
    islands = shapely.MultiPolygon([shapely.box(9000, 0, 9900, 900), shapely.box(9950, 0, 9951, 1)])
    bow_tie = shapely.Polygon([(20000, 0), (20100, 100), (20100, 0), (20000, 100), (20000, 0)])
    speck = shapely.Point(30000, 0).buffer(0.1)
    assert shapely.coverage_is_valid(cells)
    for tolerance in (5.0, 150.0, 1200.0):
        simple = shapely.from_wkb(simplify_coverage(shapely.to_wkb([*cells, islands, bow_tie, speck]).tolist(), tolerance))
        assert shapely.coverage_is_valid(simple[: len(cells)])
        assert not shapely.is_empty(simple).any()
        assert simple[len(cells)].geom_type == "Polygon", "a speck of an island goes, the island stays"
        assert (shapely.area(simple[: len(cells)]) > 0.4e6).all()
    assert simplify_coverage([], 5.0) == []


def test_a_coverage_is_simplified_together_and_refreshed_in_part(importer: Connection, owner: Connection) -> None:
    number = make_layer(importer, LayerSpec(id="parcels", title_zh="地块", geometry_type=GeometryType.POLYGON))
    cells = [shapely.transform(crooked_cell(x, y), lambda xy: xy * 0.002 + (113.5, 22.5)) for x in range(46) for y in range(46)]
    oids = put(importer, number, cells)
    bring_up(importer)
    assert one(owner, "SELECT kind FROM twin.overview WHERE layer = %s", number) == "coverage"
    before = bands(owner, number)
    assert {zoom: len(shapes) for zoom, shapes in before.items()} == dict.fromkeys((5, 8, 11, 13), len(cells))
    assert all(shapely.coverage_is_valid(shapes) for shapes in before.values())
    assert shapely.get_num_coordinates(before[5]).sum() < shapely.get_num_coordinates(before[13]).sum() / 3
    whole = one(owner, f"SELECT 'twin.tile_kept_{number}'::regclass::oid")
    importer.execute(f"DELETE FROM twin.object_{number} WHERE oid = ANY (%s)".encode(), [[oids[600], oids[601]]])
    put(importer, number, [shapely.union(cells[600], cells[601])])
    importer.execute(f"DELETE FROM twin.object_{number} WHERE oid = %s".encode(), [oids[1000]])
    bring_up(importer)
    assert one(owner, f"SELECT 'twin.tile_kept_{number}'::regclass::oid") == whole, "refreshed, not made anew"
    assert all(shapely.coverage_is_valid(shapes) for shapes in bands(owner, number).values())
    same_as_a_build(importer, owner, number)


@pytest.mark.data
def test_counties_change_one_by_one(importer: Connection, owner: Connection, data_root: Any) -> None:
    number = make_layer(importer, LayerSpec(id="counties", title_zh="县区", geometry_type=GeometryType.MULTIPOLYGON))
    with zipfile.ZipFile(data_root / "boundaries/counties_echarts_guangdong.zip") as archive:
        found = [json.loads(archive.read(name))["features"] for name in archive.namelist() if name.endswith("json")]
    oids = put(importer, number, [shapely.from_geojson(json.dumps(feature["geometry"])) for features in found for feature in features])
    bring_up(importer)
    assert len(oids) == 124
    assert one(owner, "SELECT kind FROM twin.overview WHERE layer = %s", number) == "coverage", "few rows, many vertices"
    shapes = bands(owner, number)
    points = {zoom: int(shapely.get_num_coordinates(drawn).sum()) for zoom, drawn in shapes.items()}
    assert points[5] < 30_000 < points[13] and {len(drawn) for drawn in shapes.values()} == {124}
    area = {zoom: shapely.area(drawn).sum() for zoom, drawn in shapes.items()}
    assert area[5] == pytest.approx(area[13], rel=0.002)
    assert shapely.union_all(shapes[5]).area == pytest.approx(area[5], rel=0.002), "neither gaps nor overlaps to speak of"
    importer.execute(f"UPDATE twin.object_{number} SET geom = ST_Multi(ST_Buffer(geom, -0.01)) WHERE oid = ANY (%s)".encode(), [oids[5:7]])
    bring_up(importer)
    same_as_a_build(importer, owner, number)


def same_as_a_build(importer: Connection, owner: Connection, number: int) -> None:
    edited = owner.execute(_ROWS.format(n=number).encode()).fetchall()
    owner.commit()
    rebuild(owner, importer, number)
    assert_same(edited, owner.execute(_ROWS.format(n=number).encode()).fetchall())
