"""From the drawing board (a straight street grid in metres) to the ground (curved streets in degrees).

The board is bent by a conformal polynomial: streets curve, right angles stay right, and a vertex shared by two
polygons on the board is shared bit for bit on the ground.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.recipe import Recipe
from importers.geos import shapely

Floats = NDArray[np.float64]
Geometries = NDArray[Any]
Complexes = NDArray[Any]
Marks = tuple[float, ...]

_BEND, _TWIST = 0.075, 0.030
_SUPERBLOCK_M = 820.0
_DIGITS = 8
"""Decimals of a degree kept: about 1 mm."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The board `[-half_u, half_u] × [-half_v, half_v]` in metres and its place on the ground."""

    lon0: float
    lat0: float
    metres_per_lon: float
    metres_per_lat: float
    half_u: float
    half_v: float
    unit: float
    bend: complex
    twist: complex
    shift: complex
    us: Marks
    """Arterials run north at these u, the rim included."""
    vs: Marks
    """Arterials run east at these v, the rim included."""

    @property
    def macro(self) -> float:
        """Size of the district against a 10 km one: rivers, hills and centres scale with it."""
        return math.sqrt(4 * self.half_u * self.half_v) / 10_000

    def metres(self, board: Floats) -> Floats:
        """Board coordinates (n, 2) to metres east and north of the centre."""
        z = _bent((board[:, 0] + 1j * board[:, 1]) / self.unit, self.bend, self.twist)
        z = self.unit * (z - self.shift)
        return np.column_stack((z.real, z.imag))

    def degrees(self, board: Floats) -> Floats:
        """Board coordinates (n, 2) to longitude and latitude, EPSG:4490."""
        east_north = self.metres(board)
        degrees = east_north / (self.metres_per_lon, self.metres_per_lat) + (self.lon0, self.lat0)
        rounded: Floats = np.round(degrees, _DIGITS)
        return rounded

    def board(self, degrees: Floats) -> Floats:
        """Longitude and latitude (n, 2) back to the board, by Newton's method."""
        east_north = (degrees - (self.lon0, self.lat0)) * (self.metres_per_lon, self.metres_per_lat)
        target = (east_north[:, 0] + 1j * east_north[:, 1]) / self.unit + self.shift
        z = target.copy()
        for _ in range(6):
            z -= (_bent(z, self.bend, self.twist) - target) / (1 + 2 * self.bend * z + 3 * self.twist * z**2)
        return np.column_stack((z.real, z.imag)) * self.unit

    def place(self, geometries: Any) -> Geometries:
        """Board geometries to degrees, vertex by vertex; Z is kept."""
        flat: Geometries = shapely.transform(geometries, self._with_z, include_z=bool(np.any(shapely.has_z(geometries))))
        return flat

    def area_m2(self, geometries_4490: Geometries) -> Floats:
        """Areas on the ground of geometries already in degrees."""
        areas: Floats = shapely.area(geometries_4490) * self.metres_per_lon * self.metres_per_lat
        return areas

    def length_m(self, geometries_4490: Geometries) -> Floats:
        """Lengths on the ground of lines already in degrees."""
        scale = (self.metres_per_lon, self.metres_per_lat)
        lengths: Floats = shapely.length(shapely.transform(geometries_4490, lambda c: c * scale))
        return lengths

    def _with_z(self, board: Floats) -> Floats:
        return self.degrees(board) if board.shape[1] == 2 else np.column_stack((self.degrees(board[:, :2]), board[:, 2]))


def make_frame(recipe: Recipe) -> Frame:
    """The largest bent board that fits into the recipe's bounding box."""
    west, south, east, north = recipe.bbox_4490
    lat0 = (south + north) / 2
    per_lon, per_lat = _metres_per_degree(lat0)
    width, height = (east - west) * per_lon, (north - south) * per_lat
    rng = recipe.stream("frame")
    bend, twist = (size * np.exp(2j * np.pi * rng.random()) for size in (_BEND, _TWIST))
    p, q = width / max(width, height), height / max(width, height)
    rim = _bent(_rim(p, q), bend, twist)
    low, high = complex(rim.real.min(), rim.imag.min()), complex(rim.real.max(), rim.imag.max())
    unit = 0.998 * min(width / (high - low).real, height / (high - low).imag)
    half_u, half_v = math.floor(p * unit), math.floor(q * unit)
    us, vs = _ruler(rng, half_u), _ruler(rng, half_v)
    return Frame((west + east) / 2, lat0, per_lon, per_lat, half_u, half_v, unit, bend, twist, (low + high) / 2, us, vs)


def _ruler(rng: np.random.Generator, half: float) -> Marks:
    count = max(2, round(2 * half / _SUPERBLOCK_M))
    marks = np.linspace(-half, half, count + 1)
    marks[1:-1] += rng.uniform(-0.17, 0.17, count - 1) * (marks[1] - marks[0])
    return tuple(round(float(mark), 1) for mark in marks)


def _bent(z: Complexes, bend: complex, twist: complex) -> Complexes:
    bent: Complexes = z + bend * z**2 + twist * z**3
    return bent


def _rim(p: float, q: float) -> Complexes:
    t = np.linspace(-1, 1, 101)
    return np.concatenate((p * t + 1j * q, p * t - 1j * q, p + 1j * q * t, -p + 1j * q * t))


def _metres_per_degree(lat: float) -> tuple[float, float]:
    """Metres in one degree of longitude and of latitude at `lat` on the CGCS2000 ellipsoid."""
    phi, e2, a = math.radians(lat), 0.00669438002290, 6_378_137.0
    w = math.sqrt(1 - e2 * math.sin(phi) ** 2)
    return math.radians(a * math.cos(phi) / w), math.radians(a * (1 - e2) / w**3)
