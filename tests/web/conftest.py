"""One site for the tests of the web room: three layers, a product, divisions, an administrator and a key, behind a real server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from layers.accounts import add_key, ensure_admin
from postgis.connect import EDITOR, IMPORTER, Database, connect
from postgis.divisions import DivisionRow, replace_divisions
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tests.web_server import Server, start_server
from twin.layer import Access, Layer

PASSWORD = "correct horse 电池"
HOUSES = 25


@dataclass(frozen=True, slots=True)
class Site:
    """The server, its database, and what opens its doors."""

    server: Server
    database: Database
    home: Path
    houses: Layer
    secret: Layer
    traffic: Layer
    """A public layer that tests may write to."""
    key: str

    @property
    def url(self) -> str:
        return self.server.url

    def client(self, **options: object) -> httpx.Client:
        return self.server.client(**options)

    def with_key(self) -> httpx.Client:
        return self.server.client(headers={"Authorization": f"Bearer {self.key}"})


def house(number: int) -> Row:
    """One of the houses, a little further east each."""
    attrs = {
        "高度": 3.5 * number,
        "floors": number,
        "listed": number % 2 == 0,
        "built": f"20{number:02d}-01-31",
        "seen": "2026-01-01T00:00:00Z",
    }
    attrs |= {'备注 "%(x)s" :b $1': f"注{number}", "raw": {"n": [number, None]}}
    return Row(
        square(114.0 + number / 100, 22.5), attrs, code=f"H{number:04d}", class_="住宅" if number % 2 else "商业", name=f"南山 {number} 号"
    )


@pytest.fixture(scope="session")
def site(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database, home = make_database(), tmp_path_factory.mktemp("home")
    houses = put_layer(
        database,
        Layer(number=0, id="houses", title_zh="房屋", title_en="Houses", fields=BUILDING_FIELDS, geometry_type="Polygon"),
        [house(number) for number in range(1, HOUSES + 1)],
    )
    secret = put_layer(
        database,
        Layer(number=0, id="secret", title_zh="内部图层", access=Access.INTERNAL, geometry_type="Polygon"),
        [Row(square(114, 22.5))],
    )
    traffic = put_layer(database, Layer(number=0, id="traffic", title_zh="车流", geometry_type="Polygon"))
    with connect(database, IMPORTER) as connection:
        replace_divisions(connection, [DivisionRow("44", 1, "广东省"), DivisionRow("4403", 2, "深圳市", parent_code="44")], "test")
    with connect(database, EDITOR) as connection:
        first, key = ensure_admin(connection), add_key(connection, "test-program")
    with start_server(database, home, hot_connections="2", max_upload_mb="1", sources=str(home / "incoming")) as server:
        assert first is not None
        _change_first_password(server, first)
        yield Site(server, database, home, houses, secret, traffic, key)


def _change_first_password(server: Server, first: str) -> None:
    """As a person does it."""
    with server.client() as client:
        me = client.post("/login", json={"name": "admin", "password": first}).raise_for_status().json()
        assert me["must_change"]
        headers = {"X-CSRF-Token": me["csrf"]}
        client.post("/password", json={"old": first, "new": PASSWORD}, headers=headers).raise_for_status()


@pytest.fixture
def web(site: Site) -> Iterator[httpx.Client]:
    """Anybody."""
    with site.client() as client:
        yield client


@pytest.fixture
def program(site: Site) -> Iterator[httpx.Client]:
    """A program with an API key."""
    with site.with_key() as client:
        yield client


@pytest.fixture
def admin(site: Site) -> Iterator[httpx.Client]:
    """The administrator, signed in, sending the CSRF token with everything."""
    with site.client() as client:
        me = client.post("/login", json={"name": "admin", "password": PASSWORD}).raise_for_status().json()
        client.headers["X-CSRF-Token"] = me["csrf"]
        yield client


def problem_of(answer: httpx.Response, status: int) -> dict[str, object]:
    """The problem document of a refusal, checked for its shape and for what it must not tell."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"] and problem["title_en"] and problem["code"]
    text = json.dumps(problem)
    assert "Traceback" not in text and "SELECT" not in text and "/site-packages" not in text and "asyncpg" not in text
    return dict(problem)
