"""layers, publish: what there is, and what is published; products in and out as signed bundles."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from layers.bundle import MAX_BYTES, is_bundle, read_bundle, write_bundle
from layers.catalog import Catalog, load
from layers.products import Connection, Published, publish_toml, put_product
from layers.signing import house_key, key_text, public_of, read_public
from layers.styles import product_style
from postgis.connect import EDITOR, IMPORTER, Database, connect
from postgis.layers import read_layers
from postgis.pool import HotPool
from twin.commands.context import say, settings
from twin.commands.database import open_database
from twin.errors import BadFile, TooLarge
from twin.layer import Layer
from twin.view import EVERYTHING


def layers(as_json: Annotated[bool, typer.Option("--json", help="One JSON array: id, kind, title, count, epoch.")] = False) -> None:
    """List the layers, open to the public or not."""
    with open_database() as database, connect(database, IMPORTER) as connection:
        found = read_layers(connection)
    if as_json:
        say(json.dumps([_row(layer) for layer in found], ensure_ascii=False, indent=1))
        return
    for layer in found:
        say(f"{layer.id:32} {layer.kind:8} {layer.count:>10} {layer.title_zh}{'（示例数据）' if layer.synthetic else ''}")


def publish(
    paths: Annotated[list[Path], typer.Argument(help="TOML files of map products, or signed bundles of them.", exists=False)],
    trust: Annotated[
        list[Path] | None, typer.Option(help="Public key of another house whose bundles are taken; this house's own always is.")
    ] = None,
) -> None:
    """Store each product; a changed card becomes a new version, which replaces the published one. A bundle is stored whole or not at all."""
    keys = [read_public(_text(path), path.name) for path in trust or ()]
    with open_database() as database, connect(database, EDITOR) as connection:
        for path in paths:
            raw = _bytes(path)
            for done in _publish_bundle(connection, raw, keys, path.name) if is_bundle(raw) else [publish_toml(connection, path)]:
                say(f"{done.code} v{done.version} {done.status}{'' if done.changed else ' (未变 unchanged)'}")


def _publish_bundle(connection: Connection, raw: bytes, keys: list[bytes], source: str) -> list[Published]:
    """Every product of a bundle, after signature and sums were looked at."""
    bundle = read_bundle(raw, [public_of(house_key(settings().home)), *keys], source)
    return [
        put_product(connection, product, f"{source}: products/{product.code}.toml", f"bundle {bundle.key}") for product in bundle.products
    ]


def export_products(database: Database, codes: str, out: Path) -> None:
    """Published products (`all`, or codes with commas) as one signed file."""
    catalog = asyncio.run(_catalog(database))
    wanted = catalog.cards if codes == "all" else dict.fromkeys(codes.split(","))
    products = [catalog.product(code, EVERYTHING) for code in wanted]
    styles = {product.code: product_style(product, catalog, "", EVERYTHING) for product in products}
    out.write_bytes(write_bundle(products, styles, house_key(settings().home)))
    say(f"{out}  {len(products)} 产品 products  keys/house.pub: {key_text(public_of(house_key(settings().home)))}")


async def _catalog(database: Database) -> Catalog:
    pool = await HotPool.open(database, 1)
    try:
        return await load(pool)
    finally:
        await pool.close()


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise BadFile(f"there is no file {path}", f"没有文件 {path}", place=str(path))
    if path.stat().st_size > MAX_BYTES:
        raise TooLarge(f"{path.name}: over bundle_bytes = {MAX_BYTES}", f"{path.name}：超过 {MAX_BYTES} 字节", place=path.name)
    return path.read_bytes()


def _text(path: Path) -> str:
    return _bytes(path).decode("ascii", "replace")


def _row(layer: Layer) -> dict[str, object]:
    return {"id": layer.id, "kind": layer.kind, "title": layer.title_zh, "count": layer.count, "epoch": layer.epoch}
