"""Loads the demo the way any file comes in: divisions first, then every layer through the import, then the products.

Running it again does nothing unless the recipe, a layer's description or the data changed; an interrupted run goes on where it stopped.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter

import pyarrow as pa

from importers.demo.district.city import City, make_city
from importers.demo.district.elevation import write_elevation
from importers.demo.district.layers import LAYERS
from importers.demo.district.recipe import DEFAULT_BUILDINGS, DEFAULT_SEED, RECIPE_VERSION, Recipe, recipe
from importers.demo.guangdong import (
    PACKAGES,
    SOURCE,
    Guangdong,
    Outlines,
    counties_of,
    division_rows,
    layer_tables,
    make_outlines,
    read_guangdong,
)
from importers.demo.reader import GEOMETRY, write
from importers.demo.spec import layer_options, spec_text
from importers.options import ImportOptions
from importers.process import private_folder
from importers.report import ImportReport, Progress
from importers.run import import_file
from layers.products import publish_toml
from postgis import stage
from postgis.connect import IMPORTER, Database, connect
from postgis.divisions import DivisionRow, replace_divisions
from twin.crs import Datum
from twin.errors import BadParameter
from twin.layer import Bounds

Tell = Callable[[Progress], None]

PRODUCTS = Path(__file__).parents[2] / "layers" / "products"
REAL_LAYERS = ("province", "cities", "counties", "city_names", "county_names")
_GRID_LEVEL, _AT_ONCE = 6, 2


@dataclass(frozen=True, slots=True)
class Note:
    """Something the demo has to say about its data."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What loading did; `imports` and `notes` are empty when everything was there already."""

    imports: tuple[ImportReport, ...]
    unchanged: tuple[str, ...]
    """Layers that were up to date."""
    products: tuple[str, ...]
    """Products of which a new version was published."""
    notes: tuple[Note, ...]
    seconds: float


@dataclass
class _Loader:
    """Imports one table after the other, with progress over all of them; reads the real data at most once."""

    database: Database
    tell: Tell
    total: int
    packages: Path
    done: int = 0
    imports: list[ImportReport] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    @cached_property
    def guangdong(self) -> Guangdong:
        """Codes and shapes of the province."""
        return read_guangdong(self.packages)

    @cached_property
    def outlines(self) -> Outlines:
        """Outlines as they came."""
        return make_outlines(self.guangdong)

    @cached_property
    def placed(self) -> Mapping[str, object]:
        """Outlines where they are."""
        return self.outlines.placed()

    def say(self, zh: str, en: str) -> None:
        self.tell(Progress(self.done, self.total, zh, en))

    def stale(self, layer_id: str, source: str, digest: str) -> bool:
        """Whether the layer was never loaded from this source, or from something else."""
        with connect(self.database, IMPORTER) as connection:
            before = stage.previous_report(connection, layer_id, source)
        return before is None or before.get("file") != _file_name(layer_id, digest)

    def bring(self, layer_id: str, table: pa.Table, source: str, digest: str, datum: str = "") -> None:
        """Import one table as the layer's newest version."""
        options = layer_options(layer_id)
        self.say(f"导入 {options.title_zh}", f"Importing {options.title_en}")
        update = {"source": source, "datum": datum, "allow_removals": True, "fields": _present(options, table)}
        with private_folder() as folder:
            path = folder / _file_name(layer_id, digest)
            write(table, path, "EPSG:4326" if datum else "EPSG:4490")
            self.imports.append(import_file(self.database, path, options.model_copy(update=update)))
        self.done += 1

    def keep(self, layer_id: str) -> None:
        """Count a layer that is up to date."""
        self.unchanged.append(layer_id)
        self.done += 1


def _present(options: ImportOptions, table: pa.Table) -> tuple[object, ...]:
    return tuple(item for item in options.fields if item.name in table.column_names)


def _file_name(layer_id: str, digest: str) -> str:
    return f"{layer_id}-{digest}.arrow"


