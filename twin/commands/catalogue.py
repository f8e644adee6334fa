"""layers, publish: what there is, and what is published."""

import json
from pathlib import Path
from typing import Annotated

import typer

from layers.products import publish_toml
from postgis.connect import EDITOR, IMPORTER, connect
from postgis.layers import read_layers
from twin.commands.context import say
from twin.commands.database import open_database
from twin.errors import BadFile
from twin.layer import Layer


def layers(as_json: Annotated[bool, typer.Option("--json", help="One JSON array: id, kind, title, count, epoch.")] = False) -> None:
    """List the layers, open to the public or not."""
    with open_database() as database, connect(database, IMPORTER) as connection:
        found = read_layers(connection)
    if as_json:
        say(json.dumps([_row(layer) for layer in found], ensure_ascii=False, indent=1))
        return
    for layer in found:
        say(f"{layer.id:32} {layer.kind:8} {layer.count:>10} {layer.title_zh}{'（示例数据）' if layer.synthetic else ''}")


def publish(paths: Annotated[list[Path], typer.Argument(help="TOML files of map products.", exists=False)]) -> None:
    """Store each product; a changed card becomes a new version, which replaces the published one."""
    with open_database() as database, connect(database, EDITOR) as connection:
        for path in paths:
            if not path.is_file():
                raise BadFile(f"there is no file {path}", f"没有文件 {path}", place=str(path))
            done = publish_toml(connection, path)
            say(f"{done.code} v{done.version} {done.status}{'' if done.changed else ' (未变 unchanged)'}")


def _row(layer: Layer) -> dict[str, object]:
    return {"id": layer.id, "kind": layer.kind, "title": layer.title_zh, "count": layer.count, "epoch": layer.epoch}
