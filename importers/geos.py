"""Libraries as the type checker should see them: shapely ships no types, the stubs of pyarrow are narrower than it is."""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute
import shapely as _shapely
from numpy.typing import NDArray

shapely: Any = _shapely
compute: Any = _compute
arrow: Any = pa
"""The functions of pyarrow, where its stubs are narrower than it is."""

ArrowArray: TypeAlias = "pa.Array[Any]"


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where an array of objects holds None."""
    compare: Any = np.equal
    out: NDArray[np.bool_] = compare(values, None).astype(bool)
    return out
