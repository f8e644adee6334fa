"""Exports hold exactly the live tiles: read by the package, by GDAL and by our own reader; killed ones go on, changed ones are made again."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pyogrio
import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles

from layers.catalog import load
from postgis.connect import IMPORTER, Database, connect
from postgis.pool import HotPool
from postgis.tile_boxes import layer_boxes, looking
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, put_rows, square
from tiles.archive import Archive
from tiles.covering import Covering, world_shares
from tiles.descent import descend
from tiles.export import ExportReport, ExportRequest, export
from tiles.export_child import ReadCatalog
from tiles.export_parts import MadeTile, Parts, read_chunk, write_chunk
from tiles.grid import TileAddress
from tiles.vector import VectorTiles
from twin.errors import BadParameter, Conflict, NotFound, TooLarge, Unavailable
from twin.fields import Field
from twin.layer import Bounds, GeometryType, Layer
from twin.settings import child_environment
from twin.view import EVERYTHING

ROOT = Path(__file__).parents[2]
Address = tuple[int, int, int]
RIVER = "LINESTRING(113.1 22.1,113.9 22.2,113.5 22.9,114.2 22.95)"


def silent(done: int, total: int | None, zh: str, en: str) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def scene(database: Database) -> Database:
    """Houses in two places, and one long river."""
    houses = [Row(square(114.0 + i % 40 * 0.002, 22.5 + i // 40 * 0.002), {"高度": i}, name=f"楼{i}") for i in range(400)]
    houses += [Row(square(113.2 + i * 0.001, 22.2), {"高度": i}) for i in range(5)]
    made_up = Layer(number=0, id="houses", title_zh="房屋", fields=BUILDING_FIELDS, synthetic=True, attribution="某局", max_zoom=15)
    put_layer(database, made_up, houses)
    river = Layer(
        number=0, id="river", title_zh="河", geometry_type=GeometryType.LINE, fields=(Field(name="名", in_tiles_from_zoom=0),), max_zoom=13
    )
    put_layer(database, river, [Row(RIVER, {"名": "珠江"})])
    put_layer(database, Layer(number=0, id="empty", title_zh="空", fields=BUILDING_FIELDS))
    return database


def write(database: Database, out: Path, *layers: str, tell: Callable[..., None] = silent, **options: object) -> ExportReport:
    return export(database, out.parent, replace(ExportRequest(layers, out), **options), tell)


def read(path: Path) -> dict[Address, bytes]:
    with path.open("r+b") as file:
        return {address: gzip.decompress(body) for address, body in all_tiles(MmapSource(file))}


def metadata(path: Path) -> tuple[dict, dict]:
    with path.open("r+b") as file:
        reader = Reader(MmapSource(file))
        return reader.header(), reader.metadata()


async def live(database: Database, addresses: list[Address], *layers: str) -> dict[Address, bytes]:
    pool = await HotPool.open(database, 1)
    try:
        tiles = VectorTiles(pool, ReadCatalog(pool, await load(pool)))
        shown = tiles.layers(layers, EVERYTHING)
        made = {address: (await tiles.make(tiles.ask(shown, TileAddress(*address), EVERYTHING))).body for address in addresses}
        return {address: body for address, body in made.items() if body}
    finally:
        await pool.close()


def around(addresses: dict[Address, bytes]) -> list[Address]:
    """The tiles and all their neighbours."""
    near = {(z, x + i, y + j) for z, x, y in addresses for i in (-1, 0, 1) for j in (-1, 0, 1)}
    return [(z, x, y) for z, x, y in near if 0 <= x < 1 << z and 0 <= y < 1 << z]


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("layers", [("houses",), ("river",), ("houses", "river")])
async def test_all_live_tiles_and_no_others(scene: Database, tmp_path: Path, layers: tuple[str, ...], processes: int) -> None:
    out = tmp_path / "out.pmtiles"
    report = await asyncio.to_thread(lambda: write(scene, out, *layers, processes=processes, connections=3))
    found = read(out)
    expected = await live(scene, around(found), *layers)
    assert found == expected and report.tiles == len(expected) and report.of_one_moment and not report.resumed
    archive = Archive(out)
    assert {address: archive.tile(*address) for address in found} == expected
    assert not (tmp_path / "out.pmtiles.part").exists()


@pytest.mark.parametrize("within", [None, (113.1, 22.1, 114.02, 22.52)])
@pytest.mark.parametrize("layer", ["houses", "river"])
def test_looking_at_tiles_finds_what_reading_rows_finds(
    scene: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str, within: Bounds | None
) -> None:
    """Few rows are read; many are not, unless they are large."""
    by_rows, by_tiles = tmp_path / "rows.pmtiles", tmp_path / "tiles.pmtiles"
    write(scene, by_rows, layer, within=within, processes=1)
    monkeypatch.setattr("tiles.descent._ROWS_A_LOOK", 1e-6)
    reads: list[str] = []
    report = write(scene, by_tiles, layer, within=within, processes=1, tell=lambda done, total, zh, en: reads.append(zh))
    assert by_rows.read_bytes() == by_tiles.read_bytes() and report.tiles > 4
    assert ("查找有内容的瓦片" in reads) == (layer == "river")


def test_what_lies_at_the_edge_of_the_world_is_seen(scene: Database) -> None:
    rows = [Row(square(lon, lat)) for lon in (-179.999, 179.99) for lat in (-89.0, 0.0, 89.0)]
    layer = put_layer(scene, Layer(number=0, id="edges", title_zh="边"), rows)
    covering, read = Covering(3, 9), Covering(3, 9)
    with looking(scene, layer, EVERYTHING, 9) as look:
        assert descend(covering, 10**6, look)
    for boxes in layer_boxes(scene, layer, EVERYTHING, 9):
        read.add(world_shares(boxes))
    assert covering.ids().tolist() == read.ids().tolist()


def test_what_the_archive_says_of_itself(scene: Database, tmp_path: Path) -> None:
    write(scene, tmp_path / "a.pmtiles", "houses", "river", min_zoom=9, max_zoom=14)
    header, about = metadata(tmp_path / "a.pmtiles")
    assert (header["min_zoom"], header["max_zoom"], header["clustered"], header["center_zoom"]) == (9, 14, True, 9)
    assert header["min_lon_e7"] == 1131000000 and abs(header["max_lat_e7"] - 229500000) < 2
    assert about["name"] == "房屋、河（示例数据）" and about["attribution"] == "某局" and "示例数据" in about["description"]
    assert about["yuetu:synthetic"] == ["houses"] and about["yuetu:of_one_moment"] and about["yuetu:epoch"] > 0
    layers = {layer["id"]: layer for layer in about["vector_layers"]}
    assert set(layers) == {"houses", "river"} and layers["houses"]["fields"]["高度"] == "Number"
    assert (layers["houses"]["minzoom"], layers["houses"]["maxzoom"]) == (9, 14)


def test_gdal_opens_it(scene: Database, tmp_path: Path) -> None:
    write(scene, tmp_path / "a.pmtiles", "houses", max_zoom=15)
    assert "PMTiles" in pyogrio.list_drivers()
    found = pyogrio.raw.read(tmp_path / "a.pmtiles", layer="houses", columns=["高度"])
    heights = {float(value) for value in found[3][0]}
    assert heights >= {float(value) for value in range(5, 400)}


def test_a_box_of_wishes(scene: Database, tmp_path: Path) -> None:
    write(scene, tmp_path / "a.pmtiles", "houses", within=(113.1, 22.1, 113.3, 22.3), min_zoom=14, max_zoom=14)
    assert read(tmp_path / "a.pmtiles").keys() == {(14, 13343, 7155), (14, 13344, 7155)}


@pytest.mark.parametrize(
    ("layers", "options", "refused"),
    [
        (("nothing",), {}, NotFound),
        (("empty",), {}, NotFound),
        (("houses",), {"min_zoom": 9, "max_zoom": 8}, BadParameter),
        (("houses",), {"max_zoom": 23}, BadParameter),
        (("houses",), {"within": (0.0, 0.0, 1.0, 1.0)}, NotFound),
    ],
)
def test_refusals_leave_nothing(scene: Database, tmp_path: Path, layers: tuple[str, ...], options: dict, refused: type[Exception]) -> None:
    with pytest.raises(refused):
        write(scene, tmp_path / "out.pmtiles", *layers, **options)
    assert not (tmp_path / "out.pmtiles").exists()


def test_places_that_cannot_be_written(scene: Database, tmp_path: Path) -> None:
    with pytest.raises(BadParameter):
        write(scene, tmp_path / "no" / "out.pmtiles", "houses")
    with pytest.raises(Conflict):
        write(scene, tmp_path, "houses")
    with Parts(tmp_path / "out.pmtiles"), pytest.raises(Conflict, match="another export"):
        write(scene, tmp_path / "out.pmtiles", "houses")


def test_the_world_at_street_level_is_too_much(scene: Database, tmp_path: Path) -> None:
    put_layer(scene, Layer(number=0, id="world", title_zh="世界"), [Row("POLYGON((-179 -80,179 -80,179 80,-179 80,-179 -80))")])
    with pytest.raises(TooLarge):
        write(scene, tmp_path / "out.pmtiles", "world", max_zoom=18)
    assert write(scene, tmp_path / "out.pmtiles", "world", max_zoom=3).tiles == 1 + 4 + 16 + 64


def test_what_changes_meanwhile_is_made_again(scene: Database, tmp_path: Path) -> None:
    """A row comes where nothing was, and one goes, while tiles are made: both are in the archive, which is of one moment."""
    layer = put_layer(
        scene, Layer(number=0, id="moving", title_zh="动", fields=BUILDING_FIELDS, max_zoom=14), [Row(square(113.5, 23.0), {"高度": 1})]
    )
    done: list[str] = []

    def meddle(seen: int, total: int | None, zh: str, en: str) -> None:
        if zh == "生成瓦片" and not done:
            done.append(zh)
            with connect(scene, IMPORTER) as connection:
                put_rows(connection, layer.number, [Row(square(113.7, 23.2), {"高度": 2})])
                connection.execute(f"UPDATE twin.object_{layer.number} SET attrs = '{{\"高度\": 7}}' WHERE attrs ->> '高度' = '1'".encode())

    report = write(scene, tmp_path / "a.pmtiles", "moving", tell=meddle)
    found = read(tmp_path / "a.pmtiles")
    assert report.of_one_moment and report.asked > report.tiles
    assert found == asyncio.run(live(scene, around(found), "moving"))
    heights = {
        f["properties"]["高度"]
        for body in found.values()
        for f in mapbox_vector_tile.decode(body)["moving"]["features"]
        if "高度" in f["properties"]
    }
    assert heights == {7, 2}


_SCRIPT = """
import json, sys
from pathlib import Path
from postgis.connect import Database
from tiles.export import ExportRequest, export
dsn, out = sys.argv[1:]
export(Database(dsn), Path(out).parent, ExportRequest(("houses",), Path(out), processes=2), lambda *seen: print(*seen, flush=True))
"""


def test_killed_half_way_it_goes_on(scene: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, whole = tmp_path / "out.pmtiles", tmp_path / "whole.pmtiles"
    monkeypatch.setattr("tiles.export_parts.CHUNK_TILES", 8)
    script = "import tiles.export_parts as parts; parts.CHUNK_TILES = 8\n" + _SCRIPT
    command = [sys.executable, "-c", script, scene.dsn, str(out)]
    process = subprocess.Popen(command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "Making tiles" in line:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    kept = list((tmp_path / "out.pmtiles.part").glob("*.chunk"))
    assert kept and not out.exists()
    until(lambda: not _children_of(out), "its children end with it")
    made = {path: path.stat().st_mtime_ns for path in kept}
    asked: list[int] = []
    report = write(scene, out, "houses", tell=lambda done, total, zh, en: asked.append(done) if zh == "生成瓦片" else None)
    write(scene, whole, "houses")
    assert report.resumed and made
    assert asked[0] > 8, "it began where the other ended"
    assert read(out) == read(whole) and out.read_bytes() == whole.read_bytes()


def _children_of(out: Path) -> list[str]:
    """Processes that still write below the folder of this export."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (
                "tiles.export_child" in (entry / "cmdline").read_text()
                and int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == 1
            ):
                found.append(entry.name)
        except OSError:
            continue
    return found


