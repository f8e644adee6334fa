"""Layers as tables, triggers, indexes, views and walls."""

import json
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from postgis.connect import IMPORTER, OWNER, SERVER, Database, connect
from postgis.layers import LayerSpec, aread_layers, drop_layer, make_layer, read_layers, reserve_layer, update_extent
from twin.errors import BadParameter
from twin.fields import Field, FieldType, Role
from twin.layer import Access

Connection = psycopg.Connection[Any]

PUBLIC = '{"access": ["public"], "divisions": []}'
FIELDS = (
    Field(name="高度", type=FieldType.NUMBER, role=Role.HEIGHT, queryable=True),
    Field(name="use", type=FieldType.TEXT, queryable=True),
    Field(name="built", type=FieldType.DATE, queryable=True),
    Field(name="seen", type=FieldType.INSTANT),
    Field(name="floors", type=FieldType.INTEGER),
    Field(name="lift", type=FieldType.BOOLEAN),
    Field(name="extra", type=FieldType.JSON),
    Field(name="MC", type=FieldType.TEXT, role=Role.NAME, queryable=True),
)
_FILL = """
    INSERT INTO {table} (name, division, geom, attrs, source, source_key)
    SELECT 'b' || i, CASE WHEN i %% 2 = 0 THEN '440305' ELSE '440106' END,
           ST_Expand(ST_SetSRID(ST_MakePoint(113 + i / 1e4, 23 + i / 1e5), 4490), 0.0001),
           jsonb_build_object('高度', i, 'use', CASE WHEN i %% 10 = 0 THEN '商业' ELSE '居住' END), 'file', i::text
    FROM generate_series(1, %s) i
"""


def scoped(connection: Connection, setting: str | None = PUBLIC) -> Connection:
    connection.execute("SELECT set_config('twin.scope', %s, false)", [setting])
    return connection


def value(connection: Connection, text: str, *args: Any) -> Any:
    row = connection.execute(text, args or None).fetchone()
    assert row is not None
    return row[0]


def fill(connection: Connection, table: str, rows: int) -> None:
    connection.execute(sql.SQL(_FILL).format(table=sql.SQL(table)), [rows])


def events(connection: Connection, number: int) -> list[tuple[int, list[int] | None]]:
    return connection.execute(
        "SELECT seq, cells FROM twin.outbox WHERE topic = 'layer' AND layer = %s AND seq IS NOT NULL ORDER BY seq", [number]
    ).fetchall()


@pytest.fixture(scope="module")
def buildings(database: Database) -> int:
    """20,000 footprints, published the way an import does it."""
    with connect(database, IMPORTER) as connection:
        number = reserve_layer(connection, LayerSpec(id="buildings", title_zh="建筑", fields=FIELDS))
        fill(connection, value(connection, "SELECT twin.new_object_table(%s)", number), 20000)
        assert value(connection, "SELECT twin.attach_objects(%s)", number) == 20000
    return number


def test_a_first_import_publishes_at_once(database: Database, buildings: int, server: Connection, owner: Connection) -> None:
    assert value(scoped(server), "SELECT count(*) FROM layer.buildings") == 20000
    with connect(database, IMPORTER) as connection:
        found = next(layer for layer in read_layers(connection) if layer.id == "buildings")
    assert (found.count, found.number, found.fields) == (20000, buildings, FIELDS)
    assert found.bounds_4490 == pytest.approx((113, 23, 115.0001, 23.2001), abs=1e-3)
    assert found.time_extent is not None
    assert found.time_extent[1] is None
    seqs = events(owner, buildings)
    assert [cells for _, cells in seqs] == [None]
    assert found.epoch == seqs[-1][0]
    assert value(owner, "SELECT epoch FROM twin.cell_epoch WHERE layer = %s AND cell = 0", buildings) == found.epoch


async def test_the_catalogue_reads_the_same_through_asyncpg(database: Database, buildings: int) -> None:
    connection = await database.connect_asyncpg(SERVER)
    with connect(database, IMPORTER) as synchronous:
        assert await aread_layers(connection) == read_layers(synchronous)
    assert await connection.fetchval("SELECT coalesce(current_setting('twin.scope', true), '')") == ""
    await connection.close()


