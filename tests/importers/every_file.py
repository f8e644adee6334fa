"""The vector files of the data root, named by what they are or what is wrong with them, and the table of what an import makes of each."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from importers.options import ImportOptions
from importers.report import ImportReport
from importers.run import import_file
from postgis.connect import Database
from twin.errors import TwinError

BEGIN, END = "<!-- every-file: begin -->", "<!-- every-file: end -->"
HEAD = (
    "| what it is, or what is wrong with it | files | format | rows in | published | refused | what is said |\n"
    "|---|---:|---|---:|---:|---:|---|\n"
)
_AT_ONCE = 4


@dataclass(frozen=True, eq=False)
class Kind:
    """One row of the table: a name, the files it stands for (patterns below the data root), and what is said about them at the import."""

    name: str
    files: str
    options: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    """The options, as a person says them."""

    def paths(self, root: Path) -> list[Path]:
        """Its files below `root`."""
        return sorted(path for pattern in self.files.split(" | ") for path in root.glob(pattern))


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    report: ImportReport | None
    refusal: str = ""


GCJ = {"datum": "GCJ-02"}
KINDS = (
    # divisions
    Kind(
        "prefectures of a province in GCJ-02 that say EPSG:4326; rings touch themselves",
        "boundaries/datav/440000.json.gz",
        GCJ,
        "datum GCJ-02",
    ),
    Kind(
        "counties of one prefecture each, in GCJ-02 that say EPSG:4326",
        "boundaries/datav/440[1-9]*.json.gz | boundaries/datav/44[1-9]*.json.gz",
        GCJ,
        "datum GCJ-02",
    ),
    Kind("one zip of a file per county, on a coarse grid: two in three invalid", "boundaries/counties_*.zip", GCJ, "datum GCJ-02"),
    Kind("one zip of a file per prefecture, on a coarse grid: two in three invalid", "boundaries/cities_*.zip", GCJ, "datum GCJ-02"),
    Kind("districts of one city, polygons and multipolygons mixed", "boundaries/sz.json"),
    Kind("districts as a shapefile without .prj", "mobility/shenzhen-taxi/sz.shp"),
    Kind("table of division codes without a place", "boundaries/codes/*.csv.gz"),
    # hard: shapefiles
    Kind("GBK attributes and a Chinese file name, no .cpg", "hard/shapefile-chongqing/*.shp"),
    Kind("zip with more than a shapefile's files, odd names", "hard/shapefile/REL.zip"),
    Kind("zip without .prj", "hard/shapefile/blockgroups.zip"),
    Kind("main file longer than its header says", "hard/shapefile/corrupt_too_long.shp"),
    Kind("multipatch, no .shx", "hard/shapefile-types/multipatch.shp"),
    Kind("points with M, only the .shp, metres of an unknown grid", "hard/shapefile-types/pointm.shp"),
    Kind("polygons with Z, only the .shp, metres of an unknown grid", "hard/shapefile-types/polygonz.shp"),
    Kind("a polygon half the world wide with a hole, no .dbf", "hard/shapefile-types/polygon_hole.shp"),
    # hard: databases
    Kind("file geodatabase of many tables, none named", "hard/filegdb/*.zip"),
    *(
        Kind(f"file geodatabase: {name}", "hard/filegdb/*.zip", {"table": table}, f"table {table}")
        for table, name in (
            ("null_polygon", "null geometry"),
            ("empty_polygon", "empty geometry"),
            ("multipatch", "multipatch"),
            ("several_polygons", "several polygons"),
            ("linestringzm", "lines with Z and M"),
            ("hole", "deleted rows in between"),
            ("no_field", "a table without fields and geometry"),
        )
    ),
    Kind("curve polygon", "hard/gpkg/curvepolygon.gpkg"),
    Kind("line with Z and M", "hard/gpkg/line_zm.gpkg"),
    Kind("every type with nulls", "hard/gpkg/test_gpkg_nulls.gpkg"),
    Kind("countries: two invalid, one reaches the pole", "hard/flatgeobuf/countries.fgb"),
    Kind("buildings in web Mercator", "hard/flatgeobuf/osm-buildings-*.fgb"),
    # hard: text
    Kind("GeoJSON with texts in unlike fields", "hard/geojson/*.geojson"),
    Kind("table of coordinate pairs with suffixed names", "hard/coordinates/*.csv"),
    Kind("OpenStreetMap XML with a broken relation, no table named", "hard/osm/*.xml"),
    Kind("OpenStreetMap XML with a broken relation", "hard/osm/*.xml", {"table": "multipolygons"}, "table multipolygons"),
    # buildings, nature, hazards
    Kind("footprints grouped by height, invalid and doubled vertices", "buildings/nanshan-*.geojson.gz", {"explode": True}, "explode"),
    Kind("list of features without a collection", "buildings/new-york/*.json.gz"),
    Kind("coast lines of the world", "natural/natural-earth/ne_10m_coastline.geojson.gz"),
    Kind("reefs of the world", "natural/natural-earth/ne_10m_reefs.geojson.gz"),
    Kind("rivers, lines and multilines mixed, one empty", "natural/natural-earth/ne_10m_rivers*.geojson.gz"),
    Kind("GML without a reference system, metres", "natural/alaska/lakes.gml"),
    Kind("GML without a reference system, metres; said", "natural/alaska/lakes.gml", {"crs": "EPSG:2964"}, "crs EPSG:2964"),
    Kind("lakes with Z in NAD27 Albers of old software, other formats of the same name beside", "natural/alaska/lakes.shp"),
    Kind("swamps in NAD27 Albers of old software", "natural/alaska/swamp.shp"),
    Kind("land use as CityGML", "natural/plateau-*/*.gml.gz"),
    Kind("flood, tsunami and landslide areas as CityGML", "hazard/plateau-*/*.gml.gz"),
    Kind("weather stations and readings, latitude first", "hazard/guangdong-weather/*.csv.gz"),
    Kind("storm track as a table", "hazard/tracks/*.csv"),
    Kind("storm tracks in a text format of their own", "hazard/tracks/*.txt"),
    Kind("storm tracks as JSON that is no GeoJSON", "hazard/tracks/*.json"),
    Kind("list of coordinates that is no GeoJSON", "hazard/earthquake.json.gz"),
    Kind("HDF5", "hazard/flood-*/*.hdf5"),
    # people and traffic
    Kind("points of interest, GCJ-02", "poi/*.csv.gz", GCJ, "datum GCJ-02"),
    Kind("list of longitude, latitude, value that is no GeoJSON", "population/*.json.gz"),
    Kind("GeoTIFF", "population/*.tif"),
    Kind("75,000 readings of a GPS", "mobility/gps-traces/*.csv.gz"),
    Kind("lists of places that are no GeoJSON", "mobility/migration/*.json.gz"),
    Kind("counts between cities without a place", "mobility/migration/*.csv.gz"),
    Kind("bus lines and stops", "mobility/shanghai-bus/*.json.gz", GCJ, "datum GCJ-02"),
    Kind("traffic zones in web Mercator", "mobility/shenzhen-ev/*.shp"),
    Kind("charging stations", "mobility/shenzhen-ev/stations.csv"),
    Kind("table whose latitude is called la", "mobility/shenzhen-ev/information.csv"),
    Kind("matrices between zones", "mobility/shenzhen-ev/[ad][di]*.csv"),
    Kind("workbook of weather without a place", "mobility/shenzhen-ev/*.xls"),
    Kind("a description in words", "mobility/shenzhen-ev/*.txt"),
    Kind("rides and lines as JSON that is no GeoJSON", "mobility/shenzhen-metro/*.json"),
    Kind("stations without a heading and a place", "mobility/shenzhen-metro/*.csv"),
    Kind("9,005 cells of a grid, no .prj", "mobility/shenzhen-taxi/grid.shp"),
    Kind("lines whose geometry is a list in brackets", "mobility/shenzhen-taxi/busline.csv.gz"),
    Kind("flows between cells without a place", "mobility/shenzhen-taxi/taxi_od_grid.csv.gz"),
    Kind("OpenStreetMap extract, no table named", "osm/*.pbf"),
    Kind("OpenStreetMap extract: areas", "osm/*.pbf", {"table": "multipolygons"}, "table multipolygons"),
    Kind("OpenStreetMap extract: roads", "osm/monaco-*.pbf", {"table": "lines"}, "table lines"),
    # city models
    Kind("city model, CityGML 2", "cim/citygml/*.gml.gz"),
    Kind("city model, CityGML 2 with features of its own", "cim/plateau*/**/*.gml*"),
    Kind("city model, CityGML 3", "cim/citygml3/*.gml.gz"),
    Kind("city model with broken solids", "cim/hard/*.gml"),
    Kind("city model, CityJSON", "cim/cityjson/*.gz"),
    Kind("city model, CityJSON one feature per line", "cim/citygml/*.jsonl.gz"),
    Kind("city model, invalid CityJSON", "cim/hard/*.json"),
    Kind("point cloud", "cim/lidar-*/*.laz"),
)
_ASIDE = {".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".md", ".png", ".jpg", ".xml"}
"""Files that go with another; a picture of a city model is none either. XML counts where a kind names it."""


def left_out(root: Path) -> list[str]:
    """Files that no kind names; building models and rasters have importers of their own."""
    named = {path for kind in KINDS for path in kind.paths(root)}
    rooms = [room for room in root.iterdir() if room.is_dir() and room.name not in ("bim", "raster")]
    there = {path for room in rooms for path in room.rglob("*") if path.is_file() and path.suffix.lower() not in _ASIDE}
    return sorted(str(path.relative_to(root)) for path in there - named if "appearance" not in path.parent.name)


def import_all(database: Database, root: Path) -> dict[Kind, list[Outcome]]:
    """Import every file of every kind, each into a layer of its own, a few at once."""
    jobs = [(kind, path) for kind in KINDS for path in kind.paths(root)]
    missing = {kind.name for kind in KINDS} - {kind.name for kind, _ in jobs}
    assert not missing, f"no files for {missing}"
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda job: _import(database, job[1][1], f"file-{job[0]}", job[1][0]), enumerate(jobs)))
    out: dict[Kind, list[Outcome]] = {}
    for (kind, _), outcome in zip(jobs, found, strict=True):
        out.setdefault(kind, []).append(outcome)
    return out


def _import(database: Database, path: Path, layer: str, kind: Kind) -> Outcome:
    try:
        return Outcome(import_file(database, path, ImportOptions(layer=layer, **kind.options)))
    except TwinError as refused:
        assert refused.message_zh, path
        return Outcome(None, _nameless(refused.message_en, path))


def _nameless(text: str, path: Path) -> str:
    """A refusal without the names of files: rows are told apart by what is wrong."""
    name = path.name.removesuffix(".gz")
    for word in {path.name, name, name.rsplit(".", 1)[0] + ".zip"}:
        text = text.replace(word, "…")
    text = re.sub(r"; read are: .*", "", text)
    text = re.sub(r"expected one of .*?; the file has .*", "none of the known names", text)
    text = re.sub(r"\(?-?[0-9][0-9.e+]*(, ?-?[0-9][0-9.e+]*)+\)?", "…", text)
    text = re.sub(r"(, |: )[^:]*$", r"\1…", text[:200]) if len(text) > 200 else text
    return text.replace("|", "\\|").replace("\n", " ")


def table(outcomes: Mapping[Kind, Sequence[Outcome]]) -> str:
    """The rows of the table, in the order of `KINDS`."""
    return HEAD + "".join(_row(kind, outcomes[kind]) for kind in KINDS)


def _row(kind: Kind, outcomes: Sequence[Outcome]) -> str:
    done = [outcome.report for outcome in outcomes if outcome.report]
    name = kind.name + (f" (*{kind.said}*)" if kind.said else "")
    formats = ", ".join(sorted({report.format for report in done})) or "–"
    sums = [sum(getattr(report, what) for report in done) for what in ("rows_in", "published", "refused")]
    told = "; ".join([*_rules(done), *_refusals(outcomes)]) or "nothing"
    return f"| {name} | {len(outcomes)} | {formats} | {' | '.join(f'{value:,}' if done else '–' for value in sums)} | {told} |\n"


def _rules(reports: Sequence[ImportReport]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for report in reports:
        for rule in report.rules:
            counts[rule.rule] += rule.count
    yield from (f"`{name}` {count:,}" for name, count in sorted(counts.items()))


def _refusals(outcomes: Sequence[Outcome]) -> Iterator[str]:
    reasons = Counter(outcome.refusal for outcome in outcomes if outcome.report is None)
    every = len(outcomes) == 1 or set(reasons.values()) == {len(outcomes)}
    for reason, count in sorted(reasons.items()):
        yield f"**refused**{'' if every else f' ({count})'}: {reason}"


def in_docs(text: str) -> str:
    """The table as the document has it."""
    return text.split(BEGIN)[1].split(END, maxsplit=1)[0].strip() + "\n"


def with_table(text: str, rows: str) -> str:
    """The document with another table."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{rows}{END}{rest.split(END)[1]}"
