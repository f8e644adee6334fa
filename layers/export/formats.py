"""Every format that features leave in: one line each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from layers.export.csv_table import CsvTable
from layers.export.geojson import GeoJson, GeoJsonSeq
from layers.export.jsonfg import JsonFg
from layers.export.text import TextSheet, TextWriter
from twin.errors import BadParameter
from twin.view import GeometryForm


@dataclass(frozen=True, slots=True)
class Format:
    """One format: the word for `f`, the suffix of a file, its media type, and who writes it."""

    name: str
    suffix: str
    media_type: str
    title: str
    text: Callable[[TextSheet], TextWriter] | None = None
    """None: a file, written by `layers.export.files`."""
    form: GeometryForm = GeometryForm.GEOJSON
    profile: str = ""
    """What the media type alone does not say."""


_JSONFG_PROFILE: Final = "http://www.opengis.net/def/profile/OGC/0/jsonfg"
FORMATS: Final = (
    Format("geojson", ".geojson", "application/geo+json", "GeoJSON", GeoJson),
    Format("geojsonseq", ".geojsons", "application/geo+json-seq", "GeoJSON 文本序列 GeoJSON text sequence", GeoJsonSeq),
    Format("jsonfg", ".fg.json", "application/geo+json", "JSON-FG", JsonFg, profile=_JSONFG_PROFILE),
    Format("csv", ".csv", "text/csv; charset=utf-8", "CSV 表格 CSV table", CsvTable, GeometryForm.WKT),
    Format("fgb", ".fgb", "application/vnd.flatgeobuf", "FlatGeobuf", form=GeometryForm.WKB),
    Format("parquet", ".parquet", "application/vnd.apache.parquet", "GeoParquet", form=GeometryForm.WKB),
    Format("gpkg", ".gpkg", "application/geopackage+sqlite3", "GeoPackage", form=GeometryForm.WKB),
)
BY_NAME: Final = {each.name: each for each in FORMATS}
TEXTS: Final = tuple(each for each in FORMATS if each.text is not None)


def format_of_file(name: str) -> Format:
    """The format whose suffix `name` has; BadParameter naming all suffixes."""
    lowered = name.lower()
    fits = [each for each in FORMATS if lowered.endswith(each.suffix)]
    if not fits:
        listed = ", ".join(each.suffix for each in FORMATS)
        raise BadParameter(f"the suffix of {name!r} is none of {listed}", f"文件名 {name!r} 的后缀须为以下之一：{listed}", place="out")
    return max(fits, key=lambda each: len(each.suffix))
