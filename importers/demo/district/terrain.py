"""Ground and water of the district: a meandering river with an island, canals, a lake, hills, and smooth noise."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from importers.demo.district.frame import Floats, Frame, Marks
from importers.demo.district.recipe import Recipe
from importers.geos import shapely

_RIVER_M, _CREEK_M, _CANAL_M = 330.0, 84.0, 38.0
_QUAY_M, _TOWPATH_M = 46.0, 17.0
_PLAIN_M, _RIVERBED_M = 6.0, -4.0


@dataclass(frozen=True, slots=True)
class Course:
    """A stream on the board: its name, centre line and half width at each vertex (metres)."""

    name: str
    line: Floats
    half_width: Floats

    def polygon(self) -> Any:
        """The water surface."""
        along = np.gradient(self.line, axis=0)
        normal = np.column_stack((-along[:, 1], along[:, 0])) / np.hypot(along[:, 0], along[:, 1])[:, None]
        offset = normal * self.half_width[:, None]
        return shapely.make_valid(shapely.polygons(np.vstack((self.line + offset, (self.line - offset)[::-1]))))


@dataclass(frozen=True, slots=True)
class Noise:
    """Smooth noise in about [-1, 1], a sum of plane waves."""

    waves: Floats
    phases: Floats

    def __call__(self, u: Any, v: Any) -> Any:
        """The noise at board coordinates."""
        angle = np.multiply.outer(u, self.waves[:, 0]) + np.multiply.outer(v, self.waves[:, 1]) + self.phases
        return np.cos(angle).sum(axis=-1) / np.sqrt(len(self.phases))


@dataclass(frozen=True, slots=True)
class Terrain:
    """Water, its banks and the hills, on the board (metres)."""

    river: Any
    creeks: Any
    lake: Any
    quay: Any
    """The river and its strip up to the riverside road."""
    towpath: Any
    """Creeks and canals and their strips up to the lane along them."""
    courses: tuple[Course, ...]
    hills: Floats
    """One hill a row: u, v, radius, height, all in metres."""
    woods: Any
    """The foot of the hills: forest inside, city outside."""
    bypass: Any
    """Middle of the expressway that sweeps through the grid."""
    noise: Noise
    centres: Floats
    """City centres: u, v, radius, weight."""

    @property
    def water(self) -> Any:
        """All water surfaces as one geometry."""
        return shapely.union_all([self.river, self.creeks, self.lake])

    def relief(self, u: Any, v: Any) -> Any:
        """Height of the hills above the plain, in metres."""
        squared = [((u - h[0]) ** 2 + (v - h[1]) ** 2) / h[2] ** 2 for h in self.hills]
        hills = sum(h[3] * np.exp(-2.2 * s) for h, s in zip(self.hills, squared, strict=True))
        return hills * (1 + 0.18 * self.noise(u * 2.7, v * 2.7))

    def ground(self, u: Any, v: Any) -> Any:
        """Height of dry ground, in metres above the 1985 datum (made up)."""
        return _PLAIN_M + 2.0 * self.noise(u, v) + self.relief(u, v)

    def urban(self, u: Any, v: Any) -> Any:
        """How much of a city a place is: about 1 in the centre, about 0 in the fields."""
        near = [w * np.exp(-(((u - cu) ** 2 + (v - cv) ** 2) / r**2)) for cu, cv, r, w in self.centres]
        return np.max(np.stack(near), axis=0) + 0.10 * self.noise(u, v)


def make_terrain(recipe: Recipe, frame: Frame) -> Terrain:
    """Water and hills of a recipe, scaled to the board."""
    rng = recipe.stream("terrain")
    river, creek, canal = _river(rng, frame), _creek(rng, frame), _canal(rng, frame)
    surface = river.polygon().difference(_island(river, frame))
    creeks = shapely.union_all([creek.polygon(), canal.polygon()]).difference(river.polygon())
    lake = _lake(rng, frame)
    quay = river.polygon().buffer(_QUAY_M * _scale(frame), quad_segs=3).simplify(1.0)
    paths = shapely.union_all([creek.polygon(), canal.polygon()]).buffer(_TOWPATH_M, quad_segs=3).simplify(1.0)
    noise, hills = make_noise(rng, frame), _hills(frame)
    woods, courses = _woods(rng, hills), (river, creek, canal)
    return Terrain(surface, creeks, lake, quay, paths, courses, hills, woods, _bypass(frame), noise, _centres(frame))


def _scale(frame: Frame) -> float:
    return min(1.0, max(0.25, frame.macro))


def _river(rng: np.random.Generator, frame: Frame) -> Course:
    u = np.linspace(-1.15, 1.15, 180)
    phase = rng.random() * 0.8
    v = -0.12 + 0.25 * np.sin(3.1 * u + 2.2 + phase) + 0.07 * np.sin(6.3 * u + phase) + 0.12 * u
    half = _RIVER_M / 2 * (1 + 0.22 * np.sin(4.0 * u) + 1.5 * np.exp(-(((u + 0.34) / 0.11) ** 2)))
    return Course("明珠水道", np.column_stack((u * frame.half_u, v * frame.half_v)), half * _scale(frame))


def _island(river: Course, frame: Frame) -> Any:
    inside = np.abs(river.line[:, 0] / frame.half_u + 0.34) < 0.115
    line, half = river.line[inside], river.half_width[inside]
    bulge = np.sin(np.linspace(0, np.pi, len(line))) ** 0.7
    return Course("", line, np.maximum(bulge * (half - 95.0 * _scale(frame)), 1.0)).polygon()


def _creek(rng: np.random.Generator, frame: Frame) -> Course:
    v = np.linspace(1.15, -0.12, 110)
    u = 0.34 + 0.09 * np.sin(4.2 * v + rng.random()) + 0.03 * np.sin(11 * v)
    half = np.linspace(0.7, 1.25, len(v)) * _CREEK_M / 2 * _scale(frame)
    return Course("荔枝涌", np.column_stack((u * frame.half_u, v * frame.half_v)), half)


def _canal(rng: np.random.Generator, frame: Frame) -> Course:
    v = np.linspace(-1.15, -0.02, 90)
    u = -0.58 + 0.05 * np.sin(5 * v + rng.random()) + 0.10 * v
    return Course("杨柳涌", np.column_stack((u * frame.half_u, v * frame.half_v)), np.full(len(v), _CANAL_M / 2 * _scale(frame)))


def _lake(rng: np.random.Generator, frame: Frame) -> Any:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = 1 + 0.16 * np.sin(2 * angle + rng.random()) + 0.10 * np.sin(3 * angle) + 0.05 * np.sin(7 * angle)
    size = 205.0 * _scale(frame)
    centre = _middle(frame.us, -0.17 * frame.half_u), _middle(frame.vs, 0.45 * frame.half_v)
    return shapely.polygons(np.column_stack((1.4 * size * radius * np.cos(angle) + centre[0], size * radius * np.sin(angle) + centre[1])))


def _middle(marks: Marks, wanted: float) -> float:
    """The middle between two arterials nearest to what is wanted."""
    middles = [(a + b) / 2 for a, b in pairwise(marks)]
    return min(middles, key=lambda middle: abs(middle - wanted))


def _hills(frame: Frame) -> Floats:
    hills = np.array([[-0.80, 0.80, 0.30, 186.0], [-0.56, 0.95, 0.20, 121.0], [0.84, -0.80, 0.17, 74.0], [-0.30, -0.93, 0.13, 58.0]])
    hills[:, 0] *= frame.half_u
    hills[:, 1] *= frame.half_v
    hills[:, 2] *= frame.half_u
    return hills


def _woods(rng: np.random.Generator, hills: Floats) -> Any:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    rings = []
    for u, v, radius, _ in hills:
        phase = rng.uniform(0, 2 * np.pi, 3)
        wobble = 1 + 0.13 * np.sin(2 * angle + phase[0]) + 0.09 * np.sin(5 * angle + phase[1]) + 0.04 * np.sin(11 * angle + phase[2])
        rings.append(np.column_stack((u + 0.88 * radius * wobble * np.cos(angle), v + 0.88 * radius * wobble * np.sin(angle))))
    return shapely.union_all(shapely.polygons(np.stack(rings)))


def _bypass(frame: Frame) -> Any:
    t = np.linspace(-1.1, 1.1, 120)
    u = 0.93 * t + 0.10
    v = 0.86 * np.tanh(1.5 * (t - 0.12)) + 0.05 * np.sin(5 * t)
    return shapely.linestrings(np.column_stack((u * frame.half_u, v * frame.half_v)))


def _centres(frame: Frame) -> Floats:
    centres = np.array([[0.02, 0.10, 0.50, 1.0], [0.64, 0.44, 0.36, 0.76], [-0.52, -0.50, 0.38, 0.68], [0.40, -0.55, 0.34, 0.60]])
    centres[:, 0] *= frame.half_u
    centres[:, 1] *= frame.half_v
    centres[:, 2] *= frame.half_u
    return centres


def make_noise(rng: np.random.Generator, frame: Frame) -> Noise:
    """Noise with waves of a sixth to a half of the board's width."""
    length = rng.uniform(0.35, 1.1, 9) * frame.half_u
    angle = rng.uniform(0, 2 * np.pi, 9)
    waves = (2 * np.pi / length)[:, None] * np.column_stack((np.cos(angle), np.sin(angle)))
    return Noise(waves, rng.uniform(0, 2 * np.pi, 9))
