"""Overviews: nothing is lost or counted twice at any zoom, and what edits leave behind is what a build from nothing makes."""

import gzip
import json
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from postgis import overviews, twins
from postgis.connect import IMPORTER, OWNER, SUPERUSER, Database, connect
from postgis.layers import LayerSpec, make_layer
from postgis.worker import TILE_STEPS
from twin.fields import Field, FieldType, Role
from twin.layer import GeometryType

Connection = psycopg.Connection[Any]
Make = Callable[..., int]

FIELDS = (
    Field(name="use", role=Role.CLASS, in_tiles_from_zoom=0),
    Field(name="floors", type=FieldType.INTEGER, role=Role.FLOORS, in_tiles_from_zoom=14),
    Field(name="people", type=FieldType.NUMBER, role=Role.POPULATION, in_tiles_from_zoom=14),
    Field(name="size", type=FieldType.NUMBER, in_tiles_from_zoom=10),
)
LON, LAT = 113.9, 22.5
DIVISIONS = ("440305", "440304", None)

_INSERT = """
    INSERT INTO twin.object_{n} (class, division, geom, attrs, source, source_key)
    SELECT r.class, r.division, ST_GeomFromText(r.wkt, 4490), r.attrs::jsonb, 'test', gen_random_uuid()::text
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) r (class, division, wkt, attrs) RETURNING oid
"""
_KEPT = """
    SELECT zoom_to, zoom_from, oid, division, class, count, floors, size_, ST_AsText(ST_SnapToGrid(ST_Normalize(geom), 0.001)), size, area_m2, floor_area_m2, population,
        quad, centre_x, centre_y
    FROM twin.tile_kept_{n} ORDER BY zoom_to, zoom_from, oid, division, class, quad, size, count, ST_AsText(geom)
"""
_FOLD = """
    SELECT zoom, quad, division, count, class, oid, area_m2, floor_area_m2, population, x, y, mercator_area, mass, class_mass
    FROM twin.tile_fold_{n} ORDER BY zoom, quad, division
"""
_SUMS = """
    WITH rows AS (
        SELECT zoom, count, area_m2, floor_area_m2, population FROM twin.tile_fold_{n}
        UNION ALL SELECT zoom, count, area_m2, floor_area_m2, population
        FROM twin.tile_kept_{n} k, generate_series(0, 13) zoom
        WHERE area_m2 IS NOT NULL AND zoom_from <= zoom AND zoom_to = CASE WHEN zoom <= 5 THEN 5 WHEN zoom <= 8 THEN 8 WHEN zoom <= 11 THEN 11 ELSE 13 END)
    SELECT zoom, sum(count), sum(area_m2), sum(floor_area_m2), sum(population) FROM rows GROUP BY zoom ORDER BY zoom
"""
_TRUTH = """
    SELECT count(*), sum(ST_Area(geom::geography)), sum(ST_Area(geom::geography) * twin.as_integer(attrs, 'floors')), sum(twin.as_number(attrs, 'people'))
    FROM (SELECT ST_SetSRID(geom, 4019) AS geom, attrs FROM twin.object_{n} WHERE valid @> now() AND plan IS NULL) s
"""


