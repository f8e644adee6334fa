"""What every answer carries, whoever made it."""

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.web.conftest import Site, problem_of
from web.errors import handle
from web.front import SECURITY_HEADERS, Front
from web.links import LinkMaker
from web.metrics import Metrics

DOORS = ["/livez", "/ogc", "/nothing", "/tiles/houses/14/13380/7138", "/tiles/houses/1/2/0", "/collections/houses/items", "/api", "/"]


@pytest.mark.parametrize("door", DOORS)
def test_security_headers_and_request_id(web: httpx.Client, door: str) -> None:
    answer = web.get(door)
    for name, value in SECURITY_HEADERS:
        assert answer.headers.get_list(name.decode()) == [value.decode()], name
    assert len(answer.headers["x-request-id"]) >= 8 and answer.headers["access-control-allow-origin"] == "*"


def test_nothing_may_run_inline(web: httpx.Client) -> None:
    policy = dict(part.strip().split(" ", 1) for part in web.get("/").headers["content-security-policy"].split(";"))
    assert policy["script-src"] == "'self'" and policy["object-src"] == "'none'" and "blob:" in policy["worker-src"]
    assert not any("http" in value for value in policy.values())


def test_a_request_id_is_taken_when_harmless(web: httpx.Client) -> None:
    assert web.get("/livez", headers={"X-Request-Id": "abc-12345"}).headers["x-request-id"] == "abc-12345"
    for odd in ("short", "x" * 65, "a b c d e f g", "<script>alert(1)"):
        assert web.get("/livez", headers={"X-Request-Id": odd}).headers["x-request-id"] != odd


def test_other_pages_may_read_and_not_write(web: httpx.Client) -> None:
    preflight = web.options("/collections/houses/items", headers={"Origin": "https://other.cn", "Access-Control-Request-Method": "GET"})
    assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" not in preflight.headers["access-control-allow-methods"] and "access-control-allow-credentials" not in preflight.headers
    assert "access-control-allow-origin" not in web.post("/logout").headers


@pytest.mark.parametrize("door", DOORS)
def test_head_is_get_without_a_body(web: httpx.Client, door: str) -> None:
    whole, head = web.get(door), web.head(door)
    assert head.status_code == whole.status_code and not head.content
    assert head.headers.get("content-type") == whole.headers.get("content-type")


def test_websockets_are_refused(site: Site) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert 400 <= site.server.raw_get("/layers", **headers).status_code < 500


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods(web: httpx.Client, method: str) -> None:
    assert web.request(method, "/layers").status_code in (400, 405, 501)


def test_problems_are_the_same_everywhere(web: httpx.Client) -> None:
    from_tiles, from_features = problem_of(web.get("/tiles/nothing/0/0/0"), 404), problem_of(web.get("/collections/nothing"), 404)
    assert {**from_tiles, "request_id": ""} == {**from_features, "request_id": ""}


async def ask(app: FastAPI, path: str) -> tuple[httpx.Response, Metrics]:
    """One request through a front before `app`; an error that passes the front is raised here."""
    metrics = Metrics()
    front = Front(app, app, LinkMaker(), metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://test") as client:  # type: ignore[arg-type]
        return await client.get(path), metrics


@pytest.mark.parametrize("path", ["/boom", "/tiles/boom"])
async def test_an_error_of_ours_tells_its_id_and_nothing_else(path: str) -> None:
    app = FastAPI(openapi_url=None)
    app.add_exception_handler(Exception, handle)

    @app.get(path)
    async def boom() -> None:
        raise ZeroDivisionError("/var/lib/secret SELECT password")

    answer, metrics = await ask(app, path)
    assert "secret" not in answer.text and "SELECT" not in answer.text and problem_of(answer, 500)["code"] == "internal"
    assert answer.json()["request_id"] in answer.json()["detail"]
    assert metrics.registry.get_sample_value("twin_http_bugs_total") == 1


async def test_a_lost_database_is_not_a_bug() -> None:
    app = FastAPI(openapi_url=None)
    app.add_exception_handler(Exception, handle)

    @app.get("/away")
    async def away() -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    answer, metrics = await ask(app, "/away")
    assert problem_of(answer, 503)["code"] == "unavailable" and metrics.registry.get_sample_value("twin_http_bugs_total") == 0
