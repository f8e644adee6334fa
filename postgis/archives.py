"""Layers of ready-made tiles in the catalogue: which file a layer reads."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from postgis.blobs import Blob, record_blob
from postgis.layers import LayerSpec, reserve_layer
from postgis.queries import load_queries
from twin.errors import Conflict
from twin.layer import Bounds, LayerKind, TileContent

Connection = psycopg.Connection[Any]

_QUERIES = load_queries(__file__)


def check_kind(connection: Connection, layer_id: str, kind: LayerKind) -> None:
    """Conflict when there is a layer of this id and another kind: one does not become the other."""
    row = connection.execute(_QUERIES["kind"], {"layer": layer_id}).fetchone()
    if row is not None and row[0] != kind:
        raise Conflict(
            f"layer {layer_id} is of kind {row[0]}, the file makes one of kind {kind}",
            f"图层 {layer_id} 的类型为 {row[0]}，而该文件为 {kind}",
            place="layer",
            mend="用 --layer 另起图层标识 / name another layer with --layer",
        )


def put_archive(connection: Connection, spec: LayerSpec, blob: Blob, bounds: Bounds, contents: Sequence[TileContent]) -> int:
    """Make the layer, or let it read another file; the caller commits, and from then on every reader sees the new one."""
    number = reserve_layer(connection, spec)
    record_blob(connection, blob)
    values = {
        "number": number,
        "sha256": bytes.fromhex(blob.sha256),
        "size": blob.size,
        "bounds": list(bounds),
        "vector_layers": Jsonb([content.model_dump() for content in contents]),
    }
    connection.execute(_QUERIES["put"], values)
    return number