class Town:
    """A layer of random things, edited at random; the seed makes it the same every time."""

    def __init__(self, connection: Connection, geometry_type: GeometryType, seed: int, id: str) -> None:
        self.random = random.Random(seed)
        self.kind = geometry_type
        self.number = make_layer(connection, LayerSpec(id=id, title_zh="楼", geometry_type=geometry_type, fields=FIELDS))
        self.oids: list[int] = []

    def shape(self) -> str:
        lon, lat = self.random.gauss(LON, 0.05), self.random.gauss(LAT, 0.05)
        kind = {GeometryType.MIXED: self.random.choice("PLG"), GeometryType.POINT: "P", GeometryType.POLYGON: "G"}[self.kind]
        if kind == "P":
            return f"POINT({lon} {lat})"
        size = 0.00005 * math.exp(self.random.expovariate(0.9))
        if kind == "L":
            return f"LINESTRING({lon} {lat},{lon + 3 * size} {lat + size},{lon + 5 * size} {lat - size})"
        return f"POLYGON(({lon} {lat},{lon + size} {lat},{lon + size} {lat + size},{lon + size / 2} {lat + size * 1.1},{lon} {lat + size},{lon} {lat}))"

    def put(self, connection: Connection, shapes: list[str]) -> None:
        pick = self.random.choice
        attrs = [f'{{"floors": {pick(["3", "12", "null"])}, "people": {self.random.random() * 50}, "size": 1}}' for _ in shapes]
        rows = connection.execute(
            _INSERT.format(n=self.number).encode(),
            [[pick(["住宅", "商业", None]) for _ in shapes], [pick(DIVISIONS) for _ in shapes], shapes, attrs],
        )
        self.oids += [row[0] for row in rows]

    def edit(self, connection: Connection) -> None:
        """One of the things that happen to rows."""
        n, oid = self.number, self.random.choice(self.oids)
        what = self.random.randrange(6)
        if what == 0:
            self.put(connection, [self.shape() for _ in range(self.random.randrange(1, 4))])
        elif what == 1:
            connection.execute(f"DELETE FROM twin.object_{n} WHERE oid = %s".encode(), [oid])
            self.oids.remove(oid)
        elif what == 2:
            connection.execute(
                f"UPDATE twin.object_{n} SET geom = ST_Translate(geom, %s, 0) WHERE oid = %s".encode(), [self.random.gauss(0, 0.02), oid]
            )
        elif what == 3:
            connection.execute(f"UPDATE twin.object_{n} SET geom = ST_GeomFromText(%s, 4490) WHERE oid = %s".encode(), [self.shape(), oid])
        elif what == 4:
            connection.execute(f"UPDATE twin.object_{n} SET division = %s WHERE oid = %s".encode(), [self.random.choice(DIVISIONS), oid])
        else:
            connection.execute(
                f"UPDATE twin.object_{n} SET class = %s, attrs = attrs || '{{\"floors\": 7}}' WHERE oid = %s".encode(), ["工业", oid]
            )


def bring_up(connection: Connection) -> None:
    connection.commit()
    assert not twins.refresh(connection)
    assert not overviews.refresh(connection)


def one(connection: Connection, text: str, *values: Any) -> Any:
    row = connection.execute(text.encode(), values).fetchone()
    assert row is not None
    connection.commit()
    return row[0]


def tables(owner: Connection, number: int) -> list[list[tuple[Any, ...]]]:
    found = [owner.execute(text.format(n=number).encode()).fetchall() for text in (_KEPT, _FOLD)]
    owner.commit()
    return found


def rebuild(owner: Connection, importer: Connection, number: int) -> None:
    owner.execute("UPDATE twin.overview SET generation = -1 WHERE layer = %s", [number])
    owner.commit()
    bring_up(importer)


def assert_same(found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> None:
    assert len(found) == len(wanted)
    for one_row, other in zip(found, wanted, strict=True):
        for value, expected in zip(one_row, other, strict=True):
            same = (
                math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-7)
                if isinstance(value, float) and expected is not None
                else value == expected
            )
            assert same, (one_row, other)


@pytest.fixture
def make(importer: Connection, request: pytest.FixtureRequest) -> Callable[..., Town]:
    def town(kind: GeometryType, rows: int, seed: int = 1) -> Town:
        made = Town(importer, kind, seed, f"t-{request.node.name.split('[')[0][:30].replace('_', '-')}-{kind.name.lower()}")
        made.put(importer, [made.shape() for _ in range(rows)])
        bring_up(importer)
        return made

    return town


@pytest.mark.parametrize("kind", [GeometryType.POLYGON, GeometryType.POINT])
def test_every_zoom_has_the_whole(make: Callable[..., Town], owner: Connection, importer: Connection, kind: GeometryType) -> None:
    town = make(kind, 2500)
    if kind is GeometryType.POLYGON:
        town.put(importer, ["POLYGON((110 20,116 20,116 25,110 20))", "POLYGON((113 22,113.0001 22,114 22.3,113 22))"])
        bring_up(importer)
    count, area, floor_area, people = owner.execute(_TRUTH.format(n=town.number).encode()).fetchone() or ()
    sums = owner.execute(_SUMS.format(n=town.number).encode()).fetchall()
    assert [row[:2] for row in sums] == [(zoom, count) for zoom in range(14)]
    assert [row[4] for row in sums] == pytest.approx([people] * 14, rel=1e-9)
    if kind is GeometryType.POLYGON:
        assert [row[2] for row in sums] == pytest.approx([sums[0][2]] * 14, rel=1e-9)
        assert [row[3] for row in sums] == pytest.approx([sums[0][3]] * 14, rel=1e-9)
        small = f"SELECT sum(area_m2) FROM twin.tile_fold_{town.number} WHERE zoom = 13"
        true = f"""SELECT sum(ST_Area(ST_SetSRID(geom, 4019)::geography)) FROM twin.object_{town.number} o
            WHERE NOT EXISTS (SELECT FROM twin.tile_kept_{town.number} k WHERE k.oid = o.oid)"""
        assert one(owner, small) == pytest.approx(one(owner, true), rel=1e-6), "square metres on the ground"
        assert area > 0 and floor_area > 0
        assert one(owner, f"SELECT bool_and(ST_IsPolygonCW(geom) AND NOT ST_IsEmpty(geom)) FROM twin.tile_kept_{town.number}")


