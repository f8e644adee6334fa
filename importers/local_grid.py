"""Local city grids said by parameters: shift, rotation and scale to a national grid. Nothing here knows the parameters of any city.

`local: base=EPSG:4547; dx=484000.5; dy=2477000.2; rotation=1°02′03″; scale=1.000012; name=…` means, for a point (x, y) of the file,

    easting  = dx + scale · (x · cos rotation − y · sin rotation)
    northing = dy + scale · (x · sin rotation + y · cos rotation)

in the grid `base`: metres, rotation counter-clockwise from the axes of `base` to those of the local grid. `ppm` may be said for scale
(1 + ppm · 10⁻⁶), `x0` and `y0` for a centre of rotation other than the origin. Seven parameters are a PROJ string with `+towgs84`.
"""

import re
from dataclasses import dataclass
from math import cos, isfinite, radians, sin

import numpy as np
from numpy.typing import NDArray

from twin.angles import parse_angle
from twin.crs import SourceCrs, parse_crs
from twin.errors import BadParameter

Array = NDArray[np.float64]
PREFIX = "local:"
_NUMBERS = ("dx", "dy", "scale", "ppm", "x0", "y0")
_PART = re.compile(r"\s*(\w+)\s*=\s*([^;,]+?)\s*(?:[;,]|$)")
_SCALES = (0.5, 2.0)
_MEND = "local: base=EPSG:4547; dx=…; dy=…; rotation=…; scale=…"


@dataclass(frozen=True, slots=True)
class LocalGrid:
    """A similarity from a local grid to the projected system `base`; metres and degrees."""

    base: SourceCrs
    dx: float
    dy: float
    rotation: float = 0.0
    scale: float = 1.0
    x0: float = 0.0
    y0: float = 0.0
    name: str = ""

    @property
    def title(self) -> str:
        """How reports call it: its name, else its base."""
        return self.name or f"local grid on EPSG:{self.base.epsg}"

    @property
    def text(self) -> str:
        """Every parameter, for the report and for the hash of the rows."""
        centre = f"; x0={self.x0!r}; y0={self.y0!r}" if self.x0 or self.y0 else ""
        moved = f"dx={self.dx!r}; dy={self.dy!r}; rotation={self.rotation!r}; scale={self.scale!r}{centre}"
        return f"{PREFIX} base=EPSG:{self.base.epsg}; {moved}"

    def to_base(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Coordinates of the file in the grid `base`."""
        a, b = self.scale * cos(radians(self.rotation)), self.scale * sin(radians(self.rotation))
        x, y = x - self.x0, y - self.y0
        return self.dx + a * x - b * y, self.dy + b * x + a * y


def parse_local_grid(text: str) -> LocalGrid:
    """Read `local: …`; BadParameter names the part that is wrong."""
    said = _parts(text.strip()[len(PREFIX) :])
    unknown = sorted(said.keys() - {"base", "rotation", "name", *_NUMBERS})
    missing = sorted({"base", "dx", "dy"} - said.keys())
    if unknown or missing:
        raise _bad(f"unknown {', '.join(unknown)}" if unknown else f"{', '.join(missing)} missing")
    numbers = {name: _number(name, said[name]) for name in _NUMBERS if name in said}
    if "ppm" in numbers:
        numbers["scale"] = 1 + numbers.pop("ppm") * 1e-6
    if not _SCALES[0] <= numbers.get("scale", 1.0) <= _SCALES[1]:
        raise _bad(f"scale {said.get('scale', said.get('ppm'))}")
    rotation = parse_angle(said.get("rotation", "0"), limit=360.0)
    if rotation is None:
        raise _bad(f"rotation {said['rotation']}")
    return LocalGrid(parse_crs(said["base"]), rotation=rotation, name=said.get("name", ""), **numbers)


def _parts(text: str) -> dict[str, str]:
    out: dict[str, str] = {}
    at = 0
    while at < len(text.rstrip()):
        match = _PART.match(text, at)
        if match is None or match[1] in out:
            raise _bad(text[at:].strip()[:40])
        out[match[1]] = match[2]
        at = match.end()
    return out


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise _bad(f"{name}={text}") from exc
    if not isfinite(value):
        raise _bad(f"{name}={text}")
    return value


def _bad(what: str) -> BadParameter:
    return BadParameter(f"local grid: {what}; it is said as {_MEND}", f"地方坐标系参数有误：{what}；写法：{_MEND}", place="crs")
