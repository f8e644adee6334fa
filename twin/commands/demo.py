"""demo: real Guangdong and a labelled synthetic district, or one more district anywhere."""

from pathlib import Path
from typing import Annotated

import typer

from importers.demo.district.recipe import DEFAULT_BUILDINGS, DEFAULT_SEED, recipe
from importers.demo.load import DemoReport, load_demo, load_district
from postgis.connect import Database
from twin.commands.context import say, settings
from twin.commands.database import open_database
from twin.commands.progress import progress
from twin.errors import BadParameter
from twin.layer import Bounds

app = typer.Typer(invoke_without_command=True)

Seed = Annotated[int, typer.Option(help="The same seed makes the same district.")]
Buildings = Annotated[int, typer.Option(min=100, help="About how many buildings.")]


@app.callback()
def demo(context: typer.Context) -> None:
    """Import the demo: only what is absent or has changed."""
    if context.invoked_subcommand is None:
        with open_database() as database:
            import_demo(database)


@app.command()
def district(
    bbox: Annotated[str, typer.Option(help="west,south,east,north in degrees (CGCS2000).")],
    seed: Seed = DEFAULT_SEED,
    buildings: Buildings = DEFAULT_BUILDINGS,
    elevation: Annotated[Path | None, typer.Option(help="Also write its ground as an ESRI ASCII grid.")] = None,
) -> None:
    """Put a synthetic district (示例数据) anywhere, beside those there are."""
    wanted = recipe(seed, _bounds(bbox), buildings)
    with open_database() as database, progress("示例区 district") as report:
        done = load_district(
            database, lambda seen: report(seen.done, seen.total, f"{seen.step_zh} {seen.step_en}"), wanted, elevation=elevation
        )
    _tell(done)


def import_demo(database: Database) -> None:
    """Import what of the demo is absent, with progress, and say what there is to say about its data."""
    with progress("演示数据 demo") as report:
        ground = settings().home / "demo" / "elevation.asc"
        done = load_demo(database, lambda seen: report(seen.done, seen.total, f"{seen.step_zh} {seen.step_en}"), elevation=ground)
    _tell(done)


def _tell(done: DemoReport) -> None:
    if not done.imports and not done.products:
        return
    rows = sum(report.published for report in done.imports)
    say(
        f"  演示数据 demo: {len(done.imports)} 图层 layers, {rows} 个对象 objects, {len(done.products)} 产品 products, {done.seconds:.0f} s"
    )
    for note in done.notes:
        say(f"  · {note.zh}\n    {note.en}")


def _bounds(text: str) -> Bounds:
    """Four numbers; BadParameter otherwise."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise BadParameter(f"--bbox {text!r} is not four numbers", f"--bbox {text!r} 不是四个数", place="bbox") from exc
    return west, south, east, north
