"""Overviews of a million footprints: the build from nothing, and the refresh after edits of one, a hundred and five thousand of them.

Run: `python bench/overviews.py [--quick] [--json OUT]`.
"""

import random
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._rows import Result, bench, limited  # noqa: E402
from bench._tile_data import put_footprints  # noqa: E402
from postgis import overviews, twins  # noqa: E402
from postgis.connect import IMPORTER, Database, connect  # noqa: E402

BUILD_LIMIT_S = 60.0
EDIT_LIMIT_S = {1: 0.2, 100: 0.5, 5000: 10.0}
ROUNDS = {1: 20, 100: 5, 5000: 1}


def run(database: Database, quick: bool) -> list[Result]:
    """Build, then edit: each refresh is one round of the worker on a connection that is open already."""
    rows = 100_000 if quick else 1_000_000
    layer = put_footprints(database, rows, 0.04)
    drawn = random.Random(3)
    with connect(database, IMPORTER) as importer:
        twins.refresh(importer)
        started = time.perf_counter()
        assert not overviews.refresh(importer)
        results = [limited(f"overview of {rows} footprints, built", "s", time.perf_counter() - started, BUILD_LIMIT_S * rows / 1_000_000)]
        for edits, limit in EDIT_LIMIT_S.items():
            times = []
            for _ in range(ROUNDS[edits]):
                oids = [(layer.number << 40) + drawn.randint(1, rows) for _ in range(edits)]
                move = f"UPDATE twin.object_{layer.number} SET geom = ST_Translate(geom, 0.00003, 0) WHERE oid = ANY (%s)"
                importer.execute(move.encode(), [oids])
                importer.commit()
                started = time.perf_counter()
                assert not overviews.refresh(importer)
                times.append(time.perf_counter() - started)
            results.append(limited(f"refresh after {edits} edits, median", "s", statistics.median(times), limit))
    return results


if __name__ == "__main__":
    sys.exit(bench(__doc__, "100,000 footprints", run))
