"""Imports in any order of the moments they hold from: the two time axes against a model of them that is lists in Python."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from importers.undo import undo_import
from tests.importers import files
from tests.importers.conftest import Town
from tests.importers.test_undo import never_two_states, picture

NEVER = datetime.max.replace(tzinfo=UTC)
TODAY = datetime.now(timezone(timedelta(hours=8))).replace(hour=0, minute=0, second=0, microsecond=0)
KEYS = [f"k{at}" for at in range(1, 21)]


class Said(NamedTuple):
    """What a row of a file says of a key."""

    height: int
    since: datetime | None = None
    until: datetime | None = None


class Piece(NamedTuple):
    """What is known of a key for a while."""

    start: datetime
    end: datetime
    said: Said


Line = tuple[Piece, ...]
Told = tuple[datetime, datetime, int]


@dataclass(frozen=True)
class Delivery:
    """A file, and how it is imported."""

    rows: Mapping[str, Said]
    moment: datetime | None = None
    mode: str = "diff"
    correct: bool = False
    own_starts: bool = False
    own_ends: bool = False

    def write(self, path: Path) -> Path:
        return files.geojson(path, [self._feature(key, said) for key, said in self.rows.items()])

    def options(self) -> dict[str, Any]:
        return {"valid_from": self.moment, "mode": self.mode, "correct": self.correct, "allow_removals": True}

    def _feature(self, key: str, said: Said) -> Mapping[str, Any]:
        x, y, z = 113 + int(key[1:]) / 100, 23, said.height
        ring = [[x, y, z], [x + 0.001, y, z], [x + 0.001, y + 0.001, z], [x, y, z]]
        more = {"valid_from": _day(said.since)} if self.own_starts else {}
        more |= {"valid_to": _day(said.until)} if self.own_ends else {}
        return files.feature({"type": "Polygon", "coordinates": [ring]}, id=key, height=said.height, **more)


@dataclass
class Truth:
    """What is known of each key, and what was known after each import."""

    lines: dict[str, Line] = field(default_factory=dict)
    log: list[tuple[datetime, dict[str, Line]]] = field(default_factory=list)

    def take(self, delivery: Delivery, now: datetime) -> None:
        self.lines = {key: _told(self.lines.get(key, ()), delivery, key, now) for key in KEYS}
        self.log.append((now, self.lines))

    def undo(self, now: datetime, before: dict[str, Line]) -> None:
        self.lines = before
        self.log.append((now, before))


def _told(line: Line, delivery: Delivery, key: str, now: datetime) -> Line:
    """The line of a key after a delivery: a row stands for what is known at its moment, else for the first to come."""
    moment, said = delivery.moment or now, delivery.rows.get(key)
    known = next((piece for piece in line if piece.end > moment), None)
    if said is None:
        gone = known is not None and delivery.mode != "append"
        return line if known is None or not gone else _cut(line, *(known[:2] if delivery.correct else (moment, NEVER)))
    if known is None and said.until and said.until <= now and line and line[-1].end <= now:
        known = line[-1]
    begins = delivery.moment is not None and not delivery.own_starts and not delivery.correct
    if known and known.said == said and not (begins and known.start > moment):
        return line
    if known and delivery.correct:
        return _put(_cut(line, known.start, known.end), known._replace(said=said))
    start = said.since or moment
    end, stop = _ends(line, known, said, start, delivery.own_ends)
    return _put(_cut(line, start, stop), Piece(start, end, said))


def _ends(line: Line, known: Piece | None, said: Said, start: datetime, own_ends: bool) -> tuple[datetime, datetime]:
    """Until when a row holds, and until when it is all that is known."""
    if known is None:
        end = said.until or NEVER
        return (end if end > start else NEVER,) * 2
    fills = said.since is None and known.start > start
    later = min((piece.start for piece in line if piece.start >= known.end), default=NEVER)
    end = said.until or (known.start if fills else later if own_ends else known.end)
    end = end if end > start else NEVER
    return end, end if fills or known.end <= start else max(end, known.end)


def _cut(line: Line, start: datetime, stop: datetime) -> Line:
    """The line without what it says from `start` to `stop`."""
    before = (piece._replace(end=min(piece.end, start)) for piece in line)
    after = (piece._replace(start=max(piece.start, stop)) for piece in line)
    return tuple(sorted({piece for piece in (*before, *after) if piece.start < piece.end}))


def _put(line: Line, piece: Piece) -> Line:
    return tuple(sorted((*line, piece)))


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def _plain(pieces: Iterable[Told]) -> list[Told]:
    """Pieces as truth: what says the same and touches is one; two at one time are an error."""
    out: list[Told] = []
    for start, end, height in sorted(pieces):
        assert not out or out[-1][1] <= start, f"two states from {start}"
        touches = bool(out) and out[-1][1:] == (start, height)
        out.append((out.pop()[0] if touches else start, end, height))
    return out


def stored(town: Town, layer: str, known_at: datetime) -> dict[str, list[Told]]:
    """What the database says it knew at that time."""
    columns = "source_key, lower(valid), upper(valid), (attrs ->> 'height')::integer, sys, layer"
    tables = f"SELECT {columns} FROM twin.object UNION ALL SELECT {columns} FROM twin.object_past"
    rows = town.ask(f"SELECT * FROM ({tables}) v WHERE layer = %s AND sys @> %s", town.number(layer), known_at)
    return {key: _plain((start, end or NEVER, height) for of, start, end, height, *_ in rows if of == key) for key in KEYS}


def shapeless(town: Town, layer: str) -> list[Any]:
    """Versions without the shape that belongs to them, or with another's."""
    number = town.number(layer)
    versions = (
        f"SELECT oid, valid, sys, attrs FROM twin.object_{number} UNION ALL SELECT oid, valid, sys, attrs FROM twin.object_past_{number}"
    )
    return town.ask(
        f"SELECT v.*, ST_ZMax(s.geom) FROM ({versions}) v LEFT JOIN twin.shape_{number} s ON s.oid = v.oid AND s.valid = v.valid AND s.sys = v.sys "
        "WHERE ST_ZMax(s.geom) IS DISTINCT FROM (v.attrs ->> 'height')::float8"
    )


