"""Streets to a road network: cut at the banks, noded where they meet, one connected graph."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from importers.demo.district.frame import Floats, Frame, Geometries
from importers.demo.district.streets import Plan, RoadClass
from importers.demo.district.terrain import Terrain
from importers.geos import shapely

#: Vertices on the board lie on a grid of this many metres, so that what meets meets exactly.
GRID_M = 0.05
QUAY_LINE, TOWPATH_LINE, BYPASS_LINE = -1, -2, -3
"""Line numbers of the roads along the river, along the creeks, and of the bypass."""
_STEP_M = 60.0

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Roads:
    """Edges of the road graph on the board; edges that meet share a node and its coordinates exactly."""

    edges: Geometries
    road_class: Ints
    line: Ints
    bridge: NDArray[np.bool_]
    start: Ints
    end: Ints
    nodes: Floats
    """Board coordinates of node number i."""


def make_roads(frame: Frame, terrain: Terrain, plan: Plan) -> Roads:
    """The network of a plan."""
    lines, classes, names = _sources(frame, terrain, plan)
    edges = shapely.get_parts(shapely.union_all(lines, grid_size=GRID_M))
    edges = edges[shapely.length(edges) > 10 * GRID_M]
    edges = _without_half_bridges(edges, terrain)
    source = _source_of(edges, lines, classes)
    return _network(edges, classes[source], names[source], terrain)


def _without_half_bridges(edges: Geometries, terrain: Terrain) -> Geometries:
    """Edges without those that end over the river, where a street of the plan stopped there."""
    while True:
        ends = np.stack((shapely.get_point(edges, 0), shapely.get_point(edges, -1)))
        _, node, degree = np.unique(shapely.get_coordinates(ends.ravel()), axis=0, return_inverse=True, return_counts=True)
        loose = (degree[node.reshape(2, -1)] == 1) & shapely.contains_properly(_prepared(terrain.quay), ends)
        if not loose.any():
            return edges
        edges = edges[~loose.any(axis=0)]


def _sources(frame: Frame, terrain: Terrain, plan: Plan) -> tuple[Geometries, Ints, Ints]:
    streets = shapely.linestrings([(street.a, street.b) for street in plan.streets])
    classes = np.array([street.road_class for street in plan.streets])
    along = np.array([street.a[1] == street.b[1] for street in plan.streets])
    streets = np.where(along, shapely.difference(streets, _prepared(terrain.quay)), streets)
    banks = (
        (RoadClass.ARTERIAL, terrain.quay),
        (RoadClass.ARTERIAL, terrain.lake),
        (RoadClass.SECONDARY, terrain.towpath),
        (RoadClass.EXPRESS, terrain.woods),
    )
    for below, bank in banks:
        streets = np.where(classes < below, shapely.difference(streets, _prepared(bank)), streets)
    rim = shapely.box(-frame.half_u, -frame.half_v, frame.half_u, frame.half_v)
    quay = terrain.quay.boundary.difference(terrain.towpath).difference(terrain.woods)
    towpath = terrain.towpath.boundary.difference(terrain.quay).difference(terrain.woods)
    curved = shapely.intersection([quay, towpath, terrain.bypass], rim)
    parts, index = shapely.get_parts([*streets, *curved], return_index=True)
    all_classes = np.append(classes, (RoadClass.SECONDARY, RoadClass.LOCAL, RoadClass.EXPRESS))
    all_lines = np.append([street.line for street in plan.streets], (QUAY_LINE, TOWPATH_LINE, BYPASS_LINE))
    return parts, all_classes[index], all_lines[index]


def _prepared(bank: Any) -> Any:
    shapely.prepare(bank)
    return bank


def _source_of(edges: Geometries, lines: Geometries, classes: Ints) -> Ints:
    """For each edge the most important line it lies on."""
    middle = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    edge, line = shapely.STRtree(lines).query(middle, predicate="dwithin", distance=4 * GRID_M)
    order = np.lexsort((classes[line], edge))
    best = np.zeros(len(edges), dtype=np.int64)
    best[edge[order]] = line[order]
    return best


def _network(edges: Geometries, classes: Ints, names: Ints, terrain: Terrain) -> Roads:
    ends = np.stack((shapely.get_coordinates(shapely.get_point(edges, 0)), shapely.get_coordinates(shapely.get_point(edges, -1))))
    nodes, inverse = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    start, end = inverse.reshape(2, -1)
    _, component = connected_components(coo_array((np.ones(len(start)), (start, end)), shape=(len(nodes), len(nodes))), directed=False)
    main = component[start] == np.bincount(component).argmax()
    used, renumbered = np.unique(np.concatenate((start[main], end[main])), return_inverse=True)
    new_start, new_end = renumbered.reshape(2, -1)
    bridge = shapely.intersects(edges[main], _prepared(terrain.water))
    dense = shapely.segmentize(edges[main], _STEP_M)
    return Roads(dense, classes[main], names[main], bridge, new_start, new_end, nodes[used])
