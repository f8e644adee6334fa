"""Base twins: whatever way rows are written, the twin shows exactly the present facts, or says in the same snapshot that it does not."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from importers.options import ImportOptions
from importers.run import import_file
from postgis import clock, objects, twins
from postgis.connect import EDITOR, IMPORTER, OWNER, SERVER, SUPERUSER, Database, connect
from postgis.features import fingerprint
from postgis.layers import LayerSpec, drop_layer, make_layer, read_layers, reserve_layer
from postgis.worker import run_worker
from twin.fields import Field, FieldType, Role
from twin.layer import Access, TileSource

Connection = psycopg.Connection[Any]

ROOT = Path(__file__).parents[2]
FIELDS = (
    Field(name="高度", type=FieldType.NUMBER, role=Role.HEIGHT, in_tiles_from_zoom=14),
    Field(name="use", type=FieldType.TEXT, role=Role.CLASS, in_tiles_from_zoom=0),
    Field(name="qu", type=FieldType.TEXT, role=Role.DIVISION, in_tiles_from_zoom=14),
    Field(name="built", type=FieldType.DATE, in_tiles_from_zoom=14),
    Field(name="seen", type=FieldType.INSTANT, in_tiles_from_zoom=14),
    Field(name="floors", type=FieldType.INTEGER, in_tiles_from_zoom=14),
    Field(name="lift", type=FieldType.BOOLEAN, in_tiles_from_zoom=14),
    Field(name="extra", type=FieldType.JSON, in_tiles_from_zoom=14),
    Field(name="oids", type=FieldType.TEXT, in_tiles_from_zoom=14),
    Field(name="50% $1 'gone'", type=FieldType.TEXT, in_tiles_from_zoom=14),
    Field(name="secret", type=FieldType.TEXT),
)
PATCH = {"name": "a", "class": "shop", "geom": {"type": "Point", "coordinates": [113.5, 23.1]}}
_FILL = """
    INSERT INTO {} (class, division, geom, attrs, source, source_key)
    SELECT 'home', '44030' || i %% 9, ST_Expand(ST_SetSRID(ST_MakePoint(113 + i / 1e4, 23 + i / 1e5), 4490), 0.0001),
           jsonb_build_object('高度', i, 'floors', i %% 30), 'file', i::text
    FROM generate_series(1, %s) i
