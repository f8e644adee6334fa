"""Layers of public facilities and of slopes to watch, each a point on its lot."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from importers.demo.district.city import City
from importers.demo.district.frame import Floats, Geometries
from importers.demo.district.roads import Ints
from importers.demo.district.rows import Texts, joined, pick, table
from importers.demo.district.streets import RoadClass
from importers.geos import shapely

_FIRE_STATION_KM2 = 6.0


def _address(city: City, lots: Ints) -> Texts:
    return joined(city.names.edge[city.names.lot_road[lots]], (2 * (lots * 7919 % 230) + 1).astype(np.str_), "号")


def _points(city: City, faces: Ints) -> Geometries:
    return city.frame.place(shapely.point_on_surface(city.land.faces[faces]))


def _facility(city: City, faces: Ints, prefix: str, kind: Texts, more: Mapping[str, object]) -> pa.Table:
    lots = city.land.lot[faces]
    columns = {"code": city.codes(prefix, len(faces)), "name": city.names.lot[lots], "class": kind, "address": _address(city, lots), **more}
    return table(_points(city, faces), columns)


def _ending(names: Texts, words: dict[str, str], otherwise: str) -> Texts:
    """The word of the first ending a name has."""
    out = np.full(len(names), otherwise)
    for ending, word in reversed(words.items()):
        out = np.where(np.strings.endswith(names, ending), word, out)
    return out


def hospitals(city: City) -> pa.Table:
    """Medical lots with their beds."""
    rng, faces = city.recipe.stream("hospitals"), city.lots("0805")
    kind = _ending(city.names.lot[city.land.lot[faces]], {"社区卫生服务中心": "社区卫生服务中心", "人民医院": "三级医院"}, "二级医院")
    low, high = (
        np.select([kind == "三级医院", kind == "二级医院"], pair, default=base) for pair, base in (([800, 200], 20), ([1800, 700], 80))
    )
    beds = rng.integers(low, high)
    return _facility(city, faces, "YY", kind, {"beds": beds, "emergency": kind != "社区卫生服务中心"})


def schools(city: City) -> pa.Table:
    """School lots with their pupils."""
    rng, faces = city.recipe.stream("schools"), city.lots("0803")
    kind = _ending(city.names.lot[city.land.lot[faces]], {"小学": "小学", "高级中学": "高中", "中学": "初中"}, "九年一贯制")
    pupils = rng.integers(6, 19, len(faces)) * 135
    return _facility(city, faces, "XX", kind, {"pupils": pupils, "classes": pupils // 45})


def shelters(city: City) -> pa.Table:
    """Places to go to in a typhoon or a flood: sports grounds, schools, parks, halls."""
    rng = city.recipe.stream("shelters")
    faces = city.lots("0808", "0810", "0803", "0807")
    faces = faces[rng.random(len(faces)) < np.where(city.face_code()[faces] == "0808", 1.0, 0.42)]
    use = city.face_code()[faces]
    kind = np.where(use == "0810", "室外避难场所", "室内避难场所")
    area = city.frame.area_m2(city.frame.place(city.land.faces[faces]))
    capacity = np.maximum((area * np.where(use == "0810", 0.25, 0.08)).astype(np.int64) // 10 * 10, 50)
    return _facility(city, faces, "BN", kind, {"capacity": capacity, "area_m2": np.round(area, 0), "open": rng.random(len(faces)) < 0.12})


def fire_stations(city: City) -> pa.Table:
    """Stations spread as far from each other as main roads allow."""
    rng = city.recipe.stream("fire-stations")
    wide = city.land.lot >= 0
    faces = np.flatnonzero(wide & (city.roads.road_class[city.names.lot_road[np.maximum(city.land.lot, 0)]] >= RoadClass.LOCAL))
    area_km2 = 4 * city.frame.half_u * city.frame.half_v / 1e6
    at = shapely.get_coordinates(shapely.point_on_surface(city.land.faces[faces]))
    faces = faces[_spread(at, max(2, round(area_km2 / _FIRE_STATION_KM2)))]
    lots = city.land.lot[faces]
    name = joined(city.names.village[lots], "消防救援站")
    kind = np.where(np.arange(len(faces)) % 4 == 0, "特勤站", np.where(np.arange(len(faces)) % 4 == 1, "一级站", "小型站"))
    table_ = _facility(city, faces, "XF", kind, {"engines": rng.integers(3, 13, len(faces)), "crew": rng.integers(15, 60, len(faces))})
    return table_.set_column(1, "name", pa.array(name))


def _spread(points: Floats, count: int) -> Ints:
    """Indices of `count` points, each the farthest from those before (the first is the most central)."""
    chosen = [int(np.argmin(np.hypot(*(points - points.mean(axis=0)).T)))]
    distance = np.hypot(*(points - points[chosen[0]]).T)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.hypot(*(points - points[chosen[-1]]).T))
    return np.array(chosen, dtype=np.int64)


def slopes(city: City) -> pa.Table:
    """Hidden dangers of landslide at the foot of the hills (地质灾害隐患点)."""
    rng = city.recipe.stream("slopes")
    rim = shapely.box(-city.frame.half_u + 40, -city.frame.half_v + 40, city.frame.half_u - 40, city.frame.half_v - 40)
    foot = city.terrain.woods.boundary.intersection(rim)
    count = max(3, round(foot.length / 420))
    at = shapely.get_coordinates(shapely.line_interpolate_point(foot, rng.random(count) * foot.length))
    at += rng.uniform(-30, 30, at.shape)
    columns = {
        "code": city.codes("DZ", count),
        "name": np.array([f"示例隐患点{number}号" for number in range(1, count + 1)], dtype=np.str_),
        "class": pick(("滑坡", "崩塌", "泥石流", "地面塌陷"), (0.5, 0.34, 0.08, 0.08), rng, count),
        "risk": pick(("低", "中", "高", "极高"), (0.35, 0.4, 0.2, 0.05), rng, count),
        "threatened": rng.integers(0, 60, count),
        "watcher": np.full(count, "示例监测责任人"),
    }
    return table(city.frame.place(shapely.points(at)), columns)