def until(true: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


def test_other_arguments_begin_anew(scene: Database, tmp_path: Path) -> None:
    with Parts(tmp_path / "a.pmtiles") as parts:
        assert not parts.resume({"layers": ["other"]})
        parts.keep_plan({"layers": ["other"]}, np.array([1], np.uint64))
        write_chunk(parts.folder / "000-00000000.chunk", 1, [MadeTile(1, b"not a tile", False, "x")])
    assert not write(scene, tmp_path / "a.pmtiles", "houses", max_zoom=5).resumed
    assert read(tmp_path / "a.pmtiles") == asyncio.run(live(scene, list(read(tmp_path / "a.pmtiles")), "houses"))


def test_a_chunk_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "000-00000000.chunk"
    write_chunk(path, 5, [MadeTile(7, b"abc", False, "e"), MadeTile(9, b"", True, "f")])
    chunk = read_chunk(path)
    assert chunk is not None and chunk.epoch == 5 and [int(number) for number in chunk.index["id"]] == [7, 9]
    os.truncate(path, path.stat().st_size - 1)
    assert read_chunk(path) is None and read_chunk(tmp_path / "no") is None


def test_what_one_process_alone_is_refused_is_said_as_by_children(scene: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("the database is away", "数据库暂不可用")

    monkeypatch.setattr("tiles.export_child._PAUSE_S", 0.0)
    monkeypatch.setattr(VectorTiles, "make", away)
    with pytest.raises(Unavailable, match="away"):
        write(scene, tmp_path / "out.pmtiles", "houses", processes=1)
    monkeypatch.undo()
    assert write(scene, tmp_path / "out.pmtiles", "houses", processes=1).resumed


def test_a_child_that_dies_is_named(scene: Database, tmp_path: Path) -> None:
    from tiles.export_child import ChildRequest
    from tiles.export_crew import Crew
    from twin.errors import OperationError, TwinError

    request = ChildRequest(dsn=scene.dsn, private=True, home=str(tmp_path), layers=("houses",), connections=1)
    with pytest.raises(OperationError, match="made is kept"), Crew(request, 1) as crew:
        threading.Timer(0.0, crew._children[0].kill).start()
        list(crew.make([(tmp_path / "000-00000000.chunk", [0])] * 50))
    with pytest.raises(TwinError), Crew(request.model_copy(update={"layers": ("nothing",)}), 1) as crew:
        list(crew.make([(tmp_path / "000-00000001.chunk", [0])]))
    assert json.loads(request.model_dump_json())["layers"] == ["houses"]
