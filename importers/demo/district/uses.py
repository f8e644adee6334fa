"""Land use of every lot (codes of the third land survey) and what stands on it: built, empty, being built, being renewed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.land import LOT, Land
from importers.demo.district.roads import Ints
from importers.demo.district.streets import Plan
from importers.demo.district.zones import Zone
from importers.geos import shapely

Codes = NDArray[np.str_]


class State(IntEnum):
    """What is going on on a lot."""

    STANDING = 0
    PLANNED = 1
    BUILDING = 2
    RENEWAL = 3


#: Land-use codes of each zone with their shares.
_SHARES: dict[Zone, tuple[tuple[str, float], ...]] = {
    Zone.CBD: (("0505", 0.66), ("0501", 0.22), ("0504", 0.12)),
    Zone.BUSINESS: (("0505", 0.42), ("0501", 0.36), ("0504", 0.10), ("0507", 0.12)),
    Zone.HIGHRISE: (("0701", 0.90), ("0501", 0.06), ("0803", 0.04)),
    Zone.SLAB: (("0701", 0.90), ("0501", 0.05), ("0803", 0.05)),
    Zone.OLDTOWN: (("0701", 0.74), ("0501", 0.22), ("0807", 0.04)),
    Zone.VILLAGE: (("0702", 0.94), ("0601", 0.04), ("0807", 0.02)),
    Zone.INDUSTRY: (("0601", 0.74), ("0604", 0.19), ("0804", 0.07)),
    Zone.CAMPUS: (("0803", 0.46), ("0805", 0.17), ("0801", 0.11), ("0807", 0.08), ("0808", 0.08), ("0806", 0.05), ("0809", 0.05)),
    Zone.PARK: (("0810", 1.0),),
    Zone.FARM: (("0101", 0.52), ("0102", 0.22), ("0201", 0.20), ("1202", 0.06)),
    Zone.HAMLET: (("0702", 0.95), ("1202", 0.05)),
    Zone.PONDS: (("1104", 0.90), ("0201", 0.10)),
    Zone.FOREST: (("0305", 0.60), ("0201", 0.40)),
    Zone.WETLAND: (("1106", 0.45), ("1108", 0.30), ("0303", 0.25)),
}

_STATE_SHARES = {
    Zone.CBD: (0.05, 0.05, 0.0),
    Zone.BUSINESS: (0.05, 0.03, 0.0),
    Zone.HIGHRISE: (0.04, 0.04, 0.0),
    Zone.SLAB: (0.01, 0.01, 0.0),
    Zone.VILLAGE: (0.0, 0.0, 0.03),
    Zone.OLDTOWN: (0.0, 0.0, 0.02),
    Zone.INDUSTRY: (0.04, 0.02, 0.0),
}


#: Uses every district has, however small, so that no layer is empty.
_NEEDED = ("0101", "0601", "0803", "0805", "0808", "1106")
_TOWN = frozenset({Zone.BUSINESS, Zone.HIGHRISE, Zone.SLAB, Zone.OLDTOWN, Zone.VILLAGE, Zone.CAMPUS, Zone.CBD, Zone.PARK, Zone.HAMLET})


@dataclass(frozen=True, slots=True)
class Uses:
    """By lot: its zone, land-use code, state, and how urban it is."""

    zone: tuple[Zone, ...]
    code: Codes
    state: Ints
    urban: NDArray[np.float64]


def make_uses(plan: Plan, land: Land, urban: NDArray[np.float64], rng: np.random.Generator) -> Uses:
    """Uses of the lots of a plan; whole wild neighbourhoods share one code more often than not."""
    leaves = [plan.leaves[lot.leaf] for lot in land.lots]
    zones = tuple(leaf.zone for leaf in leaves)
    hood = np.array([leaf.neighbourhood for leaf in leaves])
    own, shared = rng.random(len(zones)), rng.random(len(plan.neighbourhoods))[hood]
    draw = np.where(rng.random(len(zones)) < 0.55, own, shared)
    code = np.array([_pick(zone, float(x)) for zone, x in zip(zones, draw, strict=True)])
    state = np.array([_state(zone, float(x)) for zone, x in zip(zones, rng.random(len(zones)), strict=True)])
    code = np.where(state == State.STANDING, code, "1201")
    for missing, lot in zip(sorted(set(_NEEDED) - set(code.tolist())), _largest(land, zones, state), strict=False):
        code[lot] = missing
    return Uses(zones, code, state, urban)


def _largest(land: Land, zones: tuple[Zone, ...], state: Ints) -> Iterator[int]:
    """Standing lots of the town that have land, the largest first."""
    area = np.bincount(land.lot[land.kind == LOT], weights=shapely.area(land.faces[land.kind == LOT]), minlength=len(zones))
    town = np.array([zone in _TOWN for zone in zones]) & (state == State.STANDING) & (area > 0)
    yield from np.argsort(np.where(town, -area, 0.0), kind="stable")[: int(town.sum())].tolist()


def _pick(zone: Zone, draw: float) -> str:
    codes, shares = zip(*_SHARES[zone], strict=True)
    return str(codes[min(int(np.searchsorted(np.cumsum(shares), draw)), len(codes) - 1)])


def _state(zone: Zone, draw: float) -> State:
    shares = np.cumsum(_STATE_SHARES.get(zone, (0.0, 0.0, 0.0)))
    below = np.flatnonzero(draw < shares)
    return State(int(below[0]) + 1) if len(below) else State.STANDING
