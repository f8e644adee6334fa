"""Arrow IPC files: a table with a `geometry` column of WKB, as the demo writes its layers; its metadata `crs` says where it lies."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from importers.base import BATCH_ROWS, MAX_COLUMNS, Chunk, Column, Member, Opened, ReadRequest, Report, SourceMeta
from importers.columns import ARROW_TYPES, describe
from twin.errors import BadFile, TooLarge

GEOMETRY = "geometry"
_MAGIC = b"ARROW1"
_CRS = b"crs"


def is_arrow(head: bytes, member: Member) -> bool:
    """Whether the bytes begin an Arrow IPC file."""
    return head.startswith(_MAGIC)


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The table of the file, mapped and sent in batches; BadFile when it is broken or has no geometry."""
    member = members[0]
    try:
        source = pa.ipc.open_file(pa.memory_map(str(member.path)))
        total = sum(source.get_batch(number).num_rows for number in range(source.num_record_batches))
    except (pa.ArrowException, OSError) as exc:
        raise BadFile(f"the Arrow file is broken: {exc}", f"Arrow 文件已损坏：{exc}", place=member.name) from exc
    _check(source.schema, member)
    names = [name for name in source.schema.names if name != GEOMETRY]
    columns = describe(source.schema, names)
    crs = (source.schema.metadata or {}).get(_CRS, b"").decode("utf-8", "replace")
    return Opened(SourceMeta(format="arrow", crs=crs, columns=columns, total=total), _chunks(source, columns, member))


def write(table: pa.Table, path: Path, crs: str = "EPSG:4490") -> None:
    """Write a table with a geometry column so that `read` takes it."""
    with pa.ipc.new_file(str(path), table.schema.with_metadata({_CRS: crs.encode()})) as writer:
        writer.write_table(table.replace_schema_metadata({_CRS: crs.encode()}), max_chunksize=BATCH_ROWS)


def _check(schema: pa.Schema, member: Member) -> None:
    at = schema.get_field_index(GEOMETRY)
    if at < 0 or not (pa.types.is_binary(schema.types[at]) or pa.types.is_large_binary(schema.types[at])):
        raise BadFile(f"the table has no WKB column {GEOMETRY!r}", f"表中没有 WKB 列 {GEOMETRY!r}", place=member.name)
    if len(schema) > MAX_COLUMNS or len(set(schema.names)) < len(schema):
        raise TooLarge(
            f"{len(schema)} columns (limit {MAX_COLUMNS}, no name twice)", f"共有 {len(schema)} 列（上限 {MAX_COLUMNS}，不得重名）"
        )


def _chunks(source: pa.RecordBatchFileReader, columns: tuple[Column, ...], member: Member) -> Iterator[Chunk]:
    first = 1
    wanted = [(GEOMETRY, pa.binary()), *((column.name, ARROW_TYPES[column.type]) for column in columns)]
    for number in range(source.num_record_batches):
        try:
            batch = source.get_batch(number)
            batch.validate(full=True)
            wkb, *kept = (pc.cast(batch.column(name), kind) for name, kind in wanted)
        except (pa.ArrowException, OSError) as exc:
            raise BadFile(f"batch {number + 1} is broken: {exc}", f"第 {number + 1} 批数据已损坏：{exc}", place=member.name) from exc
        yield Chunk(np.arange(first, first + batch.num_rows), wkb, tuple(kept))
        first += batch.num_rows
