"""Many edits in one transaction over HTTP: how long, what the web process holds in memory meanwhile, and that it can be killed in the middle."""

import contextlib
import http.client
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from bench._feature_data import HOUSES
from bench._memory import descendants
from bench._peers import Contender
from bench._rows import Result, limited
from bench._tile_data import number_of, spec_of
from layers.accounts import add_key
from postgis.connect import EDITOR, IMPORTER, Database, connect

EDITED = HOUSES.model_copy(update={"id": "bench-edits", "title_zh": "测速编辑"})
LIMIT_S = 10.0
GROWTH_MB = 64.0
_MADE = 10_000
"""Ids of new objects that one answer tells."""
_REQUEST = "/collections/bench-edits/transactions"
_MB = 1 << 20


def put_layer(database: Database) -> str:
    """An empty layer to edit, and the key of a program that may."""
    with connect(database, IMPORTER) as connection:
        if number_of(database, EDITED.id):
            connection.execute("SELECT twin.drop_layer(%s)", [EDITED.id])
        connection.execute("SELECT twin.make_layer(%s)", [spec_of(EDITED)])
    with connect(database, EDITOR) as connection:
        return add_key(connection, f"bench-{time.time_ns()}")


def transactions(ours: Contender, key: str, edits: int, body_mb: int) -> list[Result]:
    """Seven tenths of the edits are of objects made before: 30 % created, 40 % changed, 20 % replaced, 10 % ended, in one transaction."""
    made = [oid for start in range(0, edits * 7 // 10, _MADE) for oid in _make(ours, key, start, min(_MADE, edits * 7 // 10 - start))]
    with _body(_mixed(made, edits)) as body:
        begun = time.perf_counter()
        status, answer = _send(ours, key, body)
        took_s = time.perf_counter() - begun
    assert status == 200 and sum(answer["counts"].values()) == edits, answer
    return [limited(f"{edits:,} edits in one transaction", "s", took_s, LIMIT_S), memory(ours, key, body_mb)]


def memory(ours: Contender, key: str, body_mb: int) -> Result:
    """How much a web process grows over a body whose last line is refused: all of it is read and staged, and nothing written."""
    before = _peak_mb(ours)
    with _body(_long(body_mb * _MB)) as body:
        status, answer = _send(ours, key, body)
    assert status == 400 and answer["refused"] == 1, answer
    return limited(f"growth of the web process over a transaction of {body_mb} MB", "MB", _peak_mb(ours) - before, GROWTH_MB)


def _make(ours: Contender, key: str, start: int, count: int) -> list[int]:
    with _body(_create(number) for number in range(start, start + count)) as body:
        status, answer = _send(ours, key, body)
    assert status == 200, answer
    return list(answer["created"])


def _mixed(made: list[int], edits: int) -> Iterator[dict[str, Any]]:
    changed, replaced = edits * 4 // 10, edits * 6 // 10
    yield from (_create(number) for number in range(edits - len(made)))
    yield from ({"action": "update", "id": oid, "feature": {"properties": {"height": 3.5}}} for oid in made[:changed])
    yield from ({"action": "replace", "id": oid, "feature": _feature(number)} for number, oid in enumerate(made[changed:replaced]))
    yield from ({"action": "delete", "id": oid} for oid in made[replaced:])


def _long(size: int) -> Iterator[dict[str, Any]]:
    """Edits of about so many bytes, the last of which cannot be read."""
    each = len(json.dumps(_create(0)))
    yield from (_create(number) for number in range(size // (each + 8)))
    yield {"action": "explode"}


def _create(number: int) -> dict[str, Any]:
    return {"action": "create", "feature": _feature(number)}


def _feature(number: int) -> dict[str, Any]:
    west, south, side = 113 + number % 300 / 200, 22 + number // 300 % 600 / 400, 0.002
    ring = [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"class": "住宅", "floors": number % 30},
    }


@contextlib.contextmanager
def _body(lines: Iterator[dict[str, Any]]) -> Iterator[IO[bytes]]:
    """The lines as a file, from its beginning."""
    with tempfile.TemporaryFile() as file:
        for line in lines:
            file.write(json.dumps(line).encode() + b"\n")
        file.seek(0)
        yield file


def _send(ours: Contender, key: str, body: IO[bytes]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=600)
    length = body.seek(0, 2)
    body.seek(0)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson", "Content-Length": str(length)}
    connection.request("POST", _REQUEST, body, headers)
    answer = connection.getresponse()
    value = json.loads(answer.read())
    connection.close()
    return answer.status, value


def _peak_mb(ours: Contender) -> float:
    """The most memory any of the server's processes has had."""
    status = [Path(f"/proc/{pid}/status").read_text() for pid in descendants(ours.process.pid)]
    return max(int(found.group(1)) for text in status if (found := re.search(r"VmHWM:\s+(\d+)", text))) / 1024