"""


def value(connection: Connection, query: str, *args: Any) -> Any:
    row = connection.execute(query, args or None).fetchone()
    assert row is not None
    return row[0]


def new_layer(database: Database, name: str, rows: int = 0, fields: tuple[Field, ...] = FIELDS, access: Access = Access.PUBLIC) -> int:
    """A layer published the way an import does it."""
    with connect(database, IMPORTER) as connection:
        number = reserve_layer(connection, LayerSpec(id=name, title_zh=name, fields=fields, access=access))
        table = value(connection, "SELECT twin.new_object_table(%s)", number)
        connection.execute(sql.SQL(_FILL).format(sql.SQL(table)), [rows])
        assert value(connection, "SELECT twin.attach_objects(%s)", number) == rows
    return number


def differences(connection: Connection, number: int, at: str = "clock_timestamp()") -> int:
    """Rows of the twin that are not as a fresh derivation makes them, and those that are missing."""
    columns = sql.SQL(value(connection, "SELECT twin.tile_select(%s, %s)", number, at))
    twin = sql.Identifier("twin", f"tile_{number}")
    query = sql.SQL("SELECT count(*) FROM ((SELECT * FROM {0} EXCEPT ALL ({1})) UNION ALL (({1}) EXCEPT ALL SELECT * FROM {0})) d")
    return int(connection.execute(query.format(twin, columns)).fetchone()[0])  # type: ignore[index]


def size(connection: Connection, number: int) -> int:
    return int(value(connection, f"SELECT count(*) FROM twin.tile_{number}"))


def is_fresh(connection: Connection, number: int) -> bool:
    return bool(value(connection, "SELECT twin.twin_is_fresh(%s)", number))


def refresh(database: Database) -> bool:
    with connect(database, IMPORTER) as connection:
        return twins.refresh(connection)


@contextmanager
def role(database: Database, name: str = OWNER) -> Iterator[Connection]:
    with connect(database, name) as connection:
        yield connection


@pytest.fixture(scope="module")
def houses(database: Database) -> int:
    return new_layer(database, "houses", 1000)


def test_a_first_import_has_its_twin_at_once(owner: Connection, houses: int) -> None:
    assert is_fresh(owner, houses)
    assert (size(owner, houses), differences(owner, houses)) == (1000, 0)
    corner = value(owner, f"SELECT ST_AsText(ST_Centroid(geom), 2) FROM twin.tile_{houses} WHERE oid = %s", (houses << 40) + 1)
    assert corner == "POINT(12579113.59 2632019.85)"


def test_columns_are_typed_and_times_are_text(owner: Connection, houses: int) -> None:
    attrs = {
        "高度": "12.5",
        "built": "2020-02-30",
        "seen": "2020-02-03T04:05:06",
        "lift": "是",
        "extra": {"a": [1]},
        "floors": 7,
        "oids": "x",
    }
    owner.execute(f"UPDATE twin.object_{houses} SET attrs = %s WHERE oid = %s", [json.dumps(attrs), (houses << 40) + 2])
    row = owner.execute(
        f'SELECT "高度", built, seen, lift, extra, floors, oids, class FROM twin.tile_{houses} WHERE oid = %s', [(houses << 40) + 2]
    )
    assert row.fetchone() == (12.5, None, "2020-02-02 20:05:06+00", True, '{"a": [1]}', 7, "x", "home")
    names = value(owner, "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'tile.houses'::regclass")
    assert names == [
        "oid",
        "geom",
        "tile clearance",
        "division",
        "高度",
        "class",
        "built",
        "seen",
        "floors",
        "lift",
        "extra",
        "oids",
        "50% $1 'gone'",
    ]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
def test_a_writers_own_settings_do_not_show(owner: Connection, houses: int, zone: str) -> None:
    owner.execute(sql.SQL("SET timezone = {}").format(zone))
    owner.execute("SET datestyle = 'German'")
    attrs = json.dumps({"built": "2020-02-03", "seen": "2020-02-03T04:05:06Z"})
    owner.execute(f"UPDATE twin.object_{houses} SET attrs = %s WHERE oid = %s", [attrs, (houses << 40) + 3])
    row = owner.execute(f"SELECT built, seen FROM twin.tile_{houses} WHERE oid = %s", [(houses << 40) + 3]).fetchone()
    assert row == ("2020-02-03", "2020-02-03 04:05:06+00")


_WRITES = {
    "insert": "INSERT INTO twin.object_{n} (class, geom, source_key) SELECT 'new', ST_SetSRID(ST_MakePoint(113, 23 + i / 1e3), 4490), 'k' || i "
    "FROM generate_series(1, 50) i",
    "insert by the parent": "INSERT INTO twin.object (layer, oid, geom) VALUES ({n}, ({n}::bigint << 40) + 9000, 'SRID=4490;POINT(114 22)')",
    "update": "UPDATE twin.object_{n} SET geom = ST_Translate(geom, 0.01, 0), attrs = attrs || '{{\"floors\": 99}}' WHERE oid % 7 = 0",
    "update by the parent": "UPDATE twin.object SET class = 'other' WHERE layer = {n} AND oid % 5 = 0",
    "update of the oid": "UPDATE twin.object_{n} SET oid = oid + 100000 WHERE oid % 100 = 3",
    "update to a plan": "UPDATE twin.object_{n} SET plan = 'P' WHERE oid % 100 = 4",
    "update from a plan": "UPDATE twin.object_{n} SET plan = NULL WHERE plan = 'P'",
    "update into the future": "UPDATE twin.object_{n} SET valid = tstzrange(now() + interval '1 day', NULL) WHERE oid % 100 = 5",
    "update out of the future": "UPDATE twin.object_{n} SET valid = tstzrange(now() - interval '1 day', NULL) WHERE oid % 100 = 5",
    "update to no place": "UPDATE twin.object_{n} SET geom = NULL WHERE oid % 100 = 6",
    "update to emptiness": "UPDATE twin.object_{n} SET geom = 'SRID=4490;POLYGON EMPTY' WHERE oid % 100 = 7",
    "delete": "DELETE FROM twin.object_{n} WHERE oid % 11 = 0",
    "delete by the parent": "DELETE FROM twin.object WHERE layer = {n} AND oid % 13 = 0",
    "upsert": "INSERT INTO twin.object_{n} (oid, geom, valid) SELECT oid, geom, valid FROM twin.object_{n} WHERE plan IS NULL LIMIT 20 "
    "ON CONFLICT (oid, layer, plan, lower(valid)) DO UPDATE SET class = 'upserted', geom = ST_Translate(excluded.geom, 1, 0)",
    "write in a CTE": "WITH gone AS (DELETE FROM twin.object_{n} WHERE oid % 17 = 0 RETURNING *) "
    "INSERT INTO twin.object_{n} (oid, geom, class, source_key) SELECT oid, geom, 'moved', 'm' || oid FROM gone WHERE plan IS NULL",
}


@pytest.mark.parametrize("write", _WRITES)
def test_plain_sql_carries_the_twin_along(owner: Connection, houses: int, write: str) -> None:
    written = owner.execute(_WRITES[write].format(n=houses)).rowcount
    assert written > 0
    assert (is_fresh(owner, houses), differences(owner, houses)) == (True, 0)


@pytest.mark.parametrize("target", ["object", "object_{n}"])
def test_copy_carries_the_twin_along(owner: Connection, houses: int, target: str) -> None:
    before = size(owner, houses)
    first = (houses << 40) + (50_000 if "{" in target else 60_000)
    with owner.cursor().copy(f"COPY twin.{target.format(n=houses)} (layer, oid, geom, source_key) FROM STDIN") as copy:
        for i in range(300):
            copy.write_row((houses, first + i, f"SRID=4490;POINT(113.{i:03} 23)", f"c{first + i}"))
    assert (size(owner, houses), differences(owner, houses)) == (before + 300, 0)


@pytest.mark.parametrize("target", ["object", "object_{n}"])
def test_a_truncate_is_no_secret(database: Database, owner: Connection, target: str) -> None:
    number = new_layer(database, f"emptied{len(target)}", 50)
    name = target.format(n=number)
    seq = value(owner, "SELECT max(seq) FROM twin.outbox")
    with pytest.raises(psycopg.errors.RaiseException, match="undo"), owner.transaction():
        owner.execute(f"TRUNCATE twin.{name}")
        assert (
            value(owner, "SELECT count(*) FROM twin.outbox WHERE topic = 'layer' AND layer = %s AND cells IS NULL AND seq IS NULL", number)
            == 1
        )
        assert not is_fresh(owner, number)
        owner.execute("DO $$ BEGIN RAISE 'undo'; END $$")
    assert is_fresh(owner, number)
    owner.execute(f"TRUNCATE twin.object_{number}")
    owner.commit()
    assert value(owner, "SELECT max(seq) FROM twin.outbox") > seq
    assert not refresh(database)
    assert (is_fresh(owner, number), size(owner, number)) == (True, 0)


def test_a_rollback_takes_the_twin_back(owner: Connection, houses: int) -> None:
    before = size(owner, houses)
    with owner.transaction(force_rollback=True):
        owner.execute(f"DELETE FROM twin.object_{houses}")
        assert size(owner, houses) == 0
    assert (size(owner, houses), differences(owner, houses)) == (before, 0)


def test_edits_of_single_objects(owner: Connection, editor: Connection, houses: int) -> None:
    def shown() -> Any:
        editor.commit()
        owner.commit()
        assert (is_fresh(owner, houses), differences(owner, houses)) == (True, 0)
        return owner.execute(f"SELECT class, round(ST_X(geom)) FROM twin.tile_{houses} WHERE oid = %s", [oid]).fetchone()

    oid = objects.create_object(editor, "houses", PATCH)
    assert shown() == ("shop", 12634762)
    objects.change(editor, "houses", oid, {"class": "inn"})
    assert shown() == ("inn", 12634762)
    objects.change(editor, "houses", oid, {"class": "was"}, datetime.now(UTC) - timedelta(milliseconds=1))
    objects.correct(editor, "houses", oid, {"class": "hotel", "geom": {"type": "Point", "coordinates": [113.6, 23.1]}})
    assert shown() == ("hotel", 12645894)
    objects.change(editor, "houses", oid, {"class": "planned", "plan": "P"})
    objects.change(editor, "houses", oid, {"class": "future"}, datetime.now(UTC) + timedelta(days=1))
    assert shown() == ("hotel", 12645894)
    objects.end_object(editor, "houses", oid)
    assert shown() is None


def test_a_repeated_import_carries_the_twin_along(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "towns.geojson"

    def take(rows: range, shift: float) -> int:
        features = [
            {
                "type": "Feature",
                "id": i,
                "properties": {"key": i, "use": "a"},
                "geometry": {"type": "Point", "coordinates": [113 + shift, 23]},
            }
            for i in rows
        ]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return import_file(database, path, ImportOptions(layer="towns", key="key")).number or 0

    number = take(range(100), 0)
    for rows, shift in ((range(110), 0), (range(110), 0.1), (range(5, 110), 0.1)):
        take(rows, shift)
        with role(database) as owner:
            assert (is_fresh(owner, number), differences(owner, number), size(owner, number)) == (True, 0, len(rows))


def test_time_carries_the_twin_along(database: Database, owner: Connection) -> None:
    number = new_layer(database, "works")

    def tick_after(moment: datetime) -> tuple[int, int]:
        time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.02)
        with connect(database, IMPORTER) as importer:
            clock.advance(importer)
        return size(owner, number), differences(owner, number)

    start = datetime.now(UTC) + timedelta(seconds=3)
    with connect(database, EDITOR) as editor:
        oid = objects.create_object(editor, "works", PATCH, start)
        objects.create_object(editor, "works", PATCH | {"plan": "P"}, start)
        changed = objects.create_object(editor, "works", PATCH)
        editor.commit()
        objects.change(editor, "works", changed, {"class": "later"}, start)
    assert value(owner, f"SELECT array_agg((oid, class)::text) FROM twin.tile_{number}") == [f"({changed},shop)"]
    assert differences(owner, number, f"'{start.isoformat()}'::timestamptz - interval '1 ms'") == 0
    owner.commit()
    assert tick_after(start) == (2, 0)
    assert value(owner, f"SELECT class FROM twin.tile_{number} WHERE oid = %s", changed) == "later"
    owner.commit()
    end = datetime.now(UTC) + timedelta(milliseconds=700)
    with connect(database, EDITOR) as editor:
        objects.end_object(editor, "works", oid, end)
    assert tick_after(end) == (1, 0)


def test_a_large_statement_doubts_the_twin_until_the_worker_comes(database: Database, owner: Connection, server: Connection) -> None:
    number = new_layer(database, "large", 21_000)
    server.execute("""SELECT set_config('twin.scope', '{"access": ["public"], "divisions": []}', false)""")

    def told() -> tuple[str, TileSource]:
        with connect(database, IMPORTER) as importer:
            source = next(layer.tile_source for layer in read_layers(importer) if layer.number == number)
        return value(server, "SELECT base FROM door.tile_state WHERE layer = %s", number), source

    assert told() == ("stale", TileSource.LIVE)
    assert value(server, "SELECT count(*) FROM tile.large") == 0
    server.commit()
    assert not refresh(database)
    assert told() == ("fresh", TileSource.TWIN)
    assert (differences(owner, number), size(owner, number)) == (0, 21_000)
    owner.execute(f"UPDATE twin.object_{number} SET class = 'x'")
    assert not is_fresh(owner, number)
    owner.execute(f"DELETE FROM twin.object_{number} WHERE oid % 2 = 0")
    owner.commit()
    server.commit()
    assert told() == ("stale", TileSource.LIVE)
    server.commit()
    assert not refresh(database)
    assert told() == ("fresh", TileSource.TWIN)
    assert (differences(owner, number), size(owner, number)) == (0, 10_500)
    topics = [topic for (topic,) in owner.execute("SELECT topic FROM twin.outbox WHERE payload ->> 'layer' = 'large' ORDER BY seq")]
    assert topics[-3:] == ["layer", "catalogue", "catalogue"] or topics[-3:] == ["catalogue", "layer", "catalogue"]


def test_the_source_of_tiles_is_part_of_what_tiles_are_keyed_by(importer: Connection, houses: int) -> None:
    layer = next(layer for layer in read_layers(importer) if layer.number == houses)
    assert layer.tile_source is TileSource.TWIN
    assert fingerprint(layer) != fingerprint(layer.model_copy(update={"tile_source": TileSource.LIVE}))


def test_new_fields_make_new_columns(database: Database, owner: Connection) -> None:
    fields = (*FIELDS[:3], Field(name="extra_one", type=FieldType.INTEGER, in_tiles_from_zoom=14))
    for name, rows, at_once in (("few", 30, True), ("many", 20_500, False)):
        number = new_layer(database, name, rows)
        refresh(database)
        with connect(database, IMPORTER) as importer:
            make_layer(importer, LayerSpec(id=name, title_zh=name, fields=fields))
        owner.rollback()
        assert is_fresh(owner, number) is at_once
        assert owner.execute(f"SELECT extra_one FROM tile.{name}").fetchall() == []
        written = owner.execute(f"UPDATE twin.object_{number} SET attrs = attrs || '{{\"extra_one\": 5}}' WHERE oid % 3 = 0").rowcount
        owner.commit()
        assert not refresh(database)
        assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)
        assert value(owner, f"SELECT count(extra_one) FROM twin.tile_{number}") == written


def test_a_dropped_layer_leaves_nothing(database: Database, owner: Connection) -> None:
    number = new_layer(database, "shortlived", 10)
    owner.execute("INSERT INTO twin.tile_note VALUES (%s, NULL)", [number])
    owner.commit()
    with connect(database, IMPORTER) as importer:
        assert drop_layer(importer, "shortlived")
    left = "SELECT count(*) FROM pg_class WHERE relname IN ('shortlived', %s, %s)"
    assert value(owner, left, f"tile_{number}", f"tile_{number}_geom") == 0
    assert value(owner, "SELECT count(*) FROM pg_proc WHERE proname = %s", f"derive_tiles_{number}") == 0
    assert value(owner, "SELECT count(*) FROM twin.tile_state WHERE layer = %s", number) == 0
    assert not refresh(database)


def test_a_twin_that_was_never_made_is_made(database: Database, owner: Connection) -> None:
    number = new_layer(database, "older", 10)
    owner.execute("SELECT twin.drop_tiles(%s, 'older')", [number])
    owner.commit()
    assert not refresh(database)
    assert (is_fresh(owner, number), differences(owner, number), size(owner, number)) == (True, 0, 10)


_SHAPES = {
    "POINT(113 23)": "POINT",
    "MULTIPOINT(113 23, 114 24)": "MULTIPOINT",
    "LINESTRING(113 23, 114 24)": "LINESTRING",
    "MULTILINESTRING((113 23, 114 24), (1 1, 2 2))": "MULTILINESTRING",
    "POLYGON((113 23, 114 23, 114 24, 113 23), (113.5 23.1, 113.6 23.1, 113.6 23.2, 113.5 23.1))": "POLYGON",
    "MULTIPOLYGON(((113 23, 114 23, 114 24, 113 23)))": "MULTIPOLYGON",
    "CIRCULARSTRING(113 23, 113.5 23.5, 114 23)": "LINESTRING",
    "COMPOUNDCURVE(CIRCULARSTRING(113 23, 113.5 23.5, 114 23), (114 23, 115 23))": "LINESTRING",
    "CURVEPOLYGON(CIRCULARSTRING(113 23, 114 24, 115 23, 114 22, 113 23))": "POLYGON",
    "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(113 23, 114 24, 115 23, 114 22, 113 23)), ((1 1, 2 1, 2 2, 1 1)))": "MULTIPOLYGON",
    "MULTICURVE((113 23, 114 24), CIRCULARSTRING(113 23, 113.5 23.5, 114 23))": "MULTILINESTRING",
    "GEOMETRYCOLLECTION(POINT(113 23), POLYGON((113 23, 114 23, 114 24, 113 23)))": "MULTIPOLYGON",
    "GEOMETRYCOLLECTION(POINT(113 23), LINESTRING(113 23, 114 24))": "MULTILINESTRING",
    "POLYGON((170 80, 175 80, 175 89.5, 170 89.5, 170 80))": "POLYGON",
    "POLYGON((179 10, 181 10, 181 11, 179 11, 179 10))": "MULTIPOLYGON",
    "LINESTRING(-181 10, -179 10)": "MULTILINESTRING",
    "POINT(190 10)": "POINT",
    "POINT(113 89)": None,
    "POINT(113 -90)": None,
    "POLYGON((0 86, 10 86, 10 88, 0 86))": None,
    "POINT EMPTY": None,
    "POLYGON EMPTY": None,
    "GEOMETRYCOLLECTION EMPTY": None,
    "POLYGON((0 0, 3 3, 3 0, 0 2, 0 0))": "POLYGON",
    "POLYGON((0 80, 2 89, 2 80, 0 89, 0 80))": "?",
    "LINESTRING(0 84, 0 89, 1 84)": "MULTILINESTRING",
    "POLYHEDRALSURFACE(((0 0, 0 1, 1 1, 0 0)), ((0 0, 1 1, 1 0, 0 0)))": "?",
    "TIN(((0 0, 0 1, 1 1, 0 0)))": "?",
    "TRIANGLE((0 0, 0 1, 1 1, 0 0))": "?",
}


@pytest.fixture(scope="module")
def shapes(database: Database) -> int:
    return new_layer(database, "shapes", 0, ())


@pytest.mark.parametrize("wkt", _SHAPES)
def test_every_kind_of_shape(owner: Connection, shapes: int, wkt: str) -> None:
    oid = value(owner, f"INSERT INTO twin.object_{shapes} (geom) VALUES (ST_GeomFromText(%s, 4490)) RETURNING oid", wkt)
    rows = owner.execute(
        f"""SELECT GeometryType(geom), ST_SRID(geom), ST_NDims(geom), ST_HasArc(geom), ST_IsEmpty(geom), ST_IsPolygonCW(geom),
            ST_XMin(geom) >= -20037508.35 AND ST_XMax(geom) <= 20037508.35 AND ST_YMin(geom) > -20060000 AND ST_YMax(geom) < 20060000
        FROM twin.tile_{shapes} WHERE oid = %s""",
        [oid],
    ).fetchall()
    wanted = _SHAPES[wkt]
    assert [row[0] for row in rows] == (
        [] if wanted is None else [rows[0][0]] if wanted == "?" and rows else [] if wanted == "?" else [wanted]
    )
    assert all(row[1:] == (3857, 2, False, False, True, True) and "COLLECTION" not in row[0] for row in rows)
    assert differences(owner, shapes) == 0


def test_walls(database: Database, server: Connection, editor: Connection) -> None:
    new_layer(database, "walled", 900, access=Access.INTERNAL)

    def seen(connection: Connection, access: list[str], divisions: list[str]) -> int:
        scope = json.dumps({"access": access, "divisions": divisions})
        connection.execute("SELECT set_config('twin.scope', %s, false)", [scope])
        return int(value(connection, "SELECT count(*) FROM tile.walled"))

    for connection in (server, editor):
        assert value(connection, "SELECT count(*) FROM tile.walled") == 0
        assert seen(connection, ["public"], []) == 0
        assert seen(connection, [], []) == 0
        assert seen(connection, ["internal"], []) == 900
        assert seen(connection, ["internal"], ["440301", "440302"]) == 200
        assert seen(connection, ["internal"], ["9"]) == 0
        assert seen(connection, ["public"], ["4403"]) == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT twin.build_tiles(1)")
    server.rollback()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT * FROM twin.tile_state")


@contextmanager
def building(database: Database, number: int) -> Iterator[Connection]:
    """A build under way: everything is read, nothing has changed places."""
    with connect(database, IMPORTER) as worker:
        assert value(worker, "SELECT twin.build_tiles(%s)", number) is True
        yield worker


def doubt(database: Database, number: int) -> None:
    with role(database) as owner:
        owner.execute("SELECT twin.doubt_tiles(%s)", [number])


def test_edits_during_a_build_wait_for_nothing_and_are_not_lost(database: Database) -> None:
    number = new_layer(database, "moving", 300)
    first = number << 40
    doubt(database, number)
    edit = f"UPDATE twin.object_{number} SET class = %s WHERE oid = %s"
    with role(database) as late, role(database) as owner:
        with building(database, number) as worker:
            owner.execute("SET lock_timeout = '100ms'")
            owner.execute(edit, ["early", first + 1])
            owner.execute(f"DELETE FROM twin.object_{number} WHERE oid = %s", [first + 2])
            owner.execute(f"INSERT INTO twin.object_{number} (geom) VALUES ('SRID=4490;POINT(1 1)')")
            owner.commit()
            late.execute(edit, ["late", first + 3])
            assert value(worker, "SELECT twin.finish_tiles(%s)", number) == "done"
        assert is_fresh(owner, number)
        assert differences(owner, number) == 0
        owner.commit()
        late.commit()
        assert not is_fresh(owner, number)
        owner.commit()
        assert not refresh(database)
        assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)
        assert value(owner, f"SELECT class FROM twin.tile_{number} WHERE oid = %s", first + 3) == "late"


def test_a_large_statement_during_a_build_voids_it(database: Database, owner: Connection) -> None:
    number = new_layer(database, "voided", 20_100)
    with building(database, number) as worker:
        owner.execute(f"UPDATE twin.object_{number} SET class = 'x'")
        owner.commit()
        assert value(worker, "SELECT twin.finish_tiles(%s)", number) == "void"
        worker.rollback()
    assert not is_fresh(owner, number)
    assert not refresh(database)
    assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)


def test_new_fields_during_a_build_void_it(database: Database, owner: Connection) -> None:
    number = new_layer(database, "refielded", 50)
    doubt(database, number)
    with building(database, number) as worker:
        with connect(database, IMPORTER) as importer:
            make_layer(importer, LayerSpec(id="refielded", title_zh="x", fields=FIELDS[:2]))
        assert value(worker, "SELECT twin.finish_tiles(%s)", number) == "void"
        worker.rollback()
    assert not refresh(database)
    assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)


def test_two_workers_never_build_the_same(database: Database) -> None:
    number = new_layer(database, "shared", 50)
    doubt(database, number)
    with building(database, number) as worker:
        with connect(database, IMPORTER) as other:
            assert value(other, "SELECT twin.build_tiles(%s)", number) is False
            other.rollback()
            assert twins.refresh(other), "it has to come again"
        assert value(worker, "SELECT twin.finish_tiles(%s)", number) == "done"
    assert not refresh(database)


def test_readers_of_the_old_twin_are_not_pushed_aside_and_edits_go_on(database: Database) -> None:
    number = new_layer(database, "read", 50)
    doubt(database, number)
    with role(database) as reader, role(database) as owner:
        assert size(reader, number) == 50
        with building(database, number) as worker:
            assert value(worker, "SELECT twin.finish_tiles(%s)", number) == "busy"
            owner.execute("SET lock_timeout = '100ms'")
            owner.execute(f"UPDATE twin.object_{number} SET class = 'edited'")
            owner.commit()
            reader.commit()
            assert value(worker, "SELECT twin.finish_tiles(%s)", number) == "done"
        assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)


def test_a_long_writer_keeps_a_build_waiting_but_nobody_else(database: Database) -> None:
    number = new_layer(database, "long", 50)
    with role(database) as writer, role(database) as owner:
        writer.execute(f"UPDATE twin.object_{number} SET class = 'held' WHERE oid % 50 = 1")
        doubt(database, number)
        assert refresh(database), "the build has to be tried again"
        owner.execute("SET lock_timeout = '100ms'")
        owner.execute(f"UPDATE twin.object_{number} SET class = 'free' WHERE oid % 50 = 2")
        owner.commit()
        writer.commit()
        assert not refresh(database)
        assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_an_old_snapshot_loses_nothing(database: Database, owner: Connection, level: psycopg.IsolationLevel) -> None:
    number = new_layer(database, f"old{level.value}", 50)
    with connect(database, OWNER) as writer:
        writer.isolation_level = level
        doubt(database, number)
        assert not is_fresh(writer, number)
        assert not refresh(database)
        writer.execute(f"UPDATE twin.object_{number} SET class = 'seen long ago'")
    assert not is_fresh(owner, number)
    assert not refresh(database)
    owner.rollback()
    assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)


def test_a_killed_build_leaves_the_old_twin_and_is_made_good(database: Database, owner: Connection, tmp_path: Path) -> None:
    number = new_layer(database, "killed", 2000)
    doubt(database, number)
    script = tmp_path / "builder.py"
    script.write_text(f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from postgis.connect import IMPORTER, Database, connect
with connect(Database({database.dsn!r}), IMPORTER) as connection:
    print(connection.execute("SELECT twin.build_tiles({number})").fetchone(), flush=True)
    time.sleep(60)
""")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert b"True" in process.stdout.readline()
        owner.execute(f"DELETE FROM twin.object_{number} WHERE oid % 2 = 0")
        owner.commit()
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while refresh(database) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (is_fresh(owner, number), differences(owner, number), size(owner, number)) == (True, 0, 1000)
    assert value(owner, "SELECT to_regclass(%s)", f"twin.tile_{number}_built") is None