def test_a_new_object_gets_the_next_oid(database: Database, buildings: int) -> None:
    with connect(database, IMPORTER) as connection:
        largest = value(connection, f"SELECT max(oid) FROM twin.object_{buildings}")
        oid = value(connection, f"INSERT INTO twin.object_{buildings} (source, source_key) VALUES ('t', 't') RETURNING oid")
        connection.rollback()
    assert oid > largest
    assert oid >> 40 == buildings


@pytest.mark.parametrize(
    ("setting", "rows"),
    [
        (None, 0),
        ("", 0),
        ('{"access": ["internal"], "divisions": []}', 0),
        ('{"access": ["public"]}', 0),
        (PUBLIC, 20000),
        ('{"access": ["public"], "divisions": ["4403"]}', 10000),
        ('{"access": ["public"], "divisions": ["4403", "440106"]}', 20000),
        ('{"access": ["public"], "divisions": ["45"]}', 0),
    ],
)
def test_the_second_wall(server: Connection, buildings: int, setting: str | None, rows: int) -> None:
    scoped(server, setting)
    assert value(server, "SELECT count(*) FROM layer.buildings") == rows
    assert value(server, "SELECT count(*) FROM history.buildings") == rows
    assert value(server, "SELECT count(*) FROM door.layer WHERE id = 'buildings'") == (
        0 if setting in (None, "") or "public" not in setting else 1
    )


def test_the_serving_role_reads_views_only(server: Connection, buildings: int) -> None:
    for text in (
        f"SELECT 1 FROM twin.object_{buildings}",
        "SELECT 1 FROM twin.object",
        "SELECT 1 FROM twin.layer",
        "SELECT twin.drop_layer('buildings')",
        "CREATE TEMP TABLE x ()",
    ):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            server.execute(text)
        server.rollback()


def test_access_counts_at_once(database: Database, buildings: int, server: Connection) -> None:
    server.autocommit = True
    spec = LayerSpec(id="buildings", title_zh="建筑", fields=FIELDS)
    with connect(database, IMPORTER) as connection:
        make_layer(connection, spec.model_copy(update={"access": Access.INTERNAL}))
    assert value(scoped(server), "SELECT count(*) FROM layer.buildings") == 0
    with connect(database, IMPORTER) as connection:
        make_layer(connection, spec)
    assert value(server, "SELECT count(*) FROM layer.buildings") == 20000


def plan_of(connection: Connection, text: str) -> str:
    return "\n".join(row[0] for row in connection.execute("EXPLAIN " + text))


def test_the_serving_role_uses_the_indexes(server: Connection, buildings: int) -> None:
    scoped(server, '{"access": ["public"], "divisions": ["4403"]}')
    box = "geom && ST_MakeEnvelope(113.5, 23, 113.6, 23.1, 4490) AND valid @> now() AND plan IS NULL"
    assert "object_1_geom" in plan_of(server, f"SELECT oid FROM layer.buildings WHERE {box}")
    assert "object_1_geom" in plan_of(server, f"SELECT oid FROM history.buildings WHERE {box} AND sys @> now()")
    assert "object_1_oid" in plan_of(server, f"SELECT oid FROM layer.buildings WHERE oid > {buildings << 40} ORDER BY oid LIMIT 10")
    assert "object_1_oid" in plan_of(server, f"SELECT oid FROM layer.buildings WHERE oid = {buildings << 40 | 7}")
    assert "object_1_f_" in plan_of(server, 'SELECT oid FROM layer.buildings WHERE "高度" BETWEEN 5 AND 9.5')
    assert "object_1_f_" in plan_of(server, "SELECT oid FROM layer.buildings WHERE built = '2020-01-01'")
    assert "object_1_f_" in plan_of(server, "SELECT oid FROM layer.buildings WHERE name = 'b77'")


def test_statistics_know_the_attributes(database: Database, buildings: int) -> None:
    with connect(database, OWNER) as owner:
        plan = plan_of(owner, f"SELECT FROM twin.object_{buildings} WHERE twin.as_text(attrs, 'use') = '商业'")
    rows = int(plan.split("rows=")[1].split(" ")[0])
    assert 1500 < rows < 2500


