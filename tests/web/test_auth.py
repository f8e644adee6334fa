"""Who may do what: every writing door refuses anybody, a first password opens nothing, a session's writes carry its token."""

import re
import time

import httpx
import pytest
from fastapi.routing import APIRoute

from layers.accounts import add_key, reset_password, revoke_key
from postgis.connect import EDITOR, connect
from tests.web.conftest import PASSWORD, Site, problem_of
from web.app import ROUTERS

STRANGERS = ({}, {"Cookie": "twin_session=stale"}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}, {"Authorization": "Basic x"})
SECRET_DOORS = ("/collections/secret", "/collections/secret/items", "/layers/secret", "/tiles/secret.json", "/tiles/secret/0/0/0")
NOBODYS = "00000000-0000-0000-0000-000000000000"
SAFE = {"GET", "HEAD", "OPTIONS"}
#: The one door that anybody may write to: it is the way in.
OPEN = {("POST", "/login")}


def writing_doors() -> list[tuple[str, str]]:
    """Every method and path that is not for reading."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return sorted((method, route.path) for route in routes for method in route.methods - SAFE)


def test_there_are_writing_doors() -> None:
    assert {("POST", "/imports"), ("POST", "/logout"), ("PUT", "/products/{code}"), ("POST", "/jobs/{job}/cancel")} <= set(writing_doors())


@pytest.mark.parametrize(("method", "path"), [door for door in writing_doors() if door not in OPEN])
@pytest.mark.parametrize("headers", STRANGERS)
def test_every_writing_door_refuses_anybody(web: httpx.Client, method: str, path: str, headers: dict[str, str]) -> None:
    values = {"code": "x", "collection": "houses", "item": "1", "version": "1"} | dict.fromkeys(("job", "run", "schedule"), NOBODYS)
    filled = re.sub(r"{(\w+)}", lambda found: values[found[1]], path)
    assert "{" not in filled
    problem = problem_of(web.request(method, filled, headers=headers, content=b"{}"), 401)
    assert problem["code"] == "unauthorized"


@pytest.mark.parametrize("path", ["/jobs", f"/jobs/{NOBODYS}", "/imports", f"/imports/{NOBODYS}/report", f"/imports/{NOBODYS}/findings"])
def test_jobs_and_reports_are_for_people_signed_in(web: httpx.Client, path: str) -> None:
    problem_of(web.get(path), 401)


def test_login_me_logout(site: Site) -> None:
    with site.client() as client:
        assert client.get("/me").json()["name"] is None
        answer = client.post("/login", json={"name": "admin", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/;" in cookie and "Secure" not in cookie
        me = client.get("/me").json()
        assert me["name"] == "admin" and me["csrf"] == answer.json()["csrf"] and "import" in me["may"] and not me["must_change"]
        token = client.cookies["twin_session"]
        assert client.post("/logout", headers={"X-CSRF-Token": me["csrf"]}).status_code == 204
        replay = httpx.get(site.url + "/me", headers={"Cookie": f"twin_session={token}"}).json()
        assert replay["name"] is None


def test_a_write_with_a_cookie_needs_the_token(site: Site, admin: httpx.Client) -> None:
    del admin.headers["X-CSRF-Token"]
    assert problem_of(admin.put("/products/x", json={}), 403)["code"] == "csrf"
    assert problem_of(admin.post("/logout", headers={"X-CSRF-Token": "no"}), 403)["code"] == "csrf"


def test_a_form_of_another_site_cannot_log_in(web: httpx.Client) -> None:
    problem_of(web.post("/login", data={"name": "admin", "password": PASSWORD}), 415)
    problem_of(web.post("/login", content=b'{"name":"admin"}', headers={"content-type": "text/plain"}), 415)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "body:"), (b"{", "body:"), (b"[]", "body"), (b'{"name":"a"}', "body.password"), (b'{"name":1,"password":"x"}', "body.name"),
        (b'{"name":"a","password":"b","x":1}', "body.x"), (b'{"name":NaN}', "body:"), (b'{"name":"\\ud800"}', "body:"), (b"\xff", "body:"),
    ],
)  # fmt: skip
def test_odd_login_bodies(web: httpx.Client, body: bytes, place: str) -> None:
    problem = problem_of(web.post("/login", content=body, headers={"content-type": "application/json"}), 400)
    assert str(problem["place"]).startswith(place.split(":", maxsplit=1)[0])


def test_wrong_passwords(web: httpx.Client) -> None:
    for name in ("admin", "nobody", "x" * 900, "\u0000", "a'b"):
        problem_of(web.post("/login", json={"name": name, "password": "wrong"}), 401)


def test_too_many_tries(web: httpx.Client) -> None:
    for _ in range(10):
        problem_of(web.post("/login", json={"name": "mallory", "password": "wrong"}), 401)
    answer = web.post("/login", json={"name": "mallory", "password": "wrong"})
    problem_of(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 900


def test_keys(site: Site) -> None:
    for headers in ({"Authorization": f"Bearer {site.key}"}, {"Authorization": f"bearer  {site.key}"}, {"X-API-Key": site.key}):
        me = httpx.get(site.url + "/me", headers=headers).json()
        assert me["name"] == "test-program" and me["csrf"] is None
    two = httpx.get(site.url + "/me", headers=[("Authorization", f"Bearer {site.key}"), ("X-API-Key", site.key)])
    problem_of(two, 401)
    problem_of(httpx.get(site.url + "/layers", headers={"X-API-Key": "k" * 1_000}), 401)


def test_scopes(web: httpx.Client, program: httpx.Client) -> None:
    assert [layer["id"] for layer in web.get("/layers").json()["layers"]] == ["houses", "traffic"]
    assert [layer["id"] for layer in program.get("/layers").json()["layers"]] == ["houses", "secret", "traffic"]
    for path in SECRET_DOORS:
        hidden, absent = (problem_of(web.get(address), 404) for address in (path, path.replace("secret", "absent")))
        told = {name: str(value).replace("absent", "secret") for name, value in absent.items() if name != "request_id"}
        assert {name: str(value) for name, value in hidden.items() if name != "request_id"} == told
        assert program.get(path).status_code in (200, 204)
    assert "private" in program.get("/collections/secret/items").headers["cache-control"]
    assert "Authorization" in web.get("/collections/houses/items").headers["vary"]


def test_a_first_password_opens_nothing(site: Site) -> None:
    with connect(site.database, EDITOR) as connection:
        first = reset_password(connection, "admin")
    try:
        with site.client() as client:
            me = client.post("/login", json={"name": "admin", "password": first}).json()
            assert me["must_change"] and me["may"] == []
            client.headers["X-CSRF-Token"] = me["csrf"]
            assert problem_of(client.put("/products/x", json={}), 403)["code"] == "must-change-password"
            assert problem_of(client.post("/imports", content=b"x"), 403)["code"] == "must-change-password"
            assert problem_of(client.get("/jobs"), 403)["code"] == "must-change-password"
            assert problem_of(client.get("/collections/secret"), 404)
            assert problem_of(client.post("/password", json={"old": first, "new": "short"}), 400)["place"] == "new"
            problem_of(client.post("/password", json={"old": "wrong", "new": PASSWORD}), 401)
    finally:
        with site.client() as client:
            me = client.post("/login", json={"name": "admin", "password": first}).json()
            changed = client.post("/password", json={"old": first, "new": PASSWORD}, headers={"X-CSRF-Token": me["csrf"]})
            assert changed.status_code == 204
            assert client.get("/me").json()["must_change"] is False


def test_a_key_has_no_password(program: httpx.Client) -> None:
    problem_of(program.post("/password", json={"old": "a", "new": "b" * 12}), 403)


def test_a_revoked_key_ends_within_a_second(site: Site) -> None:
    with connect(site.database, EDITOR) as connection:
        key = add_key(connection, "short-lived")
    with site.client(headers={"X-API-Key": key}) as client:
        assert client.get("/layers/secret").status_code == 200
        with connect(site.database, EDITOR) as connection:
            revoke_key(connection, "short-lived")
        time.sleep(1.05)
        problem_of(client.get("/layers/secret"), 401)
