"""Administrative divisions: load a whole source at once, walk the tree, find those a point lies in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from pydantic import BaseModel, ConfigDict

from postgis.queries import load_queries
from postgis.statement import Statement
from twin.errors import BadFile
from twin.layer import Bounds

Connection = psycopg.Connection[Any]

_QUERIES = load_queries(__file__)
_TYPES = ("text", "int2", "text", "text", "text", "bytea", "timestamptz", "timestamptz")


@dataclass(frozen=True, slots=True)
class DivisionRow:
    """One division of a source; `wkb` is its polygon in EPSG:4490 or None, `level` 1 province … 5 village, 6 grid."""

    code: str
    level: int
    name_zh: str
    name_en: str = ""
    parent_code: str | None = None
    wkb: bytes | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class Division(BaseModel):
    """One division in force, as every door shows it."""

    model_config = ConfigDict(frozen=True)

    code: str
    level: int
    name_zh: str
    name_en: str
    parent_code: str | None
    has_children: bool
    point: tuple[float, float] | None
    bounds: Bounds | None


def replace_divisions(connection: Connection, rows: Iterable[DivisionRow], source: str) -> int:
    """Put `rows` in place of all rows of `source`, broken polygons repaired; returns how many. The caller commits, as importer.

    BadFile when two rows of one code are in force at the same time.
    """
    connection.execute(_QUERIES["load_table"])
    with connection.cursor() as cursor, cursor.copy(_QUERIES["load"]) as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row((row.code, row.level, row.name_zh, row.name_en, row.parent_code, row.wkb, row.valid_from, row.valid_to))
    try:
        written = connection.execute(_QUERIES["replace"], {"source": source}).fetchone()
    except (psycopg.errors.UniqueViolation, psycopg.errors.CheckViolation) as exc:
        detail = exc.diag.message_detail or exc.diag.message_primary
        raise BadFile(f"divisions of {source}: {detail}", f"区划数据 {source} 有误：{detail}", place="code") from exc
    connection.execute(_QUERIES["drop_load"])
    return int(written[0]) if written else 0


def fill_division(connection: Connection, table: str) -> int:
    """Give rows of `table` (schema.name, columns geom and division) their division by point on surface; returns how many got one."""
    row = connection.execute(_QUERIES["fill"], {"table": table}).fetchone()
    return int(row[0]) if row else 0


def children_statement(parent: str | None) -> Statement:
    """The divisions right below `parent`; the topmost ones for None."""
    return Statement(_QUERIES["roots"]) if parent is None else Statement(_QUERIES["children"], (parent,))


def division_statement(code: str) -> Statement:
    """The division of this code."""
    return Statement(_QUERIES["one"], (code,))


def containing_statement(lon_4490: float, lat_4490: float) -> Statement:
    """The divisions a point lies in, province first."""
    return Statement(_QUERIES["containing"], (lon_4490, lat_4490))


def to_division(record: Mapping[str, Any]) -> Division:
    """A division from a row of the statements above."""
    fields = dict(record)
    lon, lat = fields.pop("lon"), fields.pop("lat")
    return Division(**fields, point=None if lon is None else (lon, lat))
