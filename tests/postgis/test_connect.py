"""Every role logs in, by both drivers, with the settings migrations gave it."""

import psycopg
import pytest

from postgis.connect import ROLE_SETTINGS, ROLES, SUPERUSER, Database, aconnect


def test_every_role_has_its_search_path(database: Database) -> None:
    for role in ROLES:
        with psycopg.connect(database.conninfo(role)) as connection:
            row = connection.execute("SELECT current_user, current_setting('search_path')").fetchone()
        assert row == (role, ROLE_SETTINGS[role]["search_path"])


def test_the_server_role_cannot_write(server: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        server.execute("CREATE TABLE public.x ()")


async def test_asyncpg_and_async_psycopg_log_in(database: Database) -> None:
    connection = await database.connect_asyncpg("twin_server", plan_cache_mode="force_custom_plan")
    assert await connection.fetchval("SELECT current_user || ' ' || current_setting('plan_cache_mode')") == "twin_server force_custom_plan"
    await connection.close()
    async with await aconnect(database, "twin_importer") as other:
        row = await (await other.execute("SELECT current_user")).fetchone()
    assert row == ("twin_importer",)


async def test_an_external_login_becomes_the_role_with_its_settings(database: Database) -> None:
    external = Database(f"{database.dsn} user={SUPERUSER}", private=False)
    for role in ROLES:
        with psycopg.connect(external.conninfo(role)) as connection:
            for setting, value in ROLE_SETTINGS[role].items():
                assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() in [(value,), ("1min",)]
    connection = await external.connect_asyncpg("twin_server")
    assert await connection.fetchval("SELECT current_user || current_setting('search_path')") == "twin_serverdoor, public"
    await connection.close()


def test_the_password_is_not_shown() -> None:
    assert "hush" not in Database("postgresql://me:hush@db/twin", private=False).redacted