@pytest.mark.parametrize("kind", [GeometryType.POLYGON, GeometryType.POINT, GeometryType.MIXED])
def test_edits_leave_what_a_build_makes(make: Callable[..., Town], owner: Connection, importer: Connection, kind: GeometryType) -> None:
    town = make(kind, 2600, seed=7)
    tables_before = one(owner, f"SELECT 'twin.tile_kept_{town.number}'::regclass::oid")
    for _ in range(6):
        for _ in range(15):
            town.edit(importer)
        bring_up(importer)
    assert one(owner, f"SELECT 'twin.tile_kept_{town.number}'::regclass::oid") == tables_before, "refreshed, not made anew"
    assert one(owner, "SELECT count(*) FROM twin.overview_dirty") == 0
    edited = tables(owner, town.number)
    rebuild(owner, importer, town.number)
    for found, wanted in zip(edited, tables(owner, town.number), strict=True):
        assert_same(found, wanted)


def test_lines_are_joined_and_never_dissolve(importer: Connection, owner: Connection) -> None:
    number = make_layer(importer, LayerSpec(id="roads", title_zh="道路", geometry_type=GeometryType.LINE, fields=FIELDS))
    streets = [
        f"LINESTRING({LON + street / 100} {LAT + step / 1000},{LON + street / 100} {LAT + (step + 1) / 1000})"
        for street in range(10)
        for step in range(300)
    ]
    dust = [f"LINESTRING({100 + x / 1000} {30 + y / 1000},{100 + x / 1000 + 0.0003} {30 + y / 1000})" for x in range(5) for y in range(5)]
    put = _INSERT.format(n=number).encode()
    importer.execute(put, [["路"] * 3025, [None] * 3025, streets + dust, ["{}"] * 3025])
    long = importer.execute(put, [["路"], [None], [f"LINESTRING(112 21,{LON + 3} 24)"], ["{}"]]).fetchall()[0][0]
    bring_up(importer)
    assert one(owner, "SELECT kind FROM twin.overview WHERE layer = %s", number) == "fold"
    kept = owner.execute(
        f"SELECT zoom_to, zoom_from, oid, count, geom, ST_NumGeometries(geom), size FROM twin.tile_kept_{number}".encode()
    ).fetchall()
    assert {row[0] for row in kept if row[2] == long} == {8, 11, 13}, "too long for a block, it stays itself"
    assert all(row[3] == 1 for row in kept if row[2] == long)
    assert {zoom: sum(row[3] for row in kept if row[0] == zoom) for zoom in (11, 13)} == {11: 3026, 13: 3026}
    assert len([row for row in kept if row[0] == 13]) < 150 and max(row[5] for row in kept) == 25, "300 pieces of a street are one"
    lengths = "SELECT sum(size) / (SELECT sum(ST_Length(geom)) FROM twin.tile_{n}) FROM twin.tile_kept_{n} WHERE zoom_to = %s"
    assert one(owner, lengths.format(n=number), 13) == pytest.approx(1, rel=1e-4)
    far = f"SELECT min(zoom_from) FROM twin.tile_kept_{number} WHERE zoom_to <= 8 AND ST_XMax(geom) < 11200000"
    assert one(owner, far) == 7, "700 m of dust are a pixel at zoom 7, though no piece of it is"
    assert one(owner, f"SELECT count(*) FROM twin.tile_fold_{number}") == 0
    importer.execute(f"DELETE FROM twin.object_{number} WHERE oid = ANY (%s)".encode(), [[long, long - 1, long - 1700]])
    importer.execute(f"UPDATE twin.object_{number} SET class = '街' WHERE oid = %s".encode(), [long - 500])
    bring_up(importer)
    edited = tables(owner, number)
    rebuild(owner, importer, number)
    assert_same(edited[0], tables(owner, number)[0])


