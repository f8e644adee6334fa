"""Moves staged geometry to where it is: map offsets undone, reference systems transformed; a row without an answer is refused alone."""

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
from importers.geos import arrow, shapely
from twin.crs import SAME_AS_STORAGE, Datum, SourceCrs, parse_crs, parse_datum, to_wgs84
from twin.errors import BadParameter

Array = NDArray[np.float64]
_SCHEMA: pa.Schema = arrow.schema([("rid", pa.int64()), ("wkb", pa.binary())])
_GOOD_ACCURACY_M = 2.0
_CGCS2000 = frozenset({4490, 4480, 4479})


@dataclass(frozen=True)
class Move:
    """From the source's coordinates to degrees of storage: first the reference system, then the datum offset."""

    crs: SourceCrs
    wkt: str = ""
    """Reference system without an EPSG code, as WKT; else empty."""

    @property
    def needed(self) -> bool:
        """Whether coordinates change at all."""
        return bool(self.wkt) or not self.crs.is_degrees_of_storage

    @property
    def name(self) -> str:
        """How reports call the reference system."""
        return self.wkt.split('"')[1] if '"' in self.wkt else f"EPSG:{self.crs.epsg}"

    @cached_property
    def _projection(self) -> pyproj.Transformer | None:
        if not self.wkt and self.crs.epsg in SAME_AS_STORAGE:
            return None
        return pyproj.Transformer.from_crs(self._source, self._target, always_xy=True)

    @cached_property
    def _source(self) -> pyproj.CRS:
        try:
            return pyproj.CRS.from_user_input(self.wkt or self.crs.epsg)
        except pyproj.exceptions.CRSError as exc:
            raise BadParameter(f"there is no reference system {self.name}", f"没有坐标系 {self.name}", place="crs") from exc

    @property
    def _target(self) -> int:
        """CGCS2000 sources go to CGCS2000; all others to WGS84, which is centimetres from it and has the better known transformations."""
        geodetic = self._source.geodetic_crs
        code = geodetic.to_epsg() if geodetic else None
        return 4490 if code in _CGCS2000 else 4326

    @property
    def datum(self) -> Datum:
        """What the source's degrees mean, for the report."""
        if self.crs.is_offset or not self.needed or self._projection is None:
            return self.crs.datum
        return Datum.CGCS2000 if self._target == 4490 else Datum.WGS84

    def is_approximate(self) -> bool:
        """Whether the best transformation PROJ has here is worse than two metres, or of unknown accuracy."""
        if self._projection is None or self._source.geodetic_crs == pyproj.CRS.from_epsg(self._target):
            return False
        best = TransformerGroup(self._source, self._target, always_xy=True).transformers
        return not best or best[0].accuracy < 0 or best[0].accuracy > _GOOD_ACCURACY_M

    def degrees(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Source coordinates as longitude and latitude; not finite where there is no answer."""
        if self._projection is not None:
            x, y = self._projection.transform(x, y, errcheck=False)
        return to_wgs84(self.crs.datum, x, y)

    def geometry(self, shapes: NDArray[Any]) -> NDArray[Any]:
        """Shapes moved, their heights kept; None where a coordinate has no answer."""
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
        return np.column_stack((*self.degrees(xyz[:, 0], xyz[:, 1]), xyz[:, 2]))


def plan_move(meta: SourceMeta, crs: str, datum: str) -> Move | None:
    """What the person says wins over what the file says; None when neither says anything."""
    said = crs or meta.crs
    if not said and not datum:
        return None
    is_wkt = not crs and bool(meta.crs) and not meta.crs.upper().startswith("EPSG:")
    base = SourceCrs(4490, Datum.CGCS2000) if is_wkt else parse_crs(said or datum)
    if datum:
        base = SourceCrs(base.epsg, parse_datum(datum))
    return Move(base, meta.crs if is_wkt else "")


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
