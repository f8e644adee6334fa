"""What a piece of the city is for: zones, how finely each is cut, and which zone a place gets."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from importers.demo.district.terrain import Noise, Terrain
from importers.geos import shapely


class Zone(StrEnum):
    """Use of one neighbourhood."""

    CBD = "cbd"
    BUSINESS = "business"
    HIGHRISE = "highrise"
    SLAB = "slab"
    OLDTOWN = "oldtown"
    VILLAGE = "village"
    INDUSTRY = "industry"
    CAMPUS = "campus"
    PARK = "park"
    FARM = "farm"
    HAMLET = "hamlet"
    PONDS = "ponds"
    FOREST = "forest"
    WETLAND = "wetland"


@dataclass(frozen=True, slots=True)
class Grain:
    """How a zone is cut: the longest side of a block and of a parcel, and the setback of buildings, all in metres."""

    block_m: float
    parcel_m: float
    setback_m: float


GRAIN = {
    Zone.CBD: Grain(165, 82, 3.0),
    Zone.BUSINESS: Grain(180, 95, 4.0),
    Zone.HIGHRISE: Grain(270, 150, 9.0),
    Zone.SLAB: Grain(250, 135, 7.0),
    Zone.OLDTOWN: Grain(120, 125, 1.2),
    Zone.VILLAGE: Grain(125, 130, 1.0),
    Zone.INDUSTRY: Grain(330, 165, 8.0),
    Zone.CAMPUS: Grain(330, 260, 10.0),
    Zone.PARK: Grain(700, 360, 12.0),
    Zone.FARM: Grain(520, 150, 6.0),
    Zone.HAMLET: Grain(150, 155, 1.5),
    Zone.PONDS: Grain(520, 120, 4.0),
    Zone.FOREST: Grain(900, 420, 10.0),
    Zone.WETLAND: Grain(700, 420, 10.0),
}

#: Zones without streets inside.
WILD = frozenset({Zone.PARK, Zone.FARM, Zone.PONDS, Zone.FOREST, Zone.WETLAND})

RURAL = 0.20
"""`Terrain.urban` below which a place is countryside."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Gives each neighbourhood its zone from the ground and from how urban the place is."""

    terrain: Terrain
    villages: Noise
    works: Noise
    rng: np.random.Generator

    def zone(self, u: float, v: float) -> Zone:
        """The zone of the neighbourhood around a board point (metres)."""
        terrain, here = self.terrain, shapely.points(u, v)
        if shapely.dwithin(here, terrain.woods, 1.0):
            return Zone.FOREST
        if shapely.dwithin(here, terrain.lake, 190):
            return Zone.PARK
        urban = float(terrain.urban(u, v))
        return self._built(u, v, urban) if urban > RURAL else self._rural(u, v)

    def _rural(self, u: float, v: float) -> Zone:
        wet = shapely.dwithin(shapely.points(u, v), self.terrain.quay, 330)
        if wet and self.rng.random() < 0.42:
            return Zone.WETLAND
        if self.rng.random() < 0.28:
            return Zone.HAMLET
        return Zone.PONDS if float(self.works(u * 0.8, v * 0.8)) < -0.35 else Zone.FARM

    def _built(self, u: float, v: float, urban: float) -> Zone:
        if urban > 0.93:
            return Zone.CBD if self.rng.random() < 0.84 else Zone.PARK
        if urban < 0.60 and float(self.works(u, v)) > 0.62:
            return Zone.INDUSTRY if self.rng.random() < 0.88 else Zone.VILLAGE
        if urban < 0.70 and float(self.villages(u, v)) > 0.28:
            return Zone.VILLAGE if self.rng.random() < 0.74 else Zone.CAMPUS
        return self._ordinary(urban)

    def _ordinary(self, urban: float) -> Zone:
        zones = (Zone.BUSINESS, Zone.HIGHRISE, Zone.SLAB, Zone.OLDTOWN, Zone.CAMPUS, Zone.PARK, Zone.VILLAGE)
        core, inner = (0.42, 0.22, 0.06, 0.15, 0.06, 0.09, 0), (0.11, 0.28, 0.22, 0.20, 0.09, 0.08, 0.02)
        outer = (0.04, 0.18, 0.36, 0.04, 0.11, 0.07, 0.20)
        weights = core if urban > 0.70 else inner if urban > 0.42 else outer
        return zones[int(np.searchsorted(np.cumsum(weights[:-1]), self.rng.random()))]
