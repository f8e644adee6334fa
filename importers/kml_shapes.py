"""Shapes of KML: coordinates as people write them (blanks after commas too), several shapes of a placemark as one geometry."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.geos import shapely

_BLANK_AFTER_COMMA = re.compile(r"\s*,\s*")
_MULTI = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}


@dataclass(slots=True)
class Shape:
    """One shape as read: its element and the texts of its coordinates."""

    kind: str
    lines: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    place: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, text: str, *, hole: bool) -> None:
        """Take the text of an element inside the shape."""
        if name == "coordinates":
            (self.holes if hole and self.kind == "Polygon" else self.lines).append(text)
        elif name == "coord":
            self.lines.append(",".join(text.split()))
        elif name in ("longitude", "latitude", "altitude"):
            self.place[name] = text


def read_shape(shapes: list[Shape]) -> bytes | None:
    """WKB of a placemark's shapes, None where it has none; ValueError says what is wrong."""
    parts = [part for shape in shapes if (part := _part(shape)) is not None]
    if not parts:
        return None
    kinds = {part.geom_type for part in parts}
    if len(parts) == 1:
        whole = parts[0]
    elif len(kinds) == 1:
        whole = getattr(shapely, _MULTI[kinds.pop()])(parts)
    else:
        whole = shapely.GeometryCollection(parts)
    found: bytes = shapely.to_wkb(whole)
    return found


def _part(shape: Shape) -> Any:
    if shape.kind == "Model":
        text = ",".join(shape.place.get(name, "") for name in ("longitude", "latitude"))
        return shapely.Point(_coordinates(text)[0]) if shape.place else None
    if shape.kind == "Track":
        track = [_coordinates(line)[0] for line in shape.lines if line.strip()]
        return shapely.LineString(track) if len(track) > 1 else shapely.Point(track[0]) if track else None
    rings = [found for line in shape.lines if len(found := _coordinates(line))]
    if not rings:
        return None
    if shape.kind == "Point":
        return shapely.Point(rings[0][0])
    if shape.kind == "Polygon":
        return shapely.Polygon(_closed(rings[0]), [_closed(hole) for line in shape.holes if len(hole := _coordinates(line))])
    if len(rings[0]) < 2:
        raise ValueError("a line of one point")
    return shapely.LineString(rings[0])


def _closed(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(ring) < 3:
        raise ValueError(f"a ring of {len(ring)} points")
    return ring


def _coordinates(text: str) -> NDArray[np.float64]:
    """Tuples of a coordinates text as rows of two or three; heights only where one of them is not 0, which is what editors fill in."""
    tuples = _BLANK_AFTER_COMMA.sub(",", text.strip()).split()
    if not tuples:
        return np.empty((0, 2))
    numbers = [each.rstrip(",").split(",") for each in tuples]
    width = min(map(len, numbers))
    if width < 2:
        raise ValueError(f"coordinates {tuples[0][:60]!r}")
    try:
        values = np.array([each[: min(width, 3)] for each in numbers], dtype=np.float64)
    except ValueError as exc:
        raise ValueError(f"coordinates {text.strip()[:60]!r}") from exc
    flat = width == 2 or not values[:, 2].any()
    return values[:, :2] if flat else values
