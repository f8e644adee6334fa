"""A small scene for the tests of reading: layers made by the product's own function, rows written as an importer writes them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from postgis.connect import IMPORTER, Database, connect
from twin.fields import Field
from twin.layer import Layer

_INSERT = """
    INSERT INTO twin.object_{n} (code, class, name, division, geom, attrs, valid, sys, plan, source, source_key)
    VALUES (%s, %s, %s, %s, ST_GeomFromText(%s, 4490), %s, tstzrange(%s, %s), tstzrange(now(), NULL), %s, 'test', gen_random_uuid()::text)
    RETURNING oid
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One object to write; geometry in WKT degrees."""

    wkt: str
    attrs: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    class_: str | None = None
    name: str | None = None
    division: str | None = "440305"
    valid_from: str = "2020-01-01T00:00:00Z"
    valid_to: str | None = None
    plan: str | None = None


def put_layer(database: Database, layer: Layer, rows: Iterable[Row] = ()) -> Layer:
    """Make `layer` and write `rows`; returns it with its number."""
    spec = layer.model_dump(mode="json", exclude={"number", "count", "epoch", "bounds_4490", "time_extent", "updated_at"})
    with connect(database, IMPORTER) as connection:
        found = connection.execute("SELECT twin.make_layer(%s)", [json.dumps(spec)]).fetchone()
        assert found is not None
        if put_rows(connection, found[0], rows):
            connection.execute("SELECT twin.update_extent(%s)", [found[0]])
    return layer.model_copy(update={"number": found[0]})


def put_rows(connection: psycopg.Connection[Any], number: int, rows: Iterable[Row]) -> list[int]:
    """Write rows into a layer; returns their oids."""
    text = _INSERT.format(n=number)
    oids = []
    for row in rows:
        values = (row.code, row.class_, row.name, row.division, row.wkt, json.dumps(row.attrs), row.valid_from, row.valid_to, row.plan)
        found = connection.execute(text.encode(), values).fetchone()
        assert found is not None
        oids.append(found[0])
    return oids


def square(lon: float, lat: float, size: float = 0.001) -> str:
    """WKT of a square with its south-west corner there."""
    return f"POLYGON(({lon} {lat},{lon + size} {lat},{lon + size} {lat + size},{lon} {lat + size},{lon} {lat}))"


BUILDING_FIELDS = (
    Field(name="类别", role="class", queryable=True, in_tiles_from_zoom=0),
    Field(name="名称", role="name", in_tiles_from_zoom=15),
    Field(name="高度", type="number", unit="m", role="height", queryable=True, in_tiles_from_zoom=10),
    Field(name="floors", type="integer", queryable=True),
    Field(name="listed", type="boolean", queryable=True),
    Field(name="built", type="date", queryable=True, in_tiles_from_zoom=16),
    Field(name="seen", type="instant", queryable=True),
    Field(name='备注 "%(x)s" :b $1', type="text", queryable=True, in_tiles_from_zoom=16),
    Field(name="raw", type="json", in_tiles_from_zoom=16),
)
