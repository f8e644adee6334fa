"""One private cluster for the whole run, one migrated template in it, one 0.1 s copy for each test module."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from postgis.cluster import Cluster
from postgis.connect import EDITOR, IMPORTER, OWNER, SERVER, SUPERUSER, Database, connect
from postgis.migrate import migrate, prepare_roles

_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "256MB", "max_connections": "120"}
_NAMES = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A private cluster below /tmp: root's own directories are closed to the account it runs as."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-test-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home, _FAST)
    cluster.ensure()
    yield cluster
    cluster.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> Database:
    """A migrated, empty database that others are copied from; never connect to it."""
    database = create_database(cluster, "template_twin")
    migrate(database)
    return database


def create_database(cluster: Cluster, name: str, template: str = "template1") -> Database:
    """Make the database `name`; it goes with the cluster."""
    with psycopg.connect(cluster.database.named("postgres").conninfo(SUPERUSER), autocommit=True) as admin:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return cluster.database.named(name)


def drop_database(cluster: Cluster, name: str) -> None:
    """Drop `name`, ending whoever is still connected."""
    with psycopg.connect(cluster.database.named("postgres").conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def make_database(cluster: Cluster, template: Database) -> Iterator[Callable[[], Database]]:
    """Make further migrated databases: call it once for each."""

    def make() -> Database:
        database = create_database(cluster, f"test_{next(_NAMES)}", "template_twin")
        prepare_roles(database)
        return database

    return make


@pytest.fixture(scope="module")
def database(cluster: Cluster, make_database: Callable[[], Database]) -> Iterator[Database]:
    """A migrated database of this module's own, empty at its first test."""
    made = make_database()
    yield made
    drop_database(cluster, psycopg.conninfo.conninfo_to_dict(made.dsn)["dbname"])


def _connection(database: Database, role: str) -> Iterator[psycopg.Connection]:
    with connect(database, role) as connection:
        yield connection


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    """A psycopg connection as the owner of everything."""
    yield from _connection(database, OWNER)


@pytest.fixture
def importer(database: Database) -> Iterator[psycopg.Connection]:
    """A psycopg connection as the role that imports and runs jobs."""
    yield from _connection(database, IMPORTER)


@pytest.fixture
def editor(database: Database) -> Iterator[psycopg.Connection]:
    """A psycopg connection as the role that may only call write functions."""
    yield from _connection(database, EDITOR)


@pytest.fixture
def server(database: Database) -> Iterator[psycopg.Connection]:
    """A psycopg connection as the read-only serving role."""
    yield from _connection(database, SERVER)


class DataRoot:
    """The real data sets; a file missing below an existing root is a failure, not a skip."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __truediv__(self, name: str) -> Path:
        path = self.root / name
        if not path.exists():
            pytest.fail(f"{path} is missing although the data root exists")
        return path


@pytest.fixture(scope="session")
def data_root() -> DataRoot:
    """TWIN_TEST_DATA, else `../shared/data` beside the checkout; tests skip only where there is no such directory at all."""
    root = Path(os.environ.get("TWIN_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no data sets at {root}; set TWIN_TEST_DATA")
    return DataRoot(root)


@pytest.fixture(scope="session")
def out_dir() -> Path:
    """Where tests leave pictures and measurements: `tests/out/`, not committed."""
    directory = Path(__file__).parent / "out"
    directory.mkdir(exist_ok=True)
    return directory
