"""What a reading process does: find out what a file is, open it with the one reader for it, check geometry, stream batches out."""

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from importers import FORMATS, Format, load
from importers.base import Chunk, Finding, Member, Opened, Reader, ReadRequest, Report, Summary
from importers.columns import schema_of
from importers.geos import arrow as arrow_lib
from importers.memory import is_starved, too_much_memory
from importers.messages import EndMessage, ErrorMessage, FindingMessage, Message, MetaMessage
from importers.pinned import skip_all_but
from importers.plain import check_batch
from importers.rules import REFUSED_BY_READER
from importers.shapes import Source, mixed_types
from importers.sniff import GDB_CATALOGUE, is_filegdb, refuse_instructions
from importers.unpack import gather, read_head
from twin.errors import BadFile, InputError, TwinError


def serve(request_text: str, arrow: IO[bytes], messages: IO[str]) -> int:
    """Answer one request; the exit code of the process."""

    def tell(message: Message) -> None:
        messages.write(message.model_dump_json() + "\n")

    try:
        request = ReadRequest.model_validate_json(request_text)
        _send(request, arrow, tell, messages)
    except Exception as exc:
        refused = too_much_memory(resource.getrlimit(resource.RLIMIT_AS)[0]) if is_starved(exc) else exc
        if not isinstance(refused, TwinError):
            raise
        tell(_error(refused))
        return 2 if isinstance(refused, InputError) else 1
    return 0


def _error(exc: TwinError) -> ErrorMessage:
    return ErrorMessage(
        code=exc.code, message_en=exc.message_en, message_zh=exc.message_zh, place=exc.place, mend=exc.mend, choices=exc.choices
    )


def _send(request: ReadRequest, arrow: IO[bytes], tell: Callable[[Message], None], messages: IO[str]) -> None:
    stream = Stream(request.explode, lambda finding: tell(FindingMessage(finding=finding)), request.crs)
    opened = open_source(request, stream.report)
    tell(MetaMessage(meta=opened.meta))
    messages.flush()
    with arrow_lib.ipc.new_stream(arrow, schema_of(opened.meta)) as writer:
        for batch in stream.batches(opened):
            writer.write_batch(batch)
    tell(EndMessage(summary=stream.summary()))


def open_source(request: ReadRequest, report: Report) -> Opened:
    """Unpack, sniff and open; BadFile says what the file is instead."""
    if not request.path.is_file() and not request.path.is_dir():
        raise BadFile(f"{request.path.name} is not a file", f"{request.path.name} 不是文件", place=request.path.name)
    if request.path.is_file() and request.path.stat().st_size == 0:
        raise BadFile("the file is empty", "文件为空", place=request.path.name)
    members = gather(request.path, request.folder)
    format_, chosen, inner = choose(members, request.table)
    _pin(format_)
    reader: Reader = load(format_.reader)
    return reader(chosen, request.model_copy(update={"table": inner}), report)


def _pin(format_: Format) -> None:
    """Leave GDAL only the drivers of this format. It reads the variable when it starts, which is when the reader is loaded."""
    if format_.drivers:
        os.putenv("GDAL_SKIP", skip_all_but(format_.drivers))
        load("importers.gdal:check_drivers")(format_.drivers)


def detect(member: Member) -> Format | None:
    """The format of a file by its bytes, None when no reader here knows it."""
    head = read_head(member.path)
    refuse_instructions(head, member.name)
    return next((entry for entry in FORMATS if load(entry.sniff)(head, member)), None)


