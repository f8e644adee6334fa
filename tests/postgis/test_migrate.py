"""A database of an earlier version is brought up to this one with what is in it."""

from collections.abc import Callable

import psycopg

from postgis import twins
from postgis.connect import IMPORTER, SUPERUSER, Database, connect
from postgis.migrate import is_current, migrate
from tests.tile_scene import Row, put_layer, put_rows, square
from twin.layer import Layer

#: What 0003 made; the rest of its work is to write again what was there.
_FORGET = """
    DROP SCHEMA mvt, tile, tile_kept, tile_fold CASCADE;
    DROP TABLE twin.tile_state, twin.tile_note, twin.tile_archive CASCADE;
    UPDATE twin.alembic_version SET version_num = '0002'
"""


def test_layers_of_before_the_tile_twins_get_theirs(make_database: Callable[[], Database]) -> None:
    database = make_database()
    layer = put_layer(database, Layer(number=0, id="old", title_zh="旧图层", geometry_type="Polygon"), [Row(square(113.1, 22.5))])
    with psycopg.connect(database.conninfo(SUPERUSER)) as admin:
        admin.execute(_FORGET)
    assert not is_current(database)
    migrate(database)
    assert is_current(database)
    with connect(database, IMPORTER) as importer:
        importer.autocommit = True
        assert not twins.refresh(importer)
        put_rows(importer, layer.number, [Row(square(113.2, 22.5))])
        importer.execute("SELECT set_config('twin.scope', %s, false)", ['{"access": ["public"], "divisions": []}'])
        assert importer.execute('SELECT count(*) FROM tile."old"').fetchone() == (2,)
        assert importer.execute("SELECT octet_length(mvt.\"old\"(0, 0, 0, '{}')) IS NOT NULL").fetchone() == (True,)


def test_a_second_migration_does_nothing(make_database: Callable[[], Database]) -> None:
    database = make_database()
    migrate(database)
    assert is_current(database)
