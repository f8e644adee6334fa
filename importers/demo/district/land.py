"""The land of the board without gap or overlap: blocks cut into parcels, street land, water and the green between."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.frame import Frame, Geometries
from importers.demo.district.roads import GRID_M, Ints
from importers.demo.district.streets import HALF_WIDTH_M, Cell, Plan, RoadClass
from importers.demo.district.terrain import Terrain
from importers.demo.district.zones import GRAIN
from importers.geos import shapely

Rect = tuple[float, float, float, float]

_STEP_M = 60.0
_FOOT_M = 6.0
"""Between the last lot and the forest."""
_SMALLEST_LOT_M2 = 60.0
#: Kinds of land that are no lot, as `Land.kind` gives them.
LOT, STREET, RIVER, CREEK, LAKE, BANK, LEFTOVER, WOOD = range(8)


@dataclass(frozen=True, slots=True)
class Lot:
    """A parcel to be: a rectangle of the board inside one block."""

    rect: Rect
    leaf: int


@dataclass(frozen=True, slots=True)
class Land:
    """A polygonal coverage of the whole board: faces share their vertices exactly."""

    faces: Geometries
    kind: Ints
    lot: Ints
    """Index into `lots`, or -1."""
    superblock: Ints
    lots: tuple[Lot, ...]
    blocks: Geometries
    """What streets and banks leave of each leaf of the plan (empty where nothing)."""
    clipped: NDArray[np.bool_]
    """Leaves that are no full rectangle."""


def make_land(frame: Frame, terrain: Terrain, plan: Plan, rng: np.random.Generator) -> Land:
    """The land of a plan."""
    lots = tuple(lot for number, leaf in enumerate(plan.leaves) for lot in _lots(number, leaf, rng))
    blocks, clipped = _blocks(terrain, plan)
    pieces, piece_lot = _pieces(lots, blocks, clipped)
    faces = _faces(frame, terrain, plan, pieces)
    inside = shapely.point_on_surface(faces)
    lot = _index_of(inside, pieces, piece_lot)
    kind = _kinds(inside, lot, terrain, frame, blocks)
    superblock = _index_of(inside, _boxes(plan.superblocks), np.arange(len(plan.superblocks)))
    return Land(*_dissolved(faces, kind, lot, superblock), lots, blocks, clipped)


def _boxes(cells: tuple[Cell, ...]) -> Geometries:
    boxes: Geometries = shapely.box(*np.array([(c.west, c.south, c.east, c.north) for c in cells]).T)
    return boxes


def _index_of(points: Geometries, polygons: Geometries, numbers: Ints) -> Ints:
    """For each point the number of the polygon it lies in, or -1."""
    found = np.full(len(points), -1, dtype=np.int64)
    point, polygon = shapely.STRtree(polygons).query(points, predicate="intersects")
    found[point] = numbers[polygon]
    return found


def _kinds(inside: Geometries, lot: Ints, terrain: Terrain, frame: Frame, blocks: Geometries) -> Ints:
    kind = np.where(_index_of(inside, blocks, np.arange(len(blocks))) >= 0, LEFTOVER, STREET)
    for value, area in ((BANK, area) for area in _bank(terrain, frame)):
        kind[_within(inside, area)] = value
    kind[lot >= 0] = LOT
    kind[_within(inside, terrain.woods)] = WOOD
    for value, area in ((RIVER, terrain.river), (CREEK, terrain.creeks), (LAKE, terrain.lake)):
        kind[_within(inside, area)] = value
    return kind


def _within(points: Geometries, area: Any) -> NDArray[np.bool_]:
    shapely.prepare(area)
    within: NDArray[np.bool_] = shapely.intersects(points, area)
    return within


def _dissolved(faces: Geometries, kind: Ints, lot: Ints, superblock: Ints) -> tuple[Geometries, Ints, Ints, Ints]:
    """Faces with the pieces of one lot, one water and one superblock's street land and banks joined."""
    whole = np.isin(kind, (RIVER, CREEK, LAKE))
    group = np.stack((kind, np.where(kind == LOT, lot, -1), np.where(whole | (kind == LOT), -1, superblock)))
    keys, inverse = np.unique(group, axis=1, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    runs = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    joined = [faces[run[0]] if len(run) == 1 else shapely.coverage_union_all(faces[run]) for run in runs]
    parts, index = shapely.get_parts(joined, return_index=True)
    return parts, keys[0][index], keys[1][index], keys[2][index]


def _lots(number: int, leaf: Cell, rng: np.random.Generator) -> list[Lot]:
    return [Lot(rect, number) for rect in _split(leaf.block(), GRAIN[leaf.zone].parcel_m, rng)]


def _split(rect: Rect, longest_m: float, rng: np.random.Generator) -> list[Rect]:
    west, south, east, north = rect
    if max(east - west, north - south) <= longest_m:
        return [rect]
    share = float(rng.uniform(0.44, 0.56))
    if east - west >= north - south:
        u = round(west + share * (east - west), 1)
        return _split((west, south, u, north), longest_m, rng) + _split((u, south, east, north), longest_m, rng)
    v = round(south + share * (north - south), 1)
    return _split((west, south, east, v), longest_m, rng) + _split((west, v, east, north), longest_m, rng)


def _blocks(terrain: Terrain, plan: Plan) -> tuple[Geometries, NDArray[np.bool_]]:
    """The block of each leaf, and whether water or a bank took something of it."""
    boxes = shapely.box(*np.array([leaf.block() for leaf in plan.leaves]).T)
    taken = shapely.union_all(
        [
            terrain.quay.buffer(HALF_WIDTH_M[RoadClass.SECONDARY], quad_segs=2),
            terrain.towpath.buffer(HALF_WIDTH_M[RoadClass.LOCAL], quad_segs=2),
            terrain.bypass.buffer(HALF_WIDTH_M[RoadClass.EXPRESS], quad_segs=2),
            terrain.woods.buffer(_FOOT_M, quad_segs=2),
            terrain.lake,
        ]
    )
    shapely.prepare(taken)
    clipped = shapely.intersects(boxes, taken)
    blocks = boxes.copy()
    blocks[clipped] = _sound(shapely.difference(boxes[clipped], taken))
    return blocks, clipped


def _sound(blocks: Geometries) -> Geometries:
    """Blocks without the parts too thin to build on."""
    parts, index = shapely.get_parts(blocks, return_index=True)
    wide = ~shapely.is_empty(shapely.buffer(parts, -6.0, quad_segs=1))
    kept = [parts[(index == number) & wide] for number in range(len(blocks))]
    return np.array([shapely.multipolygons(list(each)) if len(each) else shapely.MultiPolygon() for each in kept], dtype=object)


def _pieces(lots: tuple[Lot, ...], blocks: Geometries, clipped: NDArray[np.bool_]) -> tuple[Geometries, Ints]:
    """Polygons of the lots and the lot of each; one lot may be several pieces on the banks."""
    leaf = np.array([lot.leaf for lot in lots])
    boxes = shapely.box(*np.array([lot.rect for lot in lots]).T)
    cut = clipped[leaf]
    boxes[cut] = shapely.intersection(boxes[cut], blocks[leaf[cut]])
    parts, index = shapely.get_parts(boxes, return_index=True)
    good = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > _SMALLEST_LOT_M2)
    return parts[good], index[good]


