"""Where the rows of a layer lie: the box of each, streamed as arrays, for who must know which tiles hold anything."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from postgis.connect import SERVER, Database, connect
from postgis.pool import scope_setting
from postgis.queries import load_queries
from twin.layer import Bounds, Layer
from twin.view import Scope

_QUERIES = load_queries(__file__)
_HEADER_BYTES = 19
_ROW = np.dtype([("fields", ">i2"), *((f"{kind}{side}", form) for side in "wsen" for kind, form in (("size", ">i4"), ("value", ">f8")))])
_BATCH_BYTES = _ROW.itemsize * 500_000
_LARGE_TILES = 4
"""An object wider than so many tiles of the finest zoom is cut up."""
_BOXES_AT_ONCE = 20_000
_MEANING: Mapping[bool | None, int] = {True: 1, False: -1, None: 0}
Look = Callable[[NDArray[np.float64]], NDArray[np.int8]]


def layer_boxes(database: Database, layer: Layer, scope: Scope, zoom: int, within: Bounds | None = None) -> Iterator[NDArray[np.float64]]:
    """West, south, east, north in degrees of the layer's present rows, a few hundred thousand at a time, cut fit for tiles of `zoom`."""
    with connect(database, SERVER) as connection:
        connection.execute(_QUERIES["session"], {"scope": scope_setting(scope)})
        connection.commit()
        with connection.cursor() as cursor, cursor.copy(_query(layer, zoom, within)) as copy:
            yield from _arrays(copy)


@contextmanager
def looking(database: Database, layer: Layer, scope: Scope, zoom: int, within: Bounds | None = None) -> Iterator[Look]:
    """What tells of boxes (west, south, east, north in degrees) which meet a present row: 1, -1 for those met by nothing but what is large
    for tiles of `zoom`, else 0."""
    with connect(database, SERVER) as connection:
        connection.execute(_QUERIES["session"], {"scope": scope_setting(scope)})
        connection.execute(_QUERIES["by_index"])
        query = _query(layer, zoom, within, "filled")
        yield lambda boxes: np.concatenate([_filled(connection, query, some) for some in _pieces(boxes)])


def _pieces(boxes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return np.array_split(boxes, 1 + len(boxes) // _BOXES_AT_ONCE)


def _filled(connection: psycopg.Connection[Any], query: sql.Composed, boxes: NDArray[np.float64]) -> NDArray[np.int8]:
    sides = {name: column.tolist() for name, column in zip(("west", "south", "east", "north"), boxes.T, strict=True)}
    return np.array([_MEANING[row[0]] for row in connection.execute(query, sides)], np.int8)


def tiles_are_ready(database: Database, layers: Sequence[Layer], scope: Scope) -> bool:
    """Whether the twins and overviews of the layers are built, so that a tile made now need not be made again soon."""
    with connect(database, SERVER) as connection:
        connection.execute(_QUERIES["session"], {"scope": scope_setting(scope)})
        row = connection.execute(_QUERIES["ready"], {"layers": [layer.number for layer in layers]}).fetchone()
        return bool(row and row[0])


def _query(layer: Layer, zoom: int, within: Bounds | None, name: str = "boxes") -> sql.Composed:
    sides = {} if within is None else dict(zip(("west", "south", "east", "north"), map(sql.Literal, within), strict=True))
    parts = {
        "view": sql.Identifier("layer", layer.id),
        "large": sql.Literal(_LARGE_TILES * 360.0 / 2.0**zoom),
        "within": sql.SQL("") if within is None else sql.SQL(_text("within")).format(**sides),
    }
    return sql.SQL(_text(name)).format(**parts)


def _arrays(copy: psycopg.Copy) -> Iterator[NDArray[np.float64]]:
    """The binary stream cut into rows of fixed length: none of the four numbers is ever null."""
    held, first = bytearray(), True
    for piece in copy:
        held += piece
        if first and len(held) >= _HEADER_BYTES:
            del held[:_HEADER_BYTES]
            first = False
        if len(held) >= _BATCH_BYTES:
            yield _read(bytes(held[:_BATCH_BYTES]))
            del held[:_BATCH_BYTES]
    whole = len(held) - len(held) % _ROW.itemsize
    if whole:
        yield _read(bytes(held[:whole]))


def _read(data: bytes) -> NDArray[np.float64]:
    rows = np.frombuffer(data, _ROW)
    return np.column_stack([rows[f"value{side}"].astype(np.float64) for side in "wsen"])


def _text(name: str) -> Any:
    """A query of ours, for psycopg's LiteralString."""
    return _QUERIES[name]
