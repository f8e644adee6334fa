"""Searching 500 map products of which the caller may see half, over HTTP as a browser does, one question after another.

Run: `python bench/catalogue.py [--quick] [--json OUT]`.
"""

import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench._http import HttpClient  # noqa: E402
from bench._rows import Result, bench, limited  # noqa: E402
from layers.products import put_product  # noqa: E402
from postgis.connect import EDITOR, Database, connect  # noqa: E402
from tests.tile_scene import Row, put_layer, square  # noqa: E402
from tests.web_server import start_server  # noqa: E402
from twin.layer import Access, Layer  # noqa: E402
from twin.product import Product, ProductLayer, Status, Symbol, Theme  # noqa: E402

PRODUCTS = 500
TARGET_MS = 50.0
PLACES = ("广州市", "深圳市", "佛山市", "东莞市", "惠州市", "中山市", "江门市", "肇庆市", "珠海市", "汕头市")
THINGS = ("永久基本农田", "生态保护红线", "城镇开发边界", "地质灾害点", "不动产登记", "水系", "消防站", "医疗机构", "轨道交通", "三维建筑")
KINDS = ("现状图", "规划图", "分布图", "监测图", "专题图")
ASKED = (
    *("", "q=永久基本农田", "q=yongjiu", "q=yjjbnt", "q=jbnt", "q=规划", "q=guangzhou", "q=gzs", "q=图", "q=没有", "q=广州 农田"),
    *("theme=emergency", "division=4401", "bbox=113,22,114,23", "datetime=2026-01-01/..", "q=fenbu&sortby=-title", "owner=厅&sortby=date"),
)
PROSE = "本产品按年度更新，数据来源于各部门的业务系统，供全省各级政府部门在平台上调用，不作为行政审批的依据。" * 3


def fill(database: Database) -> None:
    """500 products, every second one of a layer that the public may not read."""
    for number, access in enumerate((Access.PUBLIC, Access.INTERNAL)):
        put_layer(database, Layer(number=0, id=f"layer-{number}", title_zh="图层", access=access), [Row(square(113.3 + number, 22.5))])
    chance = random.Random(7)
    with connect(database, EDITOR) as connection:
        for number in range(PRODUCTS):
            put_product(connection, card(number, chance))


def card(number: int, chance: random.Random) -> Product:
    title = f"{chance.choice(PLACES)}{chance.choice(THINGS)}{chance.choice(KINDS)}"
    return Product(
        code=f"product-{number:03d}",
        title_zh=title,
        title_en=f"Product {number}",
        description_zh=PROSE,
        theme=chance.choice(list(Theme)),
        division=chance.choice(("44", "4401", "440106", "4403")),
        owner="示例：省自然资源厅",
        status=Status.PUBLISHED,
        keywords=tuple(chance.sample(THINGS, 3)),
        layers=(ProductLayer(layer=f"layer-{number % 2}", symbol=Symbol(kind="fill")),),
    )


def run(database: Database, quick: bool) -> list[Result]:
    """Every question in rounds; the first page of 20, and a whole list of 250."""
    fill(database)
    rounds = 5 if quick else 30
    with tempfile.TemporaryDirectory(prefix="yuetu-bench-") as home, start_server(database, Path(home), hot_connections="2") as server:
        port = int(server.url.rsplit(":", 1)[1])
        with HttpClient(port) as client:
            pages = [took(client, f"/products?limit=20&{quote(ask, safe='=&/,-.')}") for _ in range(rounds) for ask in ASKED]
            whole = [took(client, "/products?limit=500") for _ in range(rounds * 2)]
            assert b'"numberMatched":250' in client.get("/products").plain
    return [
        limited(f"search of {PRODUCTS} products, half of them invisible, first 20: p95", "ms", p95(pages), TARGET_MS),
        limited(f"list of all {PRODUCTS // 2} visible products with their cards: p95", "ms", p95(whole), 2 * TARGET_MS),
    ]


def took(client: HttpClient, path: str) -> float:
    begun = time.perf_counter()
    answer = client.get(path)
    assert answer.status == 200, (path, answer.status)
    return (time.perf_counter() - begun) * 1e3


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(bench(__doc__, "5 rounds instead of 30", run))
