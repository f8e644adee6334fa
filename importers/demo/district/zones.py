"""What a piece of the city is for: zones, how finely each is cut, and which zone a place gets."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely

from importers.demo.district.terrain import Noise, Terrain


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

HILL_M = 34.0
"""Relief above which a place is forest."""
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
        terrain = self.terrain
        if terrain.relief(u, v) > HILL_M:
            return Zone.FOREST
        if shapely.dwithin(shapely.points(u, v), terrain.lake, 190):
            return Zone.PARK
        urban = float(terrain.urban(u, v))
        return self._built(u, v, urban) if urban > RURAL else self._rural(u, v, urban)

    def _rural(self, u: float, v: float, urban: float) -> Zone:
        wet = shapely.dwithin(shapely.points(u, v), self.terrain.quay, 420)
        if wet and self.rng.random() < 0.45:
            return Zone.WETLAND
        choices = (Zone.HAMLET, Zone.PONDS, Zone.INDUSTRY, Zone.FARM)
        near = 0.30 if urban > 0.06 else 0.16
        return choices[int(np.searchsorted(np.cumsum((near, 0.20, 0.06)), self.rng.random()))]

    def _built(self, u: float, v: float, urban: float) -> Zone:
        if urban > 0.86:
            return Zone.CBD if self.rng.random() < 0.80 else Zone.PARK
        if urban < 0.62 and float(self.works(u, v)) > 0.55:
            return Zone.INDUSTRY if self.rng.random() < 0.86 else Zone.VILLAGE
        if urban < 0.72 and float(self.villages(u, v)) > 0.10:
            return Zone.VILLAGE if self.rng.random() < 0.80 else Zone.CAMPUS
        return self._ordinary(urban)

    def _ordinary(self, urban: float) -> Zone:
        zones = (Zone.BUSINESS, Zone.HIGHRISE, Zone.SLAB, Zone.OLDTOWN, Zone.CAMPUS, Zone.PARK, Zone.VILLAGE)
        core, inner = (0.38, 0.22, 0.08, 0.18, 0.06, 0.08, 0), (0.12, 0.27, 0.22, 0.20, 0.09, 0.07, 0.03)
        outer = (0.05, 0.16, 0.30, 0.04, 0.10, 0.07, 0.28)
        weights = core if urban > 0.66 else inner if urban > 0.42 else outer
        return zones[int(np.searchsorted(np.cumsum(weights[:-1]), self.rng.random()))]

