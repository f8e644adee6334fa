"""From an edit in plain SQL, in a session that knows nothing of us, to the tile that shows it."""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench._http import HttpClient
from bench._mvt import features
from bench._peers import ROOT, Contender
from bench._rows import Result, limited
from bench._tile_data import TABLES, number_of, tile_of
from postgis.connect import OWNER, Database, connect

FOOTPRINTS = TABLES[0]
MOST_S = 1.0
_POLL_S = 0.002
_PATIENCE_S = 120.0
_SOME = "SELECT oid, ST_X(ST_PointOnSurface(geom)), ST_Y(ST_PointOnSurface(geom)) FROM twin.object_{number} WHERE hashint8(oid) % 500 = 0 ORDER BY oid LIMIT 5000"
_EDIT = """
    UPDATE twin.object_{number} SET attrs = attrs || jsonb_build_object('height', %s::float8, 'floors', (attrs ->> 'floors')::int + 1) WHERE oid = %s
"""


@contextmanager
def worker(database_url: str, home: Path) -> Iterator[None]:
    """The worker, which refreshes overviews."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")}
    environment |= {"TWIN_HOME": str(home), "TWIN_DATABASE_URL": database_url, "TWIN_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "twin", "work"], cwd=ROOT, env=environment)
    try:
        time.sleep(3)
        yield
    finally:
        process.terminate()
        process.wait(60)


def edits(database: Database, ours: Contender, zoom: int, count: int, limit_s: float) -> list[Result]:
    """Change height and floors of one footprint after the other; from its commit to the first answer that shows it (or, folded, to other bytes)."""
    number = number_of(database, FOOTPRINTS.layer)
    chance = random.Random(3)
    with connect(database, OWNER) as owner:
        owner.autocommit = True
        places = chance.sample(owner.execute(_SOME.format(number=number).encode()).fetchall(), count)
        delays = sorted(_edit(owner, ours, number, zoom, place) for place in places)
    p95 = delays[min(len(delays) - 1, int(0.95 * len(delays)))]
    print(f"  edits at z{zoom}: p50 {statistics.median(delays):.3f} s, p95 {p95:.3f} s, max {delays[-1]:.3f} s", file=sys.stderr)
    return [limited(f"edit in plain SQL to visible at z{zoom}, p95 of {count}, through HTTP", "s", p95, limit_s)]


def _edit(owner: psycopg.Connection[tuple[object, ...]], ours: Contender, number: int, zoom: int, place: tuple[int, float, float]) -> float:
    oid, lon, lat = place
    path = ours.path(FOOTPRINTS, zoom, *tile_of(lon, lat, zoom))
    height = round(random.uniform(200, 900), 3)
    with HttpClient(ours.port) as client:
        before = client.get(path)
        owner.execute(_EDIT.format(number=number).encode(), [height, oid])
        begun = time.perf_counter()
        while True:
            answer = client.get(path, If_None_Match=before.header("etag"))
            seen = time.perf_counter()
            if answer.status == 200 and _shows(answer.plain, before.plain, oid, height, zoom):
                return seen - begun
            assert seen - begun < _PATIENCE_S, path
            time.sleep(_POLL_S)


def _shows(body: bytes, before: bytes, oid: int, height: float, zoom: int) -> bool:
    """Whether the tile shows the new height; at low zooms, where one building is a part of a square, whether it is another tile."""
    if zoom < 14:
        return body != before
    return any(feature.get("id") == oid and feature["properties"].get("height") == height for feature in features(body))
