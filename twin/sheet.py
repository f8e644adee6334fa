"""A layer as one table of a file: what its columns are called, no name twice, whatever the layer's own fields are called."""

from collections.abc import Sequence
from dataclasses import dataclass

from twin.fields import Field
from twin.layer import GeometryType

#: West, south, east, north of a row's box, where they come as columns of their own: a space in front keeps them apart from fields.
SIDES = (" xmin", " ymin", " xmax", " ymax")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns of one table, and what its geometry is."""

    name: str
    """The layer's id."""
    title: str
    fields: tuple[Field, ...]
    oid: str
    valid_from: str
    valid_to: str
    geometry: str
    bbox: str
    """The column with each row's box, where a format has one."""
    shape: GeometryType
    heights: bool
    """Whether geometries have a third ordinate."""
    crs: str
    """`EPSG:code` or `OGC:CRS84`; numbers are easting or longitude first, as files have them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Columns in order: identifier, fields, validity, geometry last."""
        return (self.oid, *(field.name for field in self.fields), self.valid_from, self.valid_to, self.geometry)


def free_names(wanted: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """`wanted`, each with as many `_` behind it as keep it apart from `taken` and the others; letters of either case are one, as in SQLite."""
    known = {name.casefold() for name in taken}
    found = []
    for name in wanted:
        free = next(longer for longer in (name + "_" * more for more in range(len(known) + 1)) if longer.casefold() not in known)
        known.add(free.casefold())
        found.append(free)
    return tuple(found)
