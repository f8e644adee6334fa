"""Files in: readers run in a child process with limits, rows go through staging to one atomic publish, and a report is kept.

`FORMATS` is the registry: one line per format, references as strings so that a reader is imported only where it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: what people call it, the suffixes it goes by, and how its bytes are told and read."""

    name: str
    title_zh: str
    title_en: str
    suffixes: tuple[str, ...]
    sniff: str
    """`module:function`, (first bytes, member) → bool: whether these bytes are this format."""
    reader: str
    """`module:function`, a `importers.base.Reader`."""
    many: bool = False
    """Whether several files of an archive are read as one source."""
    drivers: tuple[str, ...] = ()
    """The GDAL drivers that exist in the process that reads this format; none where GDAL is not used."""


FORMATS: tuple[Format, ...] = (
    Format(
        "geopackage",
        "GeoPackage",
        "GeoPackage",
        (".gpkg",),
        "importers.sniff:is_geopackage",
        "importers.geopackage:read",
        drivers=("GPKG",),
    ),
    Format("pmtiles", "PMTiles 瓦片", "PMTiles", (".pmtiles",), "importers.sniff:is_pmtiles", "importers.pmtiles:read"),
    Format(
        "shapefile",
        "Shapefile",
        "Shapefile",
        (".shp",),
        "importers.sniff:is_shapefile",
        "importers.shapefile:read",
        drivers=("ESRI Shapefile",),
    ),
    Format(
        "filegdb",
        "文件地理数据库（.gdb）",
        "File geodatabase (.gdb)",
        (".gdb",),
        "importers.sniff:is_filegdb",
        "importers.filegdb:read",
        drivers=("OpenFileGDB",),
    ),
    Format(
        "flatgeobuf",
        "FlatGeobuf",
        "FlatGeobuf",
        (".fgb",),
        "importers.sniff:is_flatgeobuf",
        "importers.flatgeobuf:read",
        drivers=("FlatGeobuf",),
    ),
    Format(
        "geoparquet", "GeoParquet", "GeoParquet", (".parquet", ".geoparquet"), "importers.sniff:is_parquet", "importers.geoparquet:read"
    ),
    Format(
        "osm",
        "OSM（PBF 或 XML）",
        "OpenStreetMap (PBF or XML)",
        (".pbf", ".osm"),
        "importers.sniff:is_osm",
        "importers.osm:read",
        drivers=("OSM",),
    ),
    Format("kml", "KML、KMZ", "KML, KMZ", (".kml", ".kmz"), "importers.sniff:is_kml", "importers.kml:read"),
    Format("gml", "GML", "GML", (".gml",), "importers.sniff:is_gml", "importers.gml:read", drivers=("GML",)),
    Format("dxf", "DXF", "DXF", (".dxf",), "importers.sniff:is_dxf", "importers.dxf:read", drivers=("DXF",)),
    Format(
        "mapinfo",
        "MapInfo TAB、MIF",
        "MapInfo TAB, MIF",
        (".tab", ".mif"),
        "importers.sniff:is_mapinfo",
        "importers.mapinfo:read",
        drivers=("MapInfo File",),
    ),
    Format(
        "spreadsheet",
        "Excel、ODS 坐标表",
        "Excel or ODS with coordinates",
        (".xlsx", ".xls", ".xlsb", ".ods"),
        "importers.sniff:is_spreadsheet",
        "importers.spreadsheet:read",
    ),
    Format(
        "geojsonseq",
        "GeoJSON 序列",
        "GeoJSON text sequence",
        (".geojsonl", ".geojsons", ".ndjson", ".jsonl"),
        "importers.sniff:is_geojson_sequence",
        "importers.geojson:read_sequence",
        drivers=("GeoJSONSeq", "GeoJSON"),
    ),
    Format(
        "geojson",
        "GeoJSON",
        "GeoJSON",
        (".geojson", ".json"),
        "importers.sniff:is_json",
        "importers.geojson:read",
        many=True,
        drivers=("GeoJSON",),
    ),
    Format("arrow", "Arrow 表", "Arrow IPC table", (".arrow",), "importers.demo.reader:is_arrow", "importers.demo.reader:read"),
    Format(
        "csv",
        "CSV 表（坐标列或 WKT/WKB）",
        "CSV with coordinates or WKT/WKB",
        (".csv", ".tsv", ".txt"),
        "importers.sniff:is_table",
        "importers.table:read",
    ),
)

#: Suffixes of containers that are unpacked before anything else looks at them.
CONTAINERS = (".zip", ".gz")


def load(reference: str) -> Callable[..., Any]:
    """The object behind `module:name`."""
    module, _, name = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def suffixes() -> tuple[str, ...]:
    """Every suffix a file chooser should offer."""
    return tuple(suffix for entry in FORMATS for suffix in entry.suffixes) + CONTAINERS
