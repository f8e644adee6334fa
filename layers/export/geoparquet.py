"""GeoParquet 1.1: WKB, the reference system as PROJJSON, the box of the whole and of each row, so that readers can skip row groups."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as _pc
import pyarrow.parquet as _pq
from pyproj import CRS

from twin.sheet import SIDES, Sheet

pc: Any = _pc
pq: Any = _pq
_GROUP_ROWS: Final = 65_536
_GROUP_BYTES: Final = 64 << 20
_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")
_NAMES: Final = ("Geometry", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")


def write_geoparquet(batches: pa.RecordBatchReader, sheet: Sheet, path: Path) -> None:
    """Write all batches; a sheet without geometry becomes plain Parquet."""
    schema = _schema(batches.schema, sheet)
    seen = _Seen()
    # Arrow's own schema would hide metadata that are known only at the end from those who read by it.
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=_texts(schema, sheet), store_schema=False
    ) as writer:
        for table in _groups(batches):
            seen.look(table, sheet)
            writer.write_table(_boxed(table, sheet, schema), row_group_size=_GROUP_ROWS)
        if sheet.geometry:
            writer.add_key_value_metadata({"geo": json.dumps(seen.metadata(sheet), ensure_ascii=False)})


def _texts(schema: pa.Schema, sheet: Sheet) -> list[str]:
    """Columns that are worth a dictionary: values of text come again, coordinates do not."""
    return [field.name for field in schema if field.name != sheet.geometry and pa.types.is_string(field.type)]


def _schema(arriving: pa.Schema, sheet: Sheet) -> pa.Schema:
    kept = [field.remove_metadata() for field in arriving if field.name not in SIDES]
    if sheet.geometry:
        kept.append(pa.field(sheet.bbox, pa.struct([pa.field(corner, pa.float64()) for corner in _CORNERS])))
    return pa.schema(kept)


def _groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Batches joined to what is worth a row group."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= _GROUP_ROWS or sum(each.nbytes for each in held) >= _GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _boxed(table: pa.Table, sheet: Sheet, schema: pa.Schema) -> pa.Table:
    """The four sides of each row's box as one column."""
    if not sheet.geometry:
        return table.cast(schema)
    sides = [table.column(side).combine_chunks() for side in SIDES]
    box = pa.StructArray.from_arrays(sides, names=list(_CORNERS), mask=pc.is_null(sides[0]))
    return table.drop_columns(list(SIDES)).append_column(sheet.bbox, box).cast(schema)


class _Seen:
    """What the file's metadata say of all rows: the types of geometry and the box around everything."""

    def __init__(self) -> None:
        self._codes: set[int] = set()
        self._box: list[float] = []

    def look(self, table: pa.Table, sheet: Sheet) -> None:
        """Note a group."""
        if not sheet.geometry:
            return
        for chunk in table.column(sheet.geometry).chunks:
            self._codes |= _type_codes(chunk.drop_null())
        corners = [pc.min(table.column(SIDES[side])).as_py() for side in (0, 1)]
        corners += [pc.max(table.column(SIDES[side])).as_py() for side in (2, 3)]
        if None not in corners:
            known = self._box or corners
            self._box = [min(known[0], corners[0]), min(known[1], corners[1]), max(known[2], corners[2]), max(known[3], corners[3])]

    def metadata(self, sheet: Sheet) -> dict[str, Any]:
        """The `geo` document."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(_NAMES[code % 1000] + (" Z" if code >= 1000 else "") for code in self._codes),
            "crs": CRS.from_user_input(sheet.crs).to_json_dict(),
            "covering": {"bbox": {corner: [sheet.bbox, corner] for corner in _CORNERS}},
        }
        if self._box:
            column["bbox"] = self._box
        return {"version": "1.1.0", "primary_column": sheet.geometry, "columns": {sheet.geometry: column}}


def _type_codes(wkb: Any) -> set[int]:
    """The geometry types among WKB values, which PostGIS writes with the lowest byte first."""
    if not len(wkb):
        return set()
    offsets = np.frombuffer(wkb.buffers()[1], np.int32)[wkb.offset : wkb.offset + len(wkb)]
    octets = np.frombuffer(wkb.buffers()[2], np.uint8)
    codes = octets[offsets + 1].astype(np.uint32) + octets[offsets + 2].astype(np.uint32) * 256
    return {int(code) for code in np.unique(codes)}
