"""One value that says where the database is, and how a process logs in to it under one of our roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import asyncpg
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SUPERUSER = "twin"
"""Bootstrap role of the private cluster; on an external server the account of the URL stands in for it."""
OWNER = "twin_owner"
IMPORTER = "twin_importer"
EDITOR = "twin_editor"
SERVER = "twin_server"

#: What each role starts with; migrations write it with ALTER ROLE, external logins (SET ROLE does not load it) pass it by hand.
ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        OWNER: {"search_path": "twin, public", "lock_timeout": "60s"},
        IMPORTER: {
            "search_path": "stage, twin, public",
            "lock_timeout": "60s",
            "idle_in_transaction_session_timeout": "1h",
        },
        EDITOR: {
            "search_path": "twin, public",
            "statement_timeout": "60s",
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "60s",
        },
        SERVER: {
            "search_path": "door, public",
            "default_transaction_read_only": "on",
            "statement_timeout": "30s",
            "lock_timeout": "5s",
            "idle_in_transaction_session_timeout": "60s",
            "jit": "off",
        },
    }
)
ROLES = tuple(ROLE_SETTINGS)


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is: `dsn` is a libpq string or URL without our role; `private` says that roles log in by peer."""

    dsn: str
    private: bool = True

    def conninfo(self, role: str) -> str:
        """A libpq connection string that ends up as `role`, for psycopg and ADBC."""
        if self.private:
            return make_conninfo(self.dsn, user=role, application_name=f"yuetu {role}")
        return make_conninfo(self.dsn, options=_options(_startup(role)), application_name=f"yuetu {role}")

    async def connect_asyncpg(self, role: str, **settings: str) -> Any:
        """An asyncpg connection as `role`; `settings` are server settings of this one connection."""
        parts = conninfo_to_dict(self.dsn)
        startup = {"application_name": f"yuetu {role}"} | ({} if self.private else _startup(role)) | settings
        return await asyncpg.connect(  # type: ignore[no-untyped-call]
            host=parts.get("host"),
            port=int(str(parts.get("port", 5432))),
            database=parts.get("dbname"),
            user=role if self.private else parts.get("user"),
            password=parts.get("password"),
            ssl=parts.get("sslmode"),
            server_settings=startup,
        )

    def named(self, name: str) -> "Database":
        """The database `name` on the same server."""
        return Database(make_conninfo(self.dsn, dbname=name), self.private)

    @property
    def redacted(self) -> str:
        """The address fit for logs and messages: no password."""
        return make_conninfo(**{key: str(value) for key, value in conninfo_to_dict(self.dsn).items() if key != "password"})


def connect(database: Database, role: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A psycopg connection as `role`, not in autocommit."""
    return psycopg.connect(database.conninfo(role))


async def aconnect(database: Database, role: str) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """An asynchronous psycopg connection as `role`, not in autocommit."""
    return await psycopg.AsyncConnection.connect(database.conninfo(role))


def _startup(role: str) -> dict[str, str]:
    """Server settings that make a foreign login behave as `role`."""
    return {} if role == SUPERUSER else {"role": role} | dict(ROLE_SETTINGS[role])


def _options(settings: Mapping[str, str]) -> str:
    """The libpq `options` text of server settings."""
    return " ".join(f"-c {name}={value}".replace("\\", "\\\\").replace(", ", ",\\ ") for name, value in settings.items())
