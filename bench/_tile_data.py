"""The data of the tile benchmarks: footprints, points and counties as our layers, and the same rows as the plain tables the peers read."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from importers.options import ImportOptions
from importers.run import import_file
from postgis.connect import IMPORTER, OWNER, SUPERUSER, Database, connect
from twin.fields import Field, FieldType, Role
from twin.layer import GeometryType, Layer

ROOT = Path(__file__).resolve().parents[1]
ALL_LAYERS = 1000
_BUILD_S = 900.0

FOOTPRINTS = Layer(
    number=0,
    id="bench-footprints",
    title_zh="测速建筑",
    geometry_type=GeometryType.POLYGON,
    fields=(
        Field(name="class", role=Role.CLASS, in_tiles_from_zoom=12, queryable=True),
        Field(name="height", type=FieldType.NUMBER, unit="m", role=Role.HEIGHT, in_tiles_from_zoom=12),
        Field(name="floors", type=FieldType.INTEGER, role=Role.FLOORS, in_tiles_from_zoom=12),
    ),
)
POINTS = Layer(
    number=0,
    id="bench-points",
    title_zh="测速点",
    geometry_type=GeometryType.POINT,
    fields=(Field(name="class", role=Role.CLASS, in_tiles_from_zoom=12, queryable=True),),
)
COUNTIES = "bench-counties"
COUNTIES_FILE = Path("boundaries") / "counties_echarts_guangdong.zip"

_PUT_POINTS = """
    INSERT INTO twin.object_{points}_new (oid, class, name, division, geom, attrs, phase, valid, sys, source, source_key)
    SELECT ({points}::bigint << 40) + (oid & ((1::bigint << 40) - 1)), class, NULL, division, ST_Centroid(geom), '{{}}', phase, valid, sys, source, source_key
    FROM twin.object_{footprints} ORDER BY oid
"""
_PLAIN = """
    CREATE TABLE bench.{table} AS
    SELECT oid, class, {columns} ST_Transform(geom, {srid})::geometry({type}, {srid}) AS geom FROM twin.object_{number} ORDER BY oid;
    ALTER TABLE bench.{table} ADD PRIMARY KEY (oid);
    CREATE INDEX ON bench.{table} USING gist (geom);
"""
_STATES = """
    SELECT format('%%s: base fresh %%s, overview %%s', l.id, twin.twin_is_fresh(l.number), s.overview)
    FROM twin.layer l LEFT JOIN twin.tile_state s ON s.layer = l.number
    WHERE NOT coalesce(twin.twin_is_fresh(l.number) AND (s.overview = 'fresh' OR s.overview = 'none' AND l.id <> ALL (%s)), false)
"""
_HEIGHTS = "(attrs ->> 'height')::double precision AS height, (attrs ->> 'floors')::integer AS floors,"


@dataclass(frozen=True, slots=True)
class Table:
    """One set of rows: our layer, and the names and columns of its plain tables."""

    layer: str
    name: str
    type: str
    columns: Mapping[str, str]

    def plain(self, srid: int) -> str:
        """The peers' table in this system."""
        return f"{self.name}_{srid}"


TABLES = (
    Table(FOOTPRINTS.id, "footprints", "Polygon", {"class": "text", "height": "float8", "floors": "int4"}),
    Table(POINTS.id, "points", "Point", {"class": "text"}),
    Table(COUNTIES, "counties", "Geometry", {"class": "text", "name": "text"}),
)
SRIDS = (4490, 3857)


def spec_of(layer: Layer) -> str:
    """What `twin.make_layer` is told."""
    return layer.model_dump_json(include={"id", "title_zh", "geometry_type", "fields"})


def one(cursor: Any) -> int:
    """The number of a one-number answer."""
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def put_footprints(database: Database, rows: int, spread: float, layer: Layer = FOOTPRINTS) -> Layer:
    """Write the footprints as an import does: a plain table, filled, then attached."""
    text = (ROOT / "bench" / "footprints.sql").read_text()
    return _put(database, layer, lambda number: text.format(number=number, rows=rows, spread=spread))