def _digest(layer_id: str, *parts: object) -> str:
    text = "\n".join((spec_text(layer_id), str(RECIPE_VERSION), *map(str, parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_demo(
    database: Database,
    tell: Tell,
    *,
    seed: int = DEFAULT_SEED,
    bbox: Bounds | None = None,
    buildings: int = DEFAULT_BUILDINGS,
    packages: Path = PACKAGES,
    elevation: Path | None = None,
) -> DemoReport:
    """Guangdong, the district and the products; idempotent. bbox in degrees of EPSG:4490; `elevation` gets the ground once, as an ESRI ASCII grid.

    OperationError when the data packages are missing, BadParameter for a bad bbox.
    """
    began = perf_counter()
    loader = _Loader(database, tell, len(REAL_LAYERS) + len(LAYERS), packages)
    notes = _load_guangdong(loader)
    wanted = recipe(seed, bbox, buildings)
    city = _load_district(loader, wanted, tuple(LAYERS))
    if elevation is not None and not elevation.exists():
        elevation.parent.mkdir(parents=True, exist_ok=True)
        half = elevation.with_suffix(".part")
        write_elevation(city or make_city(wanted), half)
        half.rename(elevation)
    products = publish_products(database)
    loader.say("完成", "Done")
    return DemoReport(tuple(loader.imports), tuple(loader.unchanged), products, notes, perf_counter() - began)


def load_district(
    database: Database,
    tell: Tell,
    recipe: Recipe,
    *,
    layer_ids: Collection[str] = tuple(LAYERS),
    packages: Path = PACKAGES,
    elevation: Path | None = None,
) -> DemoReport:
    """One more district beside those there are, or some of its layers; `elevation` gets its ground as an ESRI ASCII grid.

    BadParameter when a layer id is none of the district's.
    """
    if unknown := sorted(set(layer_ids) - set(LAYERS)):
        raise BadParameter(f"the district has no layer {', '.join(unknown)}", f"示例片区没有图层 {'、'.join(unknown)}", place="layer")
    began = perf_counter()
    loader = _Loader(database, tell, len(layer_ids), packages)
    city = _load_district(loader, recipe, layer_ids)
    if elevation is not None:
        write_elevation(city or make_city(recipe), elevation)
    return DemoReport(tuple(loader.imports), tuple(loader.unchanged), (), (), perf_counter() - began)


def publish_products(database: Database, folder: Path = PRODUCTS) -> tuple[str, ...]:
    """Publish every product file; returns the codes of those that changed."""
    with connect(database, IMPORTER) as connection:
        published = [publish_toml(connection, path) for path in sorted(folder.glob("*.toml"))]
        connection.commit()
    return tuple(each.code for each in published if each.changed)


# Guangdong


def _load_guangdong(loader: _Loader) -> tuple[Note, ...]:
    """Divisions, then the three real layers; nothing when all are there."""
    digests = {layer_id: _digest(layer_id, SOURCE) for layer_id in REAL_LAYERS}
    stale = {layer_id for layer_id, digest in digests.items() if loader.stale(layer_id, SOURCE, digest)}
    if stale:
        loader.say("装载行政区划", "Loading divisions")
        _replace(loader.database, division_rows(loader.guangdong, loader.placed), SOURCE)
    tables = layer_tables(loader.guangdong, loader.outlines) if stale else {}
    for layer_id, digest in digests.items():
        if layer_id in stale:
            loader.bring(layer_id, tables[layer_id], SOURCE, digest, Datum.GCJ02)
        else:
            loader.keep(layer_id)
    return _notes(loader.guangdong) if stale else ()


def _replace(database: Database, rows: Iterable[DivisionRow], source: str) -> None:
    with connect(database, IMPORTER) as connection:
        replace_divisions(connection, rows, source)
        connection.commit()


def _notes(guangdong: Guangdong) -> tuple[Note, ...]:
    shapeless = [area.name for area in guangdong.without_shape]
    codeless, invalid, total = guangdong.without_code, guangdong.invalid, len(guangdong.shapes)
    return (
        Note(f"没有多边形的县级区划：{'、'.join(shapeless)}", f"Counties without a shape: {', '.join(shapeless)}"),
        Note(f"没有区划代码的多边形：{'、'.join(codeless)}", f"Shapes without a code: {', '.join(codeless)}"),
        Note(f"{total} 个县级多边形中 {invalid} 个无效，已修复", f"{invalid} of {total} county shapes were invalid and were repaired"),
        Note("界线为示意，约 100 m 精度，未送审", "Boundaries are indicative, about 100 m, not reviewed"),
    )


# the district


def source_of(recipe: Recipe) -> str:
    """The source name of a district: `district`, with a tag where it is not the usual one."""
    return f"district-{recipe.tag}" if recipe.tag else "district"


def _load_district(loader: _Loader, wanted: Recipe, layer_ids: Collection[str]) -> City | None:
    """The layers of a district that are not up to date; the city if it had to be made."""
    source = source_of(wanted)
    digests = {layer_id: _digest(layer_id, wanted.seed, wanted.bbox_4490, wanted.buildings) for layer_id in layer_ids}
    stale = {layer_id for layer_id, digest in digests.items() if loader.stale(layer_id, source, digest)}
    city = _make_city(loader, wanted) if stale else None
    for layer_id in digests.keys() - stale:
        loader.keep(layer_id)
    if city is not None:
        _bring_all(loader, city, {layer_id: digest for layer_id, digest in digests.items() if layer_id in stale}, source)
    return city


def _bring_all(loader: _Loader, city: City, digests: Mapping[str, str], source: str) -> None:
    """Two layers at a time: while the database builds one, the next is made and read."""
    with ThreadPoolExecutor(_AT_ONCE, "demo") as pool:
        running = [pool.submit(_bring, loader, city, layer_id, digest, source) for layer_id, digest in digests.items()]
        try:
            for each in as_completed(running):
                each.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _bring(loader: _Loader, city: City, layer_id: str, digest: str, source: str) -> None:
    loader.bring(layer_id, LAYERS[layer_id](city), source, digest)


def _make_city(loader: _Loader, wanted: Recipe) -> City:
    """The city, its grid cells put among the divisions so that everything on it finds its own."""
    loader.say("生成示例片区", "Making the district")
    city = make_city(wanted, counties_of(loader.guangdong, loader.placed))
    _replace(loader.database, _grid_rows(LAYERS["grid"](city)), source_of(wanted))
    return city


def _grid_rows(grid: pa.Table) -> Iterable[DivisionRow]:
    columns: Mapping[str, list[object]] = grid.select(["code", "name", "county", GEOMETRY]).to_pydict()
    for code, name, county, wkb in zip(*columns.values(), strict=True):
        yield DivisionRow(str(code), _GRID_LEVEL, str(name), parent_code=str(county), wkb=bytes(wkb))
