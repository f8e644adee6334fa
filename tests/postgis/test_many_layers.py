"""Many layers cost a tile query nothing; the full thousand are bench/many_layers.py."""

from bench.many_layers import run
from postgis.connect import Database


def test_plan_time_and_catalogue_load_hold_among_many_layers(database: Database) -> None:
    results = run(database, layers=60)
    assert [result for result in results if not result.holds] == []
