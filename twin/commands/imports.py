"""import: files into layers, with a bar while it runs and a report at the end."""

from pathlib import Path
from typing import Annotated, Any

import typer

from importers import FORMATS
from importers.base import Severity
from importers.foreign import import_table, is_address
from importers.options import ImportOptions, parse_options, read_fields
from importers.report import ImportReport, RuleCount
from importers.run import import_file
from importers.running import Tell
from postgis.connect import Database
from twin.commands.context import say, settings
from twin.commands.database import open_database
from twin.commands.progress import progress
from twin.errors import BadFile, BadParameter

_SHOWN_RULES = 20


def import_files(  # noqa: PLR0913, PLR0917  (each is an option of the command line)
    paths: Annotated[
        list[str],
        typer.Argument(
            help=f"Files or folders, zipped or not: {', '.join(entry.title_en for entry in FORMATS)}. Or the address of another PostGIS "
            "database, postgresql://account@server/database, with --table schema.table (password: PGPASSWORD or ~/.pgpass)."
        ),
    ],
    layer: Annotated[str, typer.Option(help="Layer id; default: the file's stem.")] = "",
    title_zh: Annotated[str, typer.Option(help="Chinese title of the layer.")] = "",
    title_en: Annotated[str, typer.Option(help="English title of the layer.")] = "",
    crs: Annotated[
        str,
        typer.Option(
            help="EPSG:n, CGCS2000, WGS84, GCJ-02, BD-09, WKT, a PROJ string or a local grid "
            '"local: base=EPSG:4547; dx=…; dy=…; rotation=…; scale=…"; default: what the file says.'
        ),
    ] = "",
    datum: Annotated[str, typer.Option(help="What its degrees mean when the file's own crs hides it, e.g. GCJ-02.")] = "",
    axis_order: Annotated[str, typer.Option(help="lat-lon or lon-lat, where it is not found by the coordinates themselves.")] = "",
    vertical_datum: Annotated[str, typer.Option(help="What heights count from, e.g. 1985国家高程基准 or EPSG:5737; only labelled.")] = "",
    height_unit: Annotated[str, typer.Option(help="m, ft or us-ft; default: what the reference system says, else metres.")] = "",
    encoding: Annotated[str, typer.Option(help="Of attribute text, e.g. GB18030; default: told from the bytes.")] = "",
    fields: Annotated[Path | None, typer.Option(help="JSON or TOML file: titles, types, units and roles of columns.")] = None,
    table: Annotated[str, typer.Option(help="Table or archive member, where there are several.")] = "",
    key: Annotated[str, typer.Option(help="Column that names a feature for ever; default: found, else the content.")] = "",
    source: Annotated[str, typer.Option(help="Name of the source; a later file of it is its new version. Default: the layer id.")] = "",
    explode: Annotated[bool, typer.Option("--explode", help="Split multi-part geometries into single ones.")] = False,
    topology: Annotated[
        bool, typer.Option("--topology", help="Look for overlaps, gaps and copies; the places become <layer>-topology.")
    ] = False,
    valid_from: Annotated[str, typer.Option(help="Moment from which changes hold (ISO 8601; Beijing time without a zone).")] = "",
    correct: Annotated[bool, typer.Option("--correct", help="The changes mend wrong data; the world did not change.")] = False,
    mode: Annotated[
        str, typer.Option(help="Rows the file lacks: diff ends them (guarded), append keeps them, replace ends them unasked.")
    ] = "",
    allow_removals: Annotated[bool, typer.Option("--allow-removals", help="Even when more than 20 % would go.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done, publish nothing.")] = False,
    access: Annotated[str, typer.Option(help="public or internal.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> None:
    """Import files; each is published whole or not at all."""
    chosen = {name: value for name, value in locals().items() if name not in ("paths", "fields", "as_json") and value}
    options = _options(chosen, fields)
    if layer and len(paths) > 1:
        raise BadParameter("--layer names one layer, but there are several files", "--layer 只能用于单个文件", place="layer")
    missing = next((path for path in paths if not is_address(path) and not Path(path).exists()), None)
    if missing is not None:
        raise BadFile(f"there is no file {missing}", f"没有文件 {missing}", place=missing)
    with open_database() as database:
        for path in paths:
            with progress(table if is_address(path) else Path(path).name) as report:
                done = _import(database, path, options, lambda seen: report(seen.done, seen.total, f"{seen.step_zh} {seen.step_en}"))
            say(done.model_dump_json(indent=1) if as_json else summary(done))


def _import(database: Database, path: str, options: ImportOptions, tell: Tell) -> ImportReport:
    """One file, or one table of another database."""
    if is_address(path):
        return import_table(database, path, options, tell)
    return import_file(database, Path(path), options, tell, settings().home)


def _options(chosen: dict[str, Any], fields: Path | None) -> ImportOptions:
    """Options checked by the same model as those of an upload."""
    overrides = {"fields": read_fields(fields)} if fields else {}
    return parse_options(chosen | overrides)


def _first_place(rule: RuleCount) -> str:
    """What a finding about the whole file says of it: the measured offset, the reading that fits."""
    whole = next((item for item in rule.examples if item.row == 0 and item.detail_zh), None)
    return f"\n      {whole.detail_zh}\n      {whole.detail_en}" if whole and rule.severity is Severity.WARN else ""


def summary(report: ImportReport) -> str:
    """The report for a person: what happened to the rows, then every rule that struck."""
    dry = "（试运行，未发布 dry run, nothing published）" if report.dry_run else ""
    if report.format == "pmtiles":
        return f"{report.file} → {report.layer}{dry}\n  {report.features} 瓦片 tiles"
    counts = f"{report.rows_in} = 发布 published {report.published} + 拒绝 refused {report.refused}"
    found = f"坐标系 crs {report.crs}   基准 datum {report.datum}   编码 encoding {report.encoding}"
    found += f"   高程基准 heights {report.vertical_datum}" if report.vertical_datum else ""
    lines = [
        f"{report.file or report.source} → {report.layer}{dry}",
        f"  读入 rows in {counts}   修复 repaired {report.repaired}",
        f"  新增 added {report.added}   变更 changed {report.changed}   删除 removed {report.removed}   未变 unchanged {report.unchanged}",
        f"  {found}   行政区划 division filled {report.division_filled}",
    ]
    lines += [f"  [{rule.severity}] {rule.zh} · {rule.en}: {rule.count}{_first_place(rule)}" for rule in report.rules[:_SHOWN_RULES]]
    if checked := report.topology:
        counts = f"重叠 overlaps {checked.overlaps}   缝隙 gaps {checked.gaps}   重复 duplicates {checked.duplicates}"
        lines.append(f"  拓扑 topology: {counts}" + (f"   → {checked.layer}" if checked.layer else ""))
    seconds = report.seconds.model_dump()
    lines.append("  " + "   ".join(f"{step} {value:.1f} s" for step, value in seconds.items() if value))
    return "\n".join(lines)
