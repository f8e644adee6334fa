"""Imports large enough to be filled over several connections: whole, with history, and without a look at what did not change."""

from uuid import uuid4

import numpy as np
import psycopg
import pytest
import shapely
from psycopg import sql

from importers.base import Column
from importers.digest import digested
from importers.geos import arrow
from importers.options import ImportOptions
from importers.plain import check_batch, find_plain
from importers.report import Progress
from importers.run import import_file, sweep
from importers.shapes import Source
from importers.wkb import check
from postgis import stage, stage_fill
from postgis.connect import IMPORTER, SUPERUSER, connect
from postgis.layers import LayerSpec, make_layer
from tests.importers import files
from twin.fields import FieldType

ROWS = 60_000
FEW = 600


def houses(path, moved: int = 0, doubled: int = 0):
    """`ROWS` squares; the first `moved` have another height, the last `doubled` the keys of the first."""
    at = np.arange(ROWS)
    west, south = 113 + at % 300 * 0.001, 23 + at // 300 * 0.001
    keys = [f"k{number}" for number in [*range(ROWS - doubled), *range(doubled)]]
    height = at % 50 + 3.0
    height[:moved] += 1
    path.unlink(missing_ok=True)
    return files.geopackage(path, shapely.box(west, south, west + 0.0005, south + 0.0005), crs="EPSG:4326", key=keys, height=height)


@pytest.fixture
def counted(town):
    """Counts calls of ST_IsValid by imports."""
    name = sql.Identifier(town.database.named("x") and psycopg.conninfo.conninfo_to_dict(town.database.dsn)["dbname"])
    with psycopg.connect(town.database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER ROLE twin_importer IN DATABASE {} SET track_functions = 'all'").format(name))

    def calls() -> int:
        with psycopg.connect(town.database.conninfo(SUPERUSER), autocommit=True) as admin:
            row = admin.execute("SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'st_isvalid'").fetchone()
            return int(row[0])

    return calls


def test_one_percent_changes_one_percent(town, counted, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stage_fill.os, "cpu_count", lambda: 2)
    report = town.take(houses(tmp_path / "houses.gpkg"), key="key")
    assert (report.added, report.published) == (ROWS, ROWS)
    number = town.number("houses")
    parents = town.ask("SELECT count(*) FROM pg_index WHERE indrelid = 'twin.object'::regclass")[0][0]
    own = town.ask("SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = %s::regclass", f"twin.object_{number}")
    assert len(own) == parents + 2 and all(name.startswith(f"object_{number}_") and valid for name, valid in own)
    assert town.ask(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'twin.object'::regclass AND inhrelid = %s::regclass", f"twin.object_{number}"
    )
    assert town.live(
        "houses", "count(DISTINCT oid), count(DISTINCT content_hash), count(DISTINCT lower(sys)), min(length(content_hash))", "1"
    ) == [(ROWS, ROWS, 1, 32)]
    first, before = town.live("houses", "min(lower(sys))", "1")[0][0], counted()
    assert before >= ROWS
    report = town.take(houses(tmp_path / "houses.gpkg", moved=FEW), key="key")
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, FEW, 0, ROWS - FEW)
    assert town.live("houses", f"count(*), count(*) FILTER (WHERE lower(sys) > '{first}')", "1") == [(ROWS, FEW)]
    assert town.past("houses", "count(*)", "1") == [(FEW,)]
    assert counted() - before == FEW, "unchanged rows are not checked again"


def test_doubled_keys_are_told_apart_over_all_shares(town, tmp_path) -> None:
    report = town.take(houses(tmp_path / "double.gpkg", doubled=10), key="key")
    assert report.published == ROWS and {item.rule: item.count for item in report.rules}["duplicate-key"] == 10
    assert town.live("double", "count(*) FILTER (WHERE source_key ~ '~2$'), count(DISTINCT source_key)", "1") == [(10, ROWS)]
    assert town.take(houses(tmp_path / "double.gpkg", doubled=10), key="key").unchanged == ROWS


def test_a_large_import_is_found_by_a_job(town, tmp_path) -> None:
    town.take(houses(tmp_path / "jobs.gpkg"), key="key")
    kinds = town.ask("SELECT kind FROM twin.job WHERE args ->> 'layer' = 'jobs' OR args -> 'layers' ? 'jobs' ORDER BY kind")
    assert kinds == [("index",), ("warm",)]


def test_what_a_killed_fill_left_is_swept(town) -> None:
    run = uuid4()
    with connect(town.database, IMPORTER) as connection:
        connection.execute("SELECT twin.new_bulk_table(%s, 'gone')", [run])
    assert town.staged() == [f"run_{run.hex}_object"]
    sweep(town.database)
    assert town.staged() == []


def test_a_layer_filled_meanwhile_is_not_lost(town, tmp_path) -> None:
    path = files.geojson(tmp_path / "race.geojson", [files.point(113, 23, id="a")])

    def make(progress: Progress) -> None:
        if progress.step_en == "Publishing":
            with connect(town.database, IMPORTER) as connection:
                number = make_layer(connection, LayerSpec(id="race", title_zh="先到"))
                connection.execute(sql.SQL("INSERT INTO {} (name) VALUES ('先')").format(sql.Identifier("twin", f"object_{number}")))

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        import_file(town.database, path, ImportOptions(), make)
    assert town.live("race", "name") == [("先",)] and town.staged() == []


