"""One district put together: board, ground, streets, land, uses, buildings and names, each made once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.buildings import Buildings, make_buildings
from importers.demo.district.frame import Floats, Frame, Geometries, make_frame
from importers.demo.district.land import LOT, Land, make_land
from importers.demo.district.layouts import Use
from importers.demo.district.names import Names, make_names
from importers.demo.district.recipe import Recipe
from importers.demo.district.roads import Ints, Roads, make_roads
from importers.demo.district.streets import Plan, make_plan
from importers.demo.district.terrain import Terrain, make_terrain
from importers.demo.district.uses import State, Uses, make_uses
from importers.geos import shapely

_HOME_M2, _HOUSE_M2 = 41.0, 62.0
"""Floor area per person in flats and in village houses."""


@dataclass(frozen=True, slots=True)
class Counties:
    """County polygons in EPSG:4490 and their codes, to give what is made up a real division."""

    codes: NDArray[np.str_]
    polygons: Geometries

    def of(self, points_4490: Geometries) -> NDArray[np.str_]:
        """The code of the county each point lies in, or of the nearest one."""
        codes: NDArray[np.str_] = self.codes[shapely.STRtree(self.polygons).nearest(points_4490)]
        return codes


#: When no county shapes are at hand everything is put into 番禺区.
ONE_COUNTY = Counties(np.array(["440113"]), np.array([shapely.Point(113.4, 22.9)]))


@dataclass(frozen=True, eq=False)
class City:
    """Everything a district's layers are written from; geometries are on the board until `frame.place` moves them."""

    recipe: Recipe
    frame: Frame
    terrain: Terrain
    plan: Plan
    roads: Roads
    land: Land
    uses: Uses
    buildings: Buildings
    names: Names
    counties: Counties

    def codes(self, prefix: str, count: int) -> NDArray[np.str_]:
        """Codes in row order: SL for 示例, the district's tag, the kind, a number."""
        return np.array([f"SL{self.recipe.tag}{prefix}{number:07d}" for number in range(1, count + 1)], dtype=np.str_)

    def lots(self, *codes: str) -> Ints:
        """Faces that are lots with one of these land-use codes."""
        return np.flatnonzero((self.land.kind == LOT) & np.isin(self.face_code(), codes))

    def face_code(self) -> NDArray[np.str_]:
        """Land-use code of each face that is a lot; empty text for the others."""
        code: NDArray[np.str_] = np.where(self.land.lot >= 0, self.uses.code[np.maximum(self.land.lot, 0)], "")
        return code

    @cached_property
    def centres(self) -> Floats:
        """Board coordinates of a point inside each building."""
        points: Floats = shapely.get_coordinates(shapely.point_on_surface(self.buildings.footprints))
        return points

    @cached_property
    def footprints_4490(self) -> Geometries:
        """Footprints of the buildings on the ground."""
        return self.frame.place(self.buildings.footprints)

    @cached_property
    def footprint_m2(self) -> Floats:
        """Area of each building on the ground."""
        return self.frame.area_m2(self.footprints_4490)

    @cached_property
    def residents(self) -> tuple[Ints, Ints]:
        """Buildings that stand and are lived in, and how many live in each."""
        made, rng = self.buildings, self.recipe.stream("residents")
        home = np.flatnonzero(np.isin(made.use, (Use.HOME, Use.HOUSE)) & (made.phase_state == State.STANDING))
        per = np.where(made.use[home] == Use.HOME, _HOME_M2, _HOUSE_M2)
        expected = self.footprint_m2[home] * made.floors[home] / per * rng.uniform(0.6, 1.1, len(home))
        return home, np.maximum(rng.poisson(expected), 1)


def make_city(recipe: Recipe, counties: Counties = ONE_COUNTY) -> City:
    """The district of a recipe: about three seconds for 110,000 buildings on one core."""
    frame = make_frame(recipe)
    terrain = make_terrain(recipe, frame)
    plan = make_plan(recipe, frame, terrain)
    roads = make_roads(frame, terrain, plan)
    land = make_land(frame, terrain, plan, recipe.stream("land"))
    uses = make_uses(plan, land, _urban(terrain, land), recipe.stream("uses"))
    buildings = make_buildings(land, uses, recipe.stream("buildings"), recipe.buildings)
    names = make_names(plan, roads, land, uses, recipe.stream("names"))
    return City(recipe, frame, terrain, plan, roads, land, uses, buildings, names, counties)


def _urban(terrain: Terrain, land: Land) -> Floats:
    rects = np.array([lot.rect for lot in land.lots])
    urban: Floats = terrain.urban((rects[:, 0] + rects[:, 2]) / 2, (rects[:, 1] + rects[:, 3]) / 2)
    return urban
