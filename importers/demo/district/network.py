"""Layers of lines: the road graph, and the pipes under it with their depths."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from importers.demo.district.city import City
from importers.demo.district.frame import Geometries
from importers.demo.district.roads import Ints
from importers.demo.district.rows import Texts, pick, table
from importers.demo.district.streets import HALF_WIDTH_M, RoadClass
from importers.geos import shapely

ROAD_ZH = ("", "巷道", "支路", "次干路", "主干路", "快速路")
_LANES = np.array([0, 1, 2, 4, 6, 8])
_SPEED = np.array([0, 20, 30, 50, 60, 80])


def roads(city: City) -> pa.Table:
    """Edges of the road graph; `from_node` and `to_node` are the ends of the line, shared exactly by edges that meet."""
    net = city.roads
    placed = city.frame.place(net.edges)
    columns = {
        "code": city.codes("DL", len(placed)),
        "name": city.names.edge,
        "class": np.array(ROAD_ZH)[net.road_class],
        "lanes": _LANES[net.road_class],
        "speed_kmh": _SPEED[net.road_class],
        "width_m": 2.0 * np.array([HALF_WIDTH_M[kind] for kind in RoadClass])[net.road_class],
        "length_m": np.round(city.frame.length_m(placed), 1),
        "bridge": net.bridge,
        "from_node": net.start,
        "to_node": net.end,
    }
    return table(placed, columns)


@dataclass(frozen=True, slots=True)
class _Utility:
    """One kind of pipe: under which streets, how far from their middle (share of half the width), how deep, how wide."""

    title: str
    least: RoadClass
    side: float
    depth_m: tuple[float, float]
    diameters_mm: tuple[int, ...]
    """From local street to expressway."""
    materials: tuple[str, ...]


UTILITIES = (
    _Utility("给水", RoadClass.LOCAL, 0.45, (1.0, 1.4), (200, 300, 600, 800), ("球墨铸铁", "PE", "钢")),
    _Utility("污水", RoadClass.LOCAL, -0.30, (2.4, 4.2), (400, 600, 1000, 1200), ("钢筋混凝土", "HDPE")),
    _Utility("雨水", RoadClass.SECONDARY, -0.62, (1.6, 2.8), (600, 800, 1350, 1500), ("钢筋混凝土", "HDPE")),
    _Utility("燃气", RoadClass.SECONDARY, 0.70, (0.9, 1.2), (110, 160, 315, 400), ("PE", "钢")),
)


def pipes(city: City) -> pa.Table:
    """Water, sewage, storm water and gas pipes; Z is the height of the pipe's axis above the 1985 datum, in metres."""
    rng = city.recipe.stream("pipes")
    runs = [_run(city, utility, rng) for utility in UTILITIES]
    merged = pa.concat_tables(runs)
    return merged.set_column(0, "code", pa.array(city.codes("GX", len(merged))))


def _run(city: City, utility: _Utility, rng: np.random.Generator) -> pa.Table:
    net = city.roads
    edges = np.flatnonzero((net.road_class >= utility.least) & ~net.bridge & (shapely.length(net.edges) > 12))
    half = np.array([HALF_WIDTH_M[kind] for kind in RoadClass])[net.road_class[edges]]
    lines = shapely.offset_curve(net.edges[edges], half * utility.side, join_style="mitre")
    good = (shapely.get_type_id(lines) == 1) & ~shapely.is_empty(lines)
    lines, edges = lines[good], edges[good]
    depth = rng.uniform(*utility.depth_m, len(lines))
    placed = city.frame.place(_buried(city, lines, depth))
    rank = np.clip(net.road_class[edges] - RoadClass.LOCAL, 0, 3)
    columns: dict[str, object] = {
        "code": np.full(len(lines), "SL"),
        "class": np.full(len(lines), utility.title),
        "diameter_mm": np.array(utility.diameters_mm)[rank],
        "material": _materials(utility, rng, len(lines)),
        "depth_m": np.round(depth, 2),
        "year_laid": rng.integers(1992, 2025, len(lines)),
        "length_m": np.round(city.frame.length_m(placed), 1),
        "road": city.names.edge[edges],
    }
    return table(placed, columns)


def _materials(utility: _Utility, rng: np.random.Generator, count: int) -> Texts:
    return pick(utility.materials, tuple(1.0 / rank for rank in range(1, len(utility.materials) + 1)), rng, count)


def _buried(city: City, lines: Geometries, depth: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Geometries:
    """The lines at `depth` metres below the ground of each of their vertices."""
    flat, index = shapely.get_coordinates(lines, return_index=True)
    ground = city.terrain.ground(flat[:, 0], flat[:, 1])
    deep = np.column_stack((flat, np.round(ground - depth[index], 2)))
    buried: Geometries = shapely.linestrings(deep, indices=index)
    return buried


def node_of(city: City) -> Ints:
    """Class of the greatest street at each node."""
    greatest = np.zeros(len(city.roads.nodes), dtype=np.int64)
    for ends in (city.roads.start, city.roads.end):
        np.maximum.at(greatest, ends, city.roads.road_class)
    return greatest
