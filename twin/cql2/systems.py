"""The reference systems in which a filter may write its geometries, with their axis order and the reach of their coordinates."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilterCrs:
    """One reference system: `low` and `high` bound its coordinates, easting or longitude first."""

    name: str
    epsg: int
    north_first: bool
    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def is_degrees(self) -> bool:
        """Whether its numbers are those of storage, but for the order."""
        return self.epsg in (4326, 4490)

    @property
    def uri(self) -> str:
        """Its address in the OGC register."""
        return "http://www.opengis.net/def/crs/" + (f"EPSG/0/{self.epsg}" if self.name.startswith("EPSG") else "OGC/1.3/CRS84")


def _degrees(name: str, epsg: int, north_first: bool) -> FilterCrs:
    return FilterCrs(name, epsg, north_first, (-180.0, -90.0), (180.0, 90.0))


def _zone(epsg: int) -> FilterCrs:
    return FilterCrs(f"EPSG:{epsg}", epsg, True, (-500_000.0, 0.0), (1_500_000.0, 9_000_000.0))


_WORLD_M = 20_037_508.342789244
CRS84 = _degrees("CRS84", 4326, False)
FILTER_SYSTEMS: tuple[FilterCrs, ...] = (
    CRS84,
    _degrees("EPSG:4326", 4326, True),
    _degrees("EPSG:4490", 4490, True),
    *(_zone(epsg) for epsg in (4546, 4547, 4548)),
    FilterCrs("EPSG:3857", 3857, False, (-_WORLD_M, -_WORLD_M), (_WORLD_M, _WORLD_M)),
)
