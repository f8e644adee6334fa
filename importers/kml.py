"""KML read as it comes, so that memory stays flat: every placemark is a row, its folder a column; links are not followed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from importers.base import MAX_COLUMNS, Chunk, Column, Finding, Member, Opened, ReadRequest, Report, Rows, SourceMeta
from importers.columns import ARROW_TYPES, carry
from importers.geos import ArrowArray
from importers.kml_shapes import Shape, read_shape
from importers.markup import broken, check_prolog, encoding_of_xml
from importers.text import as_utf8
from importers.value_kinds import Kinds
from twin.errors import BadFile, TooLarge

_BATCH = 4096
_MAX_DEPTH = 200
_PLAIN = {"name": "name", "description": "description", "address": "address", "phoneNumber": "phone", "when": "when"}
_PLAIN |= {"begin": "begin", "end": "end"}
_SHAPES = frozenset({"Point", "LineString", "LinearRing", "Polygon", "Model", "Track"})
_HOLDS_TEXT = frozenset({*_PLAIN, "coordinates", "coord", "value", "SimpleData", "longitude", "latitude", "altitude"})


@dataclass(slots=True)
class Placemark:
    """One placemark as read: its values by column name, its shapes, and the line it begins on."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)


@dataclass(slots=True)
class _Walker:
    """Follows the elements and hands every placemark on when it ends."""

    take: Callable[[Placemark], None]
    line: Callable[[], int]
    path: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    text: list[str] | None = None
    placemark: Placemark | None = None
    shape: Shape | None = None
    holes: bool = False
    data_name: str = ""
    links: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = tag.rpartition(":")[2]
        self.path.append(name)
        if len(self.path) > _MAX_DEPTH:
            raise TooLarge(f"elements nest deeper than {_MAX_DEPTH}", f"元素嵌套超过 {_MAX_DEPTH} 层", place=f"line {self.line()}")
        if name == "Folder":
            self.folders.append("")
        elif name == "Placemark":
            self.placemark = Placemark(self.line())
        elif name == "NetworkLink":
            self.links += 1
        elif self.placemark is not None:
            self._inside(name, attributes)
        self.text = [] if name in _HOLDS_TEXT else None

    def _inside(self, name: str, attributes: dict[str, str]) -> None:
        if name in _SHAPES and self.placemark is not None and (self.shape is None or self.shape.kind != "Polygon"):
            self.shape = Shape(name)
            self.placemark.shapes.append(self.shape)
        elif name in ("innerBoundaryIs", "outerBoundaryIs"):
            self.holes = name == "innerBoundaryIs"
        elif name in ("Data", "SimpleData"):
            self.data_name = attributes.get("name", "").strip()

    def data(self, text: str) -> None:
        """Characters inside an element."""
        if self.text is not None:
            self.text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        name = self.path.pop()
        text = "".join(self.text) if self.text is not None else ""
        if self.text is not None:
            self._value(name, text)
        self.text = None
        if name == "Folder":
            self.folders.pop()
        elif self.shape is not None and name == self.shape.kind:
            self.shape = None
        elif name == "Placemark" and self.placemark is not None:
            self._finish(self.placemark)

    def _value(self, name: str, text: str) -> None:
        parent = self.path[-1] if self.path else ""
        if self.placemark is None:
            if name == "name" and parent == "Folder":
                self.folders[-1] = text.strip()
        elif self.shape is not None:
            self.shape.add(name, text, hole=self.holes)
        elif name in ("value", "SimpleData"):
            self._set(self.data_name, text)
        elif name in _PLAIN and parent in ("Placemark", "TimeStamp", "TimeSpan"):
            self._set(_PLAIN[name], text)

    def _set(self, name: str, text: str) -> None:
        if self.placemark is not None and name and text.strip():
            self.placemark.values[name] = text.strip()

    def _finish(self, placemark: Placemark) -> None:
        if folder := "/".join(name for name in self.folders if name):
            placemark.values.setdefault("folder", folder)
        self.placemark, self.shape = None, None
        self.take(placemark)


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """Every placemark of the document, from top to bottom; longitude and latitude of WGS 84 by definition."""
    member = members[0]
    encoding = encoding_of_xml(member, request.encoding, report)
    check_prolog(member, encoding)
    kinds: dict[str, Kinds] = {}
    total = 0
    for batch in _placemarks(member, encoding, report):
        total += len(batch)
        for placemark in batch:
            for name, value in placemark.values.items():
                kinds.setdefault(name, Kinds(name)).see(value)
        if len(kinds) > MAX_COLUMNS:
            raise TooLarge(f"{len(kinds)} columns (limit {MAX_COLUMNS})", f"共有 {len(kinds)} 列（上限 {MAX_COLUMNS}）", place=member.name)
    if total == 0:
        raise BadFile("the document has no placemark", "文档中没有地标（Placemark）", place=member.name)
    columns = tuple(Column(name=name, type=kind.type()) for name, kind in kinds.items())
    meta = SourceMeta(format="kml", crs="EPSG:4326", encoding=encoding.upper(), columns=columns, total=total)
    return Opened(meta, _chunks(member, encoding, columns, report))


def _placemarks(member: Member, encoding: str, report: Report | None = None) -> Iterator[list[Placemark]]:
    """Placemarks in batches, read as the document streams by."""
    ready: list[Placemark] = []
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    walker = _Walker(ready.append, lambda: parser.CurrentLineNumber)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = walker.start, walker.end, walker.data
    try:
        for block in as_utf8(member.path, encoding):
            parser.Parse(block, False)
            if len(ready) >= _BATCH:
                yield ready.copy()
                ready.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as exc:
        raise broken(member, exc) from exc
    if ready:
        yield ready
    if report and walker.links:
        report(Finding(rule="link-not-followed", detail_zh=f"{walker.links} 个 NetworkLink", detail_en=f"{walker.links} NetworkLink"))


def _chunks(member: Member, encoding: str, columns: tuple[Column, ...], report: Report) -> Iterator[Chunk]:
    first = 1
    for batch in _placemarks(member, encoding):
        rows = np.arange(first, first + len(batch), dtype=np.int64)
        first += len(batch)
        wkb, keep = [], np.ones(len(batch), bool)
        for at, placemark in enumerate(batch):
            try:
                wkb.append(read_shape(placemark.shapes))
            except ValueError as exc:
                keep[at] = False
                where = (f"第 {placemark.line} 行：{exc}", f"line {placemark.line}: {exc}")
                report(Finding(rule="bad-coordinates", row=int(rows[at]), detail_zh=where[0], detail_en=where[1]))
        kept = [placemark for at, placemark in enumerate(batch) if keep[at]]
        arrays = tuple(_column([item.values.get(column.name) for item in kept], column, rows[keep], report) for column in columns)
        yield Chunk(rows[keep], pa.array(wkb, pa.binary()), arrays)


def _column(values: list[str | None], column: Column, rows: Rows, report: Report) -> ArrowArray:
    texts = pa.array(values, pa.string())
    return carry(texts.cast(ARROW_TYPES[column.type]), column.type, rows, column.name, report)
