"""GeoJSON: one document, or one feature per line; text that is not UTF-8 is turned into it, a bare list of features is wrapped."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import orjson

from importers.base import Chunk, Column, Finding, Member, Opened, ReadRequest, Report, Rows, SourceMeta
from importers.columns import ARROW_TYPES
from importers.gdal import Dataset, open_dataset
from importers.geos import ArrowArray, arrow
from importers.mixed import MIXED, tell_lines
from importers.sniff import stripped
from importers.text import as_utf8, encoding_of
from importers.unpack import place_as, read_head, rewrite
from twin.errors import BadFile
from twin.fields import FieldType

_WRAP = (b'{"type":"FeatureCollection","features":', b"}")
_MAX_LINE_BYTES = 200 << 20
_NEAR_TOP = 400
_GEOJSON_TYPES = frozenset(
    (
        b"FeatureCollection",
        b"Feature",
        b"GeometryCollection",
        b"Point",
        b"MultiPoint",
        b"LineString",
        b"MultiLineString",
        b"Polygon",
        b"MultiPolygon",
    )
)


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """One document, or several read as one source in the order of the archive."""
    if not any(read_head(member.path).strip() for member in members):
        raise BadFile("the file is empty", "文件为空", place=members[0].name)
    opened = [_open(member, number, request, report) for number, member in enumerate(members)]
    return opened[0] if len(opened) == 1 else _together(opened, [member.stem for member in members])


def _open(member: Member, number: int, request: ReadRequest, report: Report) -> Opened:
    encoding = encoding_of(member.path, request.encoding)
    is_list = stripped(read_head(member.path)).startswith(b"[")
    path = _as_written(member, request.folder, f"document-{number}.geojson", encoding, is_list)
    try:
        opened = open_dataset(Dataset(path, "geojson"), report)
    except BadFile as exc:
        raise _other_json(member) or BadFile(exc.message_en, exc.message_zh, place=f"{member.name}: {exc.place}", mend=exc.mend) from exc
    if is_list and opened.meta.total == 0 and (other := _other_json(member)):
        raise other
    crs = "EPSG:4326" if opened.meta.crs in ("EPSG:4979", "") else opened.meta.crs
    return replace(opened, meta=opened.meta.model_copy(update={"crs": crs, "encoding": encoding.upper()}))


def _other_json(member: Member) -> BadFile | None:
    """Why a JSON text is no GeoJSON, told from how it begins; None where it begins as GeoJSON does."""
    head = stripped(read_head(member.path))
    if head.startswith(b"["):
        item = head[1:].lstrip()[:60].decode(errors="replace")
        if item in ("", "]") or re.search(rb'"(coordinates|geometry|geometries)"', head):
            return None
        return _no_geojson(member, f"a list of other things, which begins {item}", f"列表中不是要素，开头为 {item}")
    kind = re.search(rb'"type"\s*:\s*"([^"]{1,40})"', head)
    if kind and kind[1] in _GEOJSON_TYPES:
        return None
    keys = ", ".join(dict.fromkeys(key.decode(errors="replace") for key in re.findall(rb'"([^"\\]{1,30})"\s*:', head)[:5]))
    said = kind[1].decode(errors="replace") if kind and kind.start() < _NEAR_TOP else ""
    why = (f"its type is {said}", f"其 type 为 {said}") if said else (f"its keys are {keys} …", f"其键为 {keys} 等")
    return _no_geojson(member, *why)


def _no_geojson(member: Member, why_en: str, why_zh: str) -> BadFile:
    return BadFile(
        f"the file is JSON but not GeoJSON: {why_en}",
        f"文件是 JSON，但不是 GeoJSON：{why_zh}",
        place=member.name,
        mend="导出为 GeoJSON 后再导入 / export it as GeoJSON",
    )


def _as_written(member: Member, folder: Path, name: str, encoding: str, is_list: bool) -> Path:
    """The document under a private name, copied only where its bytes must change."""
    if encoding == "utf-8" and not is_list:
        return place_as(member, folder, name)
    text = as_utf8(member.path, encoding)
    return rewrite(folder / name, itertools.chain(_WRAP[:1], text, _WRAP[1:]) if is_list else text)


def _together(opened: Sequence[Opened], stems: Sequence[str]) -> Opened:
    """Several documents as one: the union of their columns, and the document's name where a file holds one feature each."""
    if len(systems := {part.meta.crs for part in opened}) > 1:
        raise BadFile(f"the documents differ in crs: {', '.join(sorted(systems))}", "压缩包内各文件坐标系不同")
    columns = _union(opened)
    total = sum(part.meta.total or 0 for part in opened)
    meta = SourceMeta(format="geojson", crs=opened[0].meta.crs, encoding=opened[0].meta.encoding, columns=columns, total=total)
    return Opened(meta, _chain(opened, columns))


