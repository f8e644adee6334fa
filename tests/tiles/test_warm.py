"""Warming up: what was warmed is read from the disk afterwards, coarse zooms come first, and limits hold."""

import asyncio
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from layers.catalog import load
from postgis import jobs
from postgis.connect import IMPORTER, Database, connect
from postgis.identity import whose_data
from postgis.jobs import RunningJob
from postgis.pool import HotPool
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tiles.cache import MemoryCache
from tiles.disk import Disk
from tiles.export_child import ReadCatalog
from tiles.grid import TileAddress
from tiles.ready import make_ready
from tiles.served import ServedTiles, Source
from tiles.shelf import Shelf
from tiles.vector import VectorTiles
from tiles.warm import Limits, run_warm, warm
from twin.errors import BadParameter, NotFound
from twin.layer import Layer
from twin.view import PUBLIC

BYTES = 64 << 20


def silent(done: int, total: int | None, zh: str, en: str) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def scene(database: Database) -> Database:
    rows = [Row(square(114.0 + i % 20 * 0.01, 22.5 + i // 20 * 0.01), {"高度": i}) for i in range(200)]
    put_layer(database, Layer(number=0, id="houses", title_zh="房屋", fields=BUILDING_FIELDS), rows)
    make_ready(database, silent)
    return database


async def source_of(database: Database, home: Path, address: TileAddress) -> Source:
    """Where a web process that starts now has this tile from."""
    pool = await HotPool.open(database, 1)
    tiles = VectorTiles(pool, ReadCatalog(pool, await load(pool)))
    served = ServedTiles({"mvt": tiles.make}, MemoryCache(BYTES), Disk(Shelf(home / "cache" / "tiles", BYTES), partial(whose_data, pool)))
    try:
        return (await served.answer(tiles.ask(tiles.layers(("houses",), PUBLIC), address, PUBLIC))).source
    finally:
        await served.close()
        await pool.close()


def test_warm_tiles_come_from_the_disk(scene: Database, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    limits = Limits(max_zoom=12, cache_bytes=BYTES)
    first = warm(scene, tmp_path, ("houses",), limits, lambda done, total, zh, en: told.append((done, total)))
    assert first.made == first.asked > 12 and first.there == first.left == 0
    assert told[-1] == (first.asked, first.asked)
    again = warm(scene, tmp_path, ("houses",), limits, silent)
    assert (again.made, again.there) == (0, first.asked)
    assert asyncio.run(source_of(scene, tmp_path, TileAddress(10, 836, 446))) is Source.DISK
    assert asyncio.run(source_of(scene, tmp_path, TileAddress(14, 13380, 7141))) is Source.MADE


def test_coarse_ones_first_and_no_more_than_said(scene: Database, tmp_path: Path) -> None:
    done = warm(scene, tmp_path, ("houses",), Limits(max_zoom=14, tiles=5, cache_bytes=BYTES), silent)
    assert done.asked == 5
    assert asyncio.run(source_of(scene, tmp_path, TileAddress(3, 6, 3))) is Source.DISK
    assert asyncio.run(source_of(scene, tmp_path, TileAddress(12, 3345, 1785))) is Source.MADE
    late = warm(scene, tmp_path / "late", ("houses",), Limits(seconds=-1, cache_bytes=BYTES), silent)
    assert late.asked == 0 and late.left > 0


def test_refusals(scene: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        warm(scene, tmp_path, ("nothing",), Limits(cache_bytes=BYTES), silent)
    with pytest.raises(BadParameter):
        warm(scene, tmp_path, ("houses",), Limits(), silent)


def test_the_job_after_a_large_import(scene: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importers.options import ImportOptions
    from importers.run import import_file
    from tests.importers import files

    monkeypatch.setattr("importers.run._WARM_FROM", 2)
    path = files.geojson(tmp_path / "many.geojson", [files.square(113 + i * 0.01, 22.0, 名=f"{i}") for i in range(3)])
    import_file(scene, path, ImportOptions())
    with connect(scene, IMPORTER) as connection:
        (job,) = [found for found in jobs.list_jobs(connection) if found.kind == "warm"]
    assert (job.kind, job.args, job.status) == ("warm", {"layers": ["many"]}, "queued")
    make_ready(scene, silent)
    with connect(scene, IMPORTER) as connection:
        assert jobs.start(connection, job.id)
    done = run_warm(RunningJob(job.id, "warm", job.args, "", scene, tmp_path))
    assert done["made"] > 10
    monkeypatch.setenv("TWIN_TILE_CACHE_MB", "0")
    assert run_warm(RunningJob(uuid4(), "warm", job.args, "", scene, tmp_path)) == {"asked": 0}