def put_points(database: Database, footprints: Layer) -> Layer:
    """A point in the middle of every footprint."""
    return _put(database, POINTS, lambda number: _PUT_POINTS.format(points=number, footprints=footprints.number))


def _put(database: Database, layer: Layer, text: Any) -> Layer:
    with connect(database, IMPORTER) as importer:
        number = one(importer.execute("SELECT twin.reserve_layer(%s)", [spec_of(layer)]))
        importer.execute("SELECT twin.new_object_table(%s)", [number])
        importer.execute(text(number).encode())
        importer.execute("SELECT twin.attach_objects(%s)", [number])
    _vacuum(database, OWNER, f"twin.object_{number}")
    return layer.model_copy(update={"number": number})


def put_many_layers(database: Database, count: int) -> None:
    """Empty layers round about, as a full province has."""
    with connect(database, IMPORTER) as importer:
        for index in range(count):
            layer = FOOTPRINTS.model_copy(update={"id": f"bench-{index:04d}", "title_zh": f"图层{index}"})
            importer.execute("SELECT twin.make_layer(%s)", [spec_of(layer)])
            importer.commit()


def put_counties(database: Database) -> bool:
    """The real counties, through our importer; False where the data sets are not."""
    root = Path(os.environ.get("TWIN_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (root / COUNTIES_FILE).exists():
        return False
    import_file(database, root / COUNTIES_FILE, ImportOptions(layer=COUNTIES))
    return True


def put_plain_tables(database: Database) -> None:
    """What a user of the peers has: typed columns, a primary key and GiST, once in 4490 and once in 3857."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute("CREATE SCHEMA IF NOT EXISTS bench")
        admin.execute("SET maintenance_work_mem = '512MB'")
        for table in TABLES:
            for srid in SRIDS if (number := number_of(database, table.layer)) else ():
                extra = _HEIGHTS if "height" in table.columns else "name," if "name" in table.columns else ""
                text = _PLAIN.format(table=table.plain(srid), columns=extra, srid=srid, type=table.type, number=number)
                admin.execute(text.encode())
                admin.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("bench", table.plain(srid))))


def number_of(database: Database, layer_id: str) -> int:
    """The number of our layer, 0 when there is none."""
    with connect(database, IMPORTER) as importer:
        row = importer.execute("SELECT number FROM twin.layer WHERE id = %s", [layer_id]).fetchone()
    return int(row[0]) if row else 0


def _vacuum(database: Database, role: str, table: str) -> None:
    with connect(database, role) as owner:
        owner.autocommit = True
        owner.execute(f"VACUUM (ANALYZE) {table}".encode())


def build_derived(database: Database, home: Path) -> float:
    """Run the worker until every layer's base twin and overview are fresh; seconds it took."""
    begun = time.perf_counter()
    environment = os.environ | {"TWIN_HOME": str(home), "TWIN_LOG_LEVEL": "warning"}
    worker = subprocess.Popen([sys.executable, "-m", "twin", "work"], cwd=ROOT, env=environment)
    try:
        while stale := _stale(database):
            assert worker.poll() is None, "the worker ended"
            assert time.perf_counter() - begun < _BUILD_S, f"not built: {stale}"
            time.sleep(0.5)
    finally:
        worker.terminate()
        worker.wait(60)
    return time.perf_counter() - begun


def _stale(database: Database) -> list[str]:
    """Layers whose twin or overview is still to be made; the two large ones must have an overview."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        rows = admin.execute(_STATES.encode(), [[FOOTPRINTS.id, POINTS.id]]).fetchall()
    return [row[0] for row in rows]


def tile_of(lon: float, lat: float, zoom: int = 14) -> tuple[int, int]:
    """The column and row of the WebMercatorQuad tile over a place."""
    n = 2**zoom
    return int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)