@pytest.mark.parametrize(
    ("cast", "text", "expected"),
    [
        ("number", '"12,5"', None),
        ("number", "1e400", None),
        ("number", "1e-400", None),
        ("number", '"1e400"', None),
        ("number", '" 12.5 "', "12.5"),
        ("number", "true", None),
        ("integer", "12.0", "12"),
        ("integer", '"12x"', None),
        ("integer", "99999999999999999999", None),
        ("boolean", '"是"', "true"),
        ("boolean", "0", "false"),
        ("boolean", '"maybe"', None),
        ("date", '"2024-02-29"', "2024-02-29"),
        ("date", '"2023-02-29"', None),
        ("date", '"20230228"', "2023-02-28"),
        ("date", '"20230229"', None),
        ("instant", '"2024-05-01T08:00:00"', "2024-05-01 00:00:00+00"),
        ("instant", '"2024-05-01T08:00:00+08:00"', "2024-05-01 00:00:00+00"),
        ("instant", '"2024-05-01"', "2024-04-30 16:00:00+00"),
        ("instant", '"2024-13-01T00:00:00Z"', None),
        ("text", "[1]", "[1]"),
        ("text", "null", None),
    ],
)
def test_bad_values_are_null_and_never_an_error(owner: Connection, cast: str, text: str, expected: str | None) -> None:
    owner.execute("SET TimeZone = 'UTC'")
    assert value(owner, f"SELECT twin.as_{cast}(%s::jsonb, 'f')::text", f'{{"f": {text}}}') == expected


@pytest.mark.parametrize(
    ("wkt", "finite"),
    [
        ("POINT(113 23)", True),
        ("POINT EMPTY", True),
        ("POINT(NaN 23)", False),
        ("POINT(1e300 23)", False),
        ("MULTIPOINT(1 1, NaN 2, 3 3)", False),
        ("LINESTRING(1 1, NaN 2, 3 3)", False),
        ("POLYGON((0 0, 1 0, 1 NaN, 0 1, 0 0))", False),
        ("POLYGON((0 0, 1 0, 1 401, 0 1, 0 0))", False),
        ("GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(1 1, NaN 2, 2 2))", False),
    ],
)
def test_coordinates_are_finite(importer: Connection, buildings: int, wkt: str, finite: bool) -> None:
    insert = f"INSERT INTO twin.object_{buildings} (geom, source, source_key) VALUES (ST_GeomFromText(%s, 4490), 'w', 'w')"
    if finite:
        importer.execute(insert, [wkt])
    else:
        with pytest.raises(psycopg.errors.CheckViolation):
            importer.execute(insert, [wkt])
    importer.rollback()


def test_doubles_are_refused_even_where_values_are_null(importer: Connection, buildings: int) -> None:
    insert = f"INSERT INTO twin.object_{buildings} (oid, valid, source, source_key, plan) VALUES (%s, tstzrange(%s, NULL), 'd', %s, %s)"
    oid = buildings << 40 | 900_000
    importer.execute(insert, [oid, "2020-01-01", "1", None])
    importer.execute(insert, [oid, "2020-01-01", "1", "P1"])
    importer.execute(insert, [oid, "2040-01-01", "1", None])
    for same in ([oid, "2020-01-01", "2", None], [oid + 1, "2020-01-01", "1", None], [oid + 1, "2020-01-01", "1", "P1"]):
        with pytest.raises(psycopg.errors.UniqueViolation), importer.transaction():
            importer.execute(insert, same)
    importer.rollback()


WRITES: dict[str, Callable[[Connection, str], Any]] = {
    "insert": lambda c, table: c.execute(
        f"INSERT INTO {table} (layer, oid, geom, source, source_key) VALUES (2, 2199023255553, 'SRID=4490;POINT(113.5 23.5)', 's', '1')"
    ),
    "update": lambda c, table: c.execute(f"UPDATE {table} SET geom = 'SRID=4490;POINT(114.5 23.5)' WHERE layer = 2"),
    "delete": lambda c, table: c.execute(f"DELETE FROM {table} WHERE layer = 2"),
    "copy": lambda c, table: copy_in(c, table),  # noqa: PLW0108  (defined below)
}


