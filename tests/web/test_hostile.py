"""Thousands of hostile requests at every door of the running server's own OpenAPI: refused with their place, quickly, and never in SQL."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from layers.accounts import add_key, ensure_admin
from postgis.cluster import Cluster
from postgis.connect import EDITOR, SUPERUSER, Database, connect
from tests.drills._load import Alive, percentile, watch_livez
from tests.hostile_cases import Ground, cases, doors, everyday
from tests.hostile_run import Answered, faults, is_fault_of_ours, is_no_refusal, send_all, statements, tells_internals, was_not_refused
from tests.hostile_values import MARK
from tests.tile_scene import BUILDING_FIELDS, put_layer
from tests.web.conftest import house
from tests.web.test_catalogue_doors import CARD, eventually
from tests.web_server import Server, start_server
from twin.layer import Layer

LEAST, MOST_S = 2000, 2.0
#: On a machine that others keep busy (load per core above 1 before we begin) an answer takes as much longer; `./run drill hostile` has no such leave.
MOST_LIVEZ_MS = 200.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
SPENT = 400
_LOGGED = {
    "log_statement": "all", "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0", "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0", "auto_explain.log_nested_statements": "on", "auto_explain.log_verbose": "off",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What was sent and what came of it."""

    server: Server
    doors: frozenset[str]
    answers: list[Answered]
    alive: Alive
    log: str
    database: str


@pytest.fixture(scope="module")
def ran(make_database: Callable[[], Database], cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Every case sent once, beside a sampler of /livez, with every statement of the database written down."""
    database, home = make_database(), tmp_path_factory.mktemp("hostile")
    name = str(conninfo_to_dict(database.dsn)["dbname"])
    key = _fill(database)
    logged = _log_statements(cluster, name)
    with start_server(database, home, hot_connections="4", max_upload_mb="1", sources=str(home / "incoming")) as server:
        with server.client(headers={"Authorization": f"Bearer {key}"}) as program:
            program.put("/products/houses-now", json=CARD | {"layers": CARD["layers"][:1]}).raise_for_status()
            eventually(program, "/products/houses-now")
            document = program.get("/api").json()
            ids = {layer: [feature["id"] for feature in _features(program, layer)] for layer in ("houses", "spent")}
        ground = Ground("houses", "spent", ids["houses"], ids["spent"], [field.name for field in BUILDING_FIELDS], "houses-now")
        made = everyday(cases(document, ground))
        with watch_livez(server.port) as alive:
            answers = send_all(server.port, made, f"Bearer {key}")
        yield Run(server, frozenset(door.name for door in doors(document)), answers, alive, logged(), name)


def _features(client: httpx.Client, layer: str) -> list[dict[str, Any]]:
    return client.get(f"/collections/{layer}/items", params={"limit": 1000}).raise_for_status().json()["features"]


def _fill(database: Database) -> str:
    """Two layers of houses, an account, and a key."""
    for layer, count in (("houses", 25), ("spent", SPENT)):
        about = Layer(number=0, id=layer, title_zh="房屋", fields=BUILDING_FIELDS, geometry_type="Polygon")
        put_layer(database, about, [house(number % 28 + 1) for number in range(count)])
    with connect(database, EDITOR) as connection:
        ensure_admin(connection)
        return add_key(connection, "test-program")


def _log_statements(cluster: Cluster, name: str) -> Callable[[], str]:
    """Have every statement of a database written down without its parameters, the nested ones too; what was, when asked."""
    folder = cluster.home / "log" / "postgresql"
    before = {path: path.stat().st_size for path in folder.glob("*.log")}
    with psycopg.connect(cluster.database.named("postgres").conninfo(SUPERUSER), autocommit=True) as admin:
        for setting, value in _LOGGED.items():
            words = sql.SQL(".").join(map(sql.Identifier, setting.split(".")))
            admin.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(sql.Identifier(name), words, sql.Literal(value)))

    def told() -> str:
        with connect(cluster.database.named(name), SUPERUSER) as connection:
            connection.execute("SELECT 'the end of it'")
        deadline = time.monotonic() + 20
        while "the end of it" not in (log := _added(folder, before)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return log

    return told


def _added(folder: Path, before: dict[Path, int]) -> str:
    """What was written to the logs since."""
    parts = []
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as file:
            file.seek(before.get(path, 0))
            parts.append(file.read().decode("utf-8", "replace"))
    return "\n".join(parts)


def _none(found: list[str]) -> None:
    assert not found, f"{len(found)}: " + "\n".join(found[:25])


def test_every_door_met_enough(ran: Run) -> None:
    assert len(ran.answers) >= LEAST
    met = {answered.case.door for answered in ran.answers}
    assert ran.doors <= met, ran.doors - met


@pytest.mark.parametrize("rule", [is_fault_of_ours, tells_internals, is_no_refusal, was_not_refused])
def test_every_answer_keeps(ran: Run, rule: Callable[[Answered], bool]) -> None:
    _none(faults(ran.answers, {"": rule})[""])


def test_no_answer_takes_long(ran: Run) -> None:
    """Who waited because the machine had other things to do is asked again alone."""
    slow = [answered.case for answered in ran.answers if answered.took_s > MOST_S]
    _none([str(answered) for answered in send_all(ran.server.port, slow, "", connections=1) if answered.took_s > MOST_S])


def test_the_process_lives_and_says_so_at_once(ran: Run) -> None:
    assert ran.server.process.poll() is None
    assert ran.alive.missing == 0 and len(ran.alive.times_ms) > 20
    assert percentile(sorted(ran.alive.times_ms), 0.99) < MOST_LIVEZ_MS, ran.alive.words


def test_what_was_sent_is_nowhere_in_sql(ran: Run) -> None:
    texts = list(statements(ran.log, ran.database))
    assert len(texts) > 1000 and any("$1" in text for text in texts)
    _none([text for text in texts if MARK in text])
    _none([line for line in ran.log.splitlines() if f"@{ran.database} " in line and "syntax error" in line])


def test_a_value_in_sql_would_be_seen(ran: Run, cluster: Cluster) -> None:
    """The reading of the log finds what it looks for, in outer and in nested statements."""
    logged = _log_statements(cluster, ran.database)
    with connect(cluster.database.named(ran.database), SUPERUSER) as connection:
        connection.execute(f"SELECT '{MARK} outer'".encode())
        connection.execute("SELECT query_to_xml(concat('SELECT ''', %s::text, ''''), true, false, '')", [f"{MARK} nested"])
    found = [text for text in statements(logged(), ran.database) if MARK in text]
    assert any("outer" in text for text in found) and any("nested" in text for text in found), found
