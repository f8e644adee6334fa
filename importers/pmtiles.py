"""PMTiles: an archive of ready-made tiles is checked from end to end before anything of it is served; it has no rows of its own."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pydantic import ValidationError

from importers.base import ArchiveMeta, Member, Opened, ReadRequest, Report, SourceMeta
from twin.errors import BadFile, TooLarge
from twin.layer import TileContent
from twin.pmtiles import (
    HEADER_BYTES,
    MAX_DEPTH,
    MAX_DIRECTORY_BYTES,
    MAX_METADATA_BYTES,
    MAX_TILE_BYTES,
    Directory,
    Header,
    Span,
    broken,
    first_id,
    inflate,
    read_directory,
    read_header,
)

MAX_CONTENTS = 256
"""Layers inside the tiles of one archive."""
_CHECKED_BYTES = 4 << 30
"""Tile data up to this size are unpacked whole; of a larger archive every n-th tile is."""
_TILE_LAYER = 0x1A
_NAME = re.compile(r"^[^\x00-\x1f]{1,200}$")


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """Check the archive; BadFile says what is wrong with it and where."""
    member = members[0]
    if member.path != request.path:
        raise BadFile("a PMTiles archive is imported as it is, not packed", "PMTiles 请直接导入，不要再压缩", place=member.name)
    with member.path.open("rb") as file:
        header = read_header(file.read(HEADER_BYTES), member.path.stat().st_size)
        metadata = _metadata(file, header)
        tiles = _Check(file, header).run()
    contents = _contents(metadata, header)
    archive = ArchiveMeta(
        min_zoom=header.min_zoom,
        max_zoom=min(header.max_zoom, 22),
        bounds=header.bounds,
        tiles=tiles,
        contents=contents,
        name=_text(metadata, "name", 200),
        description=_text(metadata, "description", 2000),
        attribution=_plain(_text(metadata, "attribution", 1000)),
        synthetic=bool(metadata.get("yuetu:synthetic")),
    )
    return Opened(SourceMeta(format="pmtiles", crs="EPSG:3857", archive=archive, total=0), iter(()))


@dataclass(slots=True)
class _Check:
    """Walks every directory and unpacks tiles; ranges of ids never overlap, so no byte is walked twice and no loop can be."""

    file: BinaryIO
    header: Header
    tiles: int = 0
    entries: int = 0
    checked: int = 0
    _seen: set[int] = field(default_factory=set)

    def run(self) -> int:
        """How many tiles there are."""
        last = first_id(self.header.max_zoom + 1)
        step = 1 + self.header.data.length // _CHECKED_BYTES
        for span in self._entries(self._directory(self.header.root, 0, last), last, MAX_DEPTH):
            if self.entries % step == 0 and span.offset not in self._seen:
                self._seen.add(span.offset)
                self._tile(span)
            self.entries += 1
        return self.tiles

    def _entries(self, directory: Directory, end: int, depth: int) -> Iterator[Span]:
        """The bytes of every tile entry below a directory whose ids end before `end`."""
        for at in range(len(directory.ids)):
            first, run = int(directory.ids[at]), int(directory.runs[at])
            following = int(directory.ids[at + 1]) if at + 1 < len(directory.ids) else end
            span = Span(int(directory.offsets[at]), int(directory.lengths[at]))
            if run:
                self.tiles += run
                yield self._inside(span, self.header.data, f"tile {first}")
            elif depth == 1:
                raise broken("its directories lie too deep in each other", "目录嵌套过深", f"tile {first}")
            else:
                leaf = self._directory(self._inside(span, self.header.leaves, f"tile {first}"), first, following)
                yield from self._entries(leaf, following, depth - 1)

    def _directory(self, span: Span, first: int, end: int) -> Directory:
        """A directory that keeps to its own range of ids."""
        found = read_directory(inflate(self._bytes(span), self.header.internal, MAX_DIRECTORY_BYTES))
        last = int(found.ids[-1]) + max(int(found.runs[-1]), 1)
        if int(found.ids[0]) < first or last > end:
            raise broken("a directory names tiles outside its range (a loop?)", "目录超出自身的编号范围（循环引用？）", f"tile {first}")
        return found

    def _tile(self, span: Span) -> None:
        body = inflate(self._bytes(span), self.header.tiles, MAX_TILE_BYTES)
        if body and body[0] != _TILE_LAYER:
            raise broken("a tile is not a vector tile", "有瓦片不是矢量瓦片", f"byte {span.offset}")

    def _inside(self, span: Span, section: Span, place: str) -> Span:
        if span.offset < 0 or span.end > section.length:
            raise broken("an entry points beyond its section of the file", "目录项的偏移超出范围", place)
        return Span(section.offset + span.offset, span.length)

    def _bytes(self, span: Span) -> bytes:
        self.file.seek(span.offset)
        return self.file.read(span.length)


def _metadata(file: BinaryIO, header: Header) -> dict[str, Any]:
    """The JSON object of the archive; none at all is an empty one."""
    if not header.metadata.length:
        return {}
    if header.metadata.length > MAX_METADATA_BYTES:
        raise broken(f"its metadata are larger than {MAX_METADATA_BYTES} bytes", "元数据过大", "metadata")
    file.seek(header.metadata.offset)
    try:
        found = json.loads(inflate(file.read(header.metadata.length), header.internal, MAX_METADATA_BYTES))
    except (ValueError, RecursionError) as exc:
        raise broken("its metadata are not JSON", "元数据不是 JSON", "metadata") from exc
    if not isinstance(found, dict):
        raise broken("its metadata are not a JSON object", "元数据不是 JSON 对象", "metadata")
    return found


def _contents(metadata: dict[str, Any], header: Header) -> tuple[TileContent, ...]:
    """`vector_layers` as we serve them; BadFile without them, for nobody could draw the tiles."""
    listed = metadata.get("vector_layers")
    if not isinstance(listed, list) or not listed:
        raise BadFile(
            "its metadata do not list the layers inside its tiles (vector_layers)",
            "元数据缺少 vector_layers（瓦片内的图层）",
            place="metadata",
        )
    if len(listed) > MAX_CONTENTS:
        raise TooLarge(
            f"{len(listed)} layers inside the tiles, at most {MAX_CONTENTS}", f"瓦片内图层超过 {MAX_CONTENTS} 个", place="metadata"
        )
    return tuple(_content(entry, header) for entry in listed)


def _content(entry: Any, header: Header) -> TileContent:
    try:
        found = TileContent(
            id=entry["id"],
            fields={str(name): str(kind) for name, kind in (entry.get("fields") or {}).items()},
            description=str(entry.get("description") or "")[:1000],
            minzoom=int(entry.get("minzoom", header.min_zoom)),
            maxzoom=int(entry.get("maxzoom", header.max_zoom)),
        )
    except (TypeError, KeyError, ValueError, AttributeError, ValidationError) as exc:
        raise broken("an entry of vector_layers is not as the specification says", "vector_layers 有误", "metadata") from exc
    if not _NAME.match(found.id) or len(found.fields) > 1000:
        raise broken("an entry of vector_layers has no usable name, or too many fields", "vector_layers 名称或字段有误", "metadata")
    return found


def _text(metadata: dict[str, Any], name: str, longest: int) -> str:
    value = metadata.get(name)
    return value[:longest] if isinstance(value, str) else ""


def _plain(text: str) -> str:
    """Attribution is often HTML; ours is text."""
    return re.sub(r"<[^<>]*>", "", text).strip()
