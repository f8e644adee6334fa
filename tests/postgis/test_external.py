"""A database somebody else keeps: each reason it cannot be used is refused with what to do, none with a traceback."""

import getpass
from collections.abc import Iterator

import psycopg
import pytest

from postgis.cluster import Cluster
from postgis.connect import ROLES, SERVER, SUPERUSER, Database, connect
from postgis.external import open_external
from postgis.migrate import is_current, migrate
from tests.conftest import create_database, drop_database
from twin.errors import InputError

EXTENSIONS = ("postgis", "btree_gist", "pg_trgm", "ltree", "pgrouting", "unaccent")


@pytest.fixture
def admin(cluster: Cluster) -> Iterator[psycopg.Connection]:
    """The superuser of a database without PostGIS."""
    database = create_database(cluster, "bare")
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        yield connection
    drop_database(cluster, "bare")


def url(cluster: Cluster, user: str, name: str = "bare") -> str:
    return f"postgresql://{user}@/{name}?host={cluster.socket_dir}&port=5432"


def test_a_database_without_postgis_and_no_right_to_create_it(cluster: Cluster, template: Database, admin: psycopg.Connection) -> None:
    with pytest.raises(InputError, match="no PostGIS") as caught:
        open_external(url(cluster, "twin_owner"))
    assert "CREATE EXTENSION postgis" in caught.value.mend
    assert "PostGIS" in caught.value.message_zh


def test_an_account_without_rights(cluster: Cluster, template: Database, admin: psycopg.Connection) -> None:
    for name in EXTENSIONS:
        admin.execute(f"CREATE EXTENSION {name}")
    with pytest.raises(InputError, match="create schemas") as caught:
        open_external(url(cluster, "twin_owner"))
    assert "000_roles.sql" in caught.value.mend


def test_a_superuser_may_migrate_an_empty_database(cluster: Cluster, template: Database, admin: psycopg.Connection) -> None:
    database, cautions = open_external(url(cluster, "twin"))
    assert cautions == ()
    assert not database.private
    migrate(database)
    migrate(database)
    assert is_current(database)
    with connect(database, SERVER) as connection:
        assert connection.execute("SELECT current_user, current_setting('transaction_read_only')").fetchone() == (SERVER, "on")


def test_an_account_that_is_no_superuser_may_migrate_where_the_extensions_are(cluster: Cluster, admin: psycopg.Connection) -> None:
    for name in EXTENSIONS:
        admin.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    admin.execute("CREATE ROLE dba LOGIN CREATEROLE")
    admin.execute("ALTER DATABASE bare OWNER TO dba")
    with (cluster.data / "pg_ident.conf").open("a") as mapping:
        mapping.write(f"twin {getpass.getuser()} dba\n")
    admin.execute("SELECT pg_reload_conf()")
    database, _ = open_external(url(cluster, "dba"))
    migrate(database)
    for role in ROLES:
        with connect(database, role) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (role,)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("postgresql://me:hush@127.0.0.1:1/twin", "cannot be reached"),
        ("postgresql://me:hush@no-such-host.invalid/twin", "cannot be reached"),
        ("mysql://me@host/db", "not a PostgreSQL URL"),
        ("nonsense", "not a PostgreSQL URL"),
    ],
)
def test_an_address_that_leads_nowhere(address: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        open_external(address)
    assert caught.value.place == "TWIN_DATABASE_URL"
    assert "hush" not in f"{caught.value} {caught.value.message_zh}"


def test_few_locks_are_a_caution_only(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    monkeypatch.setattr("postgis.external._MIN_LOCKS", 100_000)
    _, cautions = open_external(f"{database.dsn} user=twin")
    assert any("max_locks_per_transaction" in caution.message_en for caution in cautions)