def test_one_layers_trouble_is_not_the_others(database: Database, owner: Connection) -> None:
    broken, sound = new_layer(database, "broken", 5), new_layer(database, "sound", 5)
    owner.execute(f"CREATE TABLE twin.tile_{broken}_built ()")
    owner.execute(f"CREATE VIEW twin.in_the_way AS SELECT FROM twin.tile_{broken}_built")
    owner.commit()
    for number in (broken, sound):
        doubt(database, number)
    assert refresh(database)
    assert (is_fresh(owner, broken), is_fresh(owner, sound)) == (False, True)
    owner.execute("DROP VIEW twin.in_the_way")
    owner.commit()
    assert not refresh(database)


class Writer(threading.Thread):
    """Writes at random, in all ways, until told to stop."""

    def __init__(self, database: Database, number: int, seed: int, stop: threading.Event) -> None:
        super().__init__()
        self._database, self._number, self._random, self._stop_it = database, number, random.Random(seed), stop
        self.written = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with connect(self._database, OWNER) as connection:
                while not self._stop_it.is_set():
                    self._once(connection)
        except BaseException as error:
            self.failure = error

    def _once(self, connection: Connection) -> None:
        pick = self._random
        low = pick.randrange(3000)
        span = {"low": (self._number << 40) + low, "high": (self._number << 40) + low + pick.choice((0, 0, 3, 40))}
        within = "WHERE oid BETWEEN %(low)s AND %(high)s"
        statements: list[Callable[[], Any]] = [
            lambda: connection.execute(
                f"UPDATE twin.object_{self._number} SET geom = ST_Translate(geom, 0.001, 0), class = 'c' {within}", span
            ),
            lambda: connection.execute(f"DELETE FROM twin.object_{self._number} {within}", span),
            lambda: connection.execute(
                f"INSERT INTO twin.object_{self._number} (geom, attrs, source_key) "
                f"SELECT geom, attrs, gen_random_uuid() FROM twin.object_{self._number} {within}",
                span,
            ),
            lambda: connection.execute("SELECT twin.doubt_tiles(%s)", [self._number]),
        ]
        if pick.random() < 0.05:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            for _ in range(pick.choice((1, 1, 3))):
                pick.choices(statements, (6, 2, 3, 0.3))[0]()
            (connection.rollback if pick.random() < 0.1 else connection.commit)()
            self.written += 1
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            connection.rollback()
        connection.isolation_level = None


