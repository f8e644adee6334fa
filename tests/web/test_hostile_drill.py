"""A small round of the drill of hostile load: counts are exact, times lenient."""

from tests.drills import hostile
from tests.web.test_tile_drills import check


def test_generated_requests_scans_a_schema_change_and_a_restart() -> None:
    check(hostile.run(quick=True))
