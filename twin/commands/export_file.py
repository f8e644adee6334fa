"""export LAYER FILE: a whole layer as one file of the format its suffix names, by the engine of the export door without the door."""

import asyncio
import time
from pathlib import Path
from typing import IO

from layers.catalog import load
from layers.cql2.reading import read_filter
from layers.export.formats import Format, format_of_file
from layers.export.process import FileLimits, write_in_child
from layers.export.sheets import drawn_for, file_request, sheet_of
from layers.export.text import TextSheet
from postgis.connect import Database
from postgis.features import statement
from postgis.pool import HotPool
from postgis.streaming import rows
from twin.commands.context import say
from twin.errors import BadParameter, Conflict
from twin.layer import Bounds, Layer, LayerKind
from twin.view import EVERYTHING, Bbox, View

_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
_SECONDS = 86_400.0
_LIMITS = FileLimits(memory_bytes=16 << 30, folder_bytes=1 << 60, seconds=_SECONDS)


def export_file(database: Database, name: str, out: Path, within: Bounds | None, where: str) -> None:
    """Write the layer beside `out` and give it that name when it is whole. NotFound, BadParameter or Conflict refuse it."""
    format_ = format_of_file(out.name)
    if out.is_dir() or not out.parent.is_dir():
        raise Conflict(f"{out} is a directory, or its directory is not there", f"{out} 是目录，或其上级目录不存在", place="out")
    layer = asyncio.run(_layer(database, name))
    if layer.kind is not LayerKind.OBJECTS:
        raise BadParameter(f"layer {name!r} has no features, only tiles", f"图层 {name!r} 只有瓦片，没有要素", place="layer")
    condition = read_filter(where, None, None, (layer,)) if where else None
    view = View(layer.id, EVERYTHING, area=Bbox(within) if within else None, where=condition)
    begun, part = time.monotonic(), out.with_name(f".{out.name}.part{format_.suffix}")
    try:
        written = _written(database, layer, view, format_, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    say(f"{out}  {written} 行 rows  {out.stat().st_size / 1e6:.1f} MB  {time.monotonic() - begun:.1f} s")


async def _layer(database: Database, name: str) -> Layer:
    pool = await HotPool.open(database, 1)
    try:
        return (await load(pool)).layer(name, EVERYTHING)
    finally:
        await pool.close()


def _written(database: Database, layer: Layer, view: View, format_: Format, part: Path) -> int:
    """Write the file; returns its rows."""
    if format_.text is None:
        part.unlink(missing_ok=True)
        return asyncio.run(write_in_child(file_request(database, layer, view, format_, "EPSG:4490", part, _SECONDS), _LIMITS))
    with part.open("wb") as file:
        return asyncio.run(_text(database, layer, view, format_, file))


async def _text(database: Database, layer: Layer, view: View, format_: Format, file: IO[bytes]) -> int:
    assert format_.text is not None  # noqa: S101  (a text is asked for)
    uri = _CRS84H if layer.vertical_datum else _CRS84
    writer = format_.text(TextSheet(sheet_of(layer, view, "OGC:CRS84"), uri, plain=True))
    drawn = drawn_for(view, layer, format_)
    count = 0
    file.write(writer.head())
    async with rows(database, statement(drawn, layer), view.scope, _SECONDS) as pieces:
        async for piece in pieces:
            count += len(piece)
            file.write(writer.rows(piece))
    file.write(writer.tail({"numberMatched": count, "numberReturned": count}))
    return count
