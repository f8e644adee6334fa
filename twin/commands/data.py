"""demo, import, publish, export, layers: what comes in, what is published, what there is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.commands.context import open_database, progress, say
from twin.errors import InputError

if TYPE_CHECKING:
    from postgis.connect import Database


def layers(as_json: Annotated[bool, typer.Option("--json", help="One JSON array: id, kind, title, count, epoch.")] = False) -> None:
    """List the layers there are."""
    from postgis.connect import SERVER, connect
    from postgis.layers import read_layers

    with open_database() as database, connect(database, SERVER) as connection:
        found = read_layers(connection)
    if as_json:
        rows = [{"id": row.id, "kind": row.kind, "title": row.title_zh, "count": row.count, "epoch": row.epoch} for row in found]
        say(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in found:
        say(f"{row.id:32} {row.kind:8} {row.count:>10} {row.title_zh}")


def export() -> None:
    """Write a layer to a file: not built yet."""
    raise InputError(
        "`twin export` is not built yet",
        "twin export 尚未实现",
        mend="pull a layer through OGC API – Features, e.g. ogr2ogr out.gpkg OAPIF:http://127.0.0.1:8080 LAYER（可用 ogr2ogr 经 OGC API 取数）",
    )


def import_demo(database: "Database") -> None:
    """Import the demo if it is absent."""
