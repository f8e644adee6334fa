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


FORMATS: tuple[Format, ...] = (
    Format("geopackage", "GeoPackage", "GeoPackage", (".gpkg",), "importers.sniff:is_geopackage", "importers.geopackage:read"),
    Format("pmtiles", "PMTiles 瓦片", "PMTiles", (".pmtiles",), "importers.sniff:is_pmtiles", "importers.pmtiles:read"),
    Format("shapefile", "Shapefile", "Shapefile", (".shp",), "importers.sniff:is_shapefile", "importers.shapefile:read"),
    Format(
        "geojsonseq",
        "GeoJSON 序列",
        "GeoJSON text sequence",
        (".geojsonl", ".geojsons", ".ndjson", ".jsonl"),
        "importers.sniff:is_geojson_sequence",
        "importers.geojson:read_sequence",
    ),
    Format("geojson", "GeoJSON", "GeoJSON", (".geojson", ".json"), "importers.sniff:is_json", "importers.geojson:read", many=True),
    Format("arrow", "Arrow 表", "Arrow IPC table", (".arrow",), "importers.demo.reader:is_arrow", "importers.demo.reader:read"),
    Format("csv", "CSV 坐标表", "CSV with coordinates", (".csv", ".tsv", ".txt"), "importers.sniff:is_table", "importers.table:read"),
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
