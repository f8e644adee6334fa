"""Brings a database to the newest schema, whoever made the database; two processes may try at once."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from postgis.connect import OWNER, ROLE_SETTINGS, SUPERUSER, Database, connect
from postgis.external import missing_right
from postgis.queries import load_queries

_HERE = Path(__file__).parent
_QUERIES = load_queries(__file__)
_LOCK_KEY = 0x79756574


def migrate(database: Database) -> None:
    """Upgrade to the newest revision under an advisory lock; two processes may call it at once."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(_QUERIES["lock"], [_LOCK_KEY])
        if _is_current(admin):
            return
        _prepare(admin)
        _upgrade(database)


def is_current(database: Database) -> bool:
    """Whether the schema is the newest this code knows."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        return _is_current(admin)


def prepare_roles(database: Database) -> None:
    """Write each role's settings for this database; a copy made from a template has none."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        _set_roles(admin)


def _prepare(admin: psycopg.Connection[Any]) -> None:
    """Roles, extensions, schemas: what only a superuser can make."""
    try:
        admin.execute((_HERE / "schema" / "000_roles.sql").read_text(encoding="utf-8"))
        _set_roles(admin)
    except psycopg.errors.InsufficientPrivilege as exc:
        raise missing_right(str(exc.diag.message_primary)) from exc


def _set_roles(admin: psycopg.Connection[Any]) -> None:
    name = sql.Identifier(admin.info.dbname)
    for role, settings in ROLE_SETTINGS.items():
        for setting, value in settings.items():
            values = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
            admin.execute(
                sql.SQL(_QUERIES["set_role"]).format(
                    role=sql.Identifier(role), database=name, setting=sql.Identifier(setting), value=values
                )
            )


def _is_current(admin: psycopg.Connection[Any]) -> bool:
    """Whether the newest revision is already there, so that a start needs no rights and no time."""
    if not admin.execute(_QUERIES["has_version_table"]).fetchone():
        return False
    found = {row[0] for row in admin.execute(_QUERIES["versions"])}
    return found == {_newest()}


def _newest() -> str:
    """The last revision, as the names of the files say; only an upgrade needs Alembic, whose import takes 0.2 s."""
    return max(path.name.partition("_")[0] for path in (_HERE / "migrations" / "versions").glob("[0-9]*.py"))


def _upgrade(database: Database) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_HERE / "migrations"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(database, OWNER), poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
