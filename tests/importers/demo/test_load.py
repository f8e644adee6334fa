"""The whole demo into a real database, small: divisions, layers, products; a second run changes nothing; a second district stands beside the first."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from importers.demo.district.layers import LAYERS
from importers.demo.district.recipe import recipe
from importers.demo.load import PRODUCTS, REAL_LAYERS, DemoReport, load_demo, load_district, source_of
from importers.report import ImportReport, Progress
from postgis.connect import Database
from twin.errors import BadParameter

SMALL = 2_000
STATE = "SELECT id, e.epoch, count FROM twin.layer l JOIN twin.layer_epoch e ON e.layer = l.number ORDER BY id"


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "ground" / "elevation.asc"


@pytest.fixture(scope="module")
def loaded(database: Database, told: list[Progress], ground: Path) -> DemoReport:
    return load_demo(database, told.append, buildings=SMALL, elevation=ground)


def test_the_ground_is_left_as_a_grid(loaded: DemoReport, ground: Path) -> None:
    head = dict(line.split() for line in ground.read_text("ascii").split("\n")[:5])
    assert int(head["ncols"]) > 20 and int(head["nrows"]) > 20
    assert [path.name for path in ground.parent.iterdir()] == ["elevation.asc"]


def by_layer(report: DemoReport) -> dict[str, ImportReport]:
    return {each.layer: each for each in report.imports}


def test_every_layer_came_in_through_the_import(loaded: DemoReport) -> None:
    reports = by_layer(loaded)
    assert set(reports) == {*LAYERS, *REAL_LAYERS}
    assert all(each.rows_in == each.published + each.refused and not each.refused for each in loaded.imports)
    assert all(reports[name].key == "code" and not reports[name].repaired for name in LAYERS)


def test_the_county_report_says_what_is_wrong(loaded: DemoReport) -> None:
    counties = by_layer(loaded)["counties"]
    assert counties.datum == "GCJ-02" and counties.published == 125 and counties.repaired == 81
    found = {entry.rule: entry for entry in counties.rules}
    assert found["null-geometry"].count == 1 and found["empty-key"].count == 1
    said = "".join(note.zh for note in loaded.notes)
    assert "光明区" in said and "东沙群岛" in said and "81" in said and "约 100 m" in said
    assert counties.datum_check is not None and not counties.datum_check.doubtful


def test_products_are_published(loaded: DemoReport, owner: psycopg.Connection) -> None:
    assert len(loaded.products) == len(list(PRODUCTS.glob("*.toml"))) >= 12
    rows = owner.execute("SELECT code, status, card ->> 'review_number' FROM twin.product").fetchall()
    assert {row[0] for row in rows} == set(loaded.products)
    assert {row[1:] for row in rows} == {("published", "未送审")}


def test_divisions_go_down_to_the_grid(loaded: DemoReport, owner: psycopg.Connection) -> None:
    counts = dict(owner.execute("SELECT level, count(*) FROM twin.division GROUP BY level").fetchall())
    assert counts == {1: 1, 2: 21, 3: 124, 4: 1757, 5: 26842, 6: by_layer(loaded)["grid"].published}
    orphans = owner.execute(
        "SELECT count(*) FROM twin.division d WHERE level > 1 AND NOT EXISTS (SELECT FROM twin.division p WHERE p.code = d.parent_code)"
    ).fetchone()
    assert orphans == (0,)


def test_everything_made_up_is_marked(loaded: DemoReport, owner: psycopg.Connection) -> None:
    rows = owner.execute("SELECT id, synthetic, attribution, accuracy_note_zh FROM twin.layer").fetchall()
    for layer_id, synthetic, attribution, note in rows:
        assert synthetic is (layer_id in LAYERS) and attribution
        assert ("示例" in note) if synthetic else ("约 100 m 精度" in note)


def test_progress_counts_every_layer(loaded: DemoReport, told: list[Progress]) -> None:
    assert told[-1].done == told[-1].total == len(LAYERS) + len(REAL_LAYERS)
    assert [each.done for each in told] == sorted(each.done for each in told)


def test_a_second_run_changes_nothing(loaded: DemoReport, database: Database, owner: psycopg.Connection) -> None:
    before = owner.execute(STATE).fetchall()
    owner.rollback()
    again = load_demo(database, lambda progress: None, buildings=SMALL)
    assert not again.imports and not again.products and len(again.unchanged) == len(LAYERS) + len(REAL_LAYERS)
    assert again.seconds < 5
    assert owner.execute(STATE).fetchall() == before


def test_another_district_stands_beside_the_first(loaded: DemoReport, database: Database, owner: psycopg.Connection) -> None:
    first = by_layer(loaded)["schools"].published
    other = recipe(5, (110.30, 21.20, 110.315, 21.214), 1_000)
    report = load_district(database, lambda progress: None, other, layer_ids=("schools", "grid", "pipes"))
    assert len(report.imports) == 3
    assert source_of(other) != source_of(recipe())
    assert all(each.published and not each.removed for each in report.imports)
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("twin", f"object_{by_layer(report)['schools'].number}"))
    count = owner.execute(query).fetchone()
    assert count == (first + by_layer(report)["schools"].published,)


def test_a_layer_the_district_has_not_is_refused(database: Database) -> None:
    with pytest.raises(BadParameter):
        load_district(database, lambda progress: None, recipe(buildings=1_000), layer_ids=("volcanoes",))
