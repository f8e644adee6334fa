"""Peak memory of importer and reader for a file and one four times as large, in every format that can hold many rows.

    python -m bench.import_memory [--quick] [--rows N] [--formats kml,gml,…] [--publish] [--home DIR] [--json OUT]

The file is read by the reading child under its limits, and its batches are taken from the stream one by one as COPY takes them; that is
all of an import whose memory could depend on the format. `--publish` imports each file whole into a database of its own. Every
measurement is a process of its own. A ratio of 1.0 means that memory does not depend on the size of the file.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import shapely
from pyogrio.raw import write_arrow

from importers.base import ReadRequest
from importers.options import ImportOptions
from importers.process import reading
from importers.run import import_file
from postgis.cluster import Cluster
from postgis.connect import Database
from postgis.migrate import migrate

ROOT = Path(__file__).resolve().parents[1]
TIMES = 4
MOST_GROWTH = 1.3
VERTICES = 12
_TABLES = {"osm": "points"}
Writer = Callable[[Path, pa.Table, Any], None]


def footprints(rows: int) -> tuple[pa.Table, Any]:
    """Attributes and shapes of as many buildings."""
    rng = np.random.default_rng(7)
    centre = np.array([113.5, 22.8]) + rng.normal(0, 0.3, (rows, 2))
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    ring = centre[:, None] + rng.uniform(5e-5, 3e-4, (rows, 1, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    shapes = shapely.polygons(np.concatenate([ring, ring[:, :1]], axis=1))
    height = rng.uniform(3, 120, rows).round(1)
    names = {"code": [f"B{number:08d}" for number in range(rows)], "name": [f"示例楼{number}" for number in range(rows)]}
    return pa.table({**names, "height": height, "floors": (height / 3).astype(np.int32)}), shapes


def by_gdal(driver: str, **options: Any) -> Writer:
    """A writer of one of GDAL's formats."""

    def write(path: Path, table: pa.Table, shapes: Any) -> None:
        whole = table.append_column("geometry", pa.array(shapely.to_wkb(shapes), pa.binary()))
        write_arrow(whole, path, driver=driver, geometry_name="geometry", geometry_type="Polygon", crs="EPSG:4326", **options)

    return write


def as_parquet(path: Path, table: pa.Table, shapes: Any) -> None:
    """GeoParquet with WKB."""
    whole = table.append_column("geometry", pa.array(shapely.to_wkb(shapes), pa.binary()))
    columns = {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}}
    meta = {b"geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": columns}).encode()}
    pa.parquet.write_table(whole.replace_schema_metadata(meta), path)


def as_csv(path: Path, table: pa.Table, shapes: Any) -> None:
    """A table with WKT."""
    pa.csv.write_csv(table.append_column("wkt", pa.array(shapely.to_wkt(shapes, rounding_precision=8))), path)


def as_workbook(path: Path, table: pa.Table, shapes: Any) -> None:
    """One sheet with longitude and latitude."""
    centre = shapely.centroid(shapes)
    placed = table.append_column("经度", pa.array(shapely.get_x(centre))).append_column("纬度", pa.array(shapely.get_y(centre)))
    write_arrow(placed, path, driver="XLSX", layer="楼")


def as_osm(path: Path, table: pa.Table, shapes: Any) -> None:
    """Nodes with tags, as XML: no writer of PBF is here, and the reader of both is the same."""
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
        for number, ((lon, lat), name) in enumerate(zip(centre.tolist(), table["name"].to_pylist(), strict=True), start=1):
            tags = f'<tag k="name" v="{escape(name)}"/><tag k="shop" v="yes"/>'
            file.write(f'<node id="{number}" lat="{lat:.7f}" lon="{lon:.7f}" version="1">{tags}</node>\n')
        file.write("</osm>\n")


