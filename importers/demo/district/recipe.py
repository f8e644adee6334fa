"""What one district is made from: seed, place and size, and the random streams drawn from them."""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from twin.errors import BadParameter
from twin.layer import Bounds

#: Raised whenever the same seed would give another district, so that a loaded demo knows it is stale.
RECIPE_VERSION = 1

DEFAULT_SEED = 44
DEFAULT_CENTRE = (113.420, 22.885)
"""Longitude and latitude between 番禺 and 南沙, on land."""

DEFAULT_BUILDINGS = 110_000
#: Buildings on one square kilometre of bounding box, measured on the default seed with a margin.
BUILDINGS_PER_KM2 = 790.0
_ASPECT = 1.2
_KM_PER_DEGREE = 111.32
_MIN_SIDE_KM, _MAX_AREA_KM2 = 0.9, 400.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a district depends on; equal recipes give byte-equal layers."""

    seed: int
    bbox_4490: Bounds
    buildings: int
    """At most so many buildings."""
    usual_place: bool = True

    @property
    def tag(self) -> str:
        """Empty for a district at its usual place, else four letters that tell it from others: part of its codes and of its source's name."""
        if self.seed == DEFAULT_SEED and self.usual_place:
            return ""
        text = ",".join((str(self.seed), *(f"{degree:.5f}" for degree in self.bbox_4490)))
        return f"{zlib.crc32(text.encode()) & 0xFFFF:04X}"

    def stream(self, name: str) -> np.random.Generator:
        """The random stream of one part, untouched by how much another part draws."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


def recipe(seed: int = DEFAULT_SEED, bbox_4490: Bounds | None = None, buildings: int = DEFAULT_BUILDINGS) -> Recipe:
    """A recipe; without a bbox (degrees, EPSG:4490) one that holds `buildings` lies around the default centre.

    BadParameter: too few buildings, or a box that is none, too small or too big.
    """
    if buildings < 1:
        raise BadParameter("buildings must be at least 1", "建筑数量至少为 1", place="buildings")
    bbox = bbox_4490 or _bbox_for(buildings)
    _check(bbox)
    return Recipe(seed, bbox, buildings, usual_place=bbox_4490 is None)


def _bbox_for(buildings: int) -> Bounds:
    lon, lat = DEFAULT_CENTRE
    height_km = math.sqrt(buildings / BUILDINGS_PER_KM2 / _ASPECT)
    half_lat = height_km / 2 / _KM_PER_DEGREE
    half_lon = height_km * _ASPECT / 2 / (_KM_PER_DEGREE * math.cos(math.radians(lat)))
    return (lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat)


def _check(bbox: Bounds) -> None:
    west, south, east, north = bbox
    if not (all(map(math.isfinite, bbox)) and -180 <= west < east <= 180 and -80 <= south < north <= 80):
        raise BadParameter("bbox is not west,south,east,north in degrees", "bbox 应为 西,南,东,北（度）", place="bbox")
    height = (north - south) * _KM_PER_DEGREE
    width = (east - west) * _KM_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    if min(width, height) < _MIN_SIDE_KM or width * height > _MAX_AREA_KM2:
        raise BadParameter(
            f"bbox of {width:.1f} × {height:.1f} km: sides of at least {_MIN_SIDE_KM} km and at most {_MAX_AREA_KM2:.0f} km² are built",
            f"bbox 为 {width:.1f} × {height:.1f} 公里：边长至少 {_MIN_SIDE_KM} 公里，面积至多 {_MAX_AREA_KM2:.0f} 平方公里",
            place="bbox",
        )
