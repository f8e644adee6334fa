"""Layers of things that watch: cameras along the streets, sensors where their matter is, outfalls into the water."""

import numpy as np
import pyarrow as pa

from importers.demo.district.city import City
from importers.demo.district.frame import Floats
from importers.demo.district.roads import Ints
from importers.demo.district.rows import Texts, days, joined, pick, table
from importers.demo.district.streets import HALF_WIDTH_M, RoadClass
from importers.demo.district.uses import State
from importers.geos import shapely

_CAMERAS_PER_BUILDING, _SENSORS_PER_BUILDING = 10_000 / 110_000, 2_000 / 110_000


def cameras(city: City) -> pa.Table:
    """Cameras on the kerb, more of them on great roads: 10,000 in a district of 110,000 buildings."""
    rng, net = city.recipe.stream("cameras"), city.roads
    count = round(city.recipe.buildings * _CAMERAS_PER_BUILDING)
    weight = shapely.length(net.edges) * np.array((0, 0.5, 1.0, 1.8, 3.0, 2.4))[net.road_class]
    edge = rng.choice(len(net.edges), size=count, p=weight / weight.sum())
    at, heading = _beside(city, edge, rng)
    kind = np.where(net.road_class[edge] >= RoadClass.ARTERIAL, pick(("卡口", "球机", "枪机"), (0.35, 0.35, 0.30), rng, count), "")
    kind = np.where(kind == "", pick(("枪机", "球机", "半球"), (0.6, 0.3, 0.1), rng, count), kind)
    columns = {
        "code": city.codes("SP", count),
        "name": joined(city.names.edge[edge], kind),
        "class": kind,
        "owner": pick(("公安", "交通", "城管", "社会"), (0.46, 0.22, 0.14, 0.18), rng, count),
        "status": pick(("在线", "离线", "故障"), (0.93, 0.05, 0.02), rng, count),
        "azimuth_deg": np.round(heading % 360, 0),
        "height_m": np.round(rng.uniform(3.5, 7.5, count), 1),
        "road": city.names.edge[edge],
    }
    return table(city.frame.place(shapely.points(at)), columns)


def _beside(city: City, edge: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Points on the kerb of edges, and the direction of the street there in degrees from north (on the board)."""
    lines = city.roads.edges[edge]
    share = rng.random(len(edge))
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, share, normalized=True))
    ends = shapely.get_coordinates(shapely.get_point(lines, -1)) - shapely.get_coordinates(shapely.get_point(lines, 0))
    along = ends / np.maximum(np.hypot(ends[:, 0], ends[:, 1]), 1e-9)[:, None]
    half = np.array([HALF_WIDTH_M[kind] for kind in RoadClass])[city.roads.road_class[edge]]
    side = rng.choice((-1.0, 1.0), len(edge)) * (half - 1.2)
    kerb = here + np.column_stack((-along[:, 1], along[:, 0])) * side[:, None]
    return kerb, np.degrees(np.arctan2(along[:, 0], along[:, 1]))


#: Sensor kinds: share, network, unit, mean and spread of the reading, threshold.
_KINDS: dict[str, tuple[float, str, str, float, float, float]] = {
    "水位": (0.12, "自然灾害感知网络", "m", 1.6, 0.5, 2.6),
    "雨量": (0.08, "自然灾害感知网络", "mm/h", 6.0, 9.0, 30.0),
    "边坡位移": (0.04, "自然灾害感知网络", "mm", 2.0, 2.4, 8.0),
    "空气质量": (0.14, "城市安全感知网络", "μg/m³", 32.0, 14.0, 75.0),
    "噪声": (0.12, "城市安全感知网络", "dB", 57.0, 7.0, 70.0),
    "井盖": (0.18, "城市安全感知网络", "°", 1.0, 1.5, 10.0),
    "燃气": (0.14, "安全生产感知网络", "%LEL", 1.2, 2.0, 10.0),
    "结构健康": (0.10, "城市安全感知网络", "mm", 3.0, 2.0, 9.0),
    "水质": (0.08, "城市安全感知网络", "mg/L", 2.4, 1.1, 6.0),
}
SENSOR_KINDS = tuple(_KINDS)


def sensors(city: City) -> pa.Table:
    """Sensors: 2,000 in a district of 110,000 buildings, each where its kind belongs, with a last reading."""
    rng = city.recipe.stream("sensors")
    count = round(city.recipe.buildings * _SENSORS_PER_BUILDING)
    kind = pick(SENSOR_KINDS, tuple(each[0] for each in _KINDS.values()), rng, count)
    facts = [_KINDS[str(each)] for each in kind]
    value = np.maximum(rng.normal([f[3] for f in facts], [f[4] for f in facts]), 0.0)
    threshold = np.array([f[5] for f in facts])
    status = np.where(value > threshold, "预警", np.where(rng.random(count) < 0.03, "离线", "正常"))
    columns = {
        "code": city.codes("GZ", count),
        "name": joined(kind, "监测点", np.arange(1, count + 1).astype(np.str_)),
        "class": kind,
        "network": np.array([f[1] for f in facts]),
        "value": np.round(value, 1),
        "unit": np.array([f[2] for f in facts]),
        "threshold": threshold,
        "status": status,
        "installed": days(rng.integers(2017, 2025, count), rng, count),
    }
    return table(city.frame.place(shapely.points(_spots(city, kind, rng))), columns)


def _spots(city: City, kind: Texts, rng: np.random.Generator) -> Floats:
    """Where sensors of each kind stand, on the board."""
    at = _beside(city, rng.integers(0, len(city.roads.edges), len(kind)), rng)[0]
    bank = shapely.union_all([city.terrain.river, city.terrain.creeks]).boundary
    wet = np.isin(kind, ("水位", "水质"))
    at[wet] = _along(city, bank, int(wet.sum()), rng)
    slope = kind == "边坡位移"
    at[slope] = _along(city, city.terrain.woods.boundary, int(slope.sum()), rng)
    tall = np.flatnonzero((city.buildings.height_m > 30) & (city.buildings.phase_state == State.STANDING))
    structure = kind == "结构健康"
    if len(tall):
        at[structure] = city.centres[rng.choice(tall, int(structure.sum()))]
    return at


def _along(city: City, line: object, count: int, rng: np.random.Generator) -> Floats:
    """Random points on a line inside the district."""
    rim = shapely.box(-city.frame.half_u + 5, -city.frame.half_v + 5, city.frame.half_u - 5, city.frame.half_v - 5)
    inside = shapely.intersection(line, rim)
    at: Floats = shapely.get_coordinates(shapely.line_interpolate_point(inside, rng.random(count) * shapely.length(inside)))
    return at


def outfalls(city: City) -> pa.Table:
    """Outfalls into rivers and creeks (入河排污口) with their last check."""
    rng = city.recipe.stream("outfalls")
    bank = shapely.union_all([city.terrain.river, city.terrain.creeks]).boundary
    count = max(5, round(shapely.length(bank) / 420))
    columns = {
        "code": city.codes("PK", count),
        "name": np.array([f"示例排口{number}号" for number in range(1, count + 1)], dtype=np.str_),
        "class": pick(("雨水排口", "工业排口", "生活污水排口", "农业排口"), (0.52, 0.12, 0.26, 0.10), rng, count),
        "check": pick(("达标", "超标", "待复核"), (0.84, 0.07, 0.09), rng, count),
        "ammonia_mg_l": np.round(np.abs(rng.normal(0.9, 0.6, count)), 2),
        "checked_on": days(2024, rng, count),
    }
    return table(city.frame.place(shapely.points(_along(city, bank, count, rng))), columns)
