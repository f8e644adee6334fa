"""Rows of a made-up layer as Arrow: attributes and WKB in EPSG:4490, and small things every layer needs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.demo.district.frame import Geometries
from importers.geos import shapely

GEOMETRY = "geometry"
Texts = NDArray[np.str_]


def table(geometries_4490: Geometries, columns: Mapping[str, Any]) -> pa.Table:
    """A layer: its columns in order, then the geometry as little-endian WKB."""
    arrays = {name: values if isinstance(values, pa.Array) else _array(np.asarray(values)) for name, values in columns.items()}
    wkb = pa.array(shapely.to_wkb(geometries_4490, byte_order=1, flavor="iso"), type=pa.binary())
    return pa.table({**arrays, GEOMETRY: wkb})


def _array(values: NDArray[Any]) -> Any:
    """Texts lose their empties: no value is null, not ''."""
    if values.dtype.kind != "U":
        return pa.array(values)
    return pa.array(values, mask=values == "")


def days(years: Any, rng: np.random.Generator, count: int) -> Any:
    """Random dates in given years; year 0 gives null."""
    years = np.broadcast_to(years, count)
    start = (np.maximum(years, 1970) - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    return pa.array(start + rng.integers(0, 365, count), mask=years == 0)


def midnights(dates: Any) -> Any:
    """Dates as the instants at which they begin in Beijing."""
    utc = dates.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False) - np.timedelta64(8, "h")
    return pa.array(utc, type=pa.timestamp("us", tz="UTC"), mask=np.isnat(utc))


def pick(values: tuple[str, ...], shares: tuple[float, ...], rng: np.random.Generator, count: int) -> Texts:
    """Words drawn with given shares."""
    picked: Texts = np.array(values)[rng.choice(len(values), size=count, p=np.array(shares) / sum(shares))]
    return picked


def joined(*parts: Any) -> Texts:
    """Texts put together, element by element."""
    out: Any = ""
    for part in parts:
        out = np.strings.add(out, np.asarray(part, dtype=np.str_))
    texts: Texts = out
    return texts
