"""GDAL with its doors shut: only the drivers named here exist in the process, files are opened by private names, warnings are reported."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio as _pyogrio
import pyproj
from pyogrio import raw as _raw

from importers.base import BATCH_ROWS, MAX_COLUMNS, Chunk, Column, Finding, Opened, Report, SourceMeta
from importers.columns import carry, describe
from importers.geos import ArrowArray
from importers.pinned import DRIVERS
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
}
_MAX_WARNINGS = 20


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


def check_drivers() -> None:
    """Raise OperationError when GDAL has a driver that is not on the list: a new build must be looked at first."""
    unexpected = sorted(set(pyogrio.list_drivers()) - set(DRIVERS))
    if unexpected:
        raise OperationError(f"GDAL has drivers that are not allowed here: {', '.join(unexpected)}", "GDAL 含有未经允许的驱动")
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
    _report_warnings(caught, report)
    names = [str(name) for name in info["fields"]]
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
    return Opened(meta, _chunks(dataset, columns, report))


def unreadable(path: Path, exc: Exception) -> BadFile:
    """What GDAL said, without our private path."""
    said = str(exc).replace(str(path), path.name).replace(str(path.resolve()), path.name).split("; It might help")[0]
    return BadFile(f"the file cannot be read: {said}", f"文件无法读取：{said}", place=said if "character" in said else path.name)


def plain_crs(crs: str | None) -> str:
    """`EPSG:n` where the reference system is a known one, else its WKT, else empty."""
    if not crs or crs.upper().startswith("EPSG:"):
        return crs or ""
    try:
        parsed = pyproj.CRS.from_user_input(crs)
        authority = parsed.to_authority(auth_name="EPSG", min_confidence=70)
    except pyproj.exceptions.CRSError:
        return ""
    return ":".join(authority) if authority else str(parsed.to_wkt())


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


def _chunk(
    dataset: Dataset, batch: pa.RecordBatch, first: int, special: tuple[str, str], columns: Sequence[Column], report: Report
) -> Chunk:
    rows = np.arange(first, first + len(batch), dtype=np.int64)
    names = batch.schema.names
    wkb = batch.column(special[0]) if special[0] in names else pa.nulls(len(batch), pa.binary())
    if isinstance(wkb, pa.ExtensionArray):
        wkb = wkb.storage
    arcs = curved(wkb) if _may_curve(dataset) else []
    if arcs:
        wkb = _as_lines(dataset, wkb, batch.column(special[1]), arcs)
        for at in arcs:
            report(Finding(rule="curve-linearised", row=int(rows[at])))
    arrays = tuple(carry(batch.column(column.name), column.type, rows, column.name, report) for column in columns)
    return Chunk(rows, wkb, arrays)


def _may_curve(dataset: Dataset) -> bool:
    return dataset.format == "geopackage"


def _as_lines(dataset: Dataset, wkb: ArrowArray, fids: ArrowArray, arcs: Sequence[int]) -> ArrowArray:
    """Read rows with arcs once more, as GDAL's linear approximation (2° steps)."""
    wanted = fids.take(pa.array(arcs)).to_numpy()
    _, found, lines, _ = ogr.read(dataset.path, layer=dataset.layer, columns=[], fids=wanted, return_fids=True, **dataset.options)
    by_fid = dict(zip(found.tolist(), lines, strict=True))
    values = wkb.to_pylist()
    for at, fid in zip(arcs, wanted.tolist(), strict=True):
        values[at] = by_fid[fid]
    return pa.array(values, pa.binary())


def _report_warnings(caught: Sequence[warnings.WarningMessage], report: Report) -> None:
    """What GDAL mentioned, once each; measures have a finding of their own."""
    texts = dict.fromkeys(str(item.message) for item in caught if "(M) geometry" not in str(item.message))
    for text in list(texts)[:_MAX_WARNINGS]:
        report(Finding(rule="reader-warning", detail_zh=text, detail_en=text))
