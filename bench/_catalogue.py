"""What a tile query costs among 1,000 layers before it runs: its plan, and the load of the catalogue."""

import statistics
import time
from typing import Any

from bench._rows import Result, limited
from bench._tile_data import tile_of
from layers.catalog import load
from postgis.connect import SERVER, Database
from postgis.mvt import tile_statement
from postgis.pool import HotPool, scope_setting
from postgis.statement import Statement
from twin.layer import Layer
from twin.view import PUBLIC, TileArea, View

ZOOM = 14
PLAN_TARGET_MS = 2.0
LOAD_TARGET_S = 1.0


def _statements(layer: Layer, tiles: list[tuple[int, int]]) -> list[Statement]:
    return [tile_statement([View(layer.id, PUBLIC, TileArea(ZOOM, x, y))], [layer]) for x, y in tiles]


async def _bare_connection(database: Database) -> Any:
    """asyncpg with the settings a careful user of the same SQL would choose."""
    connection = await database.connect_asyncpg(SERVER, jit="off", max_parallel_workers_per_gather="0")
    await connection.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    return connection


async def measure_catalogue(database: Database, layer: Layer) -> list[Result]:
    """Planning one tile query, and reading the whole catalogue, with all the layers there."""
    connection = await _bare_connection(database)
    plans = []
    for statement in _statements(layer, [tile_of(112.9, 22.5), tile_of(113.2, 23.16)]) * 10:
        lines = await connection.fetch("EXPLAIN (SUMMARY) " + statement.text, *statement.args)
        plans.append(next(float(row[0].split()[2]) for row in lines if row[0].startswith("Planning Time")))
    await connection.close()
    pool = await HotPool.open(database, 1)
    loads = []
    for _ in range(5):
        begun = time.perf_counter()
        catalog = await load(pool)
        loads.append(time.perf_counter() - begun)
    await pool.close()
    count = len(catalog.by_id)
    return [
        limited(f"plan of a tile query among {count} layers", "ms", statistics.median(plans), PLAN_TARGET_MS),
        limited(f"catalogue load, {count} layers", "s", statistics.median(loads), LOAD_TARGET_S),
    ]
