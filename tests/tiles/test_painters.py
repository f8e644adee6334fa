"""The painting processes: pictures of a tile in any style, and a new process when one dies."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
from PIL import Image

from tiles.painters import Painters, Painting
from tiles.painting import LIMITS
from twin.errors import OperationError, Unavailable
from twin.picture import FONT, SOURCE

SQUARE = "POLYGON((0 0,4096 0,4096 2048,0 2048,0 0))"
AREA = {"id": "a", "type": "fill", "source": SOURCE, "source-layer": "地块", "paint": {"fill-color": "#FF0000", "fill-opacity": 0.5}}
LABEL = {
    "id": "l",
    "type": "symbol",
    "source": SOURCE,
    "source-layer": "点",
    "layout": {"text-field": ["get", "name"], "text-font": [FONT], "text-size": 13},
    "paint": {"text-color": "#000000"},
}


def tile(name: str = "市人民医院") -> bytes:
    shapes = {"name": "地块", "features": [{"geometry": SQUARE, "properties": {}}]}
    points = {"name": "点", "features": [{"geometry": "POINT(1024 3072)", "properties": {"name": name}}]}
    body: bytes = mapbox_vector_tile.encode([shapes, points], default_options={"y_coord_down": True})
    return body


def pixels(png: bytes) -> "np.ndarray[Any, Any]":
    image = Image.open(BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGBA"))


def proc(pid: int, name: str) -> str:
    """A file that the kernel keeps about a process; empty once it is gone."""
    path = Path(f"/proc/{pid}/{name}")
    return path.read_text() if path.exists() else ""


def folders_of(pid: int) -> list[Path]:
    return [path for path in Path(tempfile.gettempdir()).glob("yuetu-paint-*") if str(path) in proc(pid, "cmdline")]


def contents(folder: Path) -> list[str] | None:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else None


def painting(body: bytes, *layers: dict[str, Any], z: int = 14, ratio: int = 1, shrunken: bool = False) -> Painting:
    return Painting(z, body, json.dumps(layers), ratio, shrunken)


@pytest.fixture(scope="module")
def painters() -> Iterator[Painters]:
    made = Painters()
    yield made
    made.close()


async def test_four_pictures_of_one_tile_in_reading_order(painters: Painters) -> None:
    four = [pixels(png) for png in await painters.paint(painting(tile(), AREA))]
    assert [picture.shape for picture in four] == [(256, 256, 4)] * 4
    assert [picture[..., 3].mean() > 100 for picture in four] == [True, True, False, False]
    red = four[0][128, 128]
    assert red[0] == 255 and max(red[1:3]) < 16 and 120 < red[3] < 136
    assert not four[3][1:].any()


async def test_twice_as_large_and_half_as_large(painters: Painters) -> None:
    assert pixels((await painters.paint(painting(tile(), AREA, ratio=2)))[0]).shape == (512, 512, 4)
    whole = await painters.paint(painting(tile(), AREA, z=0, shrunken=True))
    assert len(whole) == 1
    assert pixels(whole[0]).shape == (256, 256, 4)
    assert pixels(whole[0])[64, 128, 3] > 0 and not pixels(whole[0])[192].any()


@pytest.mark.parametrize("name", ["市人民医院", "Hospital 12", "𠮷野家", "A\u0000\u200bB", "ѣ ﷽ 🏥"])
async def test_names_are_drawn_in_any_script_or_left_out(painters: Painters, name: str) -> None:
    four = [pixels(png) for png in await painters.paint(painting(tile(name), LABEL))]
    where = np.argwhere(four[2][..., 3] > 128)
    if name == "市人民医院":
        assert abs(where.mean(axis=0) - (128, 128)).max() < 4, "the label sits on its point"
        assert 55 < np.ptp(where[:, 1]) < 70, "five letters of 13 px"
    assert not four[0].any() and not four[1].any()


@pytest.mark.parametrize(("x", "whole"), [(100, False), (1024, True), (2048, True), (4000, False)])
async def test_a_name_is_whole_or_not_there(painters: Painters, x: int, whole: bool) -> None:
    points = {"name": "点", "features": [{"geometry": f"POINT({x} 3072)", "properties": {"name": "市人民医院"}}]}
    circle = {"id": "c", "type": "circle", "source": SOURCE, "source-layer": "点", "paint": {"circle-color": "#FF0000", "circle-radius": 3}}
    body = mapbox_vector_tile.encode([points], default_options={"y_coord_down": True})
    four = [pixels(png) for png in await painters.paint(painting(body, circle, LABEL | {"paint": {"text-color": "#0000FF"}}))]
    lower = np.hstack(four[2:])
    assert bool((lower[..., 2] > 128).sum() > 200) is whole
    assert lower[128, min(x // 8, 511), 3] > 128, "the point itself is there all the same"


async def test_style_layers_beyond_their_zooms_are_not_drawn(painters: Painters) -> None:
    for outside in ({"minzoom": 15}, {"maxzoom": 14}):
        assert not any(pixels(png).any() for png in await painters.paint(painting(tile(), AREA | outside)))


async def test_what_is_no_tile_ends_nothing(painters: Painters) -> None:
    before = painters.pids
    for body in (b"\xff" * 100, b"\x1a\xff\xff\xff\xff\x0f", tile()[:40]):
        try:
            await painters.paint(painting(body, AREA, LABEL))
        except OperationError as exc:
            assert exc.message_zh
    assert (await painters.paint(painting(tile(), AREA)))[0]
    assert painters.pids == before


async def test_what_cannot_be_drawn_says_so_and_ends_nothing(painters: Painters) -> None:
    await painters.paint(painting(tile(), AREA))
    before = painters.pids
    with pytest.raises(OperationError, match="could not be drawn") as caught:
        await painters.paint(Painting(14, tile(), json.dumps([AREA]), sprite="file:///nowhere/icons"))
    assert caught.value.message_zh
    assert painters.pids == before


async def test_a_killed_process_is_replaced(painters: Painters) -> None:
    await painters.paint(painting(tile(), AREA))
    (pid,) = painters.pids
    os.kill(pid, signal.SIGKILL)
    assert pixels((await painters.paint(painting(tile(), AREA)))[0]).any()
    assert painters.pids != (pid,)


async def test_the_process_has_no_network_and_bounded_memory(painters: Painters) -> None:
    await painters.paint(painting(tile(), AREA))
    (pid,) = painters.pids
    devices = [line.split(":")[0].strip() for line in proc(pid, "net/dev").splitlines()[2:]]
    assert devices == ["lo"] or os.geteuid() != 0, "not every kernel lets an ordinary account shut itself off"
    limit = next(line for line in proc(pid, "limits").splitlines() if line.startswith("Max address space"))
    assert limit.split()[3] == str(LIMITS.memory_bytes)


async def test_too_many_waiting_are_refused(painters: Painters) -> None:
    full = Painters(_waiting=64)
    with pytest.raises(Unavailable):
        await full.paint(painting(tile(), AREA))
    assert full.pids == ()


async def test_nothing_is_left_behind() -> None:
    own = Painters()
    try:
        await own.paint(painting(tile(), AREA, LABEL))
        (pid,) = own.pids
        (folder,) = folders_of(pid)
        assert contents(folder) == ["shaders"], "what was drawn is gone at once"
    finally:
        own.close()
    assert contents(folder) is None and not proc(pid, "cmdline")
