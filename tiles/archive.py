"""Tiles out of PMTiles archives that were imported: read where they lie, a few directories remembered, a few files open."""

import asyncio
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from postgis.blobs import BlobStore
from tiles.covering import MAX_TILES, Ids
from tiles.grid import TileAddress
from twin.errors import BadFile, NotFound, TooLarge, Unavailable
from twin.grids import Grid
from twin.layer import Layer
from twin.mvt import renamed
from twin.pmtiles import (
    HEADER_BYTES,
    MAX_DEPTH,
    MAX_DIRECTORY_BYTES,
    MAX_TILE_BYTES,
    Directory,
    Span,
    inflate,
    read_directory,
    read_header,
    tile_id,
)
from twin.view import Scope

_OPEN_ARCHIVES, _HELD_LEAVES = 64, 128


class Archive:
    """One open archive; safe for several threads."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, handle)  # who still reads holds us, so the file stays open for them
        self._handle = handle
        self.header = read_header(os.pread(handle, HEADER_BYTES, 0), os.fstat(handle).st_size)
        self._root = self._directory(self.header.root)
        self._leaves: OrderedDict[Span, Directory] = OrderedDict()
        self._lock = threading.Lock()

    def tile(self, z: int, x: int, y: int) -> bytes:
        """The tile, unpacked; empty where the archive has none."""
        packed = self.packed(z, x, y)
        return inflate(packed, self.header.tiles, MAX_TILE_BYTES) if packed else b""

    def packed(self, z: int, x: int, y: int) -> bytes:
        """The tile as it lies in the file; empty where there is none."""
        number, directory = tile_id(z, x, y), self._root
        for _ in range(MAX_DEPTH):
            at = directory.find(number)
            if at < 0:
                return b""
            span = Span(int(directory.offsets[at]), int(directory.lengths[at]))
            if directory.runs[at]:
                return self._read(self._inside(span, self.header.data))
            directory = self._leaf(self._inside(span, self.header.leaves))
        return b""

    def ids(self) -> Iterator[Ids]:
        """The ids of all tiles, in order, a directory at a time."""
        yield from self._ids(self._root, MAX_DEPTH)

    def _ids(self, directory: Directory, depth: int) -> Iterator[Ids]:
        runs = directory.runs
        if int(runs.sum()) > MAX_TILES:
            raise TooLarge("the archive names more tiles than an export may have", "瓦片文件所含瓦片超过导出限额", place="layer")
        nth = np.arange(int(runs.sum())) - np.repeat(np.cumsum(runs) - runs, runs)
        yield (np.repeat(directory.ids, runs) + nth).astype(np.uint64)
        for at in np.flatnonzero(runs == 0) if depth else ():
            span = Span(int(directory.offsets[at]), int(directory.lengths[at]))
            yield from self._ids(self._directory(self._inside(span, self.header.leaves)), depth - 1)

    def _leaf(self, span: Span) -> Directory:
        with self._lock:
            known = self._leaves.get(span)
            if known is not None:
                self._leaves.move_to_end(span)
                return known
        directory = self._directory(span)
        with self._lock:
            self._leaves[span] = directory
            if len(self._leaves) > _HELD_LEAVES:
                self._leaves.popitem(last=False)
        return directory

    def _directory(self, span: Span) -> Directory:
        return read_directory(inflate(self._read(span), self.header.internal, MAX_DIRECTORY_BYTES))

    def _read(self, span: Span) -> bytes:
        found = os.pread(self._handle, span.length, span.offset)
        if len(found) != span.length:
            raise BadFile("the PMTiles archive is shorter than it was", "PMTiles 文件变短了", place="archive")
        return found

    @staticmethod
    def _inside(span: Span, section: Span) -> Span:
        """A span of a section as one of the file; BadFile when it leaves the section."""
        if span.offset < 0 or span.end > section.length:
            raise BadFile("the PMTiles archive points beyond its own end", "PMTiles 文件的偏移超出范围", place="archive")
        return Span(section.offset + span.offset, span.length)


@dataclass(slots=True)
class Archives:
    """The archives below one home, opened when they are first asked for; the one unused for longest is let go."""

    home: Path
    _open: OrderedDict[str, Archive] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def body(self, layers: Iterable[Layer], scope: Scope, address: TileAddress) -> bytes:
        """The tile of those layers that are archives, unpacked and joined; archives know no other grid than WebMercatorQuad."""
        z = address.z
        shown = [layer for layer in layers if layer.archive and layer.min_zoom <= z <= layer.max_zoom and shows(layer, scope)]
        if not shown or address.grid is not Grid.WEB_MERCATOR:
            return b""
        return b"".join([await asyncio.to_thread(self._tile, layer, z, address.x, address.y) for layer in shown])

    def _tile(self, layer: Layer, z: int, x: int, y: int) -> bytes:
        try:
            return _under_its_id(layer, self.of(layer).tile(z, x, y))
        except (BadFile, OSError) as exc:
            raise Unavailable(f"the archive of layer {layer.id} cannot be read: {exc}", f"图层 {layer.id} 的瓦片文件无法读取") from exc

    def of(self, layer: Layer) -> Archive:
        """The open archive of a layer; Unavailable when its file is not on this machine."""
        assert layer.archive is not None  # noqa: S101  (layers of kind TILES have one)
        digest = layer.archive.sha256
        with self._lock:
            found = self._open.get(digest)
            if found is None:
                found = self._open[digest] = Archive(self._path(digest, layer))
                if len(self._open) > _OPEN_ARCHIVES:
                    self._open.popitem(last=False)
            self._open.move_to_end(digest)
            return found

    def _path(self, digest: str, layer: Layer) -> Path:
        try:
            return BlobStore(self.home).path(digest)
        except NotFound as exc:
            raise Unavailable(
                f"the file of layer {layer.id} is not on this machine",
                f"图层 {layer.id} 的瓦片文件不在本机",
                mend="重新导入 / import it again",
            ) from exc


def _under_its_id(layer: Layer, tile: bytes) -> bytes:
    """Where the archive holds one layer only, it goes by the id of ours, as every style and page expects; several keep their names."""
    contents = layer.archive.vector_layers if layer.archive else ()
    return renamed(tile, layer.id) if len(contents) == 1 and contents[0].id != layer.id else tile


def shows(layer: Layer, scope: Scope) -> bool:
    """Whether a scope may see an archive: all of it or nothing, for its features have no division and its fields cannot be taken out."""
    bounded = scope.divisions or scope.area_4490 is not None or any(field.name in scope.masked_fields for field in layer.fields)
    return scope.may_read(layer.access) and not bounded
