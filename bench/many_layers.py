"""A tile query among 1,000 layers: planning time and the load of the catalogue, without the million footprints of tiles.py.

Run: `python bench/many_layers.py [--quick] [--json OUT]`.
"""

import asyncio
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._catalogue import measure_catalogue  # noqa: E402
from bench._rows import Result, bench, limited  # noqa: E402
from bench._tile_data import ALL_LAYERS, put_footprints, put_many_layers  # noqa: E402
from postgis.connect import Database  # noqa: E402

MAKE_TARGET_MS = 100.0


def run(database: Database, layers: int) -> list[Result]:
    """Make the layers and measure; a small layer with rows among many empty ones."""
    layer = put_footprints(database, 10_000, 0.06)
    begun = time.perf_counter()
    put_many_layers(database, layers - 1)
    made_ms = (time.perf_counter() - begun) / (layers - 1) * 1e3
    return [limited("make a layer, mean", "ms", made_ms, MAKE_TARGET_MS), *asyncio.run(measure_catalogue(database, layer))]


if __name__ == "__main__":
    sys.exit(bench(__doc__, "the same: it takes a minute", lambda database, quick: run(database, ALL_LAYERS)))
