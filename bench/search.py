"""Search over 300,000 names: what people type, from one letter to whole names, against ILIKE with a trigram index on the same table.

Run: `python bench/search.py [--quick] [--json OUT]`.
"""

import asyncio
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._rows import Result, bench, limited  # noqa: E402
from layers.catalog import load  # noqa: E402
from layers.search import SearchQuery, search  # noqa: E402
from postgis.connect import IMPORTER, OWNER, Database, connect  # noqa: E402
from postgis.pool import HotPool  # noqa: E402
from postgis.search import index_everything  # noqa: E402
from twin.view import PUBLIC  # noqa: E402

TARGET_MS = 100.0
BBOX = (113.7, 22.4, 114.6, 22.9)
WORDS = (
    *("南", "山", "村", "区", "b", "0", "中", "站"),
    *("南山", "龙江", "中学", "医院", "公园", "村民", "街道", "海湾", "b0", "00"),
    *("南山区", "龙江市", "白云湖", "社区服务中心", "消防站", "平安新", "地铁站", "惠州"),
    *("440305", "4403", "44030500", "b00012345", "B0001", "00012345", "440101001001"),
    *("南 中学", "龙江 医院", "南山 小学 海", "没有这个地方", "xyzzy", "南山海中学"),
)
SPEC = '{"id": "places", "title_zh": "地名", "geometry_type": "Point", "fields": [{"name": "note"}]}'
PEER = """
    SELECT kind, ref, title FROM twin.search WHERE title ILIKE '%' || $1 || '%' OR code ILIKE '%' || $1 || '%'
    ORDER BY title <> $1, NOT title LIKE $1 || '%', rank DESC LIMIT 30
"""


def fill(database: Database) -> float:
    """Write the names, index them, and say how many seconds indexing took."""
    with connect(database, OWNER) as owner:
        row = owner.execute("SELECT twin.make_layer(%s)", [SPEC]).fetchone()
        assert row is not None
        owner.execute((ROOT / "bench" / "search.sql").read_text().format(number=row[0]).encode())
    with connect(database, IMPORTER) as importer:
        begun = time.perf_counter()
        rows = index_everything(importer)
        seconds = time.perf_counter() - begun
    with connect(database, OWNER) as owner:
        owner.execute("CREATE INDEX bench_title ON twin.search USING gin (title gin_trgm_ops)")
        owner.execute("CREATE INDEX bench_code ON twin.search USING gin (code gin_trgm_ops)")
        owner.execute("ANALYZE twin.search")
    print(f"{rows:,} rows indexed in {seconds:.1f} s")
    return seconds


async def measure(database: Database, rounds: int) -> list[Result]:
    """Alternating rounds over all words, ours and the peer's."""
    pool, peer = await HotPool.open(database, 2), await database.connect_asyncpg(OWNER, jit="off")
    catalog = await load(pool)
    ours: dict[str, list[float]] = {word: [] for word in WORDS}
    theirs: dict[str, list[float]] = {word: [] for word in WORDS}
    for word in (word for _ in range(rounds) for word in WORDS):
        ours[word].append((await search(pool, catalog, SearchQuery(word, PUBLIC, 10, BBOX))).took_ms)
        theirs[word].append(await timed(peer, word))
    await pool.close()
    await peer.close()
    slowest = max(WORDS, key=lambda word: median(ours[word]))
    print(f"slowest: {slowest!r} {median(ours[slowest]):.1f} ms")
    mine, other = [value for word in WORDS for value in ours[word]], [value for word in WORDS for value in theirs[word]]
    return [
        limited("search p95", "ms", p95(mine), TARGET_MS),
        against("search p95 against ILIKE + pg_trgm", p95(mine), p95(other)),
        against("search median against ILIKE + pg_trgm", median(mine), median(other)),
    ]


async def timed(peer: Any, word: str) -> float:
    begun = time.perf_counter()
    await peer.fetch(PEER, word)
    return (time.perf_counter() - begun) * 1e3


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


def against(case: str, ours: float, peer: float) -> Result:
    return Result(case, "ms", round(ours, 3), round(peer, 3), "ILIKE + pg_trgm", round(peer / ours, 3), 1.0, ours <= peer)


def run(database: Database, quick: bool) -> list[Result]:
    """Fill and ask."""
    fill(database)
    return asyncio.run(measure(database, 2 if quick else 10))


if __name__ == "__main__":
    sys.exit(bench(__doc__, "2 rounds instead of 10", run))
