"""Accidents around an import, as small as the drill can make them: full disks, two at once, a database that ends connections, what is said then."""

import adbc_driver_manager
import psycopg
import pyarrow as pa
import pytest

from importers import run as importing
from importers.options import ImportOptions
from postgis import stage
from postgis.away import database_away
from postgis.connect import IMPORTER, SUPERUSER, Database, connect
from postgis.jobs import RunningJob
from postgis.search import run_index
from postgis.worker import _AWAY
from tests.drills import import_kills
from tests.drills._full_disk import full_disks
from tests.drills._import_ground import Ground
from tests.importers import files
from twin.errors import TooLarge, Unavailable


@pytest.fixture
def place(database, cluster, tmp_path_factory) -> Ground:
    """The ground of the drill on the cluster of the tests; its account must be able to come down to the folder."""
    folder = cluster.home / f"drill-{database.dsn.rpartition('=')[2]}" / "files"
    folder.mkdir(parents=True, exist_ok=True)
    return Ground(cluster, database, folder)


def test_small_rounds_of_the_drill(place: Ground) -> None:
    rows = [*import_kills.two_at_once(place, 1), *full_disks(place), *import_kills.cut_upload(place, 1)]
    assert rows and [row for row in rows if not row.holds] == []


def _end_importers(database: Database) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()"
        admin.execute(query, [IMPORTER])


def test_a_database_that_goes_away_is_named_whatever_the_import_does(town, tmp_path, monkeypatch) -> None:
    """While the reader's rows stream in, and before the commit; nothing is changed, and the worker takes the job up again."""
    path = files.geojson(tmp_path / "a.geojson", [files.square(113 + at / 1000, 23, n=at) for at in range(50)])
    town.take(path, layer="away")
    before = town.live("away", "oid, attrs, valid, sys")
    other = files.geojson(tmp_path / "b.geojson", [files.square(113 + at / 1000, 24, n=at) for at in range(50)])
    for step in ("Reading", "Publishing"):

        def cut(progress, at=step) -> None:
            if progress.step_en == at and (progress.done or at != "Reading"):
                _end_importers(town.database)

        with pytest.raises(Unavailable) as caught:
            importing.import_file(town.database, other, ImportOptions(layer="away", key="n", mode="replace"), cut)
        assert "数据库" in caught.value.message_zh and caught.value.mend and isinstance(caught.value, _AWAY)
        importing.sweep(town.database)
        assert town.staged() == [] and town.live("away", "oid, attrs, valid, sys") == before


def test_errors_that_are_no_lost_connection(town) -> None:
    """Wrong SQL, and rows that cannot be read, keep their own words."""
    assert database_away(ValueError("server closed the connection")) is None
    with connect(town.database, IMPORTER) as connection, pytest.raises(psycopg.Error) as wrong:
        connection.execute("SELECT 1 / 0")
    assert database_away(wrong.value) is None

    def broken():
        raise pa.ArrowInvalid("Tried reading schema message, was null or length 0")
        yield

    with connect(town.database, IMPORTER) as connection:
        connection.execute("CREATE TABLE stage.run_00000000000000000000000000000000_rows (x bigint)")
        connection.commit()
    rows = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), broken())
    with pytest.raises(adbc_driver_manager.Error) as wrong:
        stage.stream_in(town.database, "run_00000000000000000000000000000000_rows", rows)
    assert database_away(wrong.value) is None
    importing.sweep(town.database)


def test_a_published_row_is_findable_at_once_or_not_published(town, tmp_path) -> None:
    """An import stopped between the two left rows that no search found until the next import touched them."""
    first = files.geojson(tmp_path / "a.geojson", [files.square(113, 23, n=1, name="旧名")])
    second = files.geojson(tmp_path / "b.geojson", [files.square(113, 23, n=1, name="新名")])
    town.take(first, layer="names", key="n")

    def stop(progress) -> None:
        if progress.step_en == "Indexing for search":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.import_file(town.database, second, ImportOptions(layer="names", key="n"), stop)
    titles = "SELECT title FROM twin.search WHERE kind = 'object' AND layer = %s"
    assert town.live("names", "name") == town.ask(titles, town.number("names")) == [("旧名",)]
    town.take(second, layer="names", key="n")
    assert town.live("names", "name") == town.ask(titles, town.number("names")) == [("新名",)]


def test_many_changed_rows_are_made_findable_by_a_job(town, tmp_path, monkeypatch) -> None:
    def take(names: dict[int, str]) -> None:
        squares = [files.square(113 + at / 100, 23, n=at, name=name) for at, name in names.items()]
        town.take(files.geojson(tmp_path / "many.geojson", squares), layer="many", key="n", allow_removals=True)

    take({1: "甲楼", 2: "乙楼", 3: "丙楼"})
    monkeypatch.setattr("importers.run._INDEX_LATER_FROM", 2)
    take({1: "甲楼", 2: "新乙楼", 4: "丁楼"})
    titles = "SELECT title FROM twin.search WHERE kind = 'object' AND layer = %s"
    assert {title for (title,) in town.ask(titles, town.number("many"))} == {"甲楼", "乙楼", "丙楼"}, "as before, until the job has run"
    ((job, args),) = town.ask("SELECT id, args FROM twin.job WHERE kind = 'index'")
    assert run_index(RunningJob(job, "index", args, "", town.database, tmp_path)) == {"rows": 2}
    assert {title for (title,) in town.ask(titles, town.number("many"))} == {"甲楼", "新乙楼", "丁楼"}


def test_a_row_of_a_table_longer_than_is_read_at_once(town, tmp_path) -> None:
    path = tmp_path / "long.csv"
    ring = ", ".join(f"{113 + at * 1e-6:.6f} {23 + at % 2 * 1e-6:.6f}" for at in range(600_000))
    path.write_text(f'n,wkt\n1,"LINESTRING ({ring})"\n')
    with pytest.raises(TooLarge, match="longer than") as caught:
        town.take(path, layer="long")
    assert "超过" in caught.value.message_zh
