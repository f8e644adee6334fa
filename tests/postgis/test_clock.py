"""Time is a writer: starts and ends become events and moves, without any edit."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from postgis import clock, objects
from postgis.connect import EDITOR, IMPORTER, OWNER, Database, connect
from postgis.layers import LayerSpec, make_layer, read_layers

Connection = psycopg.Connection[Any]

POINT = {"type": "Point", "coordinates": [113.5, 23.1]}


@pytest.fixture(scope="module")
def number(database: Database) -> int:
    with connect(database, IMPORTER) as connection:
        return make_layer(connection, LayerSpec(id="works", title_zh="工地"))


def soon(ms: int) -> datetime:
    return datetime.now(UTC) + timedelta(milliseconds=ms)


def tick(database: Database) -> datetime | None:
    with connect(database, IMPORTER) as connection:
        return clock.advance(connection)


def wait_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.02)


def events(database: Database) -> list[list[int] | None]:
    with connect(database, OWNER) as owner:
        return [cells for (cells,) in owner.execute("SELECT cells FROM twin.outbox WHERE topic = 'layer' AND seq IS NOT NULL ORDER BY seq")]


def counts(database: Database, number: int) -> tuple[int, int]:
    """Live and past rows."""
    with connect(database, OWNER) as owner:
        row = owner.execute(
            "SELECT (SELECT count(*) FROM twin.object WHERE layer = %(n)s), (SELECT count(*) FROM twin.object_past WHERE layer = %(n)s)",
            {"n": number},
        )
        return row.fetchone()  # type: ignore[return-value]


def test_nothing_is_due_without_bounds(database: Database, number: int) -> None:
    with connect(database, EDITOR) as editor:
        objects.create_object(editor, "works", {"name": "for ever"})
    assert tick(database) is None


def test_an_announced_change_comes_true(database: Database, number: int) -> None:
    with connect(database, EDITOR) as editor:
        oid = objects.create_object(editor, "works", {"name": "pit", "geom": POINT})
        editor.commit()
        start = soon(1000)
        objects.change(editor, "works", oid, {"name": "house"}, start)
    live, past = counts(database, number)
    before = events(database)
    assert tick(database) == start
    assert (counts(database, number), events(database)) == ((live, past), before)
    wait_until(start)
    assert tick(database) is None
    assert counts(database, number) == (live - 1, past + 1)
    (cells,) = events(database)[len(before) :]
    assert cells is not None
    assert len(cells) == 1


def test_a_planned_row_that_starts_is_an_event(database: Database, number: int) -> None:
    start = soon(1000)
    with connect(database, EDITOR) as editor:
        objects.create_object(editor, "works", {"name": "tower", "plan": "P1", "geom": POINT}, start)
    before, rows = events(database), counts(database, number)
    assert tick(database) == start
    wait_until(start)
    assert tick(database) is None
    assert counts(database, number) == rows
    assert len(events(database)) == len(before) + 1


def test_an_announced_end_moves_the_row(database: Database, number: int) -> None:
    end = soon(1000)
    with connect(database, EDITOR) as editor:
        oid = objects.create_object(editor, "works", {"name": "crane", "geom": POINT})
        editor.commit()
        objects.end_object(editor, "works", oid, end)
    live, past = counts(database, number)
    assert tick(database) == end
    wait_until(end)
    assert tick(database) is None
    assert counts(database, number) == (live - 1, past + 1)


def test_rows_that_a_bulk_load_brings_are_due_too(database: Database, number: int) -> None:
    first, last = soon(1500), soon(100_000)
    with connect(database, IMPORTER) as importer:
        made = make_layer(importer, LayerSpec(id="leases", title_zh="租约"))
        table = importer.execute("SELECT twin.new_object_table(%s)", [made]).fetchone()
        assert table is not None
        insert = f"INSERT INTO {table[0]} (valid, source, source_key) VALUES (tstzrange(now(), %s), 'f', %s)"
        with importer.cursor() as cursor:
            cursor.executemany(insert, [(last, "1"), (first, "2"), (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500), "3")])
        importer.execute("SELECT twin.attach_objects(%s)", [made])
    assert tick(database) == first
    wait_until(first)
    assert tick(database) == last
    assert counts(database, made) == (2, 1)


def test_a_held_row_is_left_for_the_next_tick(database: Database, number: int) -> None:
    end = soon(1000)
    with connect(database, EDITOR) as editor:
        oid = objects.create_object(editor, "works", {"name": "fence"})
        editor.commit()
        objects.end_object(editor, "works", oid, end)
    with connect(database, IMPORTER) as publish:
        publish.execute(f"SELECT FROM twin.object_{number} WHERE oid = %s FOR UPDATE", [oid])
        wait_until(end)
        due = tick(database)
        assert due is not None
        assert due <= datetime.now(UTC)
    live, _ = counts(database, number)
    tick(database)
    assert counts(database, number)[0] == live - 1


def test_counts_follow_edits(database: Database, number: int) -> None:
    def counted() -> int:
        with connect(database, IMPORTER) as connection:
            return next(layer.count for layer in read_layers(connection) if layer.id == "works")

    tick(database)
    before = counted()
    with connect(database, EDITOR) as editor:
        objects.create_object(editor, "works", {"name": "one more"})
        objects.create_object(editor, "works", {"name": "not yet"}, soon(100_000))
    tick(database)
    assert counted() == before + 1


def test_old_events_go(database: Database, number: int) -> None:
    with connect(database, OWNER) as owner:
        owner.execute("UPDATE twin.outbox SET at = now() - interval '40 days' WHERE seq = 1")
        owner.commit()
    tick(database)
    with connect(database, OWNER) as owner:
        row = owner.execute("SELECT min(seq) FROM twin.outbox").fetchone()
    assert row is not None
    assert row[0] > 1
