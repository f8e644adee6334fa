"""Moves staged geometry to where it is: map offsets undone, reference systems transformed; a row without an answer is refused alone."""

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
from numpy.typing import NDArray
from pyproj.transformer import TransformerGroup

from importers.base import SourceMeta
from importers.crs_text import definition, parse_reference
from importers.geos import arrow, shapely
from importers.local_grid import LocalGrid
from twin.crs import SAME_AS_STORAGE, Datum, SourceCrs, parse_datum, to_wgs84

Array = NDArray[np.float64]
_SCHEMA: pa.Schema = arrow.schema([("rid", pa.int64()), ("wkb", pa.binary())])
_GOOD_ACCURACY_M = 2.0
_CGCS2000 = frozenset({4490, 4480, 4479})
_CGCS2000_NAME = re.compile(r"cgcs[_ ]?2000|china[_ ](geodetic[_ ]coordinate[_ ]system[_ ])?2000", re.IGNORECASE)
_MAX_NAME = 120
LAT_LON, LON_LAT = "lat-lon", "lon-lat"


@dataclass(frozen=True)
class Move:
    """From the source's coordinates to degrees of storage: axes, then a local grid, then the reference system, then the datum offset."""

    crs: SourceCrs
    wkt: str = ""
    """Reference system without an EPSG code, as WKT or PROJ string; else empty."""
    swapped: bool = False
    """Whether the source writes north before east."""
    grid: LocalGrid | None = None
    """Shift, rotation and scale that lead to `crs`."""
    height_m: float = 1.0
    """Metres of one unit of its heights."""

    @property
    def needed(self) -> bool:
        """Whether coordinates change at all."""
        return self.swapped or self.grid is not None or self.height_m != 1.0 or bool(self.wkt) or not self.crs.is_degrees_of_storage

    @property
    def name(self) -> str:
        """How reports call the reference system."""
        if self.grid:
            return self.grid.title
        if not self.wkt:
            return f"EPSG:{self.crs.epsg}"
        return self.wkt.split('"')[1] if '"' in self.wkt else self.wkt[:_MAX_NAME]

    @property
    def recipe(self) -> str:
        """Everything that decides where a coordinate comes to lie, for the hash of the rows: other parameters are other rows."""
        whole = self.grid.text if self.grid else self.wkt
        parts = [self.name, hashlib.sha256(whole.encode()).hexdigest()[:16] if whole else "", "north-first" if self.swapped else ""]
        parts.append(f"z*{self.height_m!r}" if self.height_m != 1.0 else "")
        return "|".join((*filter(None, parts), self.crs.datum))

    @cached_property
    def _projection(self) -> pyproj.Transformer | None:
        if not self.wkt and self.crs.epsg in SAME_AS_STORAGE:
            return None
        return pyproj.Transformer.from_crs(self.source, self._target, always_xy=True)

    @cached_property
    def source(self) -> pyproj.CRS:
        """The parsed reference system; BadParameter when there is none of this name."""
        return definition(self.wkt or str(self.crs.epsg))

    @property
    def _target(self) -> int:
        """CGCS2000 sources go to CGCS2000; all others to WGS84, which is centimetres from it and has the better known transformations."""
        return 4490 if self._is_cgcs2000() else 4326

    def _is_cgcs2000(self) -> bool:
        """By code, or by the names the datum goes by in files that carry no code. A bound system has a shift of its own to WGS84."""
        geodetic = self.source.geodetic_crs
        if geodetic is None or self.source.is_bound:
            return False
        named = f"{geodetic.name} {geodetic.datum.name if geodetic.datum else ''}"
        return geodetic.to_epsg() in _CGCS2000 or bool(
            _CGCS2000_NAME.search(named) and geodetic.ellipsoid and _is_grs80(geodetic.ellipsoid)
        )

    @property
    def datum(self) -> Datum:
        """What the source's degrees mean, for the report."""
        if self.crs.is_offset or not self.needed or self._projection is None:
            return self.crs.datum
        return Datum.CGCS2000 if self._target == 4490 else Datum.WGS84

    def is_approximate(self) -> bool:
        """Whether the best transformation PROJ has here is worse than two metres, or of unknown accuracy."""
        accuracy = self.accuracy_m()
        return accuracy is None or accuracy > _GOOD_ACCURACY_M

    def accuracy_m(self) -> float | None:
        """Stated accuracy of the transformation in metres, 0 where none is needed; None when nobody states one (only the ellipsoids differ).

        What a person says by parameters is taken at its word.
        """
        if self._projection is None or self.source.is_bound or self._is_cgcs2000():
            return 0.0
        if self.source.geodetic_crs == pyproj.CRS.from_epsg(self._target):
            return 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a finer grid exists elsewhere: the accuracy of what is here is what counts
            best = TransformerGroup(self.source, self._target, always_xy=True).transformers
        return best[0].accuracy if best and best[0].accuracy >= 0 else None

    def degrees(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Source coordinates as longitude and latitude; not finite where there is no answer."""
        if self.swapped:
            x, y = y, x
        if self.grid is not None:
            x, y = self.grid.to_base(x, y)
        if self._projection is not None:
            x, y = self._projection.transform(x, y, errcheck=False)
        return to_wgs84(self.crs.datum, x, y)

    def geometry(self, shapes: NDArray[Any]) -> NDArray[Any]:
        """Shapes moved, their heights kept (in metres); None where a coordinate has no answer."""
        out = np.array(shapes, dtype=object)
        flat = ~np.asarray(shapely.has_z(shapes))
        out[flat] = shapely.transform(out[flat], self._flat)
        out[~flat] = shapely.transform(out[~flat], self._deep, include_z=True)
        coordinates, index = shapely.get_coordinates(out, return_index=True)
        out[np.unique(index[~np.isfinite(coordinates).all(axis=1)])] = None
        return out

    def _flat(self, xy: Array) -> Array:
        return np.column_stack(self.degrees(xy[:, 0], xy[:, 1]))

    def _deep(self, xyz: Array) -> Array:
        return np.column_stack((*self.degrees(xyz[:, 0], xyz[:, 1]), xyz[:, 2] * self.height_m))


def plan_move(meta: SourceMeta, crs: str, datum: str, axis_order: str = "") -> Move | None:
    """What the person says wins over what the file says; None when neither says anything."""
    said = crs or meta.crs
    if not said and not datum:
        return None
    reference = parse_reference(said or datum)
    base = SourceCrs(reference.crs.epsg, parse_datum(datum)) if datum else reference.crs
    return Move(base, reference.wkt, axis_order == LAT_LON, reference.grid)


def _is_grs80(ellipsoid: Any) -> bool:
    return bool(abs(ellipsoid.semi_major_metre - 6378137.0) < 0.01 and abs(ellipsoid.inverse_flattening - 298.257222101) < 1e-4)


def moved(batches: pa.RecordBatchReader, move: Move, tell: Callable[[int], None]) -> pa.RecordBatchReader:
    """(rid, wkb) batches with every geometry moved; NULL where it has no place."""

    def walk() -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in batches:
            shapes = move.geometry(shapely.from_wkb(batch.column("wkb").to_numpy(zero_copy_only=False)))
            done += len(batch)
            tell(done)
            yield pa.RecordBatch.from_arrays(
                [batch.column("rid").cast(pa.int64()), pa.array(shapely.to_wkb(shapes), pa.binary())], schema=_SCHEMA
            )

    return pa.RecordBatchReader.from_batches(_SCHEMA, walk())