def _union(opened: Sequence[Opened]) -> tuple[Column, ...]:
    types: dict[str, FieldType] = {}
    for column in (column for part in opened for column in part.meta.columns):
        types[column.name] = _wider(types.get(column.name, column.type), column.type)
    return tuple(Column(name=name, type=kind) for name, kind in types.items())


def _wider(one: FieldType, other: FieldType) -> FieldType:
    if one == other:
        return one
    return FieldType.NUMBER if {one, other} == {FieldType.INTEGER, FieldType.NUMBER} else FieldType.TEXT


def _chain(opened: Sequence[Opened], columns: Sequence[Column]) -> Iterator[Chunk]:
    before = 0
    for part in opened:
        last = 0
        for chunk in part.chunks:
            last = int(chunk.rows[-1]) if len(chunk.rows) else last
            yield Chunk(chunk.rows + before, chunk.wkb, tuple(_column(chunk, part.meta.columns, column) for column in columns))
        before += last


def _column(chunk: Chunk, have: Sequence[Column], wanted: Column) -> ArrowArray:
    for at, column in enumerate(have):
        if column.name == wanted.name:
            have_it: ArrowArray = chunk.columns[at].cast(ARROW_TYPES[wanted.type])
            return have_it
    nulls: ArrowArray = arrow.nulls(len(chunk.rows), ARROW_TYPES[wanted.type])
    return nulls


@dataclass(slots=True)
class _Lines:
    """Copies the good lines of a sequence and remembers which they were."""

    report: Report
    numbers: list[int] = field(default_factory=list)

    def good(self, path: Path, encoding: str) -> Iterator[bytes]:
        for number, line in enumerate(_records(as_utf8(path, encoding)), start=1):
            if not line.strip(b"\x1e \t\r\n"):
                continue
            text = line.strip(b"\x1e \t\r\n")
            if why := _fault(text):
                self.report(Finding(rule="bad-line", row=number, detail_zh=f"第 {number} 行：{why}", detail_en=f"line {number}: {why}"))
                continue
            self.numbers.append(number)
            yield text + b"\n"


def _records(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > _MAX_LINE_BYTES:
            raise BadFile("a line is longer than 200 MiB", "有一行超过 200 MiB")
    yield rest


def _fault(text: bytes) -> str:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        return str(exc)
    return "" if isinstance(value, dict) and value.get("type") == "Feature" else "not a Feature"


def read_sequence(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """One feature per line; a line that is no feature is refused alone, with its number."""
    encoding = encoding_of(members[0].path, request.encoding)
    if encoding == MIXED:
        tell_lines(members[0].path, report, first_row=1)
    lines = _Lines(report)
    path = rewrite(request.folder / "sequence.geojsonl", lines.good(members[0].path, encoding))
    if not lines.numbers:
        raise BadFile("no line of the file is a GeoJSON feature", "文件中没有一行是 GeoJSON 要素", place=members[0].name)
    opened = open_dataset(Dataset(path, "geojsonseq"), report)
    meta = opened.meta.model_copy(update={"crs": "EPSG:4326", "encoding": encoding.upper(), "total": len(lines.numbers)})
    return Opened(meta, _renumber(opened.chunks, np.array(lines.numbers, dtype=np.int64)))


def _renumber(chunks: Iterator[Chunk], numbers: Rows) -> Iterator[Chunk]:
    read_rows = 0
    for chunk in chunks:
        read_rows += len(chunk.rows)
        yield replace(chunk, rows=numbers[chunk.rows - 1])
    if read_rows != len(numbers):
        raise BadFile(
            f"{len(numbers)} lines are features but only {read_rows} could be read", f"{len(numbers)} 行要素只读出 {read_rows} 行"
        )
