"""How a command gets at the database: the running twin's, an external one, or the private cluster started for the moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from postgis.cluster import Cluster
from postgis.connect import Database
from postgis.external import open_external
from postgis.home import read_holder
from postgis.migrate import migrate
from twin.commands.context import settings, warn


def where() -> Database:
    """Where the database is, without starting or changing it."""
    url = settings().database_url
    return Database(url, private=False) if url else Cluster(settings().home).database


def start() -> Database:
    """Start it (or check an external one) and bring it to the newest schema."""
    database = _checked() if settings().database_url else Cluster(settings().home).ensure()
    migrate(database)
    return database


def keep() -> None:
    """Start the private cluster again if it has gone."""
    cluster = Cluster(settings().home)
    if not settings().database_url and not cluster.health():
        cluster.ensure()


def stop() -> None:
    """Stop the private cluster; an external database is not ours to stop."""
    if not settings().database_url:
        Cluster(settings().home).stop()


@contextmanager
def open_database() -> Iterator[Database]:
    """The migrated database for one command; a cluster that nobody else uses is stopped again."""
    stays = bool(settings().database_url) or Cluster(settings().home).health()
    try:
        yield start()
    finally:
        if not stays and read_holder(settings().home) is None:
            stop()


def _checked() -> Database:
    """The database of TWIN_DATABASE_URL; what to be wary of goes to stderr."""
    database, cautions = open_external(settings().database_url)
    for caution in cautions:
        warn(f"注意：{caution.message_zh}\nnote: {caution.message_en}")
    return database
