"""How schools, hospitals, public buildings, parks and fields fill a lot, and the register of all layouts."""

from collections.abc import Mapping

import numpy as np

from importers.demo.district.frame import Floats
from importers.demo.district.layouts import (
    Layout,
    Site,
    Use,
    build,
    gatehouse,
    hamlet,
    mesh,
    offices,
    old_town,
    skyscrapers,
    slabs,
    towers,
    village,
    works,
)
from importers.demo.district.shapes import Shape
from importers.demo.district.zones import Zone


def _school(site: Site) -> Floats:
    """Teaching wings to the north, gym and dormitory east, the sports field left free in the south-west."""
    rng = site.rng
    wings = build(
        Shape.COMB,
        (site.west, site.south + site.depth * 0.58),
        (site.width * 0.60, site.depth * 0.42),
        (rng.integers(4, 7), 19.5, Use.SCHOOL),
    )
    gym = build(Shape.BOX, (site.west + site.width * 0.68, site.south), (site.width * 0.32, site.depth * 0.24), (2, 14.0, Use.CULTURE))
    east = (site.west + site.width * 0.70, site.south + site.depth * 0.36)
    dormitory = build(Shape.BOX, east, (site.width * 0.30, min(14.0, site.depth * 0.16)), (6, 20.5, Use.HOME))
    library = build(Shape.ELL, (east[0], site.south + site.depth * 0.64), (site.width * 0.28, site.depth * 0.32), (5, 21.0, Use.SCHOOL))
    return np.vstack((wings, gym, dormitory, library, gatehouse(site)))


def _hospital(site: Site) -> Floats:
    """A ward tower, an H of clinics, and small blocks."""
    floors = int(site.rng.integers(10, 19))
    clinics = build(Shape.AITCH, (site.west, site.south), (site.width * 0.62, site.depth * 0.46), (5, 22.0, Use.CLINIC))
    ward = build(
        Shape.TEE, (site.west, site.south + site.depth * 0.58), (site.width * 0.58, site.depth * 0.34), (floors, 3.9 * floors, Use.CLINIC)
    )
    east = site.west + site.width * 0.72
    v = site.south + site.depth * np.array([0.0, 0.36, 0.72])
    storeys = np.array([3, 4, 6])
    small = build(Shape.BOX, (east, v), (site.width * 0.28, site.depth * 0.22), (storeys, 3.8 * storeys, Use.CLINIC))
    return np.vstack((clinics, ward, small, gatehouse(site)))


def _public(site: Site) -> Floats:
    """One large building with two wings in front of a square."""
    use = Use.HALL if site.code in ("0801", "0806", "0809") else Use.CULTURE
    floors = int(site.rng.integers(4, 11))
    shape = Shape.ROUND if site.code == "0808" else Shape.CUP
    size = min(site.width * 0.72, site.depth * 0.62)
    centre = site.west + (site.width - size) / 2
    main = build(shape, (centre, site.south + site.depth - size), (size, size), (floors, 4.0 * floors, use), (2, 0))
    side = np.array([site.west, site.west + site.width * 0.78])
    wings = build(Shape.BOX, (side, site.south), (site.width * 0.22, site.depth * 0.26), (3, 12.0, use))
    return np.vstack((main, wings))


def _campus(site: Site) -> Floats:
    return (_school if site.code == "0803" else _hospital if site.code == "0805" else _public)(site)


def _pavilions(site: Site) -> Floats:
    """A few pavilions in a park."""
    u, v = mesh(site, (95, 85), (9, 9))
    few = site.rng.random(len(u)) < 0.22
    return build(Shape.ROUND, (u[few], v[few]), (9, 9), (1, 5.5, Use.CULTURE))


def _fields(site: Site) -> Floats:
    """Greenhouses on facility land, otherwise rarely a pump house."""
    if site.code == "1202":
        u, v = mesh(site, (42, 12), (38, 8.5))
        return build(Shape.BOX, (u, v), (38, 8.5), (1, 4.2, Use.FARM))
    return build(Shape.BOX, (site.west, site.south), (6, 5), (1, 3.6, Use.FARM)) if site.rng.random() < 0.12 else _bare(site)


def _bare(site: Site) -> Floats:
    return build(Shape.BOX, (np.empty(0), np.empty(0)), (0, 0), (0, 0, 0))


LAYOUTS: Mapping[Zone, Layout] = {
    Zone.CBD: skyscrapers,
    Zone.BUSINESS: offices,
    Zone.HIGHRISE: towers,
    Zone.SLAB: slabs,
    Zone.OLDTOWN: old_town,
    Zone.VILLAGE: village,
    Zone.HAMLET: hamlet,
    Zone.INDUSTRY: works,
    Zone.CAMPUS: _campus,
    Zone.PARK: _pavilions,
    Zone.FARM: _fields,
    Zone.PONDS: _fields,
    Zone.FOREST: _bare,
    Zone.WETLAND: _bare,
}

#: Land uses that decide the layout whatever the zone.
BY_CODE: Mapping[str, Layout] = {"0803": _school, "0805": _hospital}