def test_the_event_names_the_cells_that_changed(make: Callable[..., Town], owner: Connection, importer: Connection) -> None:
    town = make(GeometryType.POLYGON, 2100)
    last = "SELECT seq, cells, payload ->> 'layer' FROM twin.outbox WHERE topic = 'overview' AND layer = %s ORDER BY seq DESC LIMIT 1"
    built = owner.execute(last, [town.number]).fetchone()
    assert built is not None and built[1] is None, "a build is everywhere"
    assert one(owner, "SELECT epoch FROM twin.cell_epoch WHERE layer = %s AND cell = 1::bigint << 62", town.number) == built[0]
    importer.execute(f"UPDATE twin.object_{town.number} SET geom = ST_Translate(geom, 0.5, 0) WHERE oid = %s".encode(), [town.oids[0]])
    bring_up(importer)
    moved = owner.execute(last, [town.number]).fetchone()
    assert moved is not None and 2 <= len(moved[1]) <= 8
    cells = [cell | 1 << 62 for cell in moved[1]]
    assert one(owner, "SELECT min(epoch) FROM twin.cell_epoch WHERE layer = %s AND cell = ANY (%s)", town.number, cells) == moved[0]
    town.put(importer, ["POLYGON((100 10,120 10,120 30,100 10))"])
    bring_up(importer)
    huge = owner.execute(last, [town.number]).fetchone()
    assert huge is not None and huge[0] > moved[0] and huge[1] is None


def test_an_overview_comes_and_goes_with_the_rows(make: Callable[..., Town], owner: Connection, importer: Connection) -> None:
    town = make(GeometryType.POLYGON, 1990)
    state = f"SELECT overview FROM twin.tile_state WHERE layer = {town.number}"
    assert one(owner, state) == "none"
    town.put(importer, [town.shape() for _ in range(20)])
    bring_up(importer)
    assert one(owner, state) == "fresh"
    for rows, wanted in ((100, "fresh"), (400, "none")):
        gone = [town.oids.pop() for _ in range(rows)]
        importer.execute(f"DELETE FROM twin.object_{town.number} WHERE oid = ANY (%s)".encode(), [gone])
        bring_up(importer)
        assert one(owner, state) == wanted
    assert one(owner, f"SELECT to_regclass('twin.tile_kept_{town.number}') IS NULL")
    assert one(owner, f"SELECT count(*) FROM pg_trigger WHERE tgrelid = 'twin.tile_{town.number}'::regclass AND tgname ~ '^overview'") == 0
    importer.execute(f"DELETE FROM twin.object_{town.number} WHERE oid = %s".encode(), [town.oids.pop()])
    bring_up(importer)
    assert one(owner, "SELECT count(*) FROM twin.overview_dirty") == 0


def test_a_bound_reader_sees_the_cells_of_their_division(make: Callable[..., Town], owner: Connection, server: Connection) -> None:
    town = make(GeometryType.POLYGON, 2100)
    id_ = one(owner, "SELECT id FROM twin.layer WHERE number = %s", town.number)
    text = f'SELECT (SELECT sum(count) FROM tile_fold."{id_}" WHERE zoom = 0)'
    assert one(server, text) is None, "no scope, no rows"
    for divisions, wanted in (("[]", "true"), ('["4403"]', "division IS NOT NULL"), ('["440305"]', "division = '440305'")):
        server.execute("SELECT set_config('twin.scope', %s, false)", [f'{{"access": ["public"], "divisions": {divisions}}}'])
        kept = one(server, f'SELECT count(*) FROM tile_kept."{id_}" WHERE zoom_to = 5 AND zoom_from = 0')
        assert (one(server, text) or 0) + kept == one(owner, f"SELECT count(*) FROM twin.object_{town.number} WHERE {wanted}")


def test_other_fields_make_another_overview(make: Callable[..., Town], owner: Connection, importer: Connection) -> None:
    town = make(GeometryType.POLYGON, 2100)
    id_ = one(owner, "SELECT id FROM twin.layer WHERE number = %s", town.number)
    spec = LayerSpec(id=id_, title_zh="楼", geometry_type=GeometryType.POLYGON, fields=FIELDS[:1])
    make_layer(importer, spec)
    importer.commit()
    assert one(owner, "SELECT overview FROM twin.tile_state WHERE layer = %s", town.number) == "none", "nobody reads columns that are gone"
    bring_up(importer)
    assert one(owner, f"SELECT sum(floor_area_m2) IS NULL AND sum(count) > 0 FROM twin.tile_fold_{town.number}")
    importer.execute("SELECT twin.drop_layer(%s)", [id_])
    importer.commit()
    left = "SELECT count(*) FROM pg_class WHERE relname ~ %s"
    assert one(owner, left, f"^tile_(kept_|fold_)?{town.number}(_new)?$") == 0
    assert one(owner, "SELECT count(*) FROM twin.overview WHERE layer = %s", town.number) == 0


