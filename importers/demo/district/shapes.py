"""Building footprints from a few plans on the unit square: boxes, L, U, H, T and cross shapes, towers and courtyards."""

from enum import IntEnum

import numpy as np

from importers.demo.district.frame import Floats, Geometries
from importers.geos import shapely


class Shape(IntEnum):
    """Plan of a building."""

    BOX = 0
    ELL = 1
    CUP = 2
    TEE = 3
    CROSS = 4
    AITCH = 5
    ROUND = 6
    COMB = 7
    COURT = 8


_CIRCLE = [(0.5 + 0.5 * np.cos(a), 0.5 + 0.5 * np.sin(a)) for a in np.arange(12) * np.pi / 6]

_OUTLINE: dict[Shape, list[tuple[float, float]]] = {
    Shape.BOX: [(0, 0), (1, 0), (1, 1), (0, 1)],
    Shape.ELL: [(0, 0), (1, 0), (1, 0.42), (0.4, 0.42), (0.4, 1), (0, 1)],
    Shape.CUP: [(0, 0), (1, 0), (1, 1), (0.72, 1), (0.72, 0.34), (0.28, 0.34), (0.28, 1), (0, 1)],
    Shape.TEE: [(0.3, 0), (0.7, 0), (0.7, 0.52), (1, 0.52), (1, 1), (0, 1), (0, 0.52), (0.3, 0.52)],
    Shape.CROSS: [
        *((0.3, 0), (0.7, 0), (0.7, 0.27), (1, 0.27), (1, 0.73), (0.7, 0.73)),
        *((0.7, 1), (0.3, 1), (0.3, 0.73), (0, 0.73), (0, 0.27), (0.3, 0.27)),
    ],
    Shape.AITCH: [
        *((0, 0), (0.32, 0), (0.32, 0.35), (0.68, 0.35), (0.68, 0), (1, 0)),
        *((1, 1), (0.68, 1), (0.68, 0.65), (0.32, 0.65), (0.32, 1), (0, 1)),
    ],
    Shape.ROUND: _CIRCLE,
    Shape.COMB: [
        *((0, 0), (1, 0), (1, 1), (0.84, 1), (0.84, 0.28), (0.58, 0.28)),
        *((0.58, 1), (0.42, 1), (0.42, 0.28), (0.16, 0.28), (0.16, 1), (0, 1)),
    ],
    Shape.COURT: [(0, 0), (1, 0), (1, 1), (0, 1)],
}


def footprints(shape: Shape, corner: Floats, size: Floats, turn: Floats, wing_m: Floats) -> Geometries:
    """Polygons of one plan: south-west corners and sizes (n, 2), quarter turns, and the depth of a courtyard's wings, in metres."""
    outline = corner[:, None, :] + size[:, None, :] * _turned(np.array(_OUTLINE[shape], dtype=np.float64), turn)
    if shape is not Shape.COURT:
        plain: Geometries = shapely.polygons(outline)
        return plain
    inner, wing = np.array(_OUTLINE[shape][::-1], dtype=np.float64), wing_m[:, None, None]
    holes = corner[:, None, :] + wing + (size[:, None, :] - 2 * wing) * inner
    courts: Geometries = shapely.polygons(shapely.linearrings(outline), holes=shapely.linearrings(holes)[:, None])
    return courts


def _turned(unit: Floats, turn: Floats) -> Floats:
    """The unit plan in each of its quarter turns (n, points, 2)."""
    turns = [unit]
    for _ in range(3):
        turns.append(np.column_stack((1 - turns[-1][:, 1], turns[-1][:, 0])))
    picked: Floats = np.stack(turns)[turn.astype(np.int64)]
    return picked
