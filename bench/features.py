"""Features over HTTP against tipg and pygeoapi on the same PostGIS and rows; files against ogr2ogr and geopandas; edits, depth and the catalogue against limits.

    ./run drill features                                     the rows as JSON in tests/out/features.json
    python bench/features.py [--quick | --full] [--home DIR] [--peers DIR] [--json OUT]

The server under test has one worker on the first core; PostgreSQL and the load generator share the second, whoever is measured. Peers are found below
--peers (`pip install tipg uvicorn`, `pip install pygeoapi uvicorn psycopg2-binary`, `pip install geopandas pyarrow psycopg sqlalchemy`, each in an environment
of its own called tipg, pygeoapi, geopandas) or through TWIN_BENCH_TIPG, TWIN_BENCH_PYGEOAPI and TWIN_BENCH_GEOPANDAS (its Python); one that is not there is
left out with a line. They read a plain table with typed columns, a primary key, GiST and an index on each column, in EPSG:4326, so that nothing is transformed.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import catalogue  # noqa: E402
from bench._feature_data import prepare  # noqa: E402
from bench._feature_edits import put_layer, transactions  # noqa: E402
from bench._feature_loads import Effort, depth, export_path, files, items, stream  # noqa: E402
from bench._feature_peers import start_our_items, start_pygeoapi, start_tipg_items  # noqa: E402
from bench._http import HttpClient  # noqa: E402
from bench._peers import Contender, Place, choose_cores  # noqa: E402
from bench._rows import Result, options, report, scratch_database  # noqa: E402
from postgis.cluster import Cluster  # noqa: E402

MANY = 10_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rows: int
    many: int
    edits: int
    body_mb: int
    effort: Effort


QUICK = Size(1_000_000, 0, 50_000, 32, Effort(3, 2, 50_000, 20, 1))
NORMAL = Size(1_000_000, 0, 50_000, 250, Effort(5, 4, 200_000, 100, 3))
FULL = Size(1_000_000, MANY, 50_000, 250, Effort(5, 4, 1_000_000, 100, 3))


@dataclass
class Run:
    """One run: where, how much, and what it found."""

    place: Place
    size: Size
    parts: frozenset[str]
    results: list[Result] = field(default_factory=list)

    def add(self, rows: list[Result]) -> None:
        """Keep rows, and show them while the rest is measured."""
        self.results += rows
        report(rows, None)

    def has(self, part: str) -> bool:
        """Whether a part was asked for; none named is all."""
        return not self.parts or part in self.parts


def measure(run: Run) -> None:
    """Everything, each part with the servers it needs."""
    place, size = run.place, run.size
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(start_our_items(place))
        if run.has("items"):
            with contextlib.ExitStack() as peers:
                others = _peer(peers, "tipg", start_tipg_items(place)) + _peer(peers, "pygeoapi", start_pygeoapi(place))
                run.add(items([ours, *others], place, size.effort))
        if run.has("depth"):
            run.add(depth(ours, size.many or size.rows, size.effort, many=bool(size.many)))
    if run.has("export"):
        measure_exports(run)
    if run.has("edits"):
        key = put_layer(place.database)
        with start_our_items(place) as ours:
            run.add(transactions(ours, key, size.edits, size.body_mb))
    if run.has("catalogue"):
        with scratch_database() as database:
            run.add(catalogue.run(database, quick=size is QUICK))


def measure_exports(run: Run) -> None:
    """Whole layers, with a server that has done nothing else, so that its peak memory is that of the stream."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(start_our_items(run.place))
        with HttpClient(ours.port) as client:
            if client.get(export_path("geojson") + "&bbox=0,0,0,0").status == 404:
                print("export: there is no such door here: not measured: open", file=sys.stderr)
                return
        tipg = _peer(stack, "tipg", start_tipg_items(run.place))
        run.add(stream(ours, tipg[0] if tipg else None, run.size.rows, run.size.effort))
        run.add(files(ours, run.place, run.size.effort))


def _peer(stack: contextlib.ExitStack, name: str, made: contextlib.AbstractContextManager[Contender] | None) -> list[Contender]:
    """The peer if it is here, else a line that this is open."""
    if made is None:
        print(f"{name}: not measured: open", file=sys.stderr)
        return []
    return [stack.enter_context(made)]


def main() -> int:
    """Measure, print, write."""
    arguments = parse()
    size = QUICK if arguments.quick else FULL if arguments.full else NORMAL
    home = arguments.home or Path(tempfile.mkdtemp(prefix="yuetu-bench-", dir="/tmp"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    cores, cluster = choose_cores(), Cluster(home)
    try:
        database = cluster.ensure()
        prepare(database, size.rows, size.many)
        run = Run(Place(database, home, cores, arguments.peers), size, frozenset(arguments.only))
        try:
            measure(run)
        finally:
            print("\n== all rows")
            report(run.results, arguments.json)
    finally:
        cluster.stop()
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)
    return 0 if run.results and all(row.holds for row in run.results) else 1


def parse() -> argparse.Namespace:
    """The command line."""
    parser = options(__doc__, "shorter rounds, one of files, 50,000 features of tipg's, a transaction of 32 MB")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--full", action="store_true", help="10,000,000 rows for the depth of pages")
    parser.add_argument("--home", type=Path, help="keep the cluster here and use it again")
    parser.add_argument("--peers", type=Path, help="directory of the peers' environments")
    parser.add_argument("--only", nargs="*", default=(), choices=("items", "depth", "export", "edits", "catalogue"), help="some parts only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
