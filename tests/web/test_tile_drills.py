"""Small rounds of the drills for tiles: what must hold of any round is asserted, times only far above their limits."""

from collections.abc import Callable

import pytest

from bench._rows import Result
from postgis.cluster import Cluster
from postgis.connect import Database
from tests.drills import hangup, overload, restart, two_hosts
from tests.drills._load import Ground, fill
from tests.web_server import start_server

_LENIENT = 8
"""A machine busy with other tests may be that much slower than a drill asks for."""


@pytest.fixture(scope="module")
def place(make_database: Callable[[], Database], cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return fill(make_database(), tmp_path_factory.mktemp("tile-drills"), cluster, 8_000)


def check(rows: list[Result]) -> None:
    """Counts are exact, times lenient."""
    assert rows
    assert [row for row in rows if not row.holds and not (row.unit in ("s", "ms") and row.ours < _LENIENT * row.peer)] == []


def test_a_crowd_on_cold_low_zooms(place: Ground) -> None:
    home = place.home / "overload"
    home.mkdir()
    with start_server(place.database, home) as server:
        check(overload.measure(server, place, clients=40, seconds=2))


def test_a_client_hangs_up(place: Ground) -> None:
    home = place.home / "hangup"
    home.mkdir()
    with start_server(place.database, home) as server:
        check(hangup.measure(server, place, times=2, heavy=False))


def test_two_hosts_on_one_database(place: Ground) -> None:
    check(two_hosts.measure(place, times=3))


def test_the_database_goes_and_comes_back() -> None:
    check(restart.run(quick=True))
