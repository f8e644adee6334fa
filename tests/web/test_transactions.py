"""Many edits at once: all or nothing, each fault with its line, the same key answered the same, fast, and nothing half done."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench._memory import descendants
from postgis.connect import IMPORTER, SUPERUSER, connect
from tests.tile_scene import put_layer
from tests.web.conftest import Site, problem_of
from tests.web.test_editing import FIELDS, box, feature, wait_for_layer
from tests.web_server import start_server
from twin.layer import Layer

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def field(site: Site) -> Iterator[Layer]:
    """A layer of this module's own."""
    yield put_layer(site.database, Layer(number=0, id="field", title_zh="地块", fields=FIELDS, geometry_type="Polygon"))
    with connect(site.database, IMPORTER) as connection:
        connection.execute("SELECT twin.drop_layer('field')")


@pytest.fixture
def door(field: Layer, program: httpx.Client) -> str:
    wait_for_layer(program, "field")
    return "/collections/field/transactions"


def body(*lines: Any) -> bytes:
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


def send(client: httpx.Client, door: str, *lines: Any, **headers: str) -> httpx.Response:
    return client.post(door, content=body(*lines), headers=NDJSON | {name.replace("_", "-"): value for name, value in headers.items()})


def create(**properties: Any) -> dict[str, Any]:
    return {"action": "create", "feature": feature(**properties)}


def count(site: Site) -> int:
    with connect(site.database, IMPORTER) as connection:
        row = connection.execute(
            "SELECT count(*) FROM twin.object WHERE layer = (SELECT number FROM twin.layer WHERE id = 'field')"
        ).fetchone()
        assert row is not None
        return int(row[0])


def test_all_four_actions_in_one(site: Site, program: httpx.Client, door: str) -> None:
    made = send(program, door, *[create(floors=n) for n in range(4)]).json()
    assert made["counts"] == {"create": 4} and len(made["created"]) == 4
    first, second, third, _ = made["created"]
    tag = program.get(f"/collections/field/items/{first}").headers["etag"]
    answer = send(
        program,
        door,
        {"action": "update", "id": first, "feature": {"properties": {"floors": 40}}, "if_match": tag},
        {"action": "replace", "id": str(second), "feature": feature(box(113.6), floors=41)},
        b"",
        {"action": "delete", "id": third},
        create(floors=44),
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"] == {"create": 1, "update": 1, "replace": 1, "delete": 1}
    assert program.get(f"/collections/field/items/{first}").json()["properties"]["floors"] == 40
    assert program.get(f"/collections/field/items/{second}").json()["geometry"] == box(113.6)
    assert program.get(f"/collections/field/items/{third}").status_code == 404


def test_faults_are_listed_with_their_lines_and_nothing_is_written(site: Site, program: httpx.Client, door: str) -> None:
    before = count(site)
    answer = send(
        program, door, create(floors=1), b"{", create(nope=1), {"action": "explode"}, {"action": "delete", "id": 1}, b'{"a":' + b"[" * 70,
        {"action": "create", "feature": feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]})}, b"x" * 1_100_000, create(floors="a"),
    )  # fmt: skip
    problem = problem_of(answer, 400)
    assert problem["refused"] == 8 and [fault["line"] for fault in problem["errors"]] == [2, 3, 4, 5, 6, 7, 8, 9]  # type: ignore[attr-defined]
    assert count(site) == before


def test_conflicts_are_409(site: Site, program: httpx.Client, door: str, field: Layer) -> None:
    (oid,) = send(program, door, create(floors=1)).json()["created"]
    before = count(site)
    twice = problem_of(send(program, door, *[{"action": "update", "id": oid, "feature": {}}] * 2), 409)
    assert [fault["problem"] for fault in twice["errors"]] == ["doubled", "doubled"]  # type: ignore[attr-defined]
    stale = send(program, door, create(), {"action": "update", "id": oid, "feature": {}, "if_match": '"1.2.3."'})
    assert problem_of(stale, 409)["errors"] == [{"line": 2, "problem": "mismatch", "detail": f"feature {oid} is another version by now"}]
    gone = problem_of(send(program, door, create(), {"action": "delete", "id": (field.number << 40) + 999_999}), 409)
    assert gone["errors"][0]["problem"] == "missing"  # type: ignore[index]
    assert count(site) == before


def test_the_same_key_is_done_once(site: Site, program: httpx.Client, door: str) -> None:
    first = send(program, door, create(floors=7), Idempotency_Key="k-1")
    before = count(site)
    again = send(program, door, create(floors=7), Idempotency_Key="k-1")
    assert first.status_code == again.status_code == 200 and first.json() == again.json() and count(site) == before
    problem_of(send(program, door, create(floors=8), Idempotency_Key="k-1"), 409)
    problem_of(send(program, door, create(nope=8), Idempotency_Key="k-2"), 400)
    assert send(program, door, create(floors=8), Idempotency_Key="k-2").status_code == 200
    problem_of(send(program, door, create(), Idempotency_Key="k" * 201), 400)
    results: list[dict[str, Any]] = []

    def race() -> None:
        with site.with_key() as client:
            results.append(send(client, door, create(floors=9), Idempotency_Key="k-3").json())

    threads = [threading.Thread(target=race) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1] == results[2] and count(site) == before + 2


