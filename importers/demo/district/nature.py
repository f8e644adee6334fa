"""Layers of water, green and protection: rivers, farmland, forest, wetland and the ecological red line."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from importers.demo.district.built import land_use
from importers.demo.district.city import City
from importers.demo.district.frame import Geometries
from importers.demo.district.land import CREEK, LAKE, RIVER, WOOD
from importers.demo.district.roads import Ints
from importers.demo.district.rows import joined, pick, table
from importers.geos import shapely

_DYKE_M = 5.0
_STEP_M = 60.0


def water(city: City) -> pa.Table:
    """Rivers, creeks, the lake, and fish ponds inside their dykes."""
    faces, kind = city.land.faces, city.land.kind
    open_water = np.flatnonzero(np.isin(kind, (RIVER, CREEK, LAKE)))
    lots = city.lots("1104")
    ponds = _dense(shapely.buffer(faces[lots], -_DYKE_M, join_style="mitre"))
    big = shapely.area(ponds) > 400
    names = [_water_name(city, int(index)) for index in open_water]
    placed = city.frame.place(np.concatenate((faces[open_water], ponds[big])))
    count = int(big.sum())
    columns = {
        "code": city.codes("SY", len(placed)),
        "name": np.array([*names, *[""] * count]),
        "class": np.array([*(_WATER_CLASS[int(kind[i])] for i in open_water), *["坑塘"] * count]),
        "area_m2": np.round(city.frame.area_m2(placed), 0),
        "grade": np.array([*["Ⅲ类"] * len(open_water), *[""] * count]),
    }
    return table(placed, columns)


_WATER_CLASS = {RIVER: "河流", CREEK: "河涌", LAKE: "湖泊"}


def _water_name(city: City, face: int) -> str:
    kind, polygon = int(city.land.kind[face]), city.land.faces[face]
    if kind == LAKE:
        return "明月湖"
    course = max(city.terrain.courses, key=lambda each: float(shapely.area(shapely.intersection(each.polygon(), polygon))))
    return course.name


def _dense(polygons: Geometries) -> Geometries:
    dense: Geometries = shapely.segmentize(polygons, _STEP_M)
    return dense


def _green(city: City, faces: Ints, prefix: str, words: Mapping[str, object]) -> pa.Table:
    placed = city.frame.place(city.land.faces[faces])
    columns = {"code": city.codes(prefix, len(faces)), **words, "area_mu": np.round(city.frame.area_m2(placed) / 666.667, 1)}
    return table(placed, columns)


def farmland(city: City) -> pa.Table:
    """Permanent basic farmland: paddy and irrigated fields, nearly all of them."""
    rng = city.recipe.stream("farmland")
    lots = city.lots("0101", "0102")
    lots = lots[rng.random(len(lots)) < 0.92] if len(lots) > 20 else lots
    grade = pick(("一等", "二等", "三等"), (0.3, 0.5, 0.2), rng, len(lots))
    kind = np.where(land_use(city)[lots] == "0101", "水田", "水浇地")
    crops = ("水稻", "蔬菜", "甘蔗", "花卉")
    crop = pick(crops, (0.52, 0.30, 0.10, 0.08), rng, len(lots))
    village = joined(city.names.village[city.land.lot[lots]], "村")
    return _green(city, lots, "JBNT", {"class": kind, "grade": grade, "crop": crop, "village": village})


def forest(city: City) -> pa.Table:
    """Sub-compartments of forest on the hills and shrub lots around them."""
    rng = city.recipe.stream("forest")
    faces = np.concatenate((np.flatnonzero(city.land.kind == WOOD), city.lots("0305", "0303")))
    use = land_use(city)[faces]
    kind = np.where(use == "0305", "灌木林", np.where(use == "0303", "红树林", "乔木林"))
    species = pick(("木荷", "樟树", "马尾松", "桉树", "相思"), (0.3, 0.25, 0.2, 0.15, 0.1), rng, len(faces))
    species = np.where(kind == "红树林", "秋茄", np.where(kind == "灌木林", "桃金娘", species))
    words = {
        "class": kind,
        "species": species,
        "age_years": rng.integers(6, 58, len(faces)),
        "stock_m3_ha": np.round(rng.uniform(30, 140, len(faces)), 1),
    }
    return _green(city, faces, "LD", words)


def wetland(city: City) -> pa.Table:
    """Flats, marsh and mangrove lots, and the river's green island banks in the country."""
    faces = np.flatnonzero(np.isin(land_use(city), ("1106", "1108", "0303")))
    use = land_use(city)[faces]
    kind = np.where(use == "1106", "内陆滩涂", np.where(use == "1108", "沼泽地", "红树林地"))
    return _green(city, faces, "SD", {"class": kind, "protection": np.where(kind == "红树林地", "重要湿地", "一般湿地")})


def redlines(city: City) -> pa.Table:
    """The ecological red line: a rim around the hills, and the wetlands joined where they touch."""
    rim = shapely.box(-city.frame.half_u, -city.frame.half_v, city.frame.half_u, city.frame.half_v)
    hills = shapely.get_parts(city.terrain.woods.buffer(18).intersection(rim))
    wet_faces = np.flatnonzero(np.isin(land_use(city), ("1108", "0303")))
    wet = shapely.get_parts(shapely.union_all(city.land.faces[wet_faces])) if len(wet_faces) else np.empty(0, dtype=object)
    placed = city.frame.place(_dense(np.concatenate((hills, wet))))
    hill_kind = np.array(("水源涵养", "生物多样性维护", "水土保持"))[np.arange(len(hills)) % 3]
    columns = {
        "code": city.codes("HX", len(placed)),
        "name": np.array([f"示例生态保护红线{number}号" for number in range(1, len(placed) + 1)]),
        "class": np.concatenate((hill_kind, np.full(len(wet), "生物多样性维护"))),
        "area_ha": np.round(city.frame.area_m2(placed) / 10_000, 2),
    }
    return table(placed, columns)