def copy_in(connection: Connection, table: str) -> None:
    with connection.cursor().copy(f"COPY {table} (layer, oid, geom, source, source_key) FROM STDIN") as copy:
        copy.write_row((2, 2199023255554, "SRID=4490;POINT(113.5 23.5)", "s", "2"))


def cell(lon: float, lat: float) -> int:
    size = 360 / 4096
    return 12 << 48 | int((90 - lat) // size) << 24 | int((lon + 180) // size)


@pytest.mark.parametrize("table", ["twin.object_2", "twin.object"])
def test_every_way_of_writing_leaves_an_event(database: Database, buildings: int, table: str) -> None:
    with connect(database, OWNER) as owner:
        if table == "twin.object_2":
            make_layer(owner, LayerSpec(id="events", title_zh="事件"))
            owner.commit()
        before = len(events(owner, 2))
        seen = []
        for write in WRITES.values():
            owner.commit()
            write(owner, table)
            owner.commit()
            seen.append(events(owner, 2)[before + len(seen) :])
        WRITES["delete"](owner, table)
    west, east = cell(113.5, 23.5), cell(114.5, 23.5)
    assert [[set(cells or ()) for _, cells in found] for found in seen] == [[{west}], [{west, east}], [{east}], [{west}]]


def test_epochs_are_given_to_cells_and_their_parents(database: Database, buildings: int, owner: Connection) -> None:
    copy_in(owner, "twin.object_2")
    owner.commit()
    seq, cells = events(owner, 2)[-1]
    assert cells == [cell(113.5, 23.5)]
    rows = owner.execute("SELECT cell >> 48 FROM twin.cell_epoch WHERE layer = 2 AND epoch = %s ORDER BY 1", [seq]).fetchall()
    assert [level for (level,) in rows] == list(range(4, 13))


def test_one_transaction_is_one_event_of_a_layer(database: Database, buildings: int, owner: Connection) -> None:
    before = len(events(owner, 2))
    for place in (115, 116, 117):
        owner.execute(f"INSERT INTO twin.object_2 (geom, source, source_key) VALUES ('SRID=4490;POINT({place} 23)', 'm', '{place}')")
    owner.commit()
    found = events(owner, 2)[before:]
    assert [set(cells or ()) for _, cells in found] == [{cell(x, 23) for x in (115, 116, 117)}]


@pytest.mark.parametrize("what", ["a huge object", "many rows", "many cells"])
def test_a_large_change_is_the_whole_layer(database: Database, buildings: int, owner: Connection, what: str) -> None:
    rows = {
        "a huge object": "SELECT ST_MakeEnvelope(100, 20, 110, 30, 4490), 'h', 'h'",
        "many rows": "SELECT ST_SetSRID(ST_MakePoint(113, 23), 4490), 'r', i::text FROM generate_series(1, 20001) i",
        "many cells": "SELECT ST_SetSRID(ST_MakePoint(100 + i * 0.1, 23), 4490), 'c', i::text FROM generate_series(1, 257) i",
    }[what]
    owner.execute(f"INSERT INTO twin.object_2 (geom, source, source_key) {rows}")
    owner.commit()
    assert events(owner, 2)[-1][1] is None


def test_changed_fields_change_views_and_indexes(database: Database, buildings: int, server: Connection) -> None:
    fields = (Field(name="高度", type=FieldType.TEXT), Field(name="use", type=FieldType.TEXT, queryable=True))
    with connect(database, IMPORTER) as connection:
        number = make_layer(connection, LayerSpec(id="changing", title_zh="变", fields=FIELDS))
        assert make_layer(connection, LayerSpec(id="changing", title_zh="变", fields=fields)) == number
        names = connection.execute(f"SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'object_{number}_f_%'").fetchall()
    assert len(names) == 1
    columns = scoped(server).execute("SELECT * FROM layer.changing").description
    assert [column.name for column in columns or ()][-3:] == ["plan", "高度", "use"]
    columns = server.execute("SELECT * FROM history.changing").description
    assert [column.name for column in columns or ()][10:13] == ["valid", "sys", "phase"]


@pytest.mark.parametrize(
    "fields",
    [
        (Field(name="oid"),),
        (Field(name="name"),),
        (Field(name="a"), Field(name="a")),
        (Field(name="高" * 22),),
        (Field(name="x", role=Role.NAME), Field(name="y", role=Role.NAME)),
    ],
    ids=["reserved", "base name without the role", "twice", "too long", "two names"],
)
def test_fields_that_cannot_be_columns_are_refused(importer: Connection, fields: tuple[Field, ...]) -> None:
    with pytest.raises(BadParameter):
        LayerSpec(id="bad", title_zh="坏", fields=fields)
    spec = {"id": "bad", "title_zh": "坏", "fields": [field.model_dump(mode="json") for field in fields]}
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        importer.execute("SELECT twin.make_layer(%s)", [json.dumps(spec)])


def test_a_layer_with_rows_is_never_replaced(importer: Connection, buildings: int) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        importer.execute("SELECT twin.new_object_table(%s)", [buildings])


def test_an_empty_layer_can_be_filled_by_attaching(database: Database) -> None:
    with connect(database, IMPORTER) as connection:
        number = make_layer(connection, LayerSpec(id="later", title_zh="后", fields=FIELDS))
        connection.commit()
        fill(connection, value(connection, "SELECT twin.new_object_table(%s)", number), 10)
        assert value(connection, "SELECT twin.attach_objects(%s)", number) == 10


def test_a_long_text_gets_no_index(database: Database) -> None:
    with connect(database, IMPORTER) as connection:
        number = make_layer(connection, LayerSpec(id="wordy", title_zh="长文", fields=FIELDS[:1]))
        text = "".join(chr(0x4E00 + i % 20000) for i in range(0, 60000, 7))
        row = [json.dumps({"use": text})]
        connection.execute(f"INSERT INTO twin.object_{number} (attrs, source, source_key) VALUES (%s, 's', '1')", row)
        make_layer(connection, LayerSpec(id="wordy", title_zh="长文", fields=FIELDS))
        found = connection.execute(f"SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'object_{number}_f_%'").fetchall()
    assert not any("'use'" in definition for (definition,) in found)


def test_dropping_leaves_nothing(database: Database, server: Connection) -> None:
    with connect(database, IMPORTER) as connection:
        number = make_layer(connection, LayerSpec(id="gone", title_zh="没", fields=FIELDS))
        connection.execute("SELECT twin.ensure_past(%s), twin.ensure_shape(%s)", [number, number])
        connection.commit()
        assert drop_layer(connection, "gone")
        assert not drop_layer(connection, "gone")
        left = "SELECT count(*) FROM pg_class WHERE relname ~ %s"
        assert value(connection, left, f"^(object|object_past|shape|oid)_{number}(_|$)") == 0
        assert value(connection, "SELECT count(*) FROM pg_class WHERE relname = 'gone'") == 0
        other = make_layer(connection, LayerSpec(id="gone", title_zh="又"))
    assert other != number


def test_extents_follow(database: Database, buildings: int) -> None:
    with connect(database, IMPORTER) as connection:
        assert not update_extent(connection, buildings)
        connection.execute(f"DELETE FROM twin.object_{buildings} WHERE source_key::int > 100")
        assert update_extent(connection, buildings)
        found = next(layer for layer in read_layers(connection) if layer.id == "buildings")
        connection.rollback()
    assert found.count == 100


def test_two_first_changes_at_once_make_one_past(database: Database, buildings: int) -> None:
    def ask() -> None:
        with connect(database, IMPORTER) as connection:
            connection.execute("SELECT twin.ensure_past(%s)", [buildings])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connect(database, OWNER) as owner:
        assert value(owner, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'twin.object_past'::regclass") >= 1
        assert value(owner, "SELECT to_regclass(%s) IS NOT NULL", f"twin.object_past_{buildings}")