def test_a_failing_statement_stops_the_others(town) -> None:
    slow, wrong = sql.SQL("SELECT pg_sleep(60)").format(), sql.SQL("SELECT 1 / 0").format()
    with pytest.raises((psycopg.errors.DivisionByZero, psycopg.errors.QueryCanceled)):
        stage_fill._run_all(town.database, 2, [slow, wrong])


ODD = [
    "POINT (113 23)",
    "POINT (213 23)",
    "POINT (1 NaN)",
    "POINT Z (113 23 5)",
    "POLYGON ((113 23, 113.1 23, 113.1 23.1, 113 23))",
    "POLYGON ((113 23, 113.1 23, 113.1 23, 113.1 23.1, 113 23))",
    "POLYGON ((113 23, 113.1 23, 113.1 23.0000000001, 113 23))",
    "POLYGON ((113 23, 113.1 23, 113.2 23, 113 23))",
    "POLYGON ((113 23, 113.3 23, 113.3 23.3, 113 23), (113.2 23.1, 113.25 23.1, 113.25 23.12, 113.2 23.1))",
    "POLYGON ((179 23, 181 23, 181 24, 179 23))",
    "MULTIPOLYGON (((113 23, 113.1 23, 113.1 23.1, 113 23)))",
    "MULTIPOLYGON (((113 23, 113.1 23, 113.1 23.1, 113 23)), ((114 23, 114.1 23, 114.1 23.1, 114 23)))",
    "POLYGON EMPTY",
    "LINESTRING (113 23, 114 24)",
]


FAR = [
    "POLYGON ((500000 25e5, 501000 25e5, 501000 2501000, 500000 25e5))",
    "POLYGON ((5e5 25e5, 501000 25e5, 501000 2500000.05, 5e5 25e5))",
]


@pytest.mark.parametrize("odd", [ODD, FAR, [*ODD, *FAR]], ids=["degrees", "metres", "both"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4547", "EPSG:2926", ""])
def test_plain_rows_come_out_as_by_the_long_way(crs, odd) -> None:
    shapes = [*shapely.to_wkb(shapely.from_wkt(odd)).tolist(), None, b"\x01\x03\x00", shapely.to_wkb(shapely.Point(113, 23), byte_order=0)]
    wkb = arrow.array(shapes * 3, arrow.binary()).slice(2)
    rows, source = np.arange(1, len(wkb) + 1), Source(crs, "geopackage")
    told_quick, told_long = [], []
    quick, long = check_batch(wkb, rows, False, told_quick.append, source), check(wkb, rows, False, told_long.append, source)
    assert sorted(map(str, told_quick)) == sorted(map(str, told_long))
    assert quick.take.tolist() == long.take.tolist() and quick.wkb.to_pylist() == long.wkb.to_pylist()
    assert (quick.refused, quick.has_z, dict(quick.kinds)) == (long.refused, long.has_z, dict(long.kinds))
    assert quick.bounds.tolist() == long.bounds.tolist() and len(quick.parts) == len(quick.take)


def test_a_grid_without_a_name_goes_the_quick_way() -> None:
    wkb = arrow.array(shapely.to_wkb(shapely.from_wkt(FAR)), arrow.binary())
    assert [find_plain(wkb, Source(crs)).rows.tolist() for crs in ("", "EPSG:4547", "EPSG:4490")] == [[True, False]] * 3


def digests(match=(), **columns) -> list[bytes]:
    """Digests of rows at one place, by their columns."""
    kinds = {arrow.string(): FieldType.TEXT, arrow.int64(): FieldType.INTEGER, arrow.float64(): FieldType.NUMBER}
    arrays = {name: arrow.array(values) for name, values in columns.items()}
    count = len(next(iter(arrays.values())))
    fixed = [arrow.array(range(count))] * 2 + [arrow.array([0] * count), arrow.array([b"shape"] * count, arrow.binary())]
    batch = arrow.RecordBatch.from_arrays([*fixed, *arrays.values()], names=["rid", "row", "part", "wkb", *arrays])
    described = [Column(name=name, type=kinds.get(array.type, FieldType.TEXT)) for name, array in arrays.items()]
    [out] = digested(iter([batch]), described, dict(match))
    return out.column("digest").to_pylist()


def test_a_digest_is_of_the_values_by_name() -> None:
    [one, two] = digests(a=["x", "y"], b=[1, 2])
    assert one != two and len(one) == 24
    assert digests(b=[1.0, 2.0], a=["x", "y"], empty=arrow.array([None, None], arrow.string())) == [one, two], (
        "neither order nor emptiness matters"
    )
    assert digests({"c": "a", "old": ""}, c=["x", "y"], b=[1, 2], old=["left", "out"]) == [one, two]
    assert digests(a=["x=1", "x"], b=[None, "1"])[0] != digests(a=["x", "x"], b=["1", "1"])[0]
    assert digests(a=["", None])[0] != digests(a=["", None])[1]


def test_rows_are_staged_without_a_digest_where_none_is_asked_for(town) -> None:
    with connect(town.database, IMPORTER) as connection:
        staging = stage.Staging(uuid4(), ())
        stage.make_rows(connection, staging)
        schema = arrow.schema([("rid", arrow.int64()), ("row", arrow.int64()), ("part", arrow.int32()), ("wkb", arrow.binary())])
        batch = arrow.RecordBatch.from_arrays(
            [arrow.array([1]), arrow.array([1]), arrow.array([0], arrow.int32()), arrow.array([None], arrow.binary())], schema=schema
        )
        assert stage.stream_in(town.database, staging.name("rows"), arrow.RecordBatchReader.from_batches(schema, [batch])) == 1
        stage.drop_staging(connection, staging)
