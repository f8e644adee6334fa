"""The description of the tables in Python against the tables the schema files made."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from postgis.connect import SUPERUSER, Database, connect
from postgis.tables import metadata

Connection = psycopg.Connection[Any]

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version'
    ORDER BY c.relname, a.attnum
"""


@pytest.fixture(scope="module")
def described(database: Database) -> str:
    """A schema made from the description alone, by the one role that may make schemas in a copied database."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(database, SUPERUSER), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA described")
        metadata.create_all(connection.execution_options(schema_translate_map={"twin": "described"}))
    return "described"


@pytest.fixture
def admin(database: Database) -> Iterator[Connection]:
    with connect(database, SUPERUSER) as connection:
        yield connection


def test_description_and_live_schema_are_the_same(admin: Connection, described: str) -> None:
    live = admin.execute(_COLUMNS, ["twin"]).fetchall()
    assert admin.execute(_COLUMNS, [described]).fetchall() == live


def test_members_have_the_columns_of_their_parent(owner: Connection) -> None:
    owner.execute("""SELECT twin.ensure_shape(twin.make_layer('{"id": "x", "title_zh": "x"}')), twin.ensure_past(1)""")
    columns = "SELECT attname, attnum, atttypid, atttypmod FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    for family in ("object", "object_past", "shape"):
        parent = owner.execute(columns, [f"twin.{family}"]).fetchall()
        assert owner.execute(columns, [f"twin.{family}_1"]).fetchall() == parent
