"""The eight cases of change, correction and end on the two time axes, read back through the history view."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from postgis import clock, objects
from postgis.connect import EDITOR, IMPORTER, OWNER, SERVER, Database, connect
from postgis.layers import LayerSpec, make_layer
from twin.errors import BadParameter, Conflict, NotFound
from twin.fields import Field, FieldType

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
BUILT, EARLY, LATE, SOON = NOW - 10 * DAY, NOW - 8 * DAY, NOW - 4 * DAY, NOW + 6 * DAY
POINT = {"type": "Point", "coordinates": [113.5, 23.1]}

Connection = psycopg.Connection[Any]
Row = tuple[str, Any, Any, Any]


@pytest.fixture(scope="module")
def layer(database: Database) -> str:
    with connect(database, IMPORTER) as connection:
        make_layer(connection, LayerSpec(id="楼", title_zh="楼", fields=(Field(name="floors", type=FieldType.INTEGER),)))
    return "楼"


@dataclass
class Store:
    """An editor, and a reader who sees what history shows."""

    database: Database
    layer: str

    def edit(self, name: str, *args: Any, **more: Any) -> Any:
        with connect(self.database, EDITOR) as connection:
            return getattr(objects, name)(connection, self.layer, *args, **more)

    def rows(self, oid: int) -> list[Row]:
        """(name, plan, valid, sys) of every version, by any time."""
        with connect(self.database, SERVER) as connection:
            connection.execute("""SELECT set_config('twin.scope', '{"access": ["public"], "divisions": []}', false)""")
            return connection.execute(
                f"""SELECT name, plan, valid, sys FROM history."{self.layer}" WHERE oid = %s ORDER BY valid, sys""", [oid]
            ).fetchall()

    def as_of(self, oid: int, valid_at: datetime, known_at: datetime | None = None, plan: str | None = None) -> list[str]:
        return shown(self.rows(oid), valid_at, known_at or datetime.now(UTC), plan)

    def known(self, oid: int, plan: str | None = None) -> list[tuple[str, datetime | None, datetime | None]]:
        """The timeline known now: (name, from, to)."""
        return [(n, v.lower, v.upper) for n, p, v, s in self.rows(oid) if p == plan and s.upper is None]

    def believed(self, oid: int) -> list[tuple[str, datetime | None, datetime | None]]:
        """What was thought once and is not thought any more."""
        return [(n, v.lower, v.upper) for n, _, v, s in self.rows(oid) if s.upper is not None]

    def live(self, oid: int) -> int:
        """How many live rows there are."""
        with connect(self.database, SERVER) as connection:
            connection.execute("""SELECT set_config('twin.scope', '{"access": ["public"], "divisions": []}', false)""")
            row = connection.execute(f'SELECT count(*) FROM layer."{self.layer}" WHERE oid = %s', [oid]).fetchone()
            assert row is not None
            return int(row[0])

    def moment(self, oid: int) -> datetime:
        """When the last write was made."""
        bounds = (b for _, _, v, s in self.rows(oid) for b in (v.lower, v.upper, s.lower, s.upper) if b)
        return max(b for b in bounds if b <= datetime.now(UTC))


def shown(rows: list[Row], valid_at: datetime, known_at: datetime, plan: str | None = None) -> list[str]:
    return [name for name, in_plan, valid, sys in rows if in_plan == plan and valid_at in valid and known_at in sys]


@pytest.fixture(scope="module")
def store(database: Database, layer: str) -> Store:
    return Store(database, layer)


@pytest.fixture
def oid(store: Store) -> int:
    """Built as "old" ten days ago, became "seen" four days ago (both recorded today)."""
    made: int = store.edit("create_object", {"name": "old", "geom": POINT, "attrs": {"floors": 3}}, BUILT)
    store.edit("change", made, {"name": "seen"}, LATE)
    return made


def moments(rows: list[Row]) -> Iterator[tuple[datetime, datetime]]:
    """Every (valid_at, known_at ≤ now, valid_at ≤ known_at) at and around the bounds there are."""
    bounds = sorted({b for _, _, v, s in rows for b in (v.lower, v.upper, s.lower, s.upper) if b})
    tick = timedelta(microseconds=1)
    probes = sorted({p for b in bounds for p in (b - tick, b, b + tick)})
    known = [p for p in probes if p <= datetime.now(UTC)]
    return ((v, k) for k in known for v in probes if v <= k)


@dataclass(frozen=True)
class Case:
    """What is done, and the timeline known after it; T stands for the moment of writing."""

    title: str
    do: Callable[[Store, int], Any]
    known: tuple[tuple[str, Any, Any], ...]
    believed: tuple[tuple[str, Any, Any], ...]
    live: int


T = "T"
STARTED = ("old", BUILT, None)  # believed since the fixture's late change
CASES = [
    Case(
        "1 change now",
        lambda s, o: s.edit("change", o, {"name": "new"}),
        (("old", BUILT, LATE), ("seen", LATE, T), ("new", T, None)),
        (STARTED,),
        1,
    ),
    Case(
        "2 change announced",
        lambda s, o: s.edit("change", o, {"name": "new"}, SOON),
        (("old", BUILT, LATE), ("seen", LATE, SOON), ("new", SOON, None)),
        (STARTED,),
        2,
    ),
    Case(
        "3 change known late",
        lambda s, o: s.edit("change", o, {"name": "new"}, NOW - DAY),
        (("old", BUILT, LATE), ("seen", LATE, NOW - DAY), ("new", NOW - DAY, None)),
        (STARTED, ("seen", LATE, None)),
        1,
    ),
    Case(
        "3b late, inside an ended state",
        lambda s, o: s.edit("change", o, {"name": "new"}, EARLY),
        (("old", BUILT, EARLY), ("new", EARLY, LATE), ("seen", LATE, None)),
        (("old", BUILT, LATE), STARTED),
        1,
    ),
    Case(
        "3c late, from the very start of a state",
        lambda s, o: s.edit("change", o, {"name": "new"}, LATE),
        (("old", BUILT, LATE), ("new", LATE, None)),
        (STARTED, ("seen", LATE, None)),
        1,
    ),
    Case(
        "4 correction of the present",
        lambda s, o: s.edit("correct", o, {"name": "new"}),
        (("old", BUILT, LATE), ("new", LATE, None)),
        (STARTED, ("seen", LATE, None)),
        1,
    ),
    Case(
        "5 correction of an ended state",
        lambda s, o: s.edit("correct", o, {"name": "new"}, EARLY),
        (("new", BUILT, LATE), ("seen", LATE, None)),
        (("old", BUILT, LATE), STARTED),
        1,
    ),
    Case(
        "6 end now",
        lambda s, o: s.edit("end_object", o),
        (("old", BUILT, LATE), ("seen", LATE, T)),
        (STARTED,),
        0,
    ),
    Case(
        "7 end announced",
        lambda s, o: s.edit("end_object", o, SOON),
        (("old", BUILT, LATE), ("seen", LATE, SOON)),
        (STARTED,),
        1,
    ),
    Case(
        "8 end known late",
        lambda s, o: s.edit("end_object", o, NOW - DAY),
        (("old", BUILT, LATE), ("seen", LATE, NOW - DAY)),
        (STARTED, ("seen", LATE, None)),
        0,
    ),
    Case(
        "8b end known late, before the present state began",
        lambda s, o: s.edit("end_object", o, EARLY),
        (("old", BUILT, EARLY),),
        (("old", BUILT, LATE), STARTED, ("seen", LATE, None)),
        0,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_cases_of_change_correction_and_end(store: Store, oid: int, case: Case) -> None:
    rows = store.rows(oid)
    before = {moment: shown(rows, *moment) for moment in moments(rows)}
    case.do(store, oid)
    written = store.moment(oid)
    at = {T: written}
    assert store.known(oid) == [(n, at.get(a, a), at.get(b, b)) for n, a, b in case.known]
    assert sorted(store.believed(oid), key=repr) == sorted(case.believed, key=repr)
    assert store.live(oid) == case.live
    rows = store.rows(oid)
    for (valid_at, known_at), names in before.items():
        assert known_at >= written or shown(rows, valid_at, known_at) == names, "what was known then must stay answerable"
    assert all(len(shown(rows, *moment)) <= 1 for moment in moments(rows))


def test_a_late_change_is_seen_only_by_who_asks_with_later_knowledge(store: Store, oid: int) -> None:
    before = datetime.now(UTC)
    store.edit("change", oid, {"name": "new"}, NOW - DAY)
    half_a_day_ago = NOW - DAY / 2
    assert store.as_of(oid, half_a_day_ago, known_at=before) == ["seen"]
    assert store.as_of(oid, half_a_day_ago) == ["new"]
    assert store.as_of(oid, EARLY) == ["old"]
    assert store.as_of(oid, BUILT - DAY) == []


def test_ending_withdraws_what_was_announced(store: Store, oid: int) -> None:
    store.edit("change", oid, {"name": "new"}, SOON)
    store.edit("end_object", oid)
    assert store.known(oid)[-1][0] == "seen"
    assert ("new", SOON, None) in store.believed(oid)
    assert store.live(oid) == 0


def test_a_plan_is_a_timeline_of_its_own(store: Store, oid: int) -> None:
    facts = store.known(oid)
    store.edit("change", oid, {"plan": "P1", "name": "tower", "phase": "planned"}, SOON)
    assert store.known(oid) == facts
    assert store.known(oid, "P1") == [("tower", SOON, None)]
    store.edit("change", oid, {"plan": "P1", "name": "taller tower"}, SOON + DAY)
    store.edit("correct", oid, {"plan": "P1", "name": "stump"}, SOON)
    assert store.known(oid, "P1") == [("stump", SOON, SOON + DAY), ("taller tower", SOON + DAY, None)]
    assert store.as_of(oid, SOON, plan="P1") == ["stump"]
    store.edit("end_object", oid, SOON, plan="P1")
    assert store.known(oid, "P1") == []
    assert store.known(oid) == facts


def test_two_changes_in_one_transaction_are_one_version(database: Database, store: Store, oid: int) -> None:
    with connect(database, EDITOR) as connection:
        objects.change(connection, store.layer, oid, {"name": "a"})
        objects.change(connection, store.layer, oid, {"name": "b", "attrs": {"floors": None, "age": 3}})
    assert [name for name, _, _ in store.known(oid)] == ["old", "seen", "b"]


def test_a_write_that_began_before_another_ended_still_comes_after_it(database: Database, store: Store, oid: int) -> None:
    with connect(database, EDITOR) as early, connect(database, EDITOR) as late:
        early.execute("SELECT now()")
        objects.change(late, store.layer, oid, {"name": "late"})
        late.commit()
        objects.change(early, store.layer, oid, {"name": "early"})
    assert [name for name, _, _ in store.known(oid)][-2:] == ["late", "early"]


def test_refusals_say_what_is_wrong(database: Database, store: Store, oid: int) -> None:
    with pytest.raises(NotFound):
        store.edit("change", oid, {"name": "x"}, BUILT - DAY)
    with pytest.raises(NotFound):
        store.edit("correct", 1 << 50, {"name": "x"})
    with pytest.raises(BadParameter):
        store.edit("change", oid, {"height": 3})
    with pytest.raises(BadParameter):
        store.edit("change", oid, {"geom": {"type": "Point", "coordinates": ["x"]}})
    with pytest.raises(BadParameter):
        store.edit("change", oid, {"geom": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}})
    with pytest.raises(BadParameter):
        store.edit("change", oid, {"geom": {"type": "Point", "coordinates": [1e300, 0]}})
    with pytest.raises(Conflict):
        store.edit("change", oid, {"phase": "ruin"})
    with connect(database, EDITOR) as connection, pytest.raises(NotFound):
        objects.create_object(connection, "nowhere", {"name": "x"})


def test_two_states_at_one_time_are_refused(database: Database, store: Store, oid: int) -> None:
    with connect(database, OWNER) as owner:
        owner.execute(
            "INSERT INTO twin.object_1 (oid, name, valid, source, source_key) VALUES (%s, 'double', tstzrange(%s, NULL), 'test', 'double')",
            [oid, SOON],
        )
    with pytest.raises(Conflict):
        store.edit("change", oid, {"name": "new"})
    with connect(database, OWNER) as owner, pytest.raises(psycopg.errors.ExclusionViolation):
        owner.execute("INSERT INTO twin.object_past_1 SELECT * FROM twin.object_past_1 WHERE oid = %s", [oid])


def test_the_editor_may_only_call(editor: Connection, layer: str) -> None:
    for text in ("SELECT * FROM twin.object_1", "DELETE FROM twin.object_1", "SELECT twin.drop_layer('楼')", "SELECT twin.advance_clock()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            editor.execute(text)
        editor.rollback()


def test_an_edit_does_not_wait_for_a_running_publish(database: Database, store: Store, oid: int) -> None:
    with connect(database, IMPORTER) as publish:
        publish.execute(
            "INSERT INTO twin.object_1 (name, source, source_key) SELECT 'bulk', 'bulk', i::text FROM generate_series(1, 1000) i"
        )
        publish.execute("UPDATE twin.object_1 SET name = 'bulk 2' WHERE source = 'bulk'")
        with connect(database, EDITOR) as connection:
            connection.execute("SET statement_timeout = '2s'")
            objects.change(connection, store.layer, oid, {"name": "quick"})
            connection.commit()
        assert store.known(oid)[-1][0] == "quick"
        publish.execute("SELECT twin.update_extent(1)")
        with connect(database, EDITOR) as connection:
            connection.execute("SET statement_timeout = '2s'")
            objects.change(connection, store.layer, oid, {"name": "quicker"})
            connection.commit()
        with connect(database, IMPORTER) as worker:
            worker.execute("SET statement_timeout = '2s'")
            clock.advance(worker)
        publish.rollback()