def _faces(frame: Frame, terrain: Terrain, plan: Plan, pieces: Geometries) -> Geometries:
    """All polygons between the lines of lots, banks, water and superblocks, dense enough to be bent."""
    rim = shapely.box(-frame.half_u, -frame.half_v, frame.half_u, frame.half_v)
    dry = shapely.difference(shapely.boundary(_boxes(plan.superblocks)), terrain.water)
    water = [area.boundary for area in (terrain.river, terrain.creeks, terrain.lake, terrain.woods)]
    wet = shapely.intersection([*water, *_inner_banks(terrain, frame)], rim)
    lines = shapely.union_all(np.concatenate((shapely.boundary(pieces), dry, wet, [rim.boundary])), grid_size=GRID_M)
    return np.asarray(shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.segmentize(lines, _STEP_M)))))


def _inner_banks(terrain: Terrain, frame: Frame) -> list[Any]:
    quay, towpath = _bank(terrain, frame)
    return [quay.boundary, towpath.boundary.difference(terrain.quay)]


def _bank(terrain: Terrain, frame: Frame) -> tuple[Any, Any]:
    """The green strips between water and riverside road (with the water)."""
    narrow = min(1.0, max(0.25, frame.macro))
    return terrain.quay.buffer(-HALF_WIDTH_M[RoadClass.SECONDARY] * narrow), terrain.towpath.buffer(-HALF_WIDTH_M[RoadClass.LOCAL])
