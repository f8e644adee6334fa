"""Hostile load: every hostile request there is, 20,000 cases of schemathesis, 200 full scans at once, a schema change and a database restart under load."""

import asyncio
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import gettempdir

import httpx

from bench._rows import Result, limited
from layers.accounts import add_key
from postgis.connect import EDITOR, OWNER, Database, connect
from tests.drills._load import Alive, Told, crowd, drill, ground, percentile, watch_livez
from tests.drills._load import Ground as Place
from tests.drills.restart import any_tile, restart
from tests.hostile_cases import Ground, cases
from tests.hostile_run import is_fault_of_ours, is_no_refusal, send_all, tells_internals, was_not_refused
from tests.tile_scene import BUILDING_FIELDS, put_layer
from tests.web.conftest import house
from tests.web_server import Server, start_server
from twin.layer import Layer

MOST_LIVEZ_MS, SCANNERS = 200.0, 200
#: What must hold of each answer: no 5xx but those named in schemathesis.toml.
_CHECKS = "not_a_server_error"
_RULES = (is_fault_of_ours, tells_internals, is_no_refusal, was_not_refused)


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one; the small one leaves the fixed requests to the everyday suite, which sends them anyway."""
    with ground(2_000 if quick else 20_000) as place:
        key = fill(place.database)
        with start_server(place.database, place.home, hot_connections="4", max_upload_mb="1") as server:
            with watch_livez(server.port) as alive:
                rows = [] if quick else payloads(server, key)
                rows += generated(server, key, 50 if quick else 20_000)
                rows += scans(server, place.layer.id, 20 if quick else SCANNERS)
                rows += under_load(server, place, "a field index is added", partial(change_schema, place.database, place.layer.number))
                rows += under_load(server, place, "the database restarts", partial(restart, place.cluster))
            return [*rows, *livez(server, alive)]


def fill(database: Database) -> str:
    """Two layers of houses and a key."""
    for layer, count in (("houses", 25), ("spent", 1_000)):
        about = Layer(number=0, id=layer, title_zh="房屋", fields=BUILDING_FIELDS, geometry_type="Polygon")
        put_layer(database, about, [house(number % 28 + 1) for number in range(count)])
    with connect(database, EDITOR) as connection:
        return add_key(connection, "drill")


def payloads(server: Server, key: str) -> list[Result]:
    """Every hostile request of `tests/hostile_cases.py`."""
    with server.client(headers={"Authorization": f"Bearer {key}"}) as program:
        document = program.get("/api").json()
        ids = {
            layer: [one["id"] for one in program.get(f"/collections/{layer}/items?limit=1000").json()["features"]]
            for layer in ("houses", "spent")
        }
    made = cases(document, Ground("houses", "spent", ids["houses"], ids["spent"], [field.name for field in BUILDING_FIELDS], "base"))
    answers = send_all(server.port, made, f"Bearer {key}")
    rows = []
    for rule in _RULES:
        broken = [str(answered) for answered in answers if rule(answered)]
        print("\n".join(broken[:10]), file=sys.stderr, end="\n" if broken else "")
        rows.append(limited(f"{len(answers)} hostile requests: {rule.__name__}", "", len(broken), 0))
    slow = send_all(server.port, [answered.case for answered in answers if answered.took_s > 2.0], f"Bearer {key}", connections=1)
    return [
        *rows,
        limited("slowest of them, asked again alone where over 2 s", "s", max((answered.took_s for answered in slow), default=0.0), 2.0),
    ]


def generated(server: Server, key: str, wanted: int) -> list[Result]:
    """Cases that schemathesis makes from our OpenAPI document, so many or more."""
    done, failures, seeds = 0, 0, itertools.count(1)
    while done < wanted:
        each = 1 if wanted < 1_000 else 120
        told = subprocess.run(
            _schemathesis(server, key, each, next(seeds)), capture_output=True, text=True, timeout=3_000, check=False, cwd=gettempdir()
        )
        found = re.search(r"(\d+) generated", told.stdout)
        if found is None:
            sys.exit(f"schemathesis said nothing of its cases: {(told.stdout + told.stderr)[-3000:]}")
        done += int(found[1])
        failed = re.search(r"^(Failures:|.*(Network Error|Timeout))", told.stdout, re.MULTILINE) is not None
        failures += failed
        if failed:
            print(told.stdout[-6_000:], file=sys.stderr)
    return [limited(f"{done} cases of schemathesis: rounds with a server error", "", failures, 0)]


def _schemathesis(server: Server, key: str, each: int, seed: int) -> list[str]:
    words = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(Path(__file__).with_name("schemathesis.toml"))]
    words += ["run", f"{server.url}/api", "--header", f"Authorization: Bearer {key}"]
    words += [
        "--checks",
        _CHECKS,
        "--phases",
        "fuzzing",
        "--max-examples",
        str(each),
        "--seed",
        str(seed),
        "--workers",
        "2",
        "--mode",
        "all",
    ]
    return [
        *words,
        "--request-timeout",
        "10",
        "--exclude-path",
        "/events",
        "--exclude-path",
        "/imports/preview",
        "--continue-on-failure",
        "--suppress-health-check",
        "all",
    ]


def scans(server: Server, layer: str, clients: int) -> list[Result]:
    """So many clients that each read the whole layer, page after page."""

    def scan(_: int) -> tuple[int, int, int]:
        address, seen, strange = f"/collections/{layer}/items?limit=10000&count=none", 0, 0
        with server.client() as client:
            client.timeout = httpx.Timeout(120)
            while address:
                answer = client.get(address)
                if answer.status_code == 503 and "retry-after" in answer.headers:
                    return seen, 1, strange
                if answer.status_code != 200:
                    return seen, 0, strange + 1
                page = answer.json()
                seen += page["numberReturned"]
                address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        return seen, 0, strange

    with ThreadPoolExecutor(clients) as pool:
        told = list(pool.map(scan, range(clients)))
    print(
        f"{clients} scans: {sum(seen for seen, _, _ in told)} features, {sum(refused for _, refused, _ in told)} told to come back",
        file=sys.stderr,
    )
    return [
        limited(f"{clients} full scans at once: answers other than 200 and a declared 503", "", sum(strange for _, _, strange in told), 0)
    ]


def change_schema(database: Database, number: int) -> None:
    """An index more on a layer that is being read, as a migration makes it."""
    with connect(database, OWNER) as owner:
        owner.execute(f"CREATE INDEX drill_{number} ON twin.object_{number} (name)".encode())
        owner.execute(f"ANALYZE twin.object_{number}".encode())


def under_load(server: Server, place: Place, what: str, accident: Callable[[], None]) -> list[Result]:
    """Features and tiles asked for by 16 clients while something happens to the database."""
    with server.client() as client:
        oids = [one["id"] for one in client.get(f"/collections/{place.layer.id}/items?limit=500").json()["features"]]
    items = (f"/collections/{place.layer.id}/items/{oid}" for oid in itertools.cycle(oids))
    tile, turn = any_tile(place.layer.id), itertools.count()

    async def load() -> Told:
        over = asyncio.Event()
        asked = asyncio.create_task(crowd(server.port, 16, over, lambda: next(items) if next(turn) % 2 else tile()))
        await asyncio.sleep(1)
        await asyncio.to_thread(accident)
        await asyncio.sleep(2)
        over.set()
        return await asked

    told = asyncio.run(load())
    print(f"{what}: {dict(told.statuses)}, {told.broken} broken", file=sys.stderr)
    strange = (
        sum(count for status, count in told.statuses.items() if status not in (200, 204, 503)) + told.broken + told.without_retry_after
    )
    return [limited(f"{what} under load: answers other than 200, 204 and a declared 503, of {len(told.answers)}", "", strange, 0)]


def livez(server: Server, alive: Alive) -> list[Result]:
    """The process lives, and said so in time throughout."""
    print(f"/livez {alive.words}", file=sys.stderr)
    return [
        limited(f"/livez p99 throughout, of {len(alive.times_ms)}", "ms", percentile(sorted(alive.times_ms), 0.99), MOST_LIVEZ_MS),
        limited("/livez not answered", "", alive.missing, 0),
        limited("processes that ended", "", int(server.process.poll() is not None), 0),
    ]


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
