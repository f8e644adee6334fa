"""What an SQLite file says of itself before GDAL opens it; here because all SQL is in this room."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from postgis.queries import load_queries

_QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Contents:
    """Feature tables of a GeoPackage and the modules its virtual tables use."""

    feature_tables: tuple[str, ...]
    modules: frozenset[str]


def read_contents(path: Path) -> Contents:
    """Look into a GeoPackage, read only; sqlite3.Error when it is none."""
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        statements = [str(row[0]).lower() for row in connection.execute(_QUERIES["virtual_tables"])]
        tables = tuple(str(row[0]) for row in connection.execute(_QUERIES["feature_tables"]))
    return Contents(tables, frozenset(text.partition(" using ")[2].partition("(")[0].strip() for text in statements))