#: Suffixes that only ever accompany a data file and are never data themselves.
_COMPANIONS = frozenset(
    (
        *(".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".qmd", ".xml", ".atx", ".idx"),
        *(".txt", ".md", ".pdf", ".html", ".htm", ".dat", ".map", ".id", ".ind", ".mid", ".xsd", ".gfs"),
    )
)


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set of a source: its format, its leading file, and what people may call it."""

    format: Format
    member: Member

    @property
    def name(self) -> str:
        """The folder of a geodatabase, else the file."""
        return (self.member.folder or self.member.name) if self.format.name == "filegdb" else self.member.name

    def inner(self, table: str) -> str | None:
        """What `table` asks for inside this data set when it names it: `name`, its stem, or `name/table`; None when it does not."""
        names = (self.name, Path(self.name).name, Path(self.name).stem)
        if table in names:
            return ""
        return next((table[len(name) + 1 :] for name in names if table.startswith(f"{name}/")), None)


def data_sets(members: Sequence[Member]) -> tuple[DataSet, ...]:
    """Every data set among the files, companions and the inner files of geodatabases left out."""
    catalogues = {member.folder for member in members if is_filegdb(read_head(member.path), member)}
    outer = [member for member in members if member.folder not in catalogues or member.base.lower() == GDB_CATALOGUE]
    leading = [member for member in outer if len(outer) == 1 or member.suffix not in _COMPANIONS]
    found = [DataSet(format_, member) for member in leading if (format_ := detect(member))]
    found = found or [DataSet(format_, member) for member in outer if (format_ := detect(member))]
    main = [item for item in found if item.format.name == "kml" and item.member.name.lower() == "doc.kml"]
    return tuple(main or found)  # a KMZ says which of its documents is read


def choose(members: Sequence[Member], table: str) -> tuple[Format, tuple[Member, ...], str]:
    """The format and files of the data set to read, and the table in it; several data sets must be told apart by `table`."""
    found = data_sets(members)
    named = [(item, inner) for item in found if table and (inner := item.inner(table)) is not None]
    if len(found) == 1 and (not named or not named[0][1]):
        named = []  # `table` names a table inside the one data set
    data = named or [(item, table) for item in found]
    if not data:
        raise _unknown(members)
    first, inner = data[0]
    if len({item.format.name for item, _ in data}) > 1 or (len(data) > 1 and not first.format.many):
        listed = ", ".join(sorted(item.name for item, _ in data)[:20])
        raise BadFile(
            f"the archive has several data sets, name one with --table: {listed}",
            f"压缩包含多个数据集，请用 --table 指定：{listed}",
            choices=sorted(item.name for item, _ in data),
        )
    if first.format.many:
        return first.format, tuple(item.member for item, _ in data), inner
    return first.format, (first.member, *_side(members, first)), inner


def _side(members: Sequence[Member], data: DataSet) -> Iterator[Member]:
    """Files that belong to a leading file: those of its folder for a geodatabase, else those of its stem."""
    whole = data.format.name == "filegdb"
    for member in members:
        if member is not data.member and (member.folder == data.member.folder if whole else _same_stem(member, data.member)):
            yield member


def _same_stem(one: Member, other: Member) -> bool:
    return one.name[: -len(one.suffix) or None].lower() == other.name[: -len(other.suffix) or None].lower()


def _unknown(members: Sequence[Member]) -> BadFile:
    known = ", ".join(entry.title_en for entry in FORMATS)
    names = ", ".join(member.name for member in members[:10]) or "-"
    return BadFile(
        f"no reader here knows this file by its content ({names}); read are: {known}",
        f"按内容无法识别该文件（{names}）；可导入：{'、'.join(entry.title_zh for entry in FORMATS)}",
        place=members[0].name if members else "",
    )


@dataclass(slots=True)
class Stream:
    """Rows on their way out: numbered, their geometry checked, counted."""

    explode: bool
    tell: Report
    said_crs: str = ""
    sent: int = 0
    refused: int = 0
    features: int = 0
    has_z: bool = False
    source: Source = field(default_factory=Source)
    _bounds: list[object] = field(default_factory=list)
    _kinds: Counter[int] = field(default_factory=Counter)

    def report(self, finding: Finding) -> None:
        """Pass a reader's finding on; a refused row is a row that came in."""
        if finding.rule in REFUSED_BY_READER:
            self.refused += 1
            self.features += 1
        self.tell(finding)

    def batches(self, opened: Opened) -> Iterator[pa.RecordBatch]:
        """Every chunk as one batch of `schema_of`."""
        schema = schema_of(opened.meta)
        self.source = Source(opened.meta.crs, opened.meta.format, self.said_crs)
        for chunk in opened.chunks:
            yield self._batch(chunk, schema)
        if finding := mixed_types(self._kinds):
            self.tell(finding)

    def _batch(self, chunk: Chunk, schema: pa.Schema) -> pa.RecordBatch:
        checked = check_batch(chunk.wkb, chunk.rows, self.explode, self.tell, self.source)
        self._kinds.update(checked.kinds)
        count = len(checked.take)
        rid = np.arange(self.sent + 1, self.sent + count + 1, dtype=np.int64)
        same = count == len(chunk.rows)
        columns = chunk.columns if same and not self.explode else [column.take(checked.take) for column in chunk.columns]
        self.sent, self.refused = self.sent + count, self.refused + checked.refused
        self.features += len(chunk.rows)
        self.has_z = self.has_z or checked.has_z
        self._bounds.append(checked.bounds)
        return pa.RecordBatch.from_arrays(
            [pa.array(rid), pa.array(chunk.rows[checked.take]), pa.array(checked.parts), checked.wkb, *columns], schema=schema
        )

    def summary(self) -> Summary:
        """What went through."""
        corners = np.array(self._bounds, dtype=np.float64).reshape(-1, 4)
        corners = corners[np.isfinite(corners).all(axis=1)]
        bounds = (*corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0)) if len(corners) else None
        return Summary(rows=self.sent, refused=self.refused, features=self.features, bounds=bounds, has_z=self.has_z)
