"""Pages of features under load, streams, files and depth: what `features.py` measures of reading."""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench._feature_data import HOUSES, MANY, PLAIN, boxes
from bench._http import Asked, HttpClient, rate
from bench._memory import descendants
from bench._peers import Contender, Place
from bench._rows import Result, limited, more
from postgis.connect import SUPERUSER

BOXES = 64
LIMIT = 100
TIPG_ROWS = 10_000
"""Rows of one request to tipg: it holds a whole answer in memory, and larger ones are slower for a feature."""
STREAM_MB = 300.0
FIRST_PAGE_MS = 50.0
LIKE_PAGE_1 = 0.5
"""A page a million rows deep takes at most twice the time of the first: both take a few milliseconds, and the first has an estimate to make."""
QUESTIONS = {"floors > 20 in CQL2": {"filter": "floors > 20"}, "floors=12": {"floors": "12"}}
TARGETS = {"tipg": 3.0, "pygeoapi": 5.0}
_READ = """
import sys, time
import geopandas, sqlalchemy
engine = sqlalchemy.create_engine("postgresql+psycopg://", connect_args={"host": sys.argv[1], "dbname": "twin", "user": sys.argv[2]})
begun = time.perf_counter()
geopandas.read_postgis("SELECT * FROM bench.houses", engine).to_parquet(sys.argv[3])
print(time.perf_counter() - begun)
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured."""

    rounds: int
    seconds: float
    streamed: int
    """Features that tipg is asked for."""
    asked: int
    """Pages of the depth test."""
    files: int
    """Rounds of whole files."""


def items(contenders: Sequence[Contender], place: Place, effort: Effort) -> list[Result]:
    """Answers a second to many clients at once, boxes of a town's blocks with a filter; every peer's first answer must hold as many features."""
    found = []
    for words, question in QUESTIONS.items():
        asks = {one.name: [Asked(one.path(bbox=box, limit=LIMIT, **question)) for box in boxes(BOXES)] for one in contenders}
        seen = {one.name: _returned(one, asks[one.name]) for one in contenders}
        rates: dict[str, list[float]] = {one.name: [] for one in contenders}
        for number in range(effort.rounds):
            shift = number % len(contenders)
            for one in [*contenders[shift:], *contenders[:shift]]:
                rates[one.name].append(rate(one.port, asks[one.name], effort.seconds, place.cores.rest))
        print(f"  items {words}: features {seen}, {rates}", file=sys.stderr)
        assert len(set(seen.values())) == 1, seen
        ours, *others = contenders
        case = f"items limit={LIMIT} with bbox and {words}, 32 clients, mean {seen[ours.name] / BOXES:.0f} features a page"
        found += [
            more(case, "req/s", statistics.median(rates[ours.name]), statistics.median(rates[one.name]), one.name, TARGETS[one.name])
            for one in others
        ]
    return found


def _returned(contender: Contender, asks: Sequence[Asked]) -> int:
    """Features in all the answers together; also the pass that warms the database."""
    with HttpClient(contender.port) as client:
        return sum(json.loads(client.get(ask.path).plain)["numberReturned"] for ask in asks)


def stream(ours: Contender, tipg: Contender | None, rows: int, effort: Effort) -> list[Result]:
    """The whole layer as GeoJSON in one answer, its rate and our memory, against tipg page after page by key (its quickest way)."""
    begun = time.perf_counter()
    with HttpClient(ours.port) as client:
        seen = client.count(export_path("geojson"), b'"type":"Feature"')
    our_rate = seen / (time.perf_counter() - begun)
    assert seen == rows, (seen, rows)
    made = [limited(f"{rows:,} features streamed as GeoJSON: peak memory of our processes", "MB", peak_mb(ours.process.pid), STREAM_MB)]
    if tipg is not None:
        their_rate = effort.streamed / _pages(tipg, effort.streamed)
        case = f"features streamed as GeoJSON (theirs: {effort.streamed:,} in pages of {TIPG_ROWS:,} by key)"
        made.append(more(case, "features/s", our_rate, their_rate, tipg.name, 2.0))
    return made


def _pages(tipg: Contender, rows: int) -> float:
    """Seconds that tipg takes for so many features, the next page asked for by the last id of the one before."""
    last, seen, begun = 0, 0, time.perf_counter()
    with HttpClient(tipg.port) as client:
        while seen < rows:
            answer = client.get(tipg.path(limit=TIPG_ROWS, filter=f"oid > {last}", sortby="oid"), Accept_Encoding="identity")
            ids = re.findall(rb'"id":(\d+)', answer.plain)
            assert answer.status == 200 and ids, answer.body[:300]
            last, seen = int(ids[-1]), seen + len(ids)
    return time.perf_counter() - begun


