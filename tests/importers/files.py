"""Small files made by hand, good and bad, and the one way tests read them."""

import gzip
import json
import warnings
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyogrio.raw import write_arrow

from importers.base import Finding, ReadRequest, SourceMeta, Summary
from importers.process import private_folder, reading

SQUARE = [[113.0, 23.0], [113.001, 23.0], [113.001, 23.001], [113.0, 23.001], [113.0, 23.0]]
BOWTIE = [[113.0, 23.0], [113.001, 23.001], [113.001, 23.0], [113.0, 23.001], [113.0, 23.0]]


@dataclass(frozen=True)
class Read:
    """Everything a reading process said about a file."""

    meta: SourceMeta
    rows: list[dict[str, Any]]
    shapes: list[Any]
    summary: Summary
    findings: list[Finding]

    @property
    def rules(self) -> Counter[str]:
        return Counter(finding.rule for finding in self.findings)

    def named(self, at: int) -> dict[str, Any]:
        """One row by the file's own column names."""
        return {column.name: self.rows[at][f"c{number}"] for number, column in enumerate(self.meta.columns, start=1)}


def read(path: Path, **options: Any) -> Read:
    """Read a file as an import would."""
    with private_folder() as folder, reading(ReadRequest(path=path, folder=folder, **options)) as process:
        meta = process.describe()
        try:
            table = process.batches().read_all()
        except pa.ArrowInvalid:
            process.finish()
            raise
        summary = process.finish()
        findings = list(process.findings())
    shapes = list(shapely.from_wkb(table.column("wkb").to_numpy()))
    return Read(meta, table.drop_columns(["wkb"]).to_pylist(), shapes, summary, findings)


def feature(geometry: Mapping[str, Any] | None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    return feature({"type": "Point", "coordinates": [lon, lat]}, **properties)


def polygon(ring: Sequence[Sequence[float]], **properties: Any) -> dict[str, Any]:
    return feature({"type": "Polygon", "coordinates": [ring]}, **properties)


def square(lon: float, lat: float, size: float = 0.001, **properties: Any) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return polygon(ring, **properties)


def wide_polygon(path: Path, vertices: int = 2_000_000) -> Path:
    """A GeoJSON of one polygon of so many vertices."""
    ring = ",".join(f"[{113 + at * 1e-7:.7f},{23 + at % 2 * 1e-7:.7f}]" for at in range(vertices))
    path.write_text(f'{{"type":"Feature","properties":{{"n":1}},"geometry":{{"type":"Polygon","coordinates":[[{ring},[113,23]]]}}}}')
    return path


def geojson(path: Path, features: Sequence[Mapping[str, Any]], **top: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", **top, "features": list(features)}, ensure_ascii=False), encoding="utf-8")
    return path


def sequence(path: Path, features: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in features), encoding="utf-8")
    return path


def geopackage(path: Path, shapes: Sequence[Any], crs: str | None = "EPSG:4490", layer: str = "rows", **columns: Sequence[Any]) -> Path:
    kinds = {shapely.get_type_id(shape) for shape in shapes if shape is not None}
    dimension = " Z" if any(shapely.has_z(shape) for shape in shapes if shape is not None) else ""
    names = {0: "Point", 1: "LineString", 3: "Polygon", 6: "MultiPolygon"}
    kind = names[kinds.pop()] + dimension if len(kinds) == 1 else "Unknown"
    wkb = shapely.to_wkb(np.array(shapes, dtype=object), output_dimension=3)
    table = pa.table({**{name: pa.array(values) for name, values in columns.items()}, "geometry": pa.array(wkb, pa.binary())})
    append = path.exists()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        write_arrow(table, path, layer=layer, driver="GPKG", geometry_name="geometry", geometry_type=kind, crs=crs, append=append)
    return path


def shapefile(
    folder: Path, stem: str, shapes: Sequence[Any], encoding: str = "UTF-8", crs: str | None = "EPSG:4490", **columns: Sequence[Any]
) -> Path:
    path = folder / f"{stem}.shp"
    table = pa.table(
        {**{name: pa.array(values) for name, values in columns.items()}, "geometry": pa.array(shapely.to_wkb(list(shapes)), pa.binary())}
    )
    write_arrow(table, path, driver="ESRI Shapefile", geometry_name="geometry", geometry_type="Polygon", crs=crs, encoding=encoding)
    return path


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def zipped_folder(path: Path, folder: Path) -> Path:
    """A folder as it lies, in a zip."""
    return zipped(path, {str(file.relative_to(folder.parent)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()})


def gzipped(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data))
    return path
