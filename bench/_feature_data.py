"""The data of the features benchmark: footprints as a layer of ours, and the same rows as the plain table the peers read."""

import random
import sys
import time
from collections.abc import Iterator

import psycopg

from bench._tile_data import number_of, put_footprints
from postgis.connect import SUPERUSER, Database
from postgis.migrate import migrate
from twin.fields import Field, FieldType, Role
from twin.layer import GeometryType, Layer

SPREAD = 0.04
BOX = 0.005
"""Degrees: a box in the middle of a town holds about 300 of a million footprints; `floors > 20` leaves 110 of them."""
HOUSES = Layer(
    number=0,
    id="bench-houses",
    title_zh="测速房屋",
    geometry_type=GeometryType.POLYGON,
    fields=(
        Field(name="class", role=Role.CLASS, in_tiles_from_zoom=12, queryable=True),
        Field(name="height", type=FieldType.NUMBER, unit="m", role=Role.HEIGHT, in_tiles_from_zoom=12, queryable=True),
        Field(name="floors", type=FieldType.INTEGER, role=Role.FLOORS, in_tiles_from_zoom=12, queryable=True),
    ),
)
MANY = HOUSES.model_copy(update={"id": "bench-many", "title_zh": "测速房屋（多）"})
PLAIN = "houses"
"""The peers' table in the schema `bench`: in 4326, which is what they answer in, so that nothing is transformed."""

_PLAIN = """
    CREATE SCHEMA IF NOT EXISTS bench;
    CREATE TABLE bench.houses AS
    SELECT oid, class, (attrs ->> 'height')::double precision AS height, (attrs ->> 'floors')::integer AS floors,
        ST_SetSRID(geom, 4326)::geometry(Polygon, 4326) AS geom FROM twin.object_{number} ORDER BY oid;
    ALTER TABLE bench.houses ADD PRIMARY KEY (oid);
    CREATE INDEX ON bench.houses USING gist (geom);
    CREATE INDEX ON bench.houses (class);
    CREATE INDEX ON bench.houses (height);
    CREATE INDEX ON bench.houses (floors);
"""


def prepare(database: Database, rows: int, many: int) -> None:
    """The houses and the plain table, and `many` rows in a layer of their own, unless an earlier run left them."""
    migrate(database)
    begun = time.perf_counter()
    if not number_of(database, HOUSES.id):
        layer = put_footprints(database, rows, SPREAD, HOUSES)
        with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
            admin.execute("SET maintenance_work_mem = '512MB'")
            admin.execute(_PLAIN.format(number=layer.number).encode())
            admin.execute("VACUUM (ANALYZE) bench.houses")
    if many and not number_of(database, MANY.id):
        put_footprints(database, many, SPREAD, MANY)
    print(f"{rows:,} houses, the plain table, {many:,} more: {time.perf_counter() - begun:.0f} s", file=sys.stderr)


def boxes(count: int) -> Iterator[str]:
    """Boxes in the towns of footprints.sql as the text of `bbox`; the same in every run."""
    chance = random.Random(11)
    for number in range(count):
        town = number % 8
        west = 112.9 + 0.3 * town + chance.gauss(0, SPREAD / 2)
        south = 22.5 + 0.22 * (town * 3 % 8) + chance.gauss(0, SPREAD / 2)
        yield f"{west:.5f},{south:.5f},{west + BOX:.5f},{south + BOX:.5f}"
