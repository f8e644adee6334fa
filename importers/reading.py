"""What a reading process does: find out what a file is, open it with the one reader for it, check geometry, stream batches out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import pyarrow as pa

from importers import FORMATS, Format, load
from importers.base import Chunk, Finding, Member, Opened, Reader, ReadRequest, Report, Summary
from importers.columns import schema_of
from importers.gdal import check_drivers
from importers.geos import arrow as arrow_lib
from importers.messages import EndMessage, ErrorMessage, FindingMessage, Message, MetaMessage
from importers.rules import REFUSED_BY_READER
from importers.sniff import refuse_instructions
from importers.unpack import gather, read_head
from importers.wkb import check
from twin.errors import BadFile, InputError, TooLarge, TwinError


def serve(request_text: str, arrow: IO[bytes], messages: IO[str]) -> int:
    """Answer one request; the exit code of the process."""

    def tell(message: Message) -> None:
        messages.write(message.model_dump_json() + "\n")

    try:
        request = ReadRequest.model_validate_json(request_text)
        _send(request, arrow, tell, messages)
    except TwinError as exc:
        tell(ErrorMessage(code=exc.code, message_en=exc.message_en, message_zh=exc.message_zh, place=exc.place, mend=exc.mend))
        return 2 if isinstance(exc, InputError) else 1
    except (MemoryError, pa.ArrowMemoryError):
        tell(
            ErrorMessage(
                code=TooLarge.code, message_en="the file needs more memory than a reader may use", message_zh="读取该文件所需内存超出限额"
            )
        )
        return 2
    return 0


def _send(request: ReadRequest, arrow: IO[bytes], tell: Callable[[Message], None], messages: IO[str]) -> None:
    check_drivers()
    stream = Stream(request.explode, lambda finding: tell(FindingMessage(finding=finding)))
    opened = open_source(request, stream.report)
    tell(MetaMessage(meta=opened.meta))
    messages.flush()
    with arrow_lib.ipc.new_stream(arrow, schema_of(opened.meta)) as writer:
        for batch in stream.batches(opened):
            writer.write_batch(batch)
    tell(EndMessage(summary=stream.summary()))


def open_source(request: ReadRequest, report: Report) -> Opened:
    """Unpack, sniff and open; BadFile says what the file is instead."""
    if not request.path.is_file():
        raise BadFile(f"{request.path.name} is not a file", f"{request.path.name} 不是文件", place=request.path.name)
    if request.path.stat().st_size == 0:
        raise BadFile("the file is empty", "文件为空", place=request.path.name)
    members = gather(request.path, request.folder)
    format_, chosen = _choose(members, request.table)
    reader: Reader = load(format_.reader)
    return reader(chosen, request, report)


def detect(member: Member) -> Format | None:
    """The format of a file by its bytes, None when no reader here knows it."""
    head = read_head(member.path)
    refuse_instructions(head, member.name)
    return next((entry for entry in FORMATS if load(entry.sniff)(head, member)), None)


#: Suffixes that only ever accompany a data file and are never data themselves.
_COMPANIONS = frozenset(
    (".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".qmd", ".xml", ".txt", ".md", ".pdf", ".html", ".htm", ".atx", ".idx")
)


def _choose(members: Sequence[Member], table: str) -> tuple[Format, tuple[Member, ...]]:
    """The data files of a source and their format; several formats or several data sets must be told apart by `table`."""
    found = [(detect(member), member) for member in members if len(members) == 1 or member.suffix not in _COMPANIONS]
    data = [(format_, member) for format_, member in found if format_ is not None and table in ("", member.stem, member.name)]
    if not data and table:
        data = [(format_, member) for format_, member in found if format_ is not None]  # `table` names a table inside the file
    if not data:
        raise _unknown(members)
    if len({format_.name for format_, _ in data}) > 1 or (len(data) > 1 and not data[0][0].many):
        listed = ", ".join(sorted(member.name for _, member in data)[:20])
        raise BadFile(
            f"the archive has several data sets, name one with --table: {listed}", f"压缩包含多个数据集，请用 --table 指定：{listed}"
        )
    format_, first = data[0]
    if format_.many:
        return format_, tuple(member for _, member in data)
    side = (member for member in members if member is not first and _same_stem(member, first))
    return format_, (first, *side)


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
    sent: int = 0
    refused: int = 0
    features: int = 0
    has_z: bool = False
    _bounds: list[object] = field(default_factory=list)

    def report(self, finding: Finding) -> None:
        """Pass a reader's finding on; a refused row is a row that came in."""
        if finding.rule in REFUSED_BY_READER:
            self.refused += 1
            self.features += 1
        self.tell(finding)

    def batches(self, opened: Opened) -> Iterator[pa.RecordBatch]:
        """Every chunk as one batch of `schema_of`."""
        schema = schema_of(opened.meta)
        for chunk in opened.chunks:
            yield self._batch(chunk, schema)

    def _batch(self, chunk: Chunk, schema: pa.Schema) -> pa.RecordBatch:
        checked = check(chunk.wkb, chunk.rows, self.explode, self.tell)
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
