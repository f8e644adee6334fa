"""Sources on the server's disk: only what changed is read, nothing outside the allowed directory, lost ticks run once, and it is known who asked."""

import asyncio
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from importers.plans import parse_plan
from importers.sources import allowed, find
from postgis import schedules
from postgis.jobs import read_job
from postgis.schedules import NewSchedule, Schedule
from postgis.worker import run_job
from tests.importers import files
from twin.errors import BadFile, BadParameter, NotFound


def put(path: Path, heights: dict[str, float], age_s: float = 60) -> Path:
    """Buildings in a file that was last written `age_s` seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.geojson(path, [files.square(113 + int(key[1:]) / 100, 23, 0.001, id=key, height=height) for key, height in heights.items()])
    return aged(path, age_s)


def aged(path: Path, age_s: float) -> Path:
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


@pytest.fixture
def incoming(tmp_path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


@pytest.fixture
def plan(town, importer):
    """Makes schedules; they end with the test, so that the next test's tick is its own."""
    made: list[UUID] = []

    def make(path: str, every_s: int = 3600, starts_at: datetime | None = None, **options) -> UUID:
        said = parse_plan({"path": path, "every_s": every_s, "starts_at": starts_at, "options": options})
        made.append(schedules.add(importer, NewSchedule(said.path, said.said(), said.every_s, said.starts_at, "ann")))
        importer.commit()
        return made[-1]

    yield make
    for schedule in made:
        schedules.remove(importer, schedule, "test")
    importer.commit()


@pytest.fixture
def read(town, importer, incoming, tmp_path):
    """Has the clock tick, runs what it queued, and answers what became of a schedule."""

    def run(schedule: UUID, now: bool = True) -> Schedule:
        if now:
            town.ask("UPDATE twin.import_schedule SET next_at = now() WHERE id = %s RETURNING 1", schedule)
        importer.rollback()
        schedules.tick(importer)
        job = schedules.read(importer, schedule).last_job
        asyncio.run(run_job(town.database, tmp_path / "home", job, incoming))
        importer.rollback()
        assert read_job(importer, job).status == "done", read_job(importer, job).error
        assert read_job(importer, job).created_by == "ann"
        return schedules.read(importer, schedule)

    return run


def heights(town, layer: str) -> list[tuple[str, str]]:
    return town.live(layer, "source_key, attrs ->> 'height'", "source, source_key")


class TestReading:
    def test_only_what_changed_is_read(self, town, incoming, plan, read) -> None:
        path = put(incoming / "town.geojson", {"k1": 1, "k2": 2})
        schedule = plan("town.geojson")
        first = read(schedule)
        assert first.last_status == "imported" and first.last_result["files"]["town.geojson"]["added"] == 2
        runs = len(town.ask("SELECT 1 FROM twin.import_run"))
        assert read(schedule).last_status == "unchanged"
        aged(path, 30)
        assert read(schedule).last_status == "unchanged", "a new time and the same bytes"
        assert len(town.ask("SELECT 1 FROM twin.import_run")) == runs
        put(path, {"k1": 1, "k2": 22}, 20)
        changed = read(schedule).last_result["files"]["town.geojson"]
        assert (changed["changed"], changed["unchanged"]) == (1, 1) and heights(town, "town") == [("k1", "1"), ("k2", "22")]

    def test_files_of_a_folder_are_sources_of_one_layer(self, town, incoming, plan, read) -> None:
        put(incoming / "cities" / "广州.geojson", {"k1": 1})
        put(incoming / "cities" / "深圳.geojson", {"k1": 7})
        (incoming / "cities" / "readme.doc").write_text("-")
        schedule = plan("cities", layer="cities")
        assert read(schedule).last_status == "imported" and heights(town, "cities") == [("k1", "1"), ("k1", "7")]
        put(incoming / "cities" / "深圳.geojson", {"k1": 8}, 30)
        told = read(schedule).last_result["files"]
        assert [told[name]["status"] for name in sorted(told)] == ["unchanged", "imported"]
        assert heights(town, "cities") == [("k1", "1"), ("k1", "8")], "one city does not end the other's rows"

    def test_a_shapefile_changes_with_any_of_its_files(self, data_root, town, incoming, plan, read) -> None:
        for item in (data_root / "hard/shapefile-chongqing").iterdir():
            if item.stem == "区县界_area":
                aged(Path(shutil.copy(item, incoming)), 60)
        schedule = plan("区县界_area.shp", layer="chongqing")
        assert read(schedule).last_status == "imported"
        assert read(schedule).last_status == "unchanged"
        table = incoming / "区县界_area.dbf"
        table.write_bytes(table.read_bytes().replace("奉节".encode("gb18030"), "丰节".encode("gb18030")))
        aged(table, 30)
        assert read(schedule).last_result["files"]["区县界_area.shp"]["changed"] == 1

    def test_a_file_that_is_still_written_waits(self, town, incoming, plan, read) -> None:
        put(incoming / "fresh.geojson", {"k1": 1}, 0)
        schedule = plan("fresh.geojson")
        waiting = read(schedule)
        assert waiting.last_status == "waiting" and waiting.next_at - datetime.now(UTC) < timedelta(seconds=61)
        aged(incoming / "fresh.geojson", 30)
        assert read(schedule).last_status == "imported"

    def test_what_was_refused_is_not_tried_again_before_it_changes(self, town, incoming, plan, read) -> None:
        path = put(incoming / "torn.geojson", {"k1": 1})
        path.write_bytes(path.read_bytes()[:100])
        aged(path, 60)
        schedule = plan("torn.geojson")
        failed = read(schedule)
        assert failed.last_status == "failed" and failed.last_result["files"]["torn.geojson"]["error"]["code"] == "invalid-file"
        runs = len(town.ask("SELECT 1 FROM twin.import_run"))
        assert read(schedule).last_status == "failed" and len(town.ask("SELECT 1 FROM twin.import_run")) == runs
        put(path, {"k1": 1}, 30)
        assert read(schedule).last_status == "imported"

    def test_run_reads_what_did_not_change(self, town, importer, incoming, plan, read) -> None:
        put(incoming / "again.geojson", {"k1": 1})
        schedule = plan("again.geojson")
        read(schedule)
        schedules.rush(importer, schedule)
        importer.commit()
        assert read(schedule, now=False).last_result["files"]["again.geojson"]["unchanged"] == 1

    def test_a_missing_file_is_said(self, incoming, plan, read) -> None:
        told = read(plan("nothing.zip"))
        assert told.last_status == "failed" and "nothing.zip" in told.last_result["files"]["nothing.zip"]["error"]["detail_zh"]


