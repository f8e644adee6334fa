"""Vector tiles against martin, tipg and pg_tileserv: one PostGIS, the same rows and tiles, a core each, gzip on.

    ./run drill tiles                                     the rows as JSON in tests/out/tiles.json
    python bench/tiles.py [--quick] [--home DIR] [--peers DIR] [--json OUT] [--page docs/performance.md]

Peers are found through TWIN_BENCH_MARTIN, TWIN_BENCH_MARTIN_CP, TWIN_BENCH_PG_TILESERV and TWIN_BENCH_TIPG (a Python that has tipg and uvicorn), below
--peers, or on PATH. By package: `cargo install martin --locked --version 1.14.0 --no-default-features --features postgres,mbtiles,metrics`,
`go install github.com/CrunchyData/pg_tileserv@latest`, `pip install tipg uvicorn`.
Cold: our cache is off, and so is martin's; the database is warm. Everything reaches PostgreSQL through one Unix socket. The server under test has the
first core; PostgreSQL and the load generator share the second, whoever is measured.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import _page  # noqa: E402
from bench._export import TARGET as EXPORT_TARGET  # noqa: E402
from bench._export import exports  # noqa: E402
from bench._fresh import MOST_S, edits, worker  # noqa: E402
from bench._memory import full_cache  # noqa: E402
from bench._overviews import low_zooms  # noqa: E402
from bench._peers import CACHE_MB, Contender, Place, choose_cores, start_martin, start_ours, start_pg_tileserv, start_tipg  # noqa: E402
from bench._rounds import BIG_BYTES, MOST_BYTES, SMALL_BYTES, cold, cold_rows, folded, hot, not_modified, of_size, rate_rows, same_features  # noqa: E402
from bench._rows import Result, limited, options, report  # noqa: E402
from bench._tile_data import TABLES, build_derived, number_of, put_counties, put_footprints, put_plain_tables, put_points  # noqa: E402
from bench._tile_lists import Cell, Ground, densest, scattered, survey, walk  # noqa: E402
from postgis.cluster import Cluster  # noqa: E402
from postgis.connect import SUPERUSER, Database  # noqa: E402
from postgis.migrate import migrate  # noqa: E402

FOOTPRINTS, POINTS, COUNTIES = TABLES
POINTS_Z6_MS = 100.0
HOT_TARGETS = {"martin 4490": 5.0, "tipg": 50.0}
SMALL_TARGETS = {"martin 4490": 0.5}
NOT_MODIFIED_TARGETS = {"martin 4490": 10.0}
COLD_TARGETS = {"martin 4490": 1.7, "tipg": 5.0}
Z12_TARGETS = {"martin 4490": 3.0}
LOW_TARGETS = {"martin 4490": 50.0}
TOWN = (112.9, 22.5)
"""One of the eight towns of footprints.sql."""
WHOLE_ZOOMS = (13, 15)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rows: int
    spread: float
    rounds: int
    seconds: float
    tiles: int
    edits: int
    low_zooms: tuple[int, ...]
    cache_mb: int
    export_zooms: tuple[int, int]

    @property
    def data(self) -> str:
        """The data in words."""
        return (
            f"{self.rows:,} footprints of 13 vertices in eight towns (spread {self.spread}°), a point in each, the counties of Guangdong; "
            f"our layer in 4490, the peers' tables in 4490 and 3857."
        )


FULL = Size(1_000_000, 0.04, 5, 4, 40, 200, (6, 8, 10), CACHE_MB, (14, 16))
QUICK = Size(200_000, 0.02, 3, 1, 12, 40, (10,), 32, (14, 16))


@dataclass
class Run:
    """One run: its servers, its ground, and what it found."""

    place: Place
    ground: Ground
    size: Size
    stack: contextlib.ExitStack
    results: list[Result] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def peer(self, name: str, made: contextlib.AbstractContextManager[Contender] | None) -> list[Contender]:
        """The peer if its program is here, else a note that this is open."""
        if made is None:
            self.missing.append(name)
            self.notes.append(f"{name}: not measured: open")
            return []
        return [self.stack.enter_context(made)]

    def add(self, rows: list[Result]) -> None:
        """Keep rows, and show them while the rest is measured."""
        self.results += rows
        report(rows, None)


def measure(run: Run) -> None:
    """Everything, cold first: the servers that keep nothing are gone before the others start."""
    for part in (measure_cold, measure_warm):
        with contextlib.ExitStack() as run.stack:
            part(run)
    rounds = min(3, run.size.rounds)
    run.add(exports(run.place, "one town", town_bounds(run.size.spread), run.size.export_zooms, rounds, 0))
    run.add(exports(run.place, "the whole layer", layer_bounds(run.size.spread), WHOLE_ZOOMS, rounds, EXPORT_TARGET))


def measure_cold(run: Run) -> None:
    """Tiles nobody has kept."""
    place, ground, size = run.place, run.ground, run.size
    ours = run.stack.enter_context(start_ours(place, "yuetu", 0))
    martin = run.peer("martin", start_martin(place, 4490, 0))
    martins = [*martin, *run.peer("martin", start_martin(place, 3857, 0))] if martin else []
    others = [*run.peer("tipg", start_tipg(place, 4490)), *run.peer("pg_tileserv", start_pg_tileserv(place, 4490))]
    lists = {"walk": walk(ground, (14, 15, 16), size.tiles), "random": scattered(ground, (14, 15, 16), size.tiles)}
    for name, tiles in lists.items():
        found = cold([ours, *martins, *others], FOOTPRINTS, tiles, size.rounds)
        run.add(cold_rows(f"cold z14–z16, {name} of {len(tiles)} tiles of footprints", found, COLD_TARGETS))
    middle = scattered(ground, (12,), size.tiles // 3)
    found = cold([ours, *martins], FOOTPRINTS, middle, size.rounds)
    run.add(cold_rows(f"cold z12, {len(middle)} random tiles of footprints", found, Z12_TARGETS))
    if martin:
        run.add([same_features(ours, martin[0], FOOTPRINTS, lists["random"])])
        run.notes.append(f"z12: {folded(ours, martin[0], FOOTPRINTS, middle)}.")
    measure_low(run, ours, martin)


def measure_low(run: Run, ours: Contender, martin: list[Contender]) -> None:
    """Zoom 10 and less: footprints, points and counties."""
    place, ground, size = run.place, run.ground, run.size
    for zoom in reversed(size.low_zooms):
        tiles = densest(ground, zoom, {10: 4, 8: 2}.get(zoom, 1))
        run.add(
            cold_rows(
                f"cold z{zoom}, the {len(tiles)} fullest tiles of footprints",
                cold([ours, *martin], FOOTPRINTS, tiles, size.rounds),
                LOW_TARGETS,
            )
        )
    pictures = [*densest(ground, 10, 2), *scattered(ground, (10,), 1), *(densest(ground, 8, 1) if 8 in size.low_zooms else ())]
    run.add(low_zooms(place.database, ours, ground, size.low_zooms, pictures))
    far = densest(ground, 6, 1)
    found = cold([ours, *martin], POINTS, far, size.rounds)
    run.add([limited(f"cold z6, {size.rows:,} points clustered", "ms", found.ms[ours.name], POINTS_Z6_MS)])
    run.add(cold_rows(f"cold z6, {size.rows:,} points clustered", found, {}))
    if number_of(place.database, COUNTIES.layer):
        found = cold([ours, *martin], COUNTIES, [Cell(zoom, *cell) for zoom in (7, 9) for cell in sorted(ground.counts[zoom])], size.rounds)
        run.add(cold_rows("cold z7 and z9, tiles of the counties", found, {}))
    else:
        run.notes.append("counties: not measured: open (no data sets)")


def measure_warm(run: Run) -> None:
    """Tiles that are kept, held by the client, or changed."""
    place, ground, size = run.place, run.ground, run.size
    ours = run.stack.enter_context(start_ours(place, "yuetu cached", size.cache_mb))
    martin = run.peer("martin", start_martin(place, 4490, CACHE_MB))
    tipg = run.peer("tipg", start_tipg(place, 4490))
    big = of_size([ours, *martin], FOOTPRINTS, scattered(ground, (14, 15), 400), BIG_BYTES, MOST_BYTES, 20)
    small = of_size([ours, *martin], FOOTPRINTS, scattered(ground, (16,), 400), 100, SMALL_BYTES, 20)
    cases: tuple[tuple[str, list[Contender], list[Cell], Callable[..., dict[str, float]], dict[str, float]], ...] = (
        (f"hot, {len(big)} tiles of 20 to 64 KB gzip", [ours, *martin, *tipg], big, hot, HOT_TARGETS),
        (f"hot, {len(small)} tiles < 2 KB gzip", [ours, *martin], small, hot, SMALL_TARGETS),
        (f"304, {len(big)} tiles of 20 to 64 KB gzip", [ours, *martin], big, not_modified, NOT_MODIFIED_TARGETS),
    )
    for case, contenders, tiles, way, targets in cases:
        run.add(rate_rows(case, way(contenders, FOOTPRINTS, tiles, place.cores, size.rounds, size.seconds), targets))
    with worker(make_conninfo(place.database.dsn, user=SUPERUSER), place.home / "yuetu-worker"):
        run.add(edits(place.database, ours, 16, size.edits, MOST_S))
        run.add(edits(place.database, ours, 10, max(10, size.edits // 10), MOST_S))
    run.add(full_cache(ours, every_tile(ground), size.cache_mb))


def every_tile(ground: Ground) -> Iterator[Cell]:
    """Tiles enough to fill a cache: all that hold anything, zoom by zoom, then those below zoom 16."""
    for zoom in (14, 13, 15, 16):
        yield from ground.filled(zoom)
    for deeper in (1, 2):
        for cell in ground.filled(16, at_least=8):
            n = 2**deeper
            yield from (Cell(16 + deeper, cell.x * n + dx, cell.y * n + dy) for dx in range(n) for dy in range(n))


def town_bounds(spread: float) -> tuple[float, float, float, float]:
    """One town."""
    reach = 2.5 * spread
    return TOWN[0] - reach, TOWN[1] - reach, TOWN[0] + reach, TOWN[1] + reach


def layer_bounds(spread: float) -> tuple[float, float, float, float]:
    """All eight towns and the empty land between them: what an export of the layer is."""
    west, south, _, _ = town_bounds(spread)
    _, _, east, north = (side + step for side, step in zip(town_bounds(spread), (0, 0, 0.3 * 7, 0.22 * 7), strict=True))
    return west, south, east, north


def prepare(database: Database, home: Path, size: Size) -> None:
    """Rows, plain tables, base twins and overviews, unless an earlier run left them in this home."""
    migrate(database)
    if not number_of(database, FOOTPRINTS.layer):
        begun = time.perf_counter()
        put_points(database, put_footprints(database, size.rows, size.spread))
        put_counties(database)
        put_plain_tables(database)
        print(f"{size.rows:,} footprints and points, and the plain tables, in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    print(f"base twins and overviews fresh after {build_derived(database, home):.0f} s", file=sys.stderr)


def main() -> int:
    """Measure, print, write."""
    arguments = parse()
    size = QUICK if arguments.quick else FULL
    home = arguments.home or Path(tempfile.mkdtemp(prefix="yuetu-bench-", dir="/tmp"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    cores = choose_cores()
    cluster = Cluster(home)
    try:
        database = cluster.ensure()
        prepare(database, home, size)
        run = Run(Place(database, home, cores, arguments.peers), survey(database), size, contextlib.ExitStack())
        try:
            measure(run)
        except BaseException:
            report(run.results, arguments.json)
            raise
    finally:
        cluster.stop()
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)
    return finish(run, arguments)


def finish(run: Run, arguments: argparse.Namespace) -> int:
    """All rows once more, the files, and the verdict: without martin this is open."""
    print("\n== all rows")
    report(run.results, arguments.json)
    notes = list(dict.fromkeys(run.notes))
    pinned = (
        "the server under test on one core, PostgreSQL and the load generator on another"
        if run.place.cores.server
        else "not pinned: one core"
    )
    notes.append(f"{pinned}; medians of {run.size.rounds} alternating rounds; hot rates by wrk over 32 connections.")
    print("\n".join(notes))
    if arguments.page:
        command = "python bench/tiles.py" + (" --quick" if arguments.quick else "") + " --page docs/performance.md"
        _page.write(arguments.page, run.results, run.size.data, command, notes)
    return 0 if all(row.holds for row in run.results) and "martin" not in run.missing else 1


def parse() -> argparse.Namespace:
    """The command line."""
    parser = options(__doc__, "200,000 footprints, 3 rounds, fewer tiles")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--home", type=Path, help="keep the cluster here and use it again")
    parser.add_argument("--peers", type=Path, help="directory of the peers' programs")
    parser.add_argument("--page", type=Path, help="write the table into this page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
