"""A database somebody else keeps (`TWIN_DATABASE_URL`): every reason it cannot be used is said before anything touches it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from postgis.connect import ROLES, Database
from postgis.queries import load_queries
from twin.errors import InputError

_QUERIES = load_queries(__file__)
_PLACE = "TWIN_DATABASE_URL"
_MIN_SERVER = 150000
_MIN_POSTGIS = (3, 3)
_MIN_LOCKS = 1024
_EXTENSIONS = ("postgis", "btree_gist", "pg_trgm", "ltree", "pgrouting", "unaccent")


@dataclass(frozen=True)
class Caution:
    """Something that works, but will not work well."""

    message_en: str
    message_zh: str


@dataclass(frozen=True)
class _Facts:
    """What an external server says about itself and about us."""

    version: int
    encoding: str
    superuser: bool
    may_create_roles: bool
    may_create_schemas: bool
    locks: int
    checksums: bool
    missing_roles: list[str]
    installed: dict[str, str]
    available: dict[str, str]


def open_external(url: str) -> tuple[Database, tuple[Caution, ...]]:
    """The database at `url` and what to be wary of; InputError says what is missing and how to mend it."""
    try:
        conninfo_to_dict(url)
        database = Database(url, private=False)
        with psycopg.connect(url, connect_timeout=5, application_name="yuetu check") as connection:
            facts = _read_facts(connection)
    except psycopg.ProgrammingError as exc:
        raise _refused("is not a PostgreSQL URL", "不是有效的 PostgreSQL 地址", "postgresql://USER:PASSWORD@HOST:5432/DATABASE") from exc
    except psycopg.OperationalError as exc:
        reason = next((line for line in reversed(str(exc).splitlines()) if "failed" in line), str(exc)).strip()
        raise _refused(
            f"cannot be reached: {reason}", f"无法连接：{reason}", "check host, port, name, password（检查主机、端口、库名与口令）"
        ) from exc
    _check(facts)
    return database, tuple(_cautions(facts))


def missing_right(reason: str) -> InputError:
    """The account of the URL may not do what a migration needs."""
    return _refused(
        f"lacks a right: {reason}",
        f"账户权限不足：{reason}",
        "let a superuser run postgis/schema/000_roles.sql once, then try again（请超级用户先执行一次 postgis/schema/000_roles.sql）",
    )


def _read_facts(connection: psycopg.Connection[Any]) -> _Facts:
    """One round of questions; nothing is changed."""
    with connection.cursor(row_factory=dict_row) as cursor:
        server = cursor.execute(_QUERIES["facts"], {"roles": list(ROLES)}).fetchone() or {}
    installed = dict(connection.execute(_QUERIES["installed_extensions"]).fetchall())
    available = dict(connection.execute(_QUERIES["available_extensions"], {"names": list(_EXTENSIONS)}).fetchall())
    return _Facts(**server, installed=installed, available=available)


def _check(facts: _Facts) -> None:
    """Raise InputError for the first thing that makes the server unusable."""
    if facts.version < _MIN_SERVER:
        raise _refused(
            f"is PostgreSQL {facts.version // 10000}",
            f"版本为 PostgreSQL {facts.version // 10000}",
            "use PostgreSQL 15 or newer（需 15 或更新）",
        )
    if facts.encoding != "UTF8":
        raise _refused(
            f"has encoding {facts.encoding}", f"编码为 {facts.encoding}", "make the database with ENCODING 'UTF8'（建库时用 UTF8 编码）"
        )
    for name in _EXTENSIONS:
        _check_extension(facts, name)
    if facts.missing_roles and not facts.may_create_roles:
        raise missing_right(f"cannot create the roles {', '.join(facts.missing_roles)}")
    if not facts.may_create_schemas:
        raise missing_right("cannot create schemas in this database")


def _check_extension(facts: _Facts, name: str) -> None:
    """InputError unless `name` is there, new enough, or can be created by us."""
    label = "PostGIS" if name == "postgis" else name
    version = facts.installed.get(name) or facts.available.get(name)
    if version is None:
        package = "postgresql-NN-postgis-3" if name == "postgis" else f"postgresql-NN-{name} / postgresql-contrib"
        raise _refused(f"has no {label}", f"服务器未安装 {label}", f"install {package} on that server（在该服务器上安装 {package}）")
    if name == "postgis" and tuple(int(part) for part in version.split(".")[:2]) < _MIN_POSTGIS:
        raise _refused(f"has PostGIS {version}", f"PostGIS 版本为 {version}", "use PostGIS 3.3 or newer（需 3.3 或更新）")
    if name not in facts.installed and not facts.superuser:
        raise _refused(
            f"has no {label} in this database, and the account may not create it",
            f"该库未启用 {label}，且账户无权创建",
            f"let a superuser run: CREATE EXTENSION {name};（请超级用户执行 CREATE EXTENSION {name};）",
        )


def _cautions(facts: _Facts) -> Iterator[Caution]:
    if facts.locks < _MIN_LOCKS:
        yield Caution(
            f"max_locks_per_transaction is {facts.locks}; hundreds of layers need {_MIN_LOCKS} (ALTER SYSTEM SET, then restart)",
            f"max_locks_per_transaction 为 {facts.locks}；数百个图层需要 {_MIN_LOCKS}（ALTER SYSTEM SET 后重启）",
        )
    if not facts.checksums:
        yield Caution("data checksums are off: a damaged disk page would go unseen", "未启用数据校验和：磁盘坏页将无法发现")


def _refused(what_en: str, what_zh: str, mend: str) -> InputError:
    return InputError(f"the database of {_PLACE} {what_en}", f"{_PLACE} 所指数据库{what_zh}", place=_PLACE, mend=mend)
