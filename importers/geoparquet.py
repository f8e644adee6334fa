"""GeoParquet through pyarrow, row group by row group: WKB and native encodings, reference system by PROJJSON, nested columns as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from importers.base import BATCH_ROWS, MAX_COLUMNS, Chunk, Column, Finding, Member, Opened, ReadRequest, Report, SourceMeta
from importers.columns import carry, describe
from importers.crs_name import plain_crs
from importers.native_shapes import NATIVE, native_wkb
from importers.unpack import read_head
from twin.errors import BadFile, TooLarge

parquet: Any = pq
_NAMES = ("geometry", "geom", "wkb_geometry", "the_geom", "shape", "wkb", "几何")
_WKB = "WKB"


@dataclass(frozen=True, slots=True)
class _Geometry:
    """The geometry column, how it is encoded, and its reference system."""

    name: str
    encoding: str
    crs: str
    covering: str = ""
    """A column that only repeats the bounds of each shape."""


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The rows of the file with its primary geometry column, or the one named by `table`."""
    member = members[0]
    if read_head(member.path).startswith(b"PARE"):
        raise BadFile("the Parquet file is encrypted", "Parquet 文件已加密", place=member.name)
    try:
        file = parquet.ParquetFile(member.path, memory_map=True, arrow_extensions_enabled=False)
        schema: pa.Schema = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise BadFile(f"the Parquet file is broken: {exc}", f"Parquet 文件已损坏：{exc}", place=member.name) from exc
    if len(schema) > MAX_COLUMNS or len(set(schema.names)) < len(schema):
        raise TooLarge(
            f"{len(schema)} columns (limit {MAX_COLUMNS}, no name twice)", f"共有 {len(schema)} 列（上限 {MAX_COLUMNS}，不得重名）"
        )
    geometry = _geometry(schema, request.table, member)
    names = [name for name in schema.names if name not in (geometry.name, geometry.covering)]
    columns = describe(schema, names)
    for name in sorted(set(names) - {column.name for column in columns}):
        report(Finding(rule="column-dropped", detail_zh=f"{name}：二进制", detail_en=f"{name}: bytes"))
    meta = SourceMeta(format="geoparquet", crs=geometry.crs, columns=columns, total=file.metadata.num_rows)
    return Opened(meta, _chunks(file, geometry, columns, member, report))


def _geometry(schema: pa.Schema, wanted: str, member: Member) -> _Geometry:
    """What the `geo` metadata says; without it a column of bytes by its usual name, in degrees of WGS 84 unless it says otherwise."""
    said = _geo(schema, member)
    name = wanted or str(said.get("primary_column", "")) or _by_name(schema)
    if name not in schema.names:
        raise BadFile(
            f"the table has no geometry column {name!r}; it has {', '.join(schema.names[:20])}",
            f"表中没有几何列 {name!r}；现有 {'、'.join(schema.names[:20])}",
            place=member.name,
            mend="用 --table 指明几何列 / name it with --table",
        )
    column = said.get("columns", {}).get(name, {})
    kind = schema.field(name).type
    encoding = str(column.get("encoding") or (_WKB if _is_bytes(kind) else ""))
    if (encoding == _WKB) != _is_bytes(kind) or encoding not in (_WKB, *NATIVE):
        raise BadFile(
            f"the geometry column {name!r} is {kind}, encoding {encoding or 'none'}: read are WKB and {', '.join(NATIVE)}",
            f"几何列 {name!r} 的类型为 {kind}，编码 {encoding or '无'}；支持 WKB 与 {'、'.join(NATIVE)}",
            place=f"{member.name}: {name}",
        )
    crs = plain_crs(column.get("crs")) if "crs" in column else "EPSG:4326" if column else _crs_of_field(schema.field(name))
    if column.get("crs") and not crs:
        raise BadFile("the PROJJSON of the crs is not understood", "坐标系的 PROJJSON 无法识别", place=f"{member.name}: {name}")
    covering = column.get("covering", {}).get("bbox", {}).get("xmin", [""])
    return _Geometry(name, encoding, crs, str(covering[0]) if covering else "")


def _geo(schema: pa.Schema, member: Member) -> Mapping[str, Any]:
    raw = (schema.metadata or {}).get(b"geo")
    if raw is None:
        return {}
    try:
        said = json.loads(raw)
        if not isinstance(said["columns"][said["primary_column"]], dict):
            raise TypeError("columns")
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise BadFile(f"the geo metadata is broken: {exc!r}", f"geo 元数据有误：{exc!r}", place=f"{member.name}: geo") from exc
    found: Mapping[str, Any] = said
    return found


def _by_name(schema: pa.Schema) -> str:
    lower = {name.lower(): name for name in schema.names if _is_bytes(schema.field(name).type)}
    return next((lower[name] for name in _NAMES if name in lower), "geometry")


def _crs_of_field(field: Any) -> str:
    """The reference system a column of the GeoArrow kind names in its own metadata."""
    try:
        said = json.loads((field.metadata or {}).get(b"ARROW:extension:metadata", b"{}") or b"{}")
        return plain_crs(said.get("crs")) if isinstance(said, dict) else ""
    except (ValueError, RecursionError):
        return ""


def _is_bytes(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view))


def _chunks(file: Any, geometry: _Geometry, columns: tuple[Column, ...], member: Member, report: Report) -> Iterator[Chunk]:
    first = 1
    wanted = [geometry.name, *(column.name for column in columns)]
    batches = file.iter_batches(batch_size=BATCH_ROWS, columns=wanted, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            batch.validate(full=True)
            shapes = batch.column(geometry.name)
            wkb = shapes.cast(pa.binary()) if geometry.encoding == _WKB else native_wkb(shapes, geometry.encoding)
        except (pa.ArrowException, OSError, ValueError) as exc:
            raise BadFile(
                f"reading stopped after row {first - 1}: {exc}", f"读到第 {first - 1} 行后出错：{exc}", place=f"{member.name}: row {first}"
            ) from exc
        rows = np.arange(first, first + len(batch), dtype=np.int64)
        first += len(batch)
        yield Chunk(rows, wkb, tuple(carry(batch.column(column.name), column.type, rows, column.name, report) for column in columns))