def test_strangers_and_other_bodies(web: httpx.Client, program: httpx.Client, door: str) -> None:
    problem_of(send(web, door, create()), 401)
    problem_of(program.post(door, content=b"{}", headers={"Content-Type": "application/json"}), 415)
    assert send(program, door).json()["counts"] == {}


def test_thousands_of_edits_of_every_kind(program: httpx.Client, door: str) -> None:
    """Enough for the locks of a whole layer; 50,000 are timed in bench/features.py."""

    def cell(n: int) -> dict[str, Any]:
        return box(113 + n % 300 / 200, 22 + n // 300 / 400, 0.002)

    program.timeout = httpx.Timeout(60)
    made = send(program, door, *[{"action": "create", "feature": feature(cell(n), floors=n % 30, 名称=f"地块 {n}")} for n in range(3_500)])
    assert made.status_code == 200, made.text
    oids: list[int] = made.json()["created"]
    assert len(oids) == 3_500
    mixed: list[Any] = [create(floors=n % 9) for n in range(1_500)]
    mixed += [{"action": "update", "id": oid, "feature": {"properties": {"高度": 3.5, "floors": None}}} for oid in oids[:2_000]]
    mixed += [{"action": "replace", "id": oid, "feature": feature(cell(n), 名称=f"新 {n}")} for n, oid in enumerate(oids[2_000:3_000])]
    mixed += [{"action": "delete", "id": oid} for oid in oids[3_000:]]
    answer = send(program, door, *mixed)
    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"] == {"create": 1_500, "update": 2_000, "replace": 1_000, "delete": 500}
    for oid, expected in ((oids[0], {"高度": 3.5, "floors": None, "名称": "地块 0"}), (oids[2_000], {"高度": None, "名称": "新 0"})):
        found = program.get(f"/collections/field/items/{oid}").json()["properties"]
        assert {name: found[name] for name in expected} == expected
    assert program.get(f"/collections/field/items/{oids[-1]}").status_code == 404


def test_killed_in_the_middle_leaves_nothing(site: Site, program: httpx.Client, door: str) -> None:
    before = count(site)
    outcome: list[httpx.Response] = []

    def long_one() -> None:
        with site.server.client(headers=dict(program.headers)) as client:
            client.timeout = httpx.Timeout(60)
            outcome.append(send(client, door, *[create(floors=n % 9) for n in range(20_000)], Idempotency_Key="killed"))

    thread = threading.Thread(target=long_one)
    thread.start()
    killed = 0
    with connect(site.database, SUPERUSER) as admin:
        admin.autocommit = True
        deadline = time.monotonic() + 20
        while not killed and time.monotonic() < deadline:
            killed = len(admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%twin.apply_edits%' AND state = 'active' "
                "AND pid <> pg_backend_pid() AND datname = current_database()"
            ).fetchall())  # fmt: skip
            time.sleep(0.01)
    thread.join()
    assert killed and outcome[0].status_code == 503 and count(site) == before
    assert send(program, door, create(floors=1), Idempotency_Key="killed").status_code == 200


def test_a_server_that_dies_in_the_middle_leaves_nothing(site: Site, door: str, tmp_path: Path) -> None:
    """SIGKILL while the database writes: its work is rolled back when it finds nobody to answer, and the same key may be sent again."""
    before = count(site)
    with start_server(site.database, tmp_path) as server, server.client(headers={"Authorization": f"Bearer {site.key}"}) as client:
        lost: list[Exception] = []

        def long_one() -> None:
            try:
                send(client, door, *[create(floors=n % 9) for n in range(10_000)], Idempotency_Key="dies")
            except httpx.TransportError as exc:
                lost.append(exc)

        thread = threading.Thread(target=long_one)
        thread.start()
        with connect(site.database, SUPERUSER) as admin:
            admin.autocommit = True
            wait_until(lambda: writers(admin) > 0)
            for pid in descendants(server.process.pid):
                os.kill(pid, signal.SIGKILL)
            thread.join()
            wait_until(lambda: writers(admin) == 0)
    assert lost and count(site) == before
    with site.with_key() as client:
        assert send(client, door, create(floors=1), Idempotency_Key="dies").status_code == 200


def writers(admin: Any) -> int:
    """How many connections are in the middle of a transaction of edits."""
    row = admin.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%twin.apply_edits%' AND state <> 'idle' AND pid <> pg_backend_pid() "
        "AND datname = current_database()"
    ).fetchone()
    return int(row[0])


def wait_until(true: Callable[[], bool], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
