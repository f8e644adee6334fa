"""Tiles out of archives, through the same door as live ones: joined with them, hidden like them, gone with their file."""

import asyncio
import gzip
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import mapbox_vector_tile
import pytest
import pytest_asyncio
from pmtiles.reader import MmapSource, Reader, all_tiles

from importers.options import ImportOptions
from importers.run import import_file
from layers.catalog import LiveCatalog
from postgis.connect import Database
from postgis.pool import HotPool
from tests.archives import mvt, write_archive
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from tiles.archive import Archive, Archives
from tiles.grid import TileAddress
from tiles.tilejson import tilejson
from tiles.vector import VectorTiles
from twin.errors import NotFound, Unavailable
from twin.grids import Grid
from twin.layer import Access, Layer
from twin.view import EVERYTHING, PUBLIC, Scope

HERE = TileAddress(14, 13382, 7138)
RANDOM = random.Random(3)
#: So many, so irregular, that their directory does not fit into the root.
MANY = {(12, RANDOM.randrange(4096), RANDOM.randrange(4096)): mvt(note=RANDOM.randbytes(RANDOM.randrange(200)).hex()) for _ in range(8000)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest_asyncio.fixture(scope="module")
async def tiles(database: Database, home: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VectorTiles]:
    folder = tmp_path_factory.mktemp("archives")
    put_layer(database, Layer(number=0, id="建筑", title_zh="建筑", fields=BUILDING_FIELDS), [Row(square(114.0550, 22.5400))])
    one = write_archive(folder / "a.pmtiles", {(14, 13382, 7138): mvt(count=3)})
    two = write_archive(folder / "b.pmtiles", {(14, 13382, 7138): mvt("water") + mvt("land")}, contents=("water", "land"))
    for path, layer, access in ((one, "frozen", None), (two, "several", None), (one, "inside", "internal")):
        await asyncio.to_thread(import_file, database, path, ImportOptions(layer=layer, access=access and Access(access)), home=home)
    pool = await HotPool.open(database, 2)
    catalog = LiveCatalog(database, pool)
    await catalog.start()
    yield VectorTiles(pool, catalog, Archives(home))
    await catalog.stop()
    await pool.close()


async def decoded(tiles: VectorTiles, ids: str, address: TileAddress = HERE, scope: Scope = PUBLIC) -> dict[str, int]:
    made = await tiles.make(tiles.ask(tiles.layers(tuple(ids.split(",")), scope), address, scope))
    return {name: len(layer["features"]) for name, layer in mapbox_vector_tile.decode(made.body).items()}


def test_every_tile_of_a_large_archive(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "many.pmtiles", MANY)
    archive = Archive(path)
    assert archive.header.leaves.length, "it has directories below the root"
    with path.open("r+b") as file:
        theirs = {address: gzip.decompress(body) for address, body in all_tiles(MmapSource(file))}
    assert theirs == MANY == {address: archive.tile(*address) for address in MANY}
    assert not any(archive.tile(*address) for address in ((0, 0, 0), (11, 1, 0), (13, 0, 0), (14, 1, 1)))
    assert sum(len(ids) for ids in archive.ids()) == len(MANY)


def test_plain_tiles_and_runs(tmp_path: Path) -> None:
    from pmtiles.tile import Compression

    same = {(3, x, y): mvt() for x in range(8) for y in range(8)}
    archive = Archive(write_archive(tmp_path / "same.pmtiles", same, compression=Compression.NONE))
    assert archive.header.data.length == len(mvt())
    assert {address: archive.tile(*address) for address in same} == same


async def test_live_and_ready_ones_in_one_tile(tiles: VectorTiles) -> None:
    assert await decoded(tiles, "frozen") == {"frozen": 3}, "one layer inside goes by our id"
    assert await decoded(tiles, "several") == {"water": 1, "land": 1}
    assert await decoded(tiles, "建筑,frozen,several") == {"建筑": 1, "frozen": 3, "water": 1, "land": 1}
    assert await decoded(tiles, "frozen", TileAddress(14, 13382, 7139)) == {}
    assert await decoded(tiles, "frozen", TileAddress(13, 6691, 3569)) == {}
    assert await decoded(tiles, "frozen", TileAddress(14, 13382, 3569, Grid.CGCS2000)) == {}


async def test_who_may_not_see_it(tiles: VectorTiles) -> None:
    with pytest.raises(NotFound):
        tiles.layers(("inside",), PUBLIC)
    assert await decoded(tiles, "inside", scope=EVERYTHING) == {"inside": 3}
    for bound in (
        Scope(PUBLIC.access, ("4403",)),
        Scope(PUBLIC.access, masked_fields=frozenset({"name"})),
        Scope(PUBLIC.access, area_4490=(0, 0, 1, 1)),
    ):
        assert await decoded(tiles, "frozen", scope=bound) == {}


async def test_its_description(tiles: VectorTiles) -> None:
    described = tilejson(tiles.layers(("frozen", "several", "建筑"), PUBLIC), "x")
    assert [layer.id for layer in described.vector_layers] == ["frozen", "water", "land", "建筑"]


async def test_a_new_file_is_another_tile(tiles: VectorTiles, database: Database, home: Path, tmp_path: Path) -> None:
    before = tiles.ask(tiles.layers(("several",), PUBLIC), HERE, PUBLIC)
    path = write_archive(tmp_path / "c.pmtiles", {(14, 13382, 7138): mvt("water", 5)}, contents=("water", "land"))
    await asyncio.to_thread(import_file, database, path, ImportOptions(layer="several"), home=home)
    await until(lambda: tiles.ask(tiles.layers(("several",), PUBLIC), HERE, PUBLIC).etag != before.etag)
    assert await decoded(tiles, "several") == {"water": 5}


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_missing_file(tiles: VectorTiles, tmp_path: Path) -> None:
    elsewhere = VectorTiles(tiles.pool, tiles.catalog, Archives(tmp_path))
    with pytest.raises(Unavailable, match="not on this machine"):
        await decoded(elsewhere, "frozen")


async def test_many_open_archives_are_let_go(tiles: VectorTiles, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.archive._OPEN_ARCHIVES", 1)
    archives = Archives(home)
    layers = [tiles.catalog.snapshot.by_id[name] for name in ("frozen", "several") * 5]
    bodies = await asyncio.gather(*(archives.body([layer], PUBLIC, HERE) for layer in layers))
    assert all(bodies) and len(archives._open) == 1


def test_the_package_reads_what_we_read(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.pmtiles", {(5, 3, 4): mvt()})
    with path.open("r+b") as file:
        body = Reader(MmapSource(file)).get(5, 3, 4)
    assert body is not None and gzip.decompress(body) == Archive(path).tile(5, 3, 4)