def test_writers_and_builders_at_once_lose_no_row(database: Database, owner: Connection) -> None:
    number = new_layer(database, "busy", 3000)
    stops = [threading.Event() for _ in range(4)]
    writers = [Writer(database, number, seed, stop) for seed, stop in enumerate(stops)]
    for writer in writers:
        writer.start()
    deadline, looks, fresh = time.monotonic() + 6, 0, 0
    owner.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    while time.monotonic() < deadline or (not fresh and time.monotonic() < deadline + 30):
        if time.monotonic() > deadline:
            for stop in stops[1:]:
                stop.set()  # all four at once may leave no moment in which the twin is fresh
        refresh(database)
        if is_fresh(owner, number):
            fresh += 1
            assert differences(owner, number) == 0, "said to be fresh in a snapshot in which it is not"
        looks += 1
        owner.commit()
    for stop in stops:
        stop.set()
    for writer in writers:
        writer.join()
        assert writer.failure is None
        assert writer.written > 5
    while refresh(database):
        time.sleep(0.05)
    assert (is_fresh(owner, number), differences(owner, number)) == (True, 0)
    assert size(owner, number) > 100
    assert fresh > 0, f"never fresh in {looks} looks"


async def test_the_worker_builds_what_is_in_doubt(database: Database, owner: Connection, tmp_path: Path) -> None:
    number = new_layer(database, "worked", 20_200)
    assert not is_fresh(owner, number)
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(database, tmp_path, stop))
    try:
        for before in (20_200, 20_100):
            deadline = time.monotonic() + 30
            owner.commit()
            while not is_fresh(owner, number):
                assert time.monotonic() < deadline, "the worker did not build the twin"
                owner.commit()
                await asyncio.sleep(0.05)
            assert (differences(owner, number), size(owner, number)) == (0, before)
            owner.execute(f"DELETE FROM twin.object_{number} WHERE oid - ({number}::bigint << 40) <= 100")
            owner.execute(f"UPDATE twin.object_{number} SET class = 'all'")
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


