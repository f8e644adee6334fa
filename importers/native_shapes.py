"""GeoArrow's native encodings (lists of coordinates) as WKB."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.geos import ArrowArray, shapely

#: Encoding of the column → shapely's type and how many lists enclose a coordinate.
NATIVE = {"point": (0, 0), "linestring": (1, 1), "multipoint": (4, 1), "polygon": (3, 2), "multilinestring": (5, 2), "multipolygon": (6, 3)}


def native_wkb(column: ArrowArray, encoding: str) -> ArrowArray:
    """WKB of a native column; null stays null. ValueError or ArrowException when its lists are no such shapes."""
    kind, depth = NATIVE[encoding]
    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    filled: Any = column.filter(pa.array(present))
    offsets: list[NDArray[np.int64]] = []
    for _ in range(depth):
        if not (pa.types.is_list(filled.type) or pa.types.is_large_list(filled.type)):
            raise ValueError(f"{filled.type} is no {encoding}")
        ends = np.concatenate([[0], np.cumsum(filled.value_lengths().fill_null(0).to_numpy())])
        offsets.insert(0, ends.astype(np.int64))
        filled = filled.flatten()
    shapes = shapely.from_ragged_array(shapely.GeometryType(kind), _coordinates(filled), tuple(offsets) or None)
    out = np.full(len(column), None, dtype=object)
    out[present] = shapely.to_wkb(shapes)
    wkb: ArrowArray = pa.array(out, pa.binary())
    return wkb


def _coordinates(values: Any) -> NDArray[np.float64]:
    """Rows of x, y and z; a measure is left away."""
    if pa.types.is_struct(values.type):
        names = [values.type.field(at).name for at in range(values.type.num_fields)]
        wanted = [name for name in ("x", "y", "z") if name in names]
        if wanted[:2] != ["x", "y"]:
            raise ValueError(f"coordinates {values.type} have no x and y")
        return np.column_stack([values.field(names.index(name)).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in wanted])
    if not pa.types.is_fixed_size_list(values.type) or values.type.list_size < 2:
        raise ValueError(f"{values.type} are no coordinates")
    size = values.type.list_size
    table = values.flatten().cast(pa.float64()).to_numpy(zero_copy_only=False).reshape(-1, size)
    return np.ascontiguousarray(table[:, : min(size, 3)])
