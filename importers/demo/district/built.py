"""Layers of what is built: buildings and the parcels under them."""

import numpy as np
import pyarrow as pa

from importers.demo.district.city import City
from importers.demo.district.frame import Floats
from importers.demo.district.land import BANK, CREEK, LAKE, LEFTOVER, LOT, RIVER, STREET, WOOD
from importers.demo.district.layouts import USE_ZH, Use
from importers.demo.district.roads import Ints
from importers.demo.district.rows import Texts, days, joined, midnights, table
from importers.demo.district.uses import State
from importers.geos import shapely

PLAN_NAME = "示例片区城市更新规划2035"
PHASES = ("built", "planned", "building", "demolished")
"""By `State`."""

#: Land use of the faces that are no lot.
_KIND_CODE = {STREET: "1004", RIVER: "1101", CREEK: "1101", LAKE: "1102", BANK: "0810", LEFTOVER: "0404", WOOD: "0301"}
_RURAL = 0.15


def buildings(city: City) -> pa.Table:
    """Footprints with use, height, floors, age, phase and address."""
    made, rng = city.buildings, city.recipe.stream("building-rows")
    count = len(made.lot)
    area = np.round(city.footprint_m2, 1)
    planned = made.phase_state == State.PLANNED
    columns = {
        "code": city.codes("JZ", count),
        "name": _names(city),
        "class": np.array(USE_ZH)[made.use],
        "height": made.height_m,
        "floors": made.floors,
        "footprint_m2": area,
        "floor_area_m2": np.round(area * made.floors, 0),
        "structure": _structure(city),
        **_life(city, rng),
        "phase": np.array(PHASES)[made.phase_state],
        "plan": np.where(planned, PLAN_NAME, ""),
        "address": joined(city.names.edge[city.names.lot_road[made.lot]], _numbers(made.lot), "号"),
        "parcel": city.codes("ZD", len(city.land.faces))[_face_of_lot(city)[made.lot]],
    }
    return table(city.footprints_4490, columns)


def _life(city: City, rng: np.random.Generator) -> dict[str, object]:
    """Year of completion and the real-world interval of each building; what was pulled down ended in 2021 to 2024."""
    state, count = city.buildings.phase_state, len(city.buildings.lot)
    new = np.isin(city.uses.code[city.buildings.lot], ("0505", "0501", "0504"))
    year = np.where(new, rng.integers(2004, 2024, count), rng.integers(1986, 2021, count))
    year = np.where(state == State.BUILDING, 2025, np.where(state == State.PLANNED, 0, year))
    gone = np.where(state == State.RENEWAL, rng.integers(2021, 2025, count), 0)
    return {
        "year_built": pa.array(year, mask=year == 0),
        "valid_from": midnights(days(np.where(year == 2025, 2024, year), rng, count)),
        "valid_to": midnights(days(gone, rng, count)),
    }


def _structure(city: City) -> Texts:
    made = city.buildings
    low = np.where(made.floors <= 3, "砖混", "框架")
    kind = np.where(made.height_m > 50, np.where(made.height_m > 150, "钢-混凝土混合", "剪力墙"), low)
    return np.where(np.isin(made.use, (Use.WORKS, Use.STORE, Use.FARM)) & (made.floors <= 2), "钢结构", kind)


def _numbers(lot: Ints) -> Texts:
    """House numbers that depend on the lot only."""
    return (2 * (lot * 7919 % 230) + 1).astype(np.str_)


def _ordinal(group: Ints) -> Ints:
    """1, 2, 3 … within each group, in row order."""
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    ordinal = np.empty(len(group), dtype=np.int64)
    ordinal[order] = np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group)))) + 1
    return ordinal


def _names(city: City) -> Texts:
    """Compound and number for what has an address people use; houses, sheds and huts stay without."""
    made, number = city.buildings, _ordinal(city.buildings.lot).astype(np.str_)
    lot_name = city.names.lot[made.lot]
    ending = np.array(("栋", "", "号楼", "座", "号厂房", "号仓", "号教学楼", "号医疗楼", "号楼", "馆", "", ""))[made.use]
    shown = (lot_name != "") & ~np.isin(made.use, (Use.HOUSE, Use.FARM, Use.ANNEX))
    return np.where(shown, joined(lot_name, number, ending), "")


def _face_of_lot(city: City) -> Ints:
    """The largest face of each lot, -1 where it has none."""
    land = city.land
    face = np.full(len(land.lots), -1, dtype=np.int64)
    here = np.flatnonzero(land.kind == LOT)
    here = here[np.argsort(shapely.area(land.faces[here]), kind="stable")]
    face[land.lot[here]] = here
    return face


def parcels(city: City) -> pa.Table:
    """Every face of the land with its land-use code; together they cover the district once."""
    land = city.land
    placed = city.frame.place(land.faces)
    area = city.frame.area_m2(placed)
    use = land_use(city)
    columns = {
        "code": city.codes("ZD", len(land.faces)),
        "name": np.where(land.lot >= 0, city.names.lot[land.lot], ""),
        "class": use,
        "category": np.strings.slice(use, 0, 2),
        "area_m2": np.round(area, 1),
        "floor_area_ratio": np.round(_floor_area(city) / area, 2),
        "right": np.where(np.isin(use, ("0702", "0101", "0102", "0201", "1104", "1202", "0305")), "集体", "国有"),
        "road": np.where(land.lot >= 0, city.names.edge[city.names.lot_road[land.lot]], ""),
    }
    return table(placed, columns)


def land_use(city: City) -> Texts:
    """Land-use code of every face."""
    land = city.land
    inside = shapely.get_coordinates(shapely.point_on_surface(land.faces))
    rural = city.terrain.urban(inside[:, 0], inside[:, 1]) < _RURAL
    fixed = np.array([_KIND_CODE.get(kind, "") for kind in range(WOOD + 1)])[land.kind]
    fixed = np.where(rural & (land.kind == STREET), "1006", np.where(rural & (land.kind == BANK), "1106", fixed))
    return np.where(land.lot >= 0, city.face_code(), fixed)


def _floor_area(city: City) -> Floats:
    """Floor area standing on each face, in square metres."""
    made, faces = city.buildings, _face_of_lot(city)[city.buildings.lot]
    standing = made.phase_state == State.STANDING
    area = city.footprint_m2[standing] * made.floors[standing]
    return np.bincount(faces[standing], weights=area, minlength=len(city.land.faces)).astype(np.float64)
