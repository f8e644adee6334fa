"""A database of an earlier version is brought up to this one with what is in it."""

from collections.abc import Callable

import psycopg

from postgis import twins
from postgis.connect import EDITOR, IMPORTER, SUPERUSER, Database, connect
from postgis.edits import Edit, EditOrder, apply_edits
from postgis.migrate import is_current, migrate
from tests.tile_scene import Row, put_layer, put_rows, square
from twin.layer import Layer
from twin.view import EVERYTHING

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


#: What 0005 made.
_FORGET_EDITS = """
    DROP TABLE twin.change_log, twin.edit, twin.edit_answer CASCADE;
    DROP FUNCTION twin.log_change(integer, text, bigint[]), twin.stage_edits();
    UPDATE twin.alembic_version SET version_num = '0004'
"""


def test_layers_of_before_the_edits_can_be_edited_and_followed(make_database: Callable[[], Database]) -> None:
    database = make_database()
    layer = put_layer(database, Layer(number=0, id="old", title_zh="旧图层", geometry_type="Polygon"), [Row(square(113.1, 22.5))])
    with psycopg.connect(database.conninfo(SUPERUSER)) as admin:
        admin.execute(_FORGET_EDITS)
    migrate(database)
    assert is_current(database)
    with connect(database, EDITOR) as editor:
        oid = (layer.number << 40) + 1
        done = apply_edits(editor, EditOrder("old", EVERYTHING, "test"), [Edit(0, "delete", oid)])
    assert done.counts == {"delete": 1}
    with connect(database, IMPORTER) as importer:
        importer.execute("SELECT set_config('twin.scope', %s, false)", ['{"access": ["public"], "divisions": []}'])
        found = importer.execute("SELECT op, oids FROM door.change WHERE op <> 'touched' ORDER BY seq").fetchall()
        assert found == [("all", None), ("taken", [oid])]


def test_a_second_migration_does_nothing(make_database: Callable[[], Database]) -> None:
    database = make_database()
    migrate(database)
    assert is_current(database)
