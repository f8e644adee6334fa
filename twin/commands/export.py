"""export: layers as one file that other systems can serve or open."""

import time
from pathlib import Path
from typing import Annotated

import typer

from tiles.export import ExportReport, ExportRequest
from tiles.export import export as write_archive
from twin.commands.catalogue import export_products
from twin.commands.context import say, settings, warn
from twin.commands.database import open_database
from twin.commands.export_file import export_file
from twin.commands.progress import progress
from twin.errors import BadParameter
from twin.grids import Grid
from twin.layer import Bounds, check_layer_id
from twin.settings import default_processes


def export(  # noqa: PLR0913, PLR0917  (each is an option of the command line)
    layers: Annotated[str, typer.Argument(help="Layer id; several, by comma, are in each tile side by side.")] = "",
    out: Annotated[
        Path | None,
        typer.Argument(help="Features of one layer, in the format of the suffix: .geojson .geojsons .fg.json .csv .fgb .parquet .gpkg"),
    ] = None,
    pmtiles: Annotated[Path | None, typer.Option(help="The PMTiles file to write; run again after an accident and it goes on.")] = None,
    products: Annotated[str, typer.Option(help="Instead of layers: codes of published products, by comma, or `all`.")] = "",
    bundle: Annotated[Path | None, typer.Option(help="The signed file of products to write.")] = None,
    min_zoom: Annotated[int | None, typer.Option(help="Default: where the layer begins.")] = None,
    max_zoom: Annotated[int | None, typer.Option(help="Default: the layer's greatest.")] = None,
    grid: Annotated[str, typer.Option(help="PMTiles knows WebMercatorQuad only.")] = Grid.WEB_MERCATOR.value,
    bbox: Annotated[str, typer.Option(help="west,south,east,north in degrees: only tiles or features that touch it.")] = "",
    where: Annotated[str, typer.Option("--filter", help="With OUT: a CQL2 filter.")] = "",
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that make tiles. Default: cores, at most 4.")
    ] = default_processes(),
    connections: Annotated[int, typer.Option(min=1, max=16, help="Database connections of each.")] = 2,
) -> None:
    """Write the features of a layer into one file, the tiles of layers into one PMTiles file, or products into one signed file."""
    if products or bundle:
        _bundle(products, bundle)
        return
    if layers and out is not None and pmtiles is None:
        with open_database() as database:
            export_file(database, check_layer_id(layers), out.resolve(), _bounds(bbox), where)
        return
    if not layers or pmtiles is None or out is not None:
        raise BadParameter(
            "LAYER OUT, or LAYERS with --pmtiles FILE, or --products CODES with --bundle FILE",
            "请给出图层与输出文件，或图层与 --pmtiles 文件",
            place="--pmtiles",
        )
    refuse_grid(grid)
    names = tuple(check_layer_id(name) for name in layers.split(","))
    request = ExportRequest(names, pmtiles.resolve(), min_zoom, max_zoom, _bounds(bbox), processes, connections)
    begun = time.monotonic()
    with open_database() as database, progress(layers, stderr=True) as report:
        done = write_archive(database, settings().home, request, lambda seen, total, zh, en: report(seen, total, f"{zh} {en}"))
    _tell(pmtiles, done, time.monotonic() - begun)


def _bundle(products: str, bundle: Path | None) -> None:
    if not products or bundle is None:
        raise BadParameter("--products CODES and --bundle FILE go together", "--products 与 --bundle 须同时给出", place="--bundle")
    with open_database() as database:
        export_products(database, products, bundle.resolve())


def refuse_grid(grid: str) -> None:
    """BadParameter for any grid but WebMercatorQuad, which is all that the PMTiles specification can address."""
    if grid not in [known.value for known in Grid]:
        raise BadParameter(f"--grid {grid!r} is none of {', '.join(Grid)}", f"没有瓦片网格 {grid!r}", place="grid")
    if grid != Grid.WEB_MERCATOR:
        raise BadParameter(
            f"PMTiles addresses tiles of WebMercatorQuad only; {grid} cannot be written into it",
            f"PMTiles 只能按 WebMercatorQuad 编址，无法写入 {grid}",
            place="grid",
            mend="CGCS2000Quad 瓦片可直接由服务读取 / read CGCS2000Quad tiles from the server: /tiles/LAYER/CGCS2000Quad/{z}/{x}/{y}",
        )


def _bounds(text: str) -> Bounds | None:
    """Four numbers, or nothing; BadParameter otherwise."""
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise BadParameter(f"--bbox {text!r} is not four numbers", f"--bbox {text!r} 不是四个数", place="bbox") from exc
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadParameter(
            f"--bbox {text!r} is not west,south,east,north in degrees", f"--bbox {text!r} 不是西、南、东、北经纬度", place="bbox"
        )
    return west, south, east, north


def _tell(path: Path, done: ExportReport, seconds: float) -> None:
    resumed = "（接续上次 went on from an earlier run）" if done.resumed else ""
    say(f"{path}  {done.tiles} 瓦片 tiles（{done.contents} 不同 different） {done.bytes / 1e6:.1f} MB  {seconds:.1f} s{resumed}")
    if done.truncated:
        warn(f"注意：{done.truncated} 个瓦片要素过多，已截断 · note: {done.truncated} tiles held too many features and were cut off")
    if not done.of_one_moment:
        warn("注意：导出期间数据一直在变，瓦片不属于同一时刻 · note: the data kept changing, the tiles are not all of one moment")
