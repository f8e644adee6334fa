"""The painting process: `python -m tiles.painting FOLDER`, a kept MapLibre Native that turns vector tiles and styles into PNG.

Jobs come by fd 0 and pictures go out by fd 1, each a frame of lengths and bytes; an empty one says that it is ready. What others wrote (names, shapes) is read by
C++ here, so the process has no network, no database, bounded memory, and dies with its parent.
"""

import json
import math
import os
import shutil
import struct
import sys
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image
from pymgl import Map
from scipy.ndimage import binary_dilation, label

from tiles.glyphs import Glyphs, find_glyphs
from tiles.texts import texts_of
from twin.picture import SOURCE
from twin.sandbox import Limits, enter

JSON = dict[str, Any]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]

LIMITS = Limits(memory_bytes=4 << 30, cpu_s=7200, file_bytes=64 << 20)
TILE_PX = 512
"""Side of a vector tile on the page; a picture is a quarter of one, so that four share one drawing and its labels."""
_MARGIN_PX = 16
_LETTER_GAP_PX = 3
"""Half of what may lie between letters of one name."""
_DIGITS = "0123456789,.万亿kM"
_EMPTY_STYLE = {"version": 8, "sources": {}, "layers": []}


def main() -> int:
    """Paint until the parent closes the pipe."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing a library prints may land among the pictures
    enter(LIMITS)
    folder, glyphs = Path(sys.argv[1]), find_glyphs()
    _draw(_EMPTY_STYLE, (0, 0, 0), 1)  # loads the driver
    _answer(out, 0, [])
    while job := _read(sys.stdin.buffer):
        _answer(out, *_painted(job, folder, glyphs))
    return 0


def _read(source: IO[bytes]) -> tuple[JSON, bytes] | None:
    """The next job: what to do as JSON, and the vector tile; None at the end."""
    head = source.read(8)
    if len(head) < 8:
        return None
    told, body = struct.unpack(">II", head)
    return json.loads(source.read(told)), source.read(body)


def _answer(out: IO[bytes], status: int, parts: list[bytes]) -> None:
    out.write(struct.pack(">BB", status, len(parts)))
    for part in parts:
        out.write(struct.pack(">I", len(part)) + part)
    out.flush()


def _painted(job: tuple[JSON, bytes], folder: Path, glyphs: Glyphs | None) -> tuple[int, list[bytes]]:
    """Status 0 and the pictures, or 1 and what went wrong."""
    spool = folder / "now"
    spool.mkdir()
    try:
        return 0, _paint(*job, spool, glyphs)
    except (RuntimeError, ValueError, OSError) as exc:
        return 1, [str(exc)[:500].encode()]
    finally:
        shutil.rmtree(spool, ignore_errors=True)


def _paint(told: JSON, tile: bytes, spool: Path, glyphs: Glyphs | None) -> list[bytes]:
    """Four pictures in reading order, or the whole tile at half its size when `shrunken`."""
    z, ratio = told["z"], told["ratio"]
    # Any column of the middle will do: what counts is the place inside the tile, in whichever grid.
    place = (z, (1 << z) // 2, (1 << z) // 2)
    (spool / "{}-{}-{}.mvt".format(*place)).write_bytes(tile)
    style = _style(told, tile, spool, glyphs)
    if told["shrunken"]:
        return [_png(_draw(style, place, ratio / 2))]
    pixels = _draw(style, place, ratio)
    half = TILE_PX * ratio // 2
    return [_png(pixels[row : row + half, column : column + half]) for row in (0, half) for column in (0, half)]


def _style(told: JSON, tile: bytes, spool: Path, glyphs: Glyphs | None) -> JSON:
    """The style with its one source on our disk, and with just the labels that can be drawn."""
    source = {"type": "vector", "tiles": [f"file://{spool}/{{z}}-{{x}}-{{y}}.mvt"], "minzoom": 0, "maxzoom": 24}
    layers = [part for part in told["layers"] if part.get("minzoom", 0) <= told["z"] < part.get("maxzoom", 24)]
    labelled = {part["source-layer"] for part in layers if "text-field" in part.get("layout", {})}
    found: JSON = {"version": 8, "sources": {SOURCE: source}, "layers": layers}
    if labelled and glyphs:
        found["glyphs"] = glyphs.write(spool, {_DIGITS, *texts_of(tile, labelled)})
    elif labelled:
        found["layers"] = [part for part in layers if "text-field" not in part.get("layout", {})]
    return found | ({"sprite": told["sprite"]} if told["sprite"] else {})


def _draw(style: JSON, place: tuple[int, int, int], ratio: float) -> Pixels:
    """The pixels of one tile, without the names and icons that its edge would cut: the tile next to it does not know of them."""
    symbols = [part["id"] for part in style["layers"] if part["type"] == "symbol"]
    if not symbols:
        with _map(style, place, ratio, TILE_PX) as drawn:
            return _pixels(drawn, TILE_PX, ratio)
    side = TILE_PX + 2 * _MARGIN_PX
    with _map(style, place, ratio, side) as drawn:
        whole = _pixels(drawn, side, ratio)
        for name in symbols:
            drawn.setVisibility(name, False)
        bare = _pixels(drawn, side, ratio)
    return _uncut(whole, bare, round(_MARGIN_PX * ratio))


def _uncut(whole: Pixels, bare: Pixels, margin: int) -> Pixels:
    """The middle of `whole`; where a name or icon lies across its edge, that of `bare`."""
    marks, count = label(binary_dilation((whole != bare).any(axis=2), iterations=_LETTER_GAP_PX))
    inner = (slice(margin, -margin), slice(margin, -margin))
    outside = np.ones(marks.shape, dtype=bool)
    outside[inner] = False
    cut = np.zeros(count + 1, dtype=bool)
    cut[marks[outside]] = True
    cut[0] = False
    return np.where(cut[marks[inner]][..., np.newaxis], bare[inner], whole[inner])


def _map(style: JSON, place: tuple[int, int, int], ratio: float, side: int) -> Any:
    """A square map with the tile in its middle."""
    z, x, y = place
    count = 1 << z
    longitude = (x + 0.5) / count * 360 - 180
    latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + 0.5) / count))))
    return Map(json.dumps(style), side, side, ratio, longitude, latitude, z)


def _pixels(drawn: Any, side: int, ratio: float) -> Pixels:
    """Red, green, blue and opacity of what a map shows."""
    if ratio == 1:
        return np.array(drawn.renderBuffer()).reshape(side, side, 4)
    # The buffer comes out at the size of ratio 1 whatever the ratio is (pymgl 0.5), the PNG as it should.
    return np.asarray(Image.open(BytesIO(drawn.renderPNG())).convert("RGBA"))


def _png(pixels: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels), "RGBA").save(out, "PNG", compress_level=3)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