def misplaced(town: Town, layer: str) -> list[Any]:
    """Live rows that had ended when they were written."""
    return (
        town.live(layer, "source_key, valid, sys")
        if town.ask(f"SELECT FROM twin.object_{town.number(layer)} WHERE upper(valid) <= lower(sys)")
        else []
    )


def some_day(dice: random.Random, first: int = -400, last: int = 200) -> datetime:
    """One of a few days, so that moments meet."""
    return TODAY + timedelta(days=20 * dice.randint(first // 20, last // 20))


def some_delivery(dice: random.Random, *, own_starts: bool, own_ends: bool) -> Delivery:
    def said() -> Said:
        since = some_day(dice) if own_starts and dice.random() < 0.7 else None
        until = some_day(dice, first=-200) if own_ends and dice.random() < 0.4 else None
        return Said(dice.randint(1, 3), since, until)

    moment = None if dice.random() < 0.25 else some_day(dice)
    rows = {key: said() for key in dice.sample(KEYS, dice.randint(8, 18))}
    return Delivery(rows, moment, dice.choice(["diff", "append", "replace"]), dice.random() < 0.2, own_starts, own_ends)


def take(town: Town, path: Path, truth: Truth, delivery: Delivery) -> Any:
    """Import a delivery and tell the model."""
    report = town.take(delivery.write(path), **delivery.options())
    truth.take(delivery, town.ask("SELECT moment FROM twin.import_run WHERE id = %s", report.run)[0][0])
    return report


@pytest.mark.parametrize(("own_starts", "own_ends"), [(False, False), (False, True), (True, True)])
def test_any_order_of_moments_is_what_the_model_says_and_undo_brings_all_back(town, tmp_path, own_starts, own_ends) -> None:
    layer = f"any-{own_starts:d}{own_ends:d}"
    dice, truth, path = random.Random(layer), Truth(), tmp_path / f"{layer}.geojson"
    first = {key: Said(1, TODAY if own_starts else None, TODAY + timedelta(days=100) if own_ends else None) for key in KEYS[:10]}
    take(town, path, truth, Delivery(first, some_day(dice), own_starts=own_starts, own_ends=own_ends))
    steps = []
    for _ in range(9):
        before, lines = picture(town, layer), truth.lines
        delivery = some_delivery(dice, own_starts=own_starts, own_ends=own_ends)
        steps.append((take(town, path, truth, delivery).run, before, lines))
        assert stored(town, layer, truth.log[-1][0]) == plain(truth.lines), delivery
        assert never_two_states(town, layer) and not shapeless(town, layer) and not misplaced(town, layer)
        if not own_starts and not delivery.correct:
            assert_said(truth, delivery)
    for run, before, lines in reversed(steps):
        undo_import(town.database, run)
        assert picture(town, layer) == before and not shapeless(town, layer) and never_two_states(town, layer)
        truth.undo(town.ask("SELECT max(moment) FROM twin.import_run WHERE layer_id = %s", layer)[0][0], lines)
    for known_at, lines in truth.log:
        was = {key: until(known_at, pieces) for key, pieces in stored(town, layer, known_at).items()}
        assert was == {key: until(known_at, pieces) for key, pieces in plain(lines).items()}, "what was known then stays answerable"


def plain(lines: Mapping[str, Line]) -> dict[str, list[Told]]:
    return {key: _plain((piece.start, piece.end, piece.said.height) for piece in lines.get(key, ())) for key in KEYS}


def until(moment: datetime, pieces: Iterable[Told]) -> list[Told]:
    """The part of the time before: what is announced is not believed yet, so that its end leaves no trace (cases 2 and 7 of 038_edits.sql)."""
    return [(start, min(end, moment), height) for start, end, height in pieces if start < moment]


def assert_said(truth: Truth, delivery: Delivery) -> None:
    """What any model must hold: at its moment a delivery is the truth, and what it lacks does not come back."""
    moment = delivery.moment or truth.log[-1][0]
    for key in KEYS:
        heights = [piece.said.height for piece in truth.lines[key] if piece.start <= moment < piece.end]
        if key in delivery.rows:
            announced = delivery.moment is None and not heights
            assert announced or heights == [delivery.rows[key].height]
        elif delivery.mode != "append":
            assert not [piece for piece in truth.lines[key] if piece.end > moment]


def line(town: Town, layer: str, key: str = "k1") -> list[tuple[int, int | None, int]]:
    """What is known now of a key: from and to in days from today, and the height."""
    return [
        ((start - TODAY).days, None if end == NEVER else (end - TODAY).days, height)
        for start, end, height in stored(town, layer, datetime.now(UTC))[key]
    ]


def days(count: int) -> datetime:
    return TODAY + timedelta(days=count)


class TestCases:
    @pytest.fixture
    def put(self, town, tmp_path) -> Callable[..., list[tuple[int, int | None, int]]]:
        """Imports one row, 20 others beside it, as of a day; answers what is known of its key."""
        layer = f"l{uuid4().hex[:8]}"

        def put(day: int, height: int | None, **more: Any) -> list[tuple[int, int | None, int]]:
            rows = {key: Said(1) for key in KEYS[1:]} | ({} if height is None else {"k1": Said(height)})
            delivery = Delivery(rows, days(day), **more)
            town.take(delivery.write(tmp_path / f"{layer}.geojson"), **delivery.options())
            return line(town, layer)

        return put

    def test_a_late_delivery_holds_until_the_next_known_change(self, put) -> None:
        put(-300, 1)
        put(-100, 3)
        assert put(-200, 2) == [(-300, -200, 1), (-200, -100, 2), (-100, None, 3)]

    def test_what_is_known_to_begin_later_begins_earlier_and_stays_what_it_is(self, put) -> None:
        put(-300, None)
        put(-100, 3)
        assert put(-200, 2) == [(-200, -100, 2), (-100, None, 3)]
        assert put(-250, 2) == [(-250, -100, 2), (-100, None, 3)]

    def test_what_had_ended_since_is_found_in_the_past(self, put) -> None:
        put(-300, 1)
        put(-100, None)
        assert put(-200, 1) == [(-300, -100, 1)]
        assert put(-200, 2) == [(-300, -200, 1), (-200, -100, 2)]

    def test_what_a_late_delivery_lacks_is_withdrawn_from_then_on(self, put) -> None:
        put(-300, 1)
        put(-100, 3)
        assert put(-200, None, mode="append") == [(-300, -100, 1), (-100, None, 3)]
        assert put(-200, None) == [(-300, -200, 1)]

    def test_a_correction_keeps_the_times_of_the_version_of_that_moment(self, put) -> None:
        put(-300, 1)
        put(-100, 3)
        assert put(-200, 2, correct=True) == [(-300, -100, 2), (-100, None, 3)]


def test_an_end_a_row_gives_cuts_what_comes_before_it_only(town, tmp_path) -> None:
    path = tmp_path / "given.geojson"
    for day, height, end in ((-300, 1, None), (-100, 3, None), (-200, 2, days(-50))):
        delivery = Delivery({"k1": Said(height, None, end), "k2": Said(1, None, days(90))}, days(day), own_ends=True)
        town.take(delivery.write(path), **delivery.options())
    assert line(town, "given") == [(-300, -200, 1), (-200, -50, 2), (-50, None, 3)]


def test_a_plan_is_a_line_of_its_own(town, tmp_path) -> None:
    def put(day: int, height: int | None) -> list[tuple[int, int | None, int]]:
        rows = {"k1": (1, None), "k2": (1, None)} | ({} if height is None else {"k3": (height, "方案")})
        squares = [files.square(113 + int(key[1:]) / 100, 23, 0.001, id=key, height=high, plan=plan) for key, (high, plan) in rows.items()]
        town.take(files.geojson(tmp_path / "planned.geojson", squares), key="id", valid_from=days(day), allow_removals=True)
        return line(town, "planned", "k3")

    put(-300, 1)
    put(-100, 3)
    assert put(-200, 2) == [(-300, -200, 1), (-200, -100, 2), (-100, None, 3)]
    assert put(-150, 2) == [(-300, -200, 1), (-200, -100, 2), (-100, None, 3)]
    assert town.ask("SELECT DISTINCT plan FROM twin.object WHERE source_key = 'k3' AND layer = %s", town.number("planned")) == [("方案",)]
    assert line(town, "planned") == [(-300, None, 1)]