def test_a_killed_round_leaves_the_old_state(
    make: Callable[..., Town], owner: Connection, importer: Connection, database: Database
) -> None:
    town = make(GeometryType.POLYGON, 2100)
    before = tables(owner, town.number)
    town.edit(importer)
    importer.execute(
        f"UPDATE twin.object_{town.number} SET geom = ST_Translate(geom, 0.01, 0) WHERE oid = ANY (%s)".encode(), [town.oids[:5]]
    )
    importer.commit()
    with connect(database, OWNER) as blocker, connect(database, IMPORTER) as victim:
        blocker.execute(f"LOCK TABLE twin.tile_fold_{town.number} IN SHARE MODE".encode())
        pid = victim.info.backend_pid
        thread = threading.Thread(target=lose_the_database, args=[victim])
        thread.start()
        waiting = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        with connect(database, SUPERUSER) as admin:
            admin.autocommit = True
            wait_until(lambda: one(admin, waiting, pid) is True)
            assert overviews.refresh(importer) is True, "another worker has it: again later"
            admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        thread.join(10)
    assert tables(owner, town.number) == before
    bring_up(importer)
    edited = tables(owner, town.number)
    assert edited != before
    rebuild(owner, importer, town.number)
    for found, wanted in zip(edited, tables(owner, town.number), strict=True):
        assert_same(found, wanted)


def test_a_change_over_waits_for_readers_and_lets_others_read(make: Callable[..., Town], owner: Connection, database: Database) -> None:
    town = make(GeometryType.POLYGON, 2100)
    count = f"SELECT count(*) FROM twin.tile_fold_{town.number}"
    before = one(owner, count)
    owner.execute("UPDATE twin.overview SET generation = -1 WHERE layer = %s", [town.number])
    owner.commit()
    owner.execute(count.encode())
    outcome: list[int] = []
    with connect(database, IMPORTER) as worker, connect(database, OWNER) as other, connect(database, SUPERUSER) as admin:
        admin.autocommit = True
        thread = threading.Thread(target=lambda: outcome.append(overviews.refresh_overviews(worker)))
        thread.start()
        held = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND mode = 'AccessExclusiveLock' AND NOT granted)"
        wait_until(lambda: one(admin, held, worker.info.backend_pid))
        other.execute("SET statement_timeout = '5s'")
        assert one(other, count) == before
        assert not outcome
        owner.commit()
        thread.join(30)
    assert outcome == [1]
    assert one(owner, "SELECT generation > 0 FROM twin.overview WHERE layer = %s", town.number)


def lose_the_database(connection: Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        overviews.refresh(connection)


def wait_until(seen: Callable[[], bool]) -> None:
    for _ in range(500):
        if seen():
            return
        time.sleep(0.01)
    raise AssertionError("not seen in time")


@pytest.mark.data
def test_the_buildings_of_nanshan_are_all_there_at_every_zoom(importer: Connection, owner: Connection, data_root: Any) -> None:
    number = make_layer(importer, LayerSpec(id="nanshan", title_zh="南山", geometry_type=GeometryType.POLYGON, fields=FIELDS))
    features = json.loads(gzip.decompress((data_root / "buildings/nanshan-building.geojson.gz").read_bytes()))["features"]
    shapes = [json.dumps(feature["geometry"]) for feature in features]
    put = f"""INSERT INTO twin.object_{number} (geom, attrs, source, source_key)
        SELECT ST_CollectionExtract(ST_MakeValid(d.geom), 3), '{{"floors": 6}}', 'test', gen_random_uuid()::text
        FROM unnest(%s::text[]) shape, ST_Dump(ST_SetSRID(ST_GeomFromGeoJSON(shape), 4490)) d"""
    importer.execute(put.encode(), [shapes])
    bring_up(importer)
    assert (twins.refresh, overviews.refresh) == TILE_STEPS, "the worker does the same, in this order"
    sums = owner.execute(_SUMS.format(n=number).encode()).fetchall()
    truth = owner.execute(_TRUTH.format(n=number).encode()).fetchone() or ()
    assert [row[:2] for row in sums] == [(zoom, 5438) for zoom in range(14)]
    assert [row[2] for row in sums] == pytest.approx([truth[1]] * 14, rel=1e-6)
    assert [row[3] for row in sums] == pytest.approx([truth[2]] * 14, rel=1e-6)


def test_nobody_else_may_touch_an_overview(server: Connection) -> None:
    for text in ("SELECT twin.overviews_due()", "SELECT twin.refresh_overview(1)", "SELECT * FROM twin.overview"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute(text)
        server.rollback()
