"""Two servers with homes of their own on one database, as on two hosts: an edit in plain SQL is seen on both within a second."""

import random
import sys
import time

import psycopg

from bench._http import HttpClient
from bench._mvt import features
from bench._rows import Result, limited
from bench._tile_data import tile_of
from postgis.connect import OWNER, connect
from tests.drills._load import Ground, drill, ground, percentile
from tests.web_server import start_server

MOST_S = 1.0
ZOOM = 16
_PATIENCE_S = 20.0
_SOME = "SELECT oid, ST_X(ST_PointOnSurface(geom)), ST_Y(ST_PointOnSurface(geom)) FROM twin.object_{number} ORDER BY hashint8(oid) LIMIT %s"
_EDIT = "UPDATE twin.object_{number} SET attrs = attrs || jsonb_build_object('height', %s::float8) WHERE oid = %s"


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one."""
    rows, times = (2_000, 5) if quick else (100_000, 100)
    with ground(rows) as place:
        return measure(place, times)


def measure(place: Ground, times: int) -> list[Result]:
    """Start both, then edit after edit."""
    homes = place.home / "host-1", place.home / "host-2"
    for home in homes:
        home.mkdir()
    with (
        start_server(place.database, homes[0]) as one,
        start_server(place.database, homes[1]) as two,
        HttpClient(one.port) as first,
        HttpClient(two.port) as second,
    ):
        return _edits([first, second], place, times)


def _edits(clients: list[HttpClient], place: Ground, times: int) -> list[Result]:
    """Seconds from the commit until each server shows it, with the tile in both caches before."""
    number, delays = place.layer.number, [list[float](), list[float]()]
    with connect(place.database, OWNER) as owner:
        owner.autocommit = True
        for place_of in owner.execute(_SOME.format(number=number).encode(), [times]).fetchall():
            found = _edit(owner, clients, place, place_of)
            for seconds, known in zip(found, delays, strict=True):
                known.append(seconds)
    name = f"edit to visible at z{ZOOM}, p95 of {times}"
    return [limited(f"{name}, host {host}", "s", percentile(sorted(known), 0.95), MOST_S) for host, known in enumerate(delays, 1)]


def _edit(
    owner: psycopg.Connection[tuple[object, ...]], clients: list[HttpClient], place: Ground, found: tuple[int, float, float]
) -> list[float]:
    oid, lon, lat = found
    x, y = tile_of(lon, lat, ZOOM)
    path, height = f"/tiles/{place.layer.id}/{ZOOM}/{x}/{y}", round(random.uniform(200, 900), 3)
    for client in clients:
        client.get(path)
        client.get(path)
    owner.execute(_EDIT.format(number=place.layer.number).encode(), [height, oid])
    begun, seen = time.perf_counter(), [0.0, 0.0]
    while not all(seen):
        for index, client in enumerate(clients):
            if not seen[index] and _shows(client.get(path).plain, oid, height):
                seen[index] = time.perf_counter() - begun
        assert time.perf_counter() - begun < _PATIENCE_S, path
        time.sleep(0.002)
    return seen


def _shows(body: bytes, oid: int, height: float) -> bool:
    return any(feature.get("id") == oid and feature["properties"].get("height") == height for feature in features(body))


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
