"""Reads a layer's polygons for a check against each other: their boxes at once, their shapes a cell at a time."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from postgis.connect import IMPORTER, Database
from postgis.queries import load_queries
from postgis.stage import Connection

_QUERIES = load_queries(__file__)


def _query(name: str, number: int) -> sql.Composed:
    text: Any = _QUERIES[name]
    return sql.SQL(text).format(live=sql.Identifier("twin", f"object_{number}"))


def polygon_boxes(database: Database, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Object numbers and boxes (west, south, east, north, in degrees) of the polygons of a layer: 40 bytes each."""
    with closing(adbc.connect(database.conninfo(IMPORTER))) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(_query("boxes", number).as_string())
        table: Any = cursor.fetch_arrow_table()
    oids = table.column("oid").to_numpy()
    return oids, np.column_stack([table.column(side).to_numpy() for side in ("west", "south", "east", "north")])


def polygons(connection: Connection, number: int, oids: Sequence[int]) -> Mapping[int, bytes]:
    """The areas of these objects, as WKB."""
    return {int(oid): bytes(wkb) for oid, wkb in connection.execute(_query("shapes", number), {"oids": list(oids)})}


def keys_and_names(connection: Connection, number: int, oids: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    """Source key and name (else code) of these objects."""
    rows = connection.execute(_query("names", number), {"oids": list(oids)})
    return {int(oid): (str(key), str(name)) for oid, key, name in rows}


def end_all(connection: Connection, layer_id: str, number: int) -> int:
    """End every object of a layer now; returns how many. The caller commits."""
    row = connection.execute(_query("end_all", number), {"layer": layer_id}).fetchone()
    return int(row[0]) if row else 0