FORMATS: Mapping[str, tuple[str, Writer]] = {
    "geopackage": (".gpkg", by_gdal("GPKG")),
    "shapefile": (".shp", by_gdal("ESRI Shapefile", encoding="UTF-8")),
    "flatgeobuf": (".fgb", by_gdal("FlatGeobuf")),
    "geoparquet": (".parquet", as_parquet),
    "geojson": (".geojson", by_gdal("GeoJSON")),
    "geojsonseq": (".geojsonl", by_gdal("GeoJSONSeq")),
    "csv": (".csv", as_csv),
    "kml": (".kml", by_gdal("KML")),
    "gml": (".gml", by_gdal("GML")),
    "osm": (".osm", as_osm),
    "excel": (".xlsx", as_workbook),
}


def highest_mb(pid: int) -> float:
    """The most a process has held so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


def take(path: Path, table: str, database: Database | None) -> None:
    """The process that is measured: read the file, or import it, then say the peaks."""
    reader = 0.0
    if database is None:
        with tempfile.TemporaryDirectory() as folder, reading(ReadRequest(path=path, folder=Path(folder), table=table)) as process:
            process.describe()
            for _ in process.batches():
                reader = highest_mb(process.process.pid)
            rows = process.finish().rows
    else:
        rows = import_file(database, path, ImportOptions(layer=f"m{path.stem}-{path.suffix[1:]}", table=table)).published
        reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # at least what this process held when it began the child
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "importer_mb": own, "reader_mb": reader}))


def by_itself(*words: str) -> str:
    """This program again, with other words."""
    command = [sys.executable, "-m", "bench.import_memory", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def measure(name: str, folder: Path, rows: int, database: Database | None) -> dict[str, Any]:
    """One format at both sizes."""
    peaks, bytes_per_row = [], 0.0
    for count in (rows, TIMES * rows):
        path = folder / f"{count}{FORMATS[name][0]}"
        by_itself("--write", str(path), "--formats", name, "--rows", str(count))
        said = json.loads(by_itself("--take", str(path), "--formats", name, *(("--dsn", database.dsn) if database else ())))
        assert said["rows"] == count, (name, said)
        peaks.append((round(said["importer_mb"]), round(said["reader_mb"])))
        bytes_per_row = path.stat().st_size / count
        for part in folder.glob(f"{count}.*"):
            part.unlink()
    ratio = sum(peaks[1]) / sum(peaks[0])
    row = {
        "case": name,
        "unit": "MB",
        "small": peaks[0],
        "large": peaks[1],
        "bytes_per_row": round(bytes_per_row),
        "share": round(ratio, 2),
    }
    print(f"| {name} | {peaks[0][0]} + {peaks[0][1]} | {peaks[1][0]} + {peaks[1][1]} | {ratio:.2f} |", file=sys.stderr)
    return row | {"limit": MOST_GROWTH, "holds": ratio <= MOST_GROWTH}


def main() -> int:
    """Run and print; 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--home", type=Path, help="directory for the database and the files; default: a temporary one")
    parser.add_argument("--json", type=Path)
    for hidden in ("--write", "--take"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dsn", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.write:
        FORMATS[chosen.formats][1](chosen.write, *footprints(chosen.rows))
        return 0
    if chosen.take:
        take(chosen.take, _TABLES.get(chosen.formats, ""), Database(chosen.dsn) if chosen.dsn else None)
        return 0
    results = run(chosen)
    text = json.dumps(results, ensure_ascii=False, indent=1)
    print(text)
    if chosen.json:
        chosen.json.write_text(text, encoding="utf-8")
    return int(any(not item["holds"] for item in results))


def run(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Every format that is asked for, with a database where the files are to be published."""
    rows = chosen.rows or (20_000 if chosen.quick else 100_000)
    with tempfile.TemporaryDirectory(dir=chosen.home or "/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home") if chosen.publish else None
        database = cluster.ensure() if cluster else None
        try:
            if database:
                migrate(database)
            return [measure(each, folder, rows, database) for each in chosen.formats.split(",")]
        finally:
            if cluster:
                cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
