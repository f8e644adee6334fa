"""Files out of Arrow batches, as they come from the database: FlatGeobuf and GeoPackage by GDAL, GeoParquet by pyarrow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyogrio as _pyogrio
from pyogrio.errors import DataLayerError

from layers.export.geoparquet import write_geoparquet
from layers.export.request import FileRequest
from postgis.arrow_stream import arrow
from twin.ahead import ahead
from twin.layer import GeometryType
from twin.sheet import Sheet

pyogrio: Any = _pyogrio
Writer = Callable[[pa.RecordBatchReader, Sheet, Path], None]


@dataclass(slots=True)
class _Counted:
    """Batches on their way, and what broke them: through Arrow's C interface an error loses its class."""

    reader: pa.RecordBatchReader
    rows: int = 0
    error: BaseException | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            with ahead(iter(self.reader)) as coming:
                for batch in coming:
                    self.rows += batch.num_rows
                    yield batch
        except BaseException as exc:
            self.error = exc
            raise


def write_file(request: FileRequest) -> int:
    """Write the file; returns its rows. Raises what the database, GDAL or the disk raise."""
    try:
        return _write(request, WRITERS[request.format])
    except DataLayerError as exc:
        writer = next((other for said, other in _SECOND_TRIES.items() if request.format == "fgb" and said in str(exc)), None)
        if writer is None:
            raise
    request.path.unlink(missing_ok=True)
    return _write(request, writer)


def _write(request: FileRequest, writer: Writer) -> int:
    with arrow(request.conninfo, request.text, request.values, request.scope, request.seconds) as reader:
        counted = _Counted(reader)
        try:
            writer(pa.RecordBatchReader.from_batches(reader.schema, counted.batches()), request.sheet, request.path)
        except Exception as exc:
            raise (counted.error or exc) from exc
    return counted.rows


def _flatgeobuf(batches: pa.RecordBatchReader, sheet: Sheet, path: Path, indexed: bool = True) -> None:
    options = {"TEMPORARY_DIR": str(path.parent), "TITLE": sheet.title}
    _by_gdal(batches, sheet, path, "FlatGeobuf", options | {"SPATIAL_INDEX": "YES" if sheet.geometry and indexed else "NO"})


def _flatgeobuf_mixed(batches: pa.RecordBatchReader, sheet: Sheet, path: Path) -> None:
    """Where rows are of other types than their layer says."""
    _flatgeobuf(batches, replace(sheet, shape=GeometryType.MIXED), path)


def _flatgeobuf_holes(batches: pa.RecordBatchReader, sheet: Sheet, path: Path) -> None:
    """Where rows have no place: a spatial index cannot hold them."""
    _flatgeobuf(batches, replace(sheet, shape=GeometryType.MIXED), path, indexed=False)


def _geopackage(batches: pa.RecordBatchReader, sheet: Sheet, path: Path) -> None:
    _by_gdal(
        batches,
        sheet,
        path,
        "GPKG",
        {"IDENTIFIER": sheet.name, "DESCRIPTION": sheet.title, "FID": sheet.oid, "GEOMETRY_NAME": sheet.geometry or "geom"},
    )


def _by_gdal(batches: pa.RecordBatchReader, sheet: Sheet, path: Path, driver: str, options: dict[str, str]) -> None:
    shape: dict[str, Any] = (
        {"geometry_name": sheet.geometry, "geometry_type": _gdal_type(sheet), "crs": sheet.crs} if sheet.geometry else {}
    )
    pyogrio.write_arrow(batches, path, layer=sheet.name, driver=driver, layer_options=options, **shape)


def _gdal_type(sheet: Sheet) -> str:
    name = "Unknown" if sheet.shape in (GeometryType.MIXED, GeometryType.NONE) else sheet.shape.value
    return f"{name} Z" if sheet.heights and name != "Unknown" else name


#: One line for each format that is a file.
WRITERS: Final[dict[str, Writer]] = {
    "fgb": _flatgeobuf,
    "gpkg": _geopackage,
    "parquet": write_geoparquet,
}
#: How a FlatGeobuf is written again when GDAL says this of a row: its header binds every row, and rows are known only when they come.
_SECOND_TRIES: Final[dict[str, Writer]] = {"Mismatched geometry type": _flatgeobuf_mixed, "NULL geometry not supported": _flatgeobuf_holes}