def export_path(format_: str, collection: str = HOUSES.id) -> str:
    """The door of whole layers."""
    return f"/collections/{collection}/export?f={format_}"


def peak_mb(pid: int) -> float:
    """The largest memory each of a server's processes ever had, summed."""
    status = [Path(f"/proc/{one}/status").read_text() for one in descendants(pid)]
    return sum(int(found.group(1)) for text in status if (found := re.search(r"VmHWM:\s+(\d+)", text))) / 1024


def files(ours: Contender, place: Place, effort: Effort) -> list[Result]:
    """FlatGeobuf against ogr2ogr and GeoParquet against geopandas, each writing a file from the same rows; peers read the plain table."""
    folder = place.home / "out"
    folder.mkdir(exist_ok=True)
    python = place.python("geopandas", "TWIN_BENCH_GEOPANDAS")
    cases: list[tuple[str, str, str, Callable[[], float]]] = [("FlatGeobuf", "fgb", "ogr2ogr", lambda: _ogr2ogr(place, folder))]
    if python is not None:
        cases.append(("GeoParquet", "parquet", "geopandas", lambda: _geopandas(python, place, folder)))
    found = []
    for name, format_, peer, theirs in cases:
        times: tuple[list[float], list[float]] = [], []
        for _ in range(effort.files):
            times[0].append(_download(ours, export_path(format_), folder / f"ours.{format_}"))
            times[1].append(theirs())
        print(f"  {name}: {times}", file=sys.stderr)
        mine, other = map(statistics.median, times)
        found.append(Result(f"{name} of the layer", "s", round(mine, 3), round(other, 3), peer, round(other / mine, 3), 1.0, other >= mine))
    return found


def _download(ours: Contender, path: str, target: Path) -> float:
    begun = time.perf_counter()
    with HttpClient(ours.port) as client:
        answer = client.get(path, Accept_Encoding="identity")
    assert answer.status == 200, (path, answer.status, answer.body[:300])
    target.write_bytes(answer.body)
    return time.perf_counter() - begun


def _ogr2ogr(place: Place, folder: Path) -> float:
    target = folder / "theirs.fgb"
    target.unlink(missing_ok=True)
    source = f"PG:host={place.socket_dir} dbname=twin user={SUPERUSER} schemas=bench"
    begun = time.perf_counter()
    subprocess.run(
        [*place.cores.pinned(), "ogr2ogr", "-f", "FlatGeobuf", str(target), source, f"bench.{PLAIN}"], check=True, capture_output=True
    )
    return time.perf_counter() - begun


def _geopandas(python: Path, place: Place, folder: Path) -> float:
    """Its own clock: the time its imports take is not counted."""
    command = [*place.cores.pinned(), str(python), "-c", _READ, place.socket_dir, SUPERUSER, str(folder / "theirs.parquet")]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def depth(ours: Contender, rows: int, effort: Effort, *, many: bool) -> list[Result]:
    """The first page, and one behind a million rows (or nine tenths of them), in the order of the key."""
    collection, deep = (MANY.id if many else HOUSES.id), min(1_000_000, rows * 9 // 10)
    first, behind = (_median_ms(ours, collection, effort.asked, after) for after in (0, deep))
    return [
        limited(f"first page of {LIMIT} of {rows:,} rows", "ms", first, FIRST_PAGE_MS),
        Result(
            f"page of {LIMIT} behind {deep:,} of {rows:,} rows", "ms", round(behind, 3), round(first, 3), "page 1",
            round(first / behind, 3), LIKE_PAGE_1, first / behind >= LIKE_PAGE_1,
        ),
    ]  # fmt: skip


def _median_ms(ours: Contender, collection: str, asked: int, skipped: int) -> float:
    """The median answer to the page behind so many rows: `after` counts from the layer's first id."""
    with HttpClient(ours.port) as client:
        first = int(json.loads(client.get(f"/collections/{collection}/items?limit=1").plain)["features"][0]["id"])
        after = f"&after={first + skipped - 1}" if skipped else ""
        times = []
        for _ in range(asked):
            begun = time.perf_counter()
            answer = client.get(f"/collections/{collection}/items?limit={LIMIT}{after}")
            times.append((time.perf_counter() - begun) * 1e3)
            assert json.loads(answer.plain)["numberReturned"] == LIMIT
    return statistics.median(times)
