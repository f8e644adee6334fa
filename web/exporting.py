"""The export door: all features of a layer that a question matches, without pages; texts straight from the database, files by a child process."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from layers.export.formats import BY_NAME, Format
from layers.export.process import FileLimits, write_in_child
from layers.export.sheets import drawn_for, file_request
from layers.export.text import TextWriter
from postgis.features import statement
from postgis.streaming import Records, rows
from twin.errors import TooLarge
from twin.folders import private_folder, sweep_folders
from twin.layer import Layer
from twin.view import View
from web import asking, budgets, caching, crs, formats, item_query, ogc
from web.collections import with_items
from web.deps import CatalogDep, House, HouseDep, LinksDep, ScopeDep
from web.errors import Overloaded
from web.leaving import Watch
from web.links import Links
from web.params import Query, documented

doors = APIRouter(tags=["features"])

_PREFIX: Final = "export-"
_PORTION_BYTES: Final = 1 << 18
_SWEPT_AFTER_S: Final = 60.0
_LEFT: Final = 499
_FILE_CRS: Final = "EPSG:4490"


class Held(StreamingResponse):
    """A streamed answer that lets go of what it holds however it ends, also when it never began."""

    def __init__(self, body: AsyncIterator[bytes], held: AsyncExitStack, headers: dict[str, str], media_type: str) -> None:
        super().__init__(body, headers=headers, media_type=media_type)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


@doors.get(
    "/collections/{collection}/export", openapi_extra=documented(*item_query.EXPORT), response_class=StreamingResponse, summary="Export"
)
async def export(collection: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """All features of a layer that the query matches, as one text or file, without a limit of rows."""
    layer = with_items(catalog.layer(collection, scope))
    query = item_query.read(request, layer, item_query.EXPORT)
    format_ = BY_NAME[query.need(formats.EXPORT)]
    view = item_query.view_of(layer, scope, query, page=None)
    served = asking.system(query, layer)
    named = f"attachment; filename*=UTF-8''{quote(layer.id + format_.suffix)}"
    headers = caching.headers(scope) | formats.headers(format_) | {"content-disposition": named}
    async with AsyncExitStack() as held:
        held.enter_context(house.exports.one())
        with Watch(request.receive) as watch:
            if format_.text is None:
                named_crs = _FILE_CRS if query.get(asking.CRS) is None else formats.crs_name(served)
                body = await _file(house, layer, view, format_, named_crs, held, headers)
            else:
                headers |= crs.header(served)
                writer = format_.text(formats.text_sheet(layer, view, served, links))
                body = await _text(house, layer, drawn_for(view, layer, format_), writer, held, _links(links, layer, query, format_))
        if not watch.gone:
            return Held(body, held.pop_all(), headers, format_.media_type)
    return Response(status_code=_LEFT)


async def _text(
    house: House, layer: Layer, view: View, writer: TextWriter, held: AsyncExitStack, links: list[dict[str, Any]]
) -> AsyncIterator[bytes]:
    """The text in pieces; what the database refuses is raised here, before the first of them."""
    reading = rows(house.database, statement(view, layer), view.scope, budgets.EXPORT_PIECE_S)
    pieces = await held.enter_async_context(reading)
    first = await budgets.in_time("export_piece_s", budgets.EXPORT_PIECE_S, anext(pieces, ()))
    return _written(writer, first, pieces, links)


async def _written(writer: TextWriter, first: Records, rest: AsyncIterator[Records], links: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    """The whole answer. What fails in the middle is raised, so that the connection breaks and nobody takes a part for the whole."""
    over = asyncio.get_running_loop().time() + budgets.EXPORT_S
    yield writer.head()
    count = len(first)
    for portion in _portions(writer.rows(first)):
        yield portion
    async for piece in rest:
        count += len(piece)
        for portion in _portions(writer.rows(piece)):
            yield portion
        if asyncio.get_running_loop().time() > over:
            raise Overloaded(f"the export ran past the budget export_s = {budgets.EXPORT_S:g} s", "导出超过时限", place="query")
    yield writer.tail({"numberMatched": count, "numberReturned": count, "links": links})


def _portions(text: bytes) -> Iterator[bytes]:
    """A large text cut up: who reads slowly has a time for each portion."""
    for start in range(0, len(text), _PORTION_BYTES):
        yield text[start : start + _PORTION_BYTES]


async def _file(
    house: House, layer: Layer, view: View, format_: Format, crs_name: str, held: AsyncExitStack, headers: dict[str, str]
) -> AsyncIterator[bytes]:
    """The file, made whole before its first byte is sent; its name is gone by then, so nothing stays behind."""
    held.enter_context(house.export_files.one())
    limits = FileLimits(budgets.EXPORT_MEMORY_BYTES, budgets.EXPORT_BYTES, budgets.EXPORT_S)
    folder = held.enter_context(private_folder(_PREFIX, _folder_of(house)))
    order = file_request(house.database, layer, view, format_, crs_name, folder / f"layer{format_.suffix}", budgets.EXPORT_S)
    try:
        await budgets.in_time("export_s", budgets.EXPORT_S, write_in_child(order, limits))
    except TooLarge as exc:
        raise TooLarge(
            f"the file is over the budget export_bytes = {budgets.EXPORT_BYTES}",
            f"文件超过限额 export_bytes = {budgets.EXPORT_BYTES} 字节",
            place="f",
            mend="缩小范围，或使用 f=geojsonseq / narrow the question, or f=geojsonseq",
        ) from exc
    file = held.enter_context(order.path.open("rb"))
    order.path.unlink()
    headers |= {"content-length": str(os.fstat(file.fileno()).st_size), "content-encoding": "identity"}
    return _read(file)


def _folder_of(house: House) -> Path:
    """Where files are made; what killed processes left there goes."""
    house.exports_folder.mkdir(exist_ok=True)
    sweep_folders(_PREFIX, house.exports_folder, _SWEPT_AFTER_S)
    return house.exports_folder


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PORTION_BYTES):
        yield piece


def _links(links: Links, layer: Layer, query: Query, format_: Format) -> list[dict[str, Any]]:
    """self, items and collection."""
    here = ("collections", layer.id)
    return [
        ogc.link(links.to(*here, "export", **query.texts), "self", format_.media_type),
        ogc.link(links.to(*here, "items"), "items", ogc.GEOJSON, layer.title_zh),
        ogc.link(links.to(*here), "collection", ogc.JSON, layer.title_zh),
    ]
