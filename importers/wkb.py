"""Geometry as it comes out of a file: broken rings closed, measures dropped, surfaces flattened, multi parts split, NaN refused."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.base import Finding, Report, Rows
from importers.geos import ArrowArray, arrow, compute, is_missing, shapely
from importers.shapes import Source, drop_repeated, drop_short_rings, kinds_of, mend

Objects = NDArray[np.object_]

#: WKB type modulo 1000 → the type with the same bytes that every tool reads (PolyhedralSurface, TIN, Triangle).
_FLAT = {15: 6, 16: 6, 17: 3}
_CURVES = frozenset(range(8, 15))
_WITH_COUNT = frozenset({4, 5, 6, 7, 15, 16})
_EWKB_Z, _EWKB_M, _EWKB_SRID = 0x80000000, 0x40000000, 0x20000000
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Checked:
    """Geometry ready to stage: `take` are positions in the batch that came in, `parts` are 0 where nothing was split."""

    take: Rows
    parts: NDArray[np.int32]
    wkb: ArrowArray
    refused: int
    bounds: NDArray[np.float64]
    has_z: bool
    kinds: Mapping[int, int]
    """How many rows of each dimension: 0 points, 1 lines, 2 areas, 3 collections."""


def base_type(wkb: bytes) -> int:
    """WKB geometry type without dimension (1 Point … 17 Triangle); 0 when the bytes are too short."""
    if len(wkb) < 5:
        return 0
    word = int.from_bytes(wkb[1:5], "little" if wkb[0] else "big")
    return (word & 0x0FFFFFFF) % 1000


def curved(wkb: ArrowArray) -> list[int]:
    """Positions of geometry with arcs, which the reader fetches again as lines."""
    heads = compute.binary_slice(wkb, 0, 5)
    arcs = [head for head in heads.unique().to_pylist() if head is not None and base_type(head) in _CURVES]
    if not arcs:
        return []
    found: list[int] = np.flatnonzero(compute.is_in(heads, value_set=arrow.array(arcs, heads.type)).to_numpy(zero_copy_only=False)).tolist()
    return found


def flatten_surfaces(wkb: bytes) -> bytes:
    """Rewrite PolyhedralSurface, TIN and Triangle as polygons of the same coordinates; ISO WKB only."""
    buffer = bytearray(wkb)
    _flatten(buffer, 0, 0)
    return bytes(buffer)


def _flatten(buffer: bytearray, at: int, depth: int) -> int:
    """Rewrite the geometry at `at`, return the position after it; struct.error when the bytes end early."""
    order = "<" if buffer[at] else ">"
    (word,) = struct.unpack_from(order + "I", buffer, at + 1)
    kind, dimension = word % 1000, word // 1000
    size = 8 * (2, 3, 3, 4)[dimension]
    (count,) = struct.unpack_from(order + "I", buffer, at + 5) if kind != 1 else (1,)
    struct.pack_into(order + "I", buffer, at + 1, _FLAT.get(kind, kind) + 1000 * dimension)
    end = at + 9
    if kind in _WITH_COUNT and depth < _MAX_DEPTH:
        for _ in range(count):
            end = _flatten(buffer, end, depth + 1)
        return end
    if kind == 1:
        return at + 5 + size
    if kind == 2:
        return end + size * int(count)
    for _ in range(count):
        (points,) = struct.unpack_from(order + "I", buffer, end)
        end += 4 + size * points
    return end


def check(wkb: ArrowArray, rows: Rows, explode: bool, report: Report, source: Source = Source()) -> Checked:  # noqa: B008  (frozen)
    """Read, mend and measure one batch of geometry; every change and refusal is reported with its row."""
    values = wkb.to_numpy(zero_copy_only=False)
    geometry = np.asarray(shapely.from_wkb(values, on_invalid="ignore"), dtype=object)
    present = ~is_missing(values)
    changed = _mend(values, geometry, present, rows, report)
    refuse = _refuse(geometry, present, rows, report)
    changed |= _drop_measures(geometry, rows, report)
    changed |= _drop_bad_heights(geometry, rows, report)
    geometry[refuse] = None
    changed |= drop_repeated(geometry, rows, report)
    changed |= drop_short_rings(geometry, rows, report)
    changed |= mend(geometry, rows, source, report)
    changed |= _note_missing(geometry, refuse, rows, report)
    keep = np.flatnonzero(~refuse)
    kinds = kinds_of(geometry[keep])
    bounds = shapely.total_bounds(geometry[keep]) if len(keep) else np.full(4, np.nan)
    has_z = bool(shapely.has_z(geometry[keep]).any())
    if explode:
        take, parts, pieces = _explode(geometry, keep)
        return Checked(take, parts, pa.array(shapely.to_wkb(pieces), pa.binary()), int(refuse.sum()), bounds, has_z, kinds)
    if changed.any():
        values = np.where(changed, shapely.to_wkb(geometry), values)
    out = wkb.cast(pa.binary()) if not changed.any() and not refuse.any() else pa.array(values[keep], pa.binary())
    return Checked(keep, np.zeros(len(keep), np.int32), out, int(refuse.sum()), bounds, has_z, kinds)


def _mend(values: Objects, geometry: Objects, present: NDArray[np.bool_], rows: Rows, report: Report) -> NDArray[np.bool_]:
    """Second try for what GEOS could not read: surfaces flattened, rings closed. Changes `geometry` in place."""
    changed = np.zeros(len(values), bool)
    for at in np.flatnonzero(present & is_missing(geometry)):
        try:
            flat = flatten_surfaces(values[at])
            mended = shapely.from_wkb(flat, on_invalid="fix")
        except (struct.error, IndexError, shapely.errors.GEOSException):
            continue
        if mended is not None:
            geometry[at] = _only_polygons(mended)
            changed[at] = True
            report(Finding(rule="surface-flattened" if flat != values[at] else "ring-closed", row=int(rows[at])))
    return changed


def _only_polygons(geometry: shapely.Geometry) -> shapely.Geometry:
    """A collection of surfaces is one multipolygon."""
    if geometry.geom_type != "GeometryCollection":
        return geometry
    parts = shapely.get_parts(shapely.get_parts(geometry))
    polygons = [part for part in parts if part.geom_type == "Polygon"]
    return shapely.multipolygons(polygons) if len(polygons) == len(parts) else geometry


def _refuse(geometry: Objects, present: NDArray[np.bool_], rows: Rows, report: Report) -> NDArray[np.bool_]:
    unreadable = present & is_missing(geometry)
    for at in np.flatnonzero(unreadable):
        report(Finding(rule="bad-geometry", row=int(rows[at])))
    coordinates, index = shapely.get_coordinates(geometry, return_index=True)
    infinite = np.zeros(len(geometry), bool)
    infinite[index[~np.isfinite(coordinates).all(axis=1)]] = True
    for at in np.flatnonzero(infinite):
        report(Finding(rule="not-finite", row=int(rows[at])))
    refused: NDArray[np.bool_] = unreadable | infinite
    return refused


def _drop_measures(geometry: Objects, rows: Rows, report: Report) -> NDArray[np.bool_]:
    measured = np.asarray(shapely.has_m(geometry))
    if measured.any():
        flat = measured & ~shapely.has_z(geometry)
        geometry[flat] = shapely.force_2d(geometry[flat])
        deep = measured & ~flat
        geometry[deep] = shapely.from_wkb(shapely.to_wkb(geometry[deep], output_dimension=3))
        for at in np.flatnonzero(measured):
            report(Finding(rule="measure-dropped", row=int(rows[at])))
    return measured


def _drop_bad_heights(geometry: Objects, rows: Rows, report: Report) -> NDArray[np.bool_]:
    """A height that is no number makes the shape flat; its place on the ground is still good."""
    bad = np.zeros(len(geometry), bool)
    deep = np.flatnonzero(shapely.has_z(geometry))
    if len(deep):
        coordinates, index = shapely.get_coordinates(geometry[deep], include_z=True, return_index=True)
        bad[deep[index[~np.isfinite(coordinates[:, 2])]]] = True
        geometry[bad] = shapely.force_2d(geometry[bad])
        for at in np.flatnonzero(bad):
            report(Finding(rule="height-dropped", row=int(rows[at])))
    return bad


def _note_missing(geometry: Objects, refuse: NDArray[np.bool_], rows: Rows, report: Report) -> NDArray[np.bool_]:
    """No geometry and empty geometry are the same: the object stays, without a place."""
    missing = (is_missing(geometry) | shapely.is_empty(geometry)) & ~refuse
    for at in np.flatnonzero(missing):
        report(Finding(rule="null-geometry", row=int(rows[at])))
    emptied: NDArray[np.bool_] = missing & ~is_missing(geometry)
    geometry[missing] = None
    return emptied


def _explode(geometry: Objects, keep: Rows) -> tuple[Rows, NDArray[np.int32], Objects]:
    """One row per part; a geometry of one part stays whole (part 0), no geometry stays one row."""
    pieces, index = shapely.get_parts(geometry[keep], return_index=True)
    counts = np.bincount(index, minlength=len(keep))
    starts = np.cumsum(counts) - counts
    parts = np.where(counts[index] > 1, np.arange(len(index)) - starts[index] + 1, 0).astype(np.int32)
    lonely = np.flatnonzero(counts == 0)
    order = np.argsort(np.concatenate([index, lonely]), kind="stable")
    take = keep[np.concatenate([index, lonely])[order]]
    all_parts = np.concatenate([parts, np.zeros(len(lonely), np.int32)])[order]
    return take, all_parts, np.concatenate([pieces, np.full(len(lonely), None)])[order]
