"""GDAL with its doors shut: only the drivers named here exist in the process, files are opened by private names, warnings are reported."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio as _pyogrio
from pyogrio import raw as _raw

from importers.base import BATCH_ROWS, MAX_COLUMNS, Chunk, Column, Finding, Opened, Report, SourceMeta
from importers.columns import carry, describe
from importers.crs_name import plain_crs
from importers.geos import ArrowArray
from importers.pinned import ALWAYS
from importers.wkb import curved
from twin.errors import BadFile, OperationError, TooLarge

pyogrio: Any = _pyogrio
ogr: Any = _raw
_CONFIG = {
    "OGR_GEOJSON_MAX_OBJ_SIZE": "200",
    "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
    "OGR_SQLITE_PRAGMA": "trusted_schema=0",
    "OGR_ENABLE_PARTIAL_REPROJECTION": "NO",
    "OGR_ARC_STEPSIZE": "2",
    "SHAPE_RESTORE_SHX": "NO",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",  # an xlink may name any file or address
    "DXF_INLINE_BLOCKS": "TRUE",
    "OSM_USE_CUSTOM_INDEXING": "YES",
    "OSM_MAX_TMPFILE_SIZE": "200",
    "OPENFILEGDB_IN_MEMORY_SPI": "NO",
}
_MAX_WARNINGS = 20
_MAY_CURVE = frozenset({"geopackage", "filegdb", "gml", "dxf"})


@dataclass(frozen=True, slots=True)
class Dataset:
    """One file to open under its private name."""

    path: Path
    format: str
    layer: str | None = None
    encoding: str = ""
    """Encoding to decode attributes with; empty where the format says it itself."""
    options: Mapping[str, str] = field(default_factory=dict)
    restore_index: bool = False
    without: frozenset[str] = frozenset()
    """Columns that are none: the format's own bookkeeping."""


def check_drivers(wanted: Collection[str]) -> None:
    """Raise OperationError when this process has other GDAL drivers than `wanted`: a new build must be looked at first."""
    have = set(pyogrio.list_drivers()) - set(ALWAYS)
    if unexpected := sorted(have - set(wanted)):
        raise OperationError(f"GDAL has drivers that are not allowed here: {', '.join(unexpected)}", "GDAL 含有未经允许的驱动")
    if missing := sorted(set(wanted) - have):
        raise OperationError(f"GDAL has no driver {', '.join(missing)} in this build", f"GDAL 缺少驱动 {'、'.join(missing)}")
    pyogrio.set_gdal_config_options(_CONFIG)


def open_dataset(dataset: Dataset, report: Report) -> Opened:
    """Open one layer of a file; BadFile when GDAL cannot read it."""
    pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": "YES" if dataset.restore_index else "NO"})
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            info = pyogrio.read_info(dataset.path, layer=dataset.layer, encoding=dataset.encoding or None, **dataset.options)
            schema = _schema(dataset)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.CRSError, UnicodeDecodeError) as exc:
        raise unreadable(dataset.path, exc) from exc
    except IndexError as exc:  # a driver took the head of the file and found no table behind it
        raise BadFile("the file has no table", "文件中没有表", place=dataset.path.name) from exc
    except pyogrio.errors.GeometryError as exc:
        raise _model(dataset.layer or dataset.path.name, exc) from exc
    _report_warnings(caught, report)
    names = [str(name) for name in info["fields"] if str(name) not in dataset.without]
    if len(names) > MAX_COLUMNS:
        raise TooLarge(f"{len(names)} columns (limit {MAX_COLUMNS})", f"共有 {len(names)} 列（上限 {MAX_COLUMNS}）")
    columns = describe(schema, _unique(schema, names))
    total = int(info["features"]) if info["features"] >= 0 else None
    meta = SourceMeta(
        format=dataset.format,
        crs=plain_crs(info["crs"]),
        encoding=dataset.encoding or info["encoding"] or "UTF-8",
        columns=columns,
        total=total,
    )
    return Opened(meta, _all_of(dataset, total, _chunks(dataset, columns, report)))


