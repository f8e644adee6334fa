"""Whether low zooms tell the truth: counts and floor area conserved, land where land is, and small answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import shapely

from bench._http import HttpClient
from bench._mvt import EXTENT, agreement, cover, drawn_cover, features
from bench._peers import Contender
from bench._rows import Result, limited
from bench._tile_data import TABLES
from bench._tile_lists import Cell, Ground
from postgis.connect import SUPERUSER, Database

MOST_KB = 500
LEAST_IOU = 0.8
MOST_LOST = 0.01
_HALF = 20037508.342789244
_TRUTH = "SELECT count(*), sum(ST_Area(geom::geography) * floors) FROM bench.footprints_4490"
_KEPT = "SELECT sum(ST_Area(geom::geography) * floors) FROM bench.footprints_4490 WHERE oid = ANY (%s)"
_WITHIN = "SELECT ST_AsBinary(geom) FROM bench.footprints_3857 WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 3857)"
FOOTPRINTS = TABLES[0]


@dataclass(frozen=True, slots=True)
class Sums:
    """What a zoom's tiles add up to."""

    count: float
    floor_area_m2: float
    largest_bytes: int


def low_zooms(database: Database, ours: Contender, ground: Ground, zooms: Sequence[int], pictures: Sequence[Cell]) -> list[Result]:
    """All tiles of every zoom added up against the table, and some compared with the footprints as they are."""
    count, floor_area = _one_row(database, _TRUTH)
    found = {zoom: _sums(database, ours, ground.filled(zoom)) for zoom in zooms}
    names = ", ".join(f"z{zoom}" for zoom in zooms)
    lost = max(abs(sums.count / count - 1) for sums in found.values())
    lost_area = max(abs(sums.floor_area_m2 / floor_area - 1) for sums in found.values())
    largest = max(sums.largest_bytes for sums in found.values())
    land = [_land(database, ours, cell) for cell in pictures]
    shares, cells = min(share for share, _ in land), min(any_ for _, any_ in land)
    where = ", ".join(f"{cell.z}/{cell.x}/{cell.y}" for cell in pictures)
    return [
        limited(f"footprints, {names}: count over a zoom, greatest relative difference", "", lost, MOST_LOST),
        limited(f"footprints, {names}: floor area over a zoom, greatest relative difference", "", lost_area, MOST_LOST),
        limited(f"footprints, {names}: largest tile, gzip", "KB", largest / 1024, MOST_KB),
        _at_least(f"IoU of drawn cover with the true footprints, 64 × 64 grid, shares of cells, least of {where}", shares, LEAST_IOU),
        _at_least(f"the same, cells with any land, least of {where}", cells, LEAST_IOU),
    ]


def _at_least(case: str, ours: float, least: float) -> Result:
    return Result(case, "", round(ours, 4), least, "limit", round(ours / least, 3), 1.0, ours >= least)


def _sums(database: Database, ours: Contender, tiles: Sequence[Cell]) -> Sums:
    """Counts and floor areas of all tiles; what is drawn as itself appears in each tile it reaches, so it is counted by its id."""
    client, kept = HttpClient(ours.port), dict[int, dict[str, Any]]()
    count, floor_area, largest = 0.0, 0.0, 0
    for cell in tiles:
        answer = client.get(ours.path(FOOTPRINTS, *cell))
        largest = max(largest, len(answer.body))
        for feature in features(answer.plain):
            if feature.get("id"):
                kept[int(feature["id"])] = feature["properties"]
            else:
                count += feature["properties"].get("count", 1)
                floor_area += feature["properties"].get("floor_area_m2", math.nan)
    told = {oid: found["floor_area_m2"] for oid, found in kept.items() if "floor_area_m2" in found}
    looked_up = _one_row(database, _KEPT, [[oid for oid in kept if oid not in told]])[0] or 0
    return Sums(count + len(kept), floor_area + sum(told.values()) + looked_up, largest)


def _one_row(database: Database, text: str, values: Any = None) -> tuple[Any, ...]:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        row = admin.execute(text.encode(), values).fetchone()
    assert row is not None
    return row


def _land(database: Database, ours: Contender, cell: Cell) -> tuple[float, float]:
    drawn = drawn_cover(features(HttpClient(ours.port).get(ours.path(FOOTPRINTS, *cell)).plain))
    return agreement(drawn, _true_cover(database, cell))


def _true_cover(database: Database, cell: Cell) -> Any:
    """The footprints themselves in the units of the tile."""
    size = 2 * _HALF / 2**cell.z
    west, south = cell.x * size - _HALF, _HALF - (cell.y + 1) * size
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        rows = admin.execute(_WITHIN, [west, south, west + size, south + size]).fetchall()
    shapes = shapely.from_wkb([bytes(row[0]) for row in rows])
    return cover(list(shapely.transform(shapes, lambda places: (places - [west, south]) * (EXTENT / size))))
