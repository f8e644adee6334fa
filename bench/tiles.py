"""Uncached vector tiles of a million footprints: our server over loopback HTTP against the same SQL on a bare asyncpg connection.

Also the planning time of a tile query and the load of the catalogue among 1,000 layers. Run: `python bench/tiles.py [--quick] [--json OUT]`.
"""

import argparse
import asyncio
import math
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._rows import Result, limited, options, report  # noqa: E402
from layers.catalog import load  # noqa: E402
from postgis.cluster import Cluster  # noqa: E402
from postgis.connect import IMPORTER, OWNER, SERVER, Database, connect  # noqa: E402
from postgis.migrate import migrate  # noqa: E402
from postgis.mvt import tile_statement  # noqa: E402
from postgis.pool import HotPool, scope_setting  # noqa: E402
from postgis.statement import Statement  # noqa: E402
from twin.fields import Field, FieldType, Role  # noqa: E402
from twin.layer import GeometryType, Layer  # noqa: E402
from twin.view import PUBLIC, TileArea, View  # noqa: E402

ZOOM = 14
TILES = 200
HTTP_TARGET = 1.15
PLAN_TARGET_MS = 2.0
LOAD_TARGET_S = 1.0
ALL_LAYERS = 1000

FOOTPRINTS = Layer(
    number=0,
    id="bench-footprints",
    title_zh="测速建筑",
    geometry_type=GeometryType.POLYGON,
    fields=(
        Field(name="class", role=Role.CLASS, in_tiles_from_zoom=12, queryable=True),
        Field(name="height", type=FieldType.NUMBER, unit="m", role=Role.HEIGHT, in_tiles_from_zoom=12),
        Field(name="floors", type=FieldType.INTEGER, role=Role.FLOORS, in_tiles_from_zoom=16),
    ),
)


def spec_of(layer: Layer) -> str:
    return layer.model_dump_json(exclude={"number", "count", "epoch", "bounds_4490", "time_extent", "updated_at"})


def put_footprints(database: Database, rows: int, spread: float) -> Layer:
    """Write the million as an import does: a plain table, filled, then attached."""
    with connect(database, IMPORTER) as importer:
        number = one(importer.execute("SELECT twin.reserve_layer(%s)", [spec_of(FOOTPRINTS)]))
        importer.execute("SELECT twin.new_object_table(%s)", [number])
        text = (ROOT / "bench" / "footprints.sql").read_text()
        importer.execute(text.format(number=number, rows=rows, spread=spread).encode())
        importer.execute("SELECT twin.attach_objects(%s)", [number])
    with connect(database, OWNER) as owner:
        owner.autocommit = True
        owner.execute(f"VACUUM (ANALYZE) twin.object_{number}".encode())
    return FOOTPRINTS.model_copy(update={"number": number})


def put_many_layers(database: Database, count: int) -> None:
    """Empty layers round about, as a full province has."""
    with connect(database, IMPORTER) as importer:
        for index in range(count):
            layer = FOOTPRINTS.model_copy(update={"id": f"bench-{index:04d}", "title_zh": f"图层{index}"})
            importer.execute("SELECT twin.make_layer(%s)", [spec_of(layer)])
            importer.commit()


def one(cursor: Any) -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def non_empty_tiles(database: Database, layer: Layer) -> list[tuple[int, int]]:
    """Addresses of z14 tiles that hold footprints, drawn evenly."""
    with connect(database, IMPORTER) as importer:
        points = importer.execute(f"SELECT ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)) FROM twin.object_{layer.number}".encode())
        found = {tile_of(lon, lat) for lon, lat in points}
    return random.Random(1).sample(sorted(found), TILES)


def tile_of(lon: float, lat: float) -> tuple[int, int]:
    n = 2**ZOOM
    return int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)


class HttpClient:
    """One keep-alive connection that reads whole answers and nothing more: what a client costs is not measured."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(4 << 20)

    def get(self, path: str) -> bytes:
        """The body of a 200."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nAccept-Encoding: identity\r\n\r\n".encode())
        view, have, end = memoryview(self._buffer), 0, -1
        while end < 0:
            have += self._socket.recv_into(view[have:])
            end = self._buffer.find(b"\r\n\r\n", 0, have)
        head = bytes(view[:end]).lower()
        assert head.startswith(b"http/1.1 200"), head
        start = head.index(b"content-length: ") + 16
        total = end + 4 + int(head[start : head.find(b"\r", start) if b"\r" in head[start:] else len(head)])
        while have < total:
            have += self._socket.recv_into(view[have:total])
        return bytes(view[end + 4 : total])