class TestClock:
    def test_lost_ticks_run_once_and_the_grid_stays(self, town, importer, incoming, plan) -> None:
        put(incoming / "lost.geojson", {"k1": 1})
        begun = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3, minutes=10)
        schedule = plan("lost.geojson", 3600, begun)
        assert schedules.tick(importer) == 1 and schedules.tick(importer) == 0
        due = schedules.read(importer, schedule).next_at
        assert (
            due > datetime.now(UTC) and (due - begun) % timedelta(hours=1) == timedelta(0) and due - datetime.now(UTC) <= timedelta(hours=1)
        )

    def test_an_open_job_is_not_queued_twice(self, town, importer, incoming, plan) -> None:
        schedule = plan("x.geojson")
        assert schedules.tick(importer) == 1
        town.ask("UPDATE twin.import_schedule SET next_at = now() WHERE id = %s RETURNING 1", schedule)
        assert schedules.tick(importer) == 0

    def test_who_ended_it_is_kept(self, importer, plan) -> None:
        schedule = plan("y.geojson")
        schedules.remove(importer, schedule, "bob")
        gone = next(item for item in schedules.list_all(importer, gone=True) if item.id == schedule)
        assert (gone.created_by, gone.deleted_by) == ("ann", "bob") and gone.deleted_at
        assert schedule not in [item.id for item in schedules.list_all(importer)]
        with pytest.raises(NotFound):
            schedules.remove(importer, schedule, "bob")
        importer.rollback()


class TestWalls:
    @pytest.mark.parametrize("path", ["../secret.geojson", "/etc/passwd", "", "a/../../b", "link/secret.geojson", "a\0b"])
    def test_nothing_outside_the_directory(self, incoming, path: str) -> None:
        (incoming / "link").symlink_to("/etc")
        with pytest.raises(BadParameter):
            allowed(incoming, path)

    def test_links_out_of_the_directory_are_no_sources(self, incoming, tmp_path) -> None:
        secret = put(tmp_path / "secret.geojson", {"k1": 1})
        (incoming / "a.geojson").symlink_to(secret)
        with pytest.raises(BadFile):
            list(find(incoming, "."))
        with pytest.raises(BadParameter):
            list(find(incoming, "a.geojson"))

    def test_without_a_directory_there_are_none(self) -> None:
        with pytest.raises(BadParameter, match="TWIN_SOURCES"):
            allowed(None, "a.geojson")

    @pytest.mark.parametrize(
        "said",
        [{"path": "a", "every_s": 5}, {"every_s": 60}, {"path": "a", "every_s": 60, "options": {"dry_run": True}}, {"path": "a", "x": 1}],
    )
    def test_bad_plans(self, said: dict) -> None:
        with pytest.raises(BadParameter):
            parse_plan(said)
