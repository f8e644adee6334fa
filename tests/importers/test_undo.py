"""An import taken back: the layer is what it was, the history tells both, and whatever came later is not trampled on."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from importers.options import ImportOptions
from importers.run import import_file
from importers.undo import undo_import
from postgis.jobs import JobRequest, read_job, submit
from postgis.worker import run_job
from tests.importers import files
from twin.errors import Conflict, NotFound


def write(path: Path, heights: dict[str, float], **more: object) -> Path:
    """Buildings by key and height, each at a place of its own."""
    rows = [files.square(113 + int(key[1:]) / 100, 23, 0.001, id=key, height=height, **more) for key, height in heights.items()]
    return files.geojson(path, rows)


def picture(town, layer: str) -> list[tuple]:
    """All that is known now of a layer, live and past."""
    columns = "oid, plan, valid::text, name, attrs, ST_AsText(geom), zmin, zmax, source, source_key, content_hash, division"
    known = town.live(layer, columns)
    past = town.past(layer, columns, "oid") if town.ask("SELECT to_regclass(%s)", f"twin.object_past_{town.number(layer)}")[0][0] else []
    if past:
        known += town.ask(f"SELECT {columns} FROM twin.object_past_{town.number(layer)} WHERE upper_inf(sys)")
    return sorted(known, key=repr)


def card(town, layer: str) -> tuple:
    town.ask("SELECT twin.update_extent(%s)", town.number(layer))
    return town.ask("SELECT title_zh, fields, geometry_type, count, bounds, access FROM twin.layer WHERE id = %s", layer)[0]


def never_two_states(town, layer: str) -> bool:
    """Whether no object has two states known at one time for one time (as fact, or in one plan)."""
    number = town.number(layer)
    rows = f"SELECT oid, plan, valid, sys, tableoid || ctid::text AS me FROM twin.object WHERE layer = {number}"
    past = f"SELECT oid, plan, valid, sys, tableoid || ctid::text FROM twin.object_past WHERE layer = {number}"
    return not town.ask(
        f"WITH v AS ({rows} UNION ALL {past}) SELECT 1 FROM v a JOIN v b ON a.oid = b.oid AND a.plan IS NOT DISTINCT FROM b.plan "
        "AND a.me < b.me AND a.valid && b.valid AND a.sys && b.sys LIMIT 1"
    )


class TestUndo:
    def test_the_layer_is_what_it_was_and_history_tells_both(self, town, tmp_path) -> None:
        path = tmp_path / "town.geojson"
        town.take(write(path, {"k1": 10, "k2": 20, "k3": 30}))
        before, was = picture(town, "town"), card(town, "town")
        bad = town.take(write(path, {"k1": 99, "k2": 20, "k4": 40}), allow_removals=True, title_zh="错")
        epoch = town.epoch("town")
        report = undo_import(town.database, bad.run)
        assert picture(town, "town") == before and card(town, "town") == was
        assert (report.changed, report.removed, report.added, report.mode) == (1, 1, 1, "undo")
        assert town.epoch("town") > epoch, "maps and lists hear of it"
        undone = town.past("town", "source_key, attrs ->> 'height'", "source_key")
        assert ("k1", "99") in undone and ("k4", "40") in undone, "what was published stays in the history"
        told = town.ask("SELECT undone_by, report ->> 'undone_by' FROM twin.import_run WHERE id = %s", bad.run)[0]
        assert told == (report.run, str(report.run))
        assert town.ask("SELECT undo_of, status FROM twin.import_run WHERE id = %s", report.run) == [(bad.run, "done")]
        assert town.staged() == [] and never_two_states(town, "town")

    def test_the_reader_of_then_still_sees_what_was_published_then(self, town, tmp_path) -> None:
        path = tmp_path / "asof.geojson"
        town.take(write(path, {"k1": 10}))
        bad = town.take(write(path, {"k1": 99}))
        between = town.ask("SELECT clock_timestamp()")[0][0]
        undo_import(town.database, bad.run)
        then = f"timestamptz '{between.isoformat()}'"
        assert town.read(f"SELECT height FROM history.asof WHERE sys @> {then} AND valid @> {then}") == [(99,)]
        assert town.read("SELECT height FROM layer.asof WHERE valid @> now()") == [(10,)]

    def test_a_first_import_leaves_an_empty_layer_that_forgets_its_fields(self, town, tmp_path) -> None:
        path = tmp_path / "first.geojson"
        report = town.take(write(path, {"k1": 10, "k2": 20}, 错误="乱码"))
        undone = undo_import(town.database, report.run)
        assert undone.removed == 2 and town.live("first", "oid") == [] and len(town.past("first", "oid")) == 2
        assert card(town, "first")[1] == [] and card(town, "first")[3] == 0
        again = town.take(write(path, {"k1": 10, "k2": 20}))
        assert [field.name for field in again.fields] == ["id", "height"] and again.added == 2
        assert town.live("first", "attrs ->> 'height'", "source_key") == [("10",), ("20",)] and never_two_states(town, "first")

    def test_undo_in_reverse_order_of_anything_brings_anything_back(self, town, tmp_path) -> None:
        """Late, present, announced and correcting imports in every mode, at random, undone one after the other."""
        dice, path, now = random.Random(4), tmp_path / "any.geojson", datetime.now(UTC)
        town.take(write(path, {f"k{n}": n for n in range(1, 13)}), valid_from=now - timedelta(days=900))
        steps, days = [], [*(-day for day in dice.sample(range(1, 400), 4)), *[None] * 6, *dice.sample(range(1, 400), 4)]
        dice.shuffle(days)
        for moment in (None if day is None else now + timedelta(days=day) for day in days):
            before = picture(town, "any"), card(town, "any")
            heights = {f"k{n}": dice.randint(1, 6) for n in dice.sample(range(1, 16), dice.randint(4, 13))}
            options = {"mode": dice.choice(["diff", "append", "replace"]), "valid_from": moment, "correct": dice.random() < 0.3}
            report = town.take(write(path, heights), allow_removals=True, **options)
            assert never_two_states(town, "any"), (options, report.model_dump(include={"added", "changed", "removed"}))
            steps.append((report.run, before, options))
        for run, before, options in reversed(steps):
            undo_import(town.database, run)
            assert (picture(town, "any"), card(town, "any")) == before, options
            assert never_two_states(town, "any")

    def test_shapes_with_heights_come_back(self, town, tmp_path) -> None:
        path = tmp_path / "deep.geojson"

        def deep(z: float) -> Path:
            ring = [[113, 23, z], [113.001, 23, z], [113.001, 23.001, z], [113, 23, z]]
            return files.geojson(path, [files.feature({"type": "Polygon", "coordinates": [ring]}, id="k1", height=z)])

        town.take(deep(1))
        before = town.read("SELECT ST_AsText(geom_z) FROM layer.deep")
        bad = town.take(deep(2))
        assert town.read("SELECT ST_AsText(geom_z) FROM layer.deep WHERE valid @> now()") != before
        undo_import(town.database, bad.run)
        assert town.read("SELECT ST_AsText(geom_z) FROM layer.deep WHERE valid @> now()") == before and "POLYGON Z" in before[0][0]

    def test_valid_to_columns_are_no_edits(self, town, tmp_path) -> None:
        path = tmp_path / "ends.geojson"
        town.take(write(path, {"k1": 10, "k2": 20}, valid_to="2090-01-01"))
        before = picture(town, "ends")
        bad = town.take(write(path, {"k1": 11, "k3": 30}, valid_to="2091-01-01"), allow_removals=True)
        undo_import(town.database, bad.run)
        assert picture(town, "ends") == before

    def test_as_a_job(self, town, tmp_path, importer) -> None:
        path = tmp_path / "job.geojson"
        town.take(write(path, {"k1": 10}))
        bad = town.take(write(path, {"k1": 99}))
        job = submit(importer, JobRequest("undo-import", {"run": str(bad.run)}, created_by="ann"))
        importer.commit()
        asyncio.run(run_job(town.database, tmp_path, job))
        done = read_job(importer, job)
        assert done.status == "done" and done.result["mode"] == "undo", done.error
        assert town.live("job", "attrs ->> 'height'") == [("10",)]


class TestRefused:
    @pytest.fixture
    def two(self, town, tmp_path) -> tuple[UUID, Path]:
        """A layer imported twice, and the second run."""
        path = tmp_path / f"r{uuid4().hex[:8]}.geojson"
        town.take(write(path, {"k1": 10, "k2": 20, "k3": 30}))
        return town.take(write(path, {"k1": 11, "k2": 20, "k4": 40}), allow_removals=True).run, path

    def test_after_a_later_import(self, town, two) -> None:
        run, path = two
        later = town.take(write(path, {"k1": 12, "k2": 20, "k4": 40}))
        with pytest.raises(Conflict, match=str(later.run)):
            undo_import(town.database, run)
        undo_import(town.database, later.run)
        undo_import(town.database, run)
        assert town.live(path.stem, "attrs ->> 'height'", "source_key") == [("10",), ("20",), ("30",)]

    def test_a_later_import_that_changed_nothing_is_no_reason(self, town, two) -> None:
        run, path = two
        town.take(path)
        undo_import(town.database, run)

    @pytest.mark.parametrize(
        "edit",
        [
            "SELECT twin.change(%s, (SELECT oid FROM twin.object_{n} WHERE source_key = 'k1'), '{{\"name\": \"x\"}}')",
            "SELECT twin.correct(%s, (SELECT oid FROM twin.object_{n} WHERE source_key = 'k4'), '{{\"name\": \"x\"}}')",
            "SELECT twin.end_object(%s, (SELECT oid FROM twin.object_{n} WHERE source_key = 'k4'))",
            "SELECT twin.end_object(%s, (SELECT oid FROM twin.object_{n} WHERE source_key = 'k1'), now() + interval '1 year')",
        ],
    )
    def test_after_an_edit_of_its_objects(self, town, two, edit: str) -> None:
        run, path = two
        before_edit = town.number(path.stem)
        town.ask(edit.format(n=before_edit), path.stem)
        before = picture(town, path.stem)
        with pytest.raises(Conflict, match="edited"):
            undo_import(town.database, run)
        assert picture(town, path.stem) == before and town.staged() == []
        assert town.ask("SELECT status FROM twin.import_run WHERE undo_of = %s", run) == [("failed",)]

    def test_an_edit_of_other_objects_is_no_reason(self, town, two) -> None:
        run, path = two
        town.ask(
            f"SELECT twin.correct(%s, (SELECT oid FROM twin.object_{town.number(path.stem)} WHERE source_key = 'k2'), '{{}}')", path.stem
        )
        undo_import(town.database, run)

    def test_what_has_nothing_to_take_back(self, town, two, tmp_path) -> None:
        run, path = two
        dry = town.take(path, dry_run=True)
        undone = undo_import(town.database, run)
        with pytest.raises(Conflict, match="undone already"):
            undo_import(town.database, run)
        with pytest.raises(Conflict, match="itself an undo"):
            undo_import(town.database, undone.run)
        with pytest.raises(Conflict, match="dry run"):
            undo_import(town.database, dry.run)
        with pytest.raises(NotFound):
            undo_import(town.database, uuid4())

    def test_while_the_layer_is_imported(self, town, two) -> None:
        run, path = two
        refused = []

        def meanwhile(_: object) -> None:
            with pytest.raises(Conflict, match="imported already"):
                undo_import(town.database, run)
            refused.append(1)

        import_file(town.database, path, ImportOptions(), meanwhile)
        assert refused
