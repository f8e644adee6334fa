"""A tile query among 1,000 layers: planning time and the load of the catalogue, without the million footprints of tiles.py.

Run: `python bench/many_layers.py [--quick] [--json OUT]`.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.tiles import ALL_LAYERS, Result, limited, measure_catalogue, put_footprints, put_many_layers, report  # noqa: E402
from postgis.cluster import Cluster  # noqa: E402
from postgis.connect import Database  # noqa: E402
from postgis.migrate import migrate  # noqa: E402

MAKE_TARGET_MS = 100.0


def run(database: Database, layers: int) -> list[Result]:
    """Make the layers and measure; a small layer with rows among many empty ones."""
    layer = put_footprints(database, 10_000, 0.06)
    begun = time.perf_counter()
    put_many_layers(database, layers - 1)
    made_ms = (time.perf_counter() - begun) / (layers - 1) * 1e3
    return [limited("make a layer, mean", "ms", made_ms, MAKE_TARGET_MS), *asyncio.run(measure_catalogue(database, layer))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes a minute")
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="yuetu-bench-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home)
    try:
        database = cluster.ensure()
        migrate(database)
        rows = run(database, ALL_LAYERS)
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)
    report(rows, arguments.json)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