def test_a_lost_connection_is_told(database: Database) -> None:
    doubt(database, new_layer(database, "cut", 5))
    with connect(database, IMPORTER) as connection:
        with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            twins.refresh(connection)
    assert not refresh(database)


def test_the_serving_role_reads_a_twin_by_its_index(database: Database, server: Connection) -> None:
    new_layer(database, "indexed", 20_000)
    server.execute("""SELECT set_config('twin.scope', '{"access": ["public"], "divisions": []}', false)""")
    plan = "\n".join(
        row[0]
        for row in server.execute(
            "EXPLAIN SELECT oid FROM tile.indexed WHERE geom && ST_MakeEnvelope(12579000, 2632000, 12580000, 2633000, 3857)"
        )
    )
    assert "_geom" in plan and "Seq Scan on tile" not in plan
    with connect(database, SERVER) as blind:
        assert value(blind, "SELECT count(*) FROM tile.indexed") == 0


_CLEARANCE = {
    "POINT(113 23)": 0,
    "MULTIPOINT(113 23, 113 24)": 0,
    "LINESTRING(113 23, 113.00001 23, 113.1 23)": 1.113,
    "LINESTRING(113 23, 113 23)": 0,
    "POLYGON((113 23, 113.01 23, 113.01 23.00001, 113 23.00001, 113 23))": 1.208,
    "POLYGON((113 23, 113.01 23, 113.01 23.01, 113.00001 23.01, 113.00001 23.001, 113 23.001, 113 23))": 1.113,
    "POLYGON((113 23, 113.01 23.01, 113 23, 113 23))": 0,
}


@pytest.mark.parametrize("wkt", _CLEARANCE)
def test_clearance_is_the_narrowest_place(owner: Connection, shapes: int, wkt: str) -> None:
    oid = value(owner, f"INSERT INTO twin.object_{shapes} (geom) VALUES (ST_GeomFromText(%s, 4490)) RETURNING oid", wkt)
    found = value(owner, f'SELECT "tile clearance" FROM twin.tile_{shapes} WHERE oid = %s', oid)
    assert found == pytest.approx(_CLEARANCE[wkt], abs=0.01)