@contextmanager
def server(home: Path) -> Iterator[int]:
    """Our server as `twin serve` runs it, with one web process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = os.environ | {"TWIN_HOME": str(home), "TWIN_PORT": str(port), "TWIN_WEB_PROCESSES": "1", "TWIN_LOG_LEVEL": "error"}
    process = subprocess.Popen([sys.executable, "-m", "twin", "serve"], cwd=ROOT, env=environment)
    try:
        wait_until_ready(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            HttpClient(port).get("/readyz")
            return
        except (OSError, AssertionError):
            if process.poll() is not None:
                sys.exit("the server ended")
            time.sleep(0.1)
    sys.exit("the server did not become ready")


def statements(layer: Layer, tiles: list[tuple[int, int]]) -> list[Statement]:
    return [tile_statement([View(layer.id, PUBLIC, TileArea(ZOOM, x, y))], [layer]) for x, y in tiles]


async def bare_connection(database: Database, **settings: str) -> Any:
    """asyncpg with the settings a careful user of the same SQL would choose."""
    connection = await database.connect_asyncpg(SERVER, jit="off", max_parallel_workers_per_gather="0", **settings)
    await connection.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    return connection


async def measure_http(database: Database, layer: Layer, port: int, rounds: int) -> tuple[list[Result], float]:
    """Alternating rounds over the same tiles; medians of the rounds, against asyncpg as it comes and with the plan held as we hold it."""
    tiles = non_empty_tiles(database, layer)
    asked = statements(layer, tiles)
    peers = {"asyncpg, same SQL": {}, "asyncpg, same SQL, one plan held": {"plan_cache_mode": "force_generic_plan"}}
    connections = {name: await bare_connection(database, **settings) for name, settings in peers.items()}
    prepared = {name: await connection.prepare(asked[0].text) for name, connection in connections.items()}
    client = HttpClient(port)
    ours: list[list[float]] = []
    theirs: dict[str, list[list[float]]] = {name: [] for name in peers}
    bodies: list[bytes] = []
    for _ in range(rounds + 1):
        times, bodies = await asyncio.to_thread(http_round, client, layer, tiles)
        ours.append(times)
        for name in peers:
            theirs[name].append(await bare_round(prepared[name], asked, bodies))
    for connection in connections.values():
        await connection.close()
    size = statistics.mean(len(body) for body in bodies)
    return [*compared(ours[1:], theirs)], size


async def bare_round(prepared: Any, asked: list[Statement], bodies: list[bytes]) -> list[float]:
    times = []
    for statement, body in zip(asked, bodies, strict=True):
        begun = time.perf_counter()
        rows = await prepared.fetch(*statement.args)
        times.append(time.perf_counter() - begun)
        assert body and rows[0][0] == body, "both must give the same bytes"
    return times


def compared(ours: list[list[float]], theirs: dict[str, list[list[float]]]) -> Iterator[Result]:
    """Mean tile of the median round; the first round of each peer, which warms it, is left out."""
    mine = statistics.median(map(statistics.mean, ours)) * 1e3
    for name, rounds in theirs.items():
        peer = statistics.median(map(statistics.mean, rounds[1:])) * 1e3
        case = f"z{ZOOM} tile over HTTP, mean of {TILES}, median of {len(ours)} rounds"
        yield Result(
            case, "ms", round(mine, 4), round(peer, 4), name, round(peer / mine, 4), round(1 / HTTP_TARGET, 4), mine <= peer * HTTP_TARGET
        )


def http_round(client: HttpClient, layer: Layer, tiles: list[tuple[int, int]]) -> tuple[list[float], list[bytes]]:
    times, bodies = [], []
    for x, y in tiles:
        begun = time.perf_counter()
        bodies.append(client.get(f"/tiles/{layer.id}/{ZOOM}/{x}/{y}.mvt"))
        times.append(time.perf_counter() - begun)
    return times, bodies


async def measure_catalogue(database: Database, layer: Layer) -> list[Result]:
    """Planning one tile query, and reading the whole catalogue, with ALL_LAYERS layers there."""
    connection = await bare_connection(database)
    plans = []
    for statement in statements(layer, [tile_of(112.9, 22.5), tile_of(113.2, 23.16)]) * 10:
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


def main() -> int:
    arguments = parse()
    home = arguments.home or Path(tempfile.mkdtemp(prefix="yuetu-bench-", dir="/tmp"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    cluster = Cluster(home)
    try:
        database = cluster.ensure()
        results = run(database, home, arguments)
    finally:
        cluster.stop()
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)
    report(results, arguments.json)
    return 0 if all(result.holds for result in results) else 1


def parse() -> argparse.Namespace:
    parser = options(__doc__, "3 rounds instead of 5")
    parser.add_argument("--home", type=Path, help="keep the cluster here and use it again")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--spread", type=float, default=0.04, help="standard deviation of a town in degrees")
    return parser.parse_args()


def run(database: Database, home: Path, arguments: argparse.Namespace) -> list[Result]:
    migrate(database)
    layer = asyncio.run(known_layer(database))
    if layer is None:
        begun = time.perf_counter()
        layer = put_footprints(database, arguments.rows, arguments.spread)
        print(f"{arguments.rows:,} footprints in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
        put_many_layers(database, ALL_LAYERS - 1)
    with server(home) as port:
        results, size = uvloop.run(measure_http(database, layer, port, 3 if arguments.quick else 5))
    print(f"mean tile: {size / 1024:.1f} kB", file=sys.stderr)
    return [*results, *uvloop.run(measure_catalogue(database, layer))]


async def known_layer(database: Database) -> Layer | None:
    """The layer of an earlier run in the same home."""
    pool = await HotPool.open(database, 1)
    catalog = await load(pool)
    await pool.close()
    return catalog.by_id.get(FOOTPRINTS.id)


if __name__ == "__main__":
    sys.exit(main())
