"""A scene for the tests of the items' doors: a server over layers with ties, NULLs, Chinese text, histories, a plan and heights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from postgis.connect import IMPORTER, OWNER, Database, connect
from tests.tile_scene import Row, put_layer, put_rows
from tests.web_server import Server, start_server
from twin.fields import Field
from twin.layer import Layer

THINGS = 120
FIELDS = (
    Field(name="名称", role="name", queryable=True),
    Field(name="高度", type="number", queryable=True),
    Field(name="楼层", type="integer", queryable=True),
    Field(name="已登记", type="boolean", queryable=True),
    Field(name="日期", type="date", queryable=True),
    Field(name="时刻", type="instant", queryable=True),
    Field(name="用途", queryable=True),
    Field(name="备注"),
)
USES = ("住宅", "商业", "工业", "办公楼", "学校", None)


def thing(number: int) -> Row:
    """One of the things: most values are shared, some are missing."""
    attrs: dict[str, Any] = {
        "高度": None if number % 7 == 0 else number % 10 * 1.5,
        "楼层": number % 4,
        "已登记": None if number % 5 == 0 else number % 2 == 0,
        "日期": None if number % 11 == 0 else f"20{number % 30:02d}-01-31",
        "时刻": f"2026-01-01T00:00:{number % 60:02d}.{number:06d}Z",
        "用途": USES[number % 6],
        "备注": f"备注 {number}",
    }
    known = {name: value for name, value in attrs.items() if value is not None}
    return Row(f"POINT({113 + number / 100} 22.5)", known, code=f"T{number:04d}", name=f"物 {number % 40}" if number % 9 else None)


@dataclass(frozen=True, slots=True)
class ItemsSite:
    """The running server, and the database behind it."""

    server: Server
    database: Database
    things: Layer

    @property
    def client(self) -> httpx.Client:
        return self.server.client()

    def put(self, layer: Layer, rows: list[Row]) -> Layer:
        """A further layer, which the server knows when this returns."""
        made = put_layer(self.database, layer, rows)
        self.wait(lambda client: client.get(f"/collections/{made.id}").status_code == 200)
        return made

    def add(self, layer: Layer, rows: list[Row]) -> list[int]:
        with connect(self.database, IMPORTER) as connection:
            return put_rows(connection, layer.number, rows)

    def write(self, statement: str, *values: Any) -> Any:
        """One statement as the owner."""
        with connect(self.database, OWNER) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchone() if cursor.description else None

    def wait(self, ready: Callable[[httpx.Client], bool], patience: int = 500) -> None:
        with self.client as client:
            assert any(ready(client) for _ in range(patience))


@contextmanager
def start_items(database: Database, home: Path) -> Iterator[ItemsSite]:
    """A server over a database with the things in it."""
    layer = Layer(number=0, id="things", title_zh="物", geometry_type="Point", fields=FIELDS)
    things = put_layer(database, layer, [thing(number) for number in range(1, THINGS + 1)])
    with start_server(database, home, hot_connections="3") as server:
        yield ItemsSite(server, database, things)


def features(client: httpx.Client, path: str = "/collections/things/items", **query: Any) -> list[dict[str, Any]]:
    """The features of one page."""
    answer = client.get(path, params={"limit": 1000} | query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["features"])


def walk(client: httpx.Client, limit: int, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages, by their next links."""
    address = str(httpx.URL("/collections/things/items", params={"limit": limit} | query))
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page["features"]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
