"""What the benchmarks share: rows of results, a database of their own, and the options every one takes."""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from postgis.cluster import Cluster
from postgis.connect import Database
from postgis.migrate import migrate


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the report; ratio above 1 means we are better than the peer or the limit."""

    case: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    target: float
    holds: bool


def limited(case: str, unit: str, ours: float, limit: float) -> Result:
    """A row against a limit of our own."""
    return Result(case, unit, round(ours, 4), limit, "limit", round(limit / ours, 4) if ours else 1.0, 1.0, ours <= limit)


def faster(case: str, unit: str, ours: float, peer: float, peer_name: str, target: float) -> Result:
    """A row of times against a peer; a target of 0 is for information."""
    ratio = peer / ours
    return Result(case, unit, round(ours, 4), round(peer, 4), peer_name, round(ratio, 3), target, ratio >= target)


def more(case: str, unit: str, ours: float, peer: float, peer_name: str, target: float) -> Result:
    """A row of rates against a peer; a target of 0 is for information."""
    ratio = ours / peer
    return Result(case, unit, round(ours, 1), round(peer, 1), peer_name, round(ratio, 3), target, ratio >= target)


def options(description: str | None, quick: str) -> argparse.ArgumentParser:
    """The command line of a benchmark; `quick` says what --quick leaves out."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, help="write the rows here")
    return parser


@contextmanager
def scratch_database() -> Iterator[Database]:
    """A migrated database in a cluster of its own, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-bench-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home)
    try:
        database = cluster.ensure()
        migrate(database)
        yield database
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def bench(description: str | None, quick: str, run: Callable[[Database, bool], list[Result]]) -> int:
    """Run one benchmark from its command line; 0 when every row with a target holds."""
    arguments = options(description, quick).parse_args()
    with scratch_database() as database:
        results = run(database, arguments.quick)
    report(results, arguments.json)
    return 0 if all(row.holds for row in results) else 1


def report(results: list[Result], out: Path | None) -> None:
    """Print the rows, and write them as JSON."""
    for row in results:
        verdict = "holds" if row.holds else "MISSED"
        print(f"{row.case}: {row.ours} {row.unit}, {row.peer_name} {row.peer}, ratio {row.ratio} (≥ {row.target}): {verdict}")
    if out is not None:
        out.write_text(json.dumps([asdict(row) for row in results], ensure_ascii=False, indent=1))