def tables(path: Path, name: str) -> tuple[tuple[str, bool], ...]:
    """Every layer of a file and whether it has geometry; BadFile when GDAL cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said again when the chosen one is opened
            return tuple((str(layer), kind is not None) for layer, kind in pyogrio.list_layers(path))
    except pyogrio.errors.GeometryError as exc:
        raise _model(name, exc) from exc
    except (pyogrio.errors.DataSourceError, UnicodeDecodeError) as exc:
        refused = unreadable(path, exc)
        raise BadFile(refused.message_en, refused.message_zh, place=name) from exc


def _model(place: str, exc: Exception) -> BadFile:
    return BadFile(
        f"the shapes are of a kind that is not read here ({exc}): solids and surfaces of a 3D model are no features",
        f"几何类型不受支持（{exc}）：三维模型的实体与曲面不是要素",
        place=place,
        mend="导出为二维或三维多面后再导入 / export them as polygons",
    )


def choose_table(found: Sequence[tuple[str, bool]], wanted: str, name: str) -> str:
    """The table `wanted`, else the only one that has geometry; BadFile lists them."""
    names = [table for table, _ in found]
    spatial = [table for table, has_geometry in found if has_geometry]
    if wanted in names or (len(spatial or names) == 1 and not wanted):
        return wanted or (spatial or names)[0]
    listed = ", ".join(spatial or names) or "-"
    if wanted:
        raise BadFile(f"there is no table {wanted!r}; there are: {listed}", f"没有表 {wanted!r}，现有：{listed}", place=name)
    raise BadFile(
        f"the file has {len(spatial)} tables with geometry, name one with --table: {listed}",
        f"共有 {len(spatial)} 个带几何的表，请用 --table 指定：{listed}",
        place=name,
        mend=f"--table {(spatial or names or ['?'])[0]}",
        choices=spatial or names,
    )


def unreadable(path: Path, exc: Exception) -> BadFile:
    """What GDAL said, without our private path."""
    said = str(exc).replace(str(path), path.name).replace(str(path.resolve()), path.name).split("; It might help")[0]
    return BadFile(f"the file cannot be read: {said}", f"文件无法读取：{said}", place=said if "character" in said else path.name)


def _schema(dataset: Dataset) -> pa.Schema:
    with _arrow(dataset) as (_, reader):
        schema: pa.Schema = reader.schema
        return schema


def _arrow(dataset: Dataset) -> Any:
    return ogr.open_arrow(
        dataset.path,
        layer=dataset.layer,
        encoding=dataset.encoding or None,
        return_fids=True,
        batch_size=BATCH_ROWS,
        use_pyarrow=True,
        **dataset.options,
    )


def _unique(schema: pa.Schema, names: Sequence[str]) -> list[str]:
    """Names that Arrow knows exactly once; GDAL numbers doubled ones itself."""
    return [name for name in names if schema.names.count(name) == 1]


def _chunks(dataset: Dataset, columns: Sequence[Column], report: Report) -> Iterator[Chunk]:
    first = 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _arrow(dataset) as (meta, reader), closing(reader):
                shape = meta["geometry_name"] or "wkb_geometry"
                for batch in reader:
                    yield _chunk(dataset, batch, first, (shape, meta["fid_column"] or "OGC_FID"), columns, report)
                    first += len(batch)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError, pa.ArrowException, OSError, RuntimeError) as exc:
            raise BadFile(
                f"reading stopped after row {first - 1}: {exc}", f"读到第 {first - 1} 行后出错：{exc}", place=f"row {first}"
            ) from exc
        _report_warnings(caught, report)


def _all_of(dataset: Dataset, total: int | None, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The chunks, and BadFile when they end before the table does: SQLite for one ends a query without a word when it has no memory."""
    seen = 0
    for chunk in chunks:
        seen += len(chunk.rows)
        yield chunk
    if total and seen < total and seen < (there := _count_ids(dataset)):
        raise BadFile(
            f"only {seen} of {there} rows could be read: the file is broken, or a row needs more memory than a reader may use",
            f"{there} 行中只读出 {seen} 行：文件已损坏，或某一行所需内存超出限额",
            place=f"row {seen + 1}",
        )


def _count_ids(dataset: Dataset) -> int:
    """Rows that are there, their shapes left alone: the count a file tells of itself may be stale, or count deleted rows."""
    try:
        return len(ogr.read(dataset.path, layer=dataset.layer, columns=[], read_geometry=False, return_fids=True, **dataset.options)[1])
    except pyogrio.errors.DataSourceError as exc:
        raise unreadable(dataset.path, exc) from exc


def _chunk(
    dataset: Dataset, batch: pa.RecordBatch, first: int, special: tuple[str, str], columns: Sequence[Column], report: Report
) -> Chunk:
    rows = np.arange(first, first + len(batch), dtype=np.int64)
    names = batch.schema.names
    wkb = batch.column(special[0]) if special[0] in names else pa.nulls(len(batch), pa.binary())
    if isinstance(wkb, pa.ExtensionArray):
        wkb = wkb.storage
    arcs = curved(wkb) if dataset.format in _MAY_CURVE else []
    if arcs:
        fids = None if dataset.format == "gml" else batch.column(special[1])
        wkb = _as_lines(dataset, wkb, fids, arcs, first)
        for at in arcs:
            report(Finding(rule="curve-linearised", row=int(rows[at])))
    arrays = tuple(carry(batch.column(column.name), column.type, rows, column.name, report) for column in columns)
    return Chunk(rows, wkb, arrays)


def _as_lines(dataset: Dataset, wkb: ArrowArray, fids: Any, arcs: Sequence[int], first: int) -> ArrowArray:
    """Read rows with arcs once more, as GDAL's linear approximation (2° steps); by place in the file where their ids are no ids."""
    values = wkb.to_pylist()
    if fids is None:
        lines = ogr.read(dataset.path, layer=dataset.layer, columns=[], skip_features=first - 1, max_features=len(wkb), **dataset.options)[
            2
        ]
        by_place = dict(enumerate(lines.tolist()))
    else:
        wanted = fids.take(pa.array(arcs)).to_numpy()
        _, found, lines, _ = ogr.read(dataset.path, layer=dataset.layer, columns=[], fids=wanted, return_fids=True, **dataset.options)
        by_fid = dict(zip(found.tolist(), lines, strict=True))
        by_place = {at: by_fid[fid] for at, fid in zip(arcs, wanted.tolist(), strict=True)}
    for at in arcs:
        values[at] = by_place[at]
    return pa.array(values, pa.binary())


def _report_warnings(caught: Sequence[warnings.WarningMessage], report: Report) -> None:
    """What GDAL mentioned, once each; measures have a finding of their own."""
    texts = dict.fromkeys(str(item.message) for item in caught if "(M) geometry" not in str(item.message))
    for text in list(texts)[:_MAX_WARNINGS]:
        report(Finding(rule="reader-warning", detail_zh=text, detail_en=text))
