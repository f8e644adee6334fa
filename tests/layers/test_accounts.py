"""Signing in, being locked out, sessions and keys: on the real functions, under the editor role."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from layers import accounts as desk
from layers.access import ANONYMOUS, Caller, require, scope_of
from layers.accounts import Accounts, add_key, ensure_admin, list_keys, reset_password, revoke_key
from postgis.connect import EDITOR, Database, connect
from postgis.editing import EditorPool
from twin.errors import BadParameter, Conflict, Forbidden, NotFound, TooManyAttempts, Unauthorized, Unavailable
from twin.view import EVERYTHING, PUBLIC


@pytest.fixture
async def accounts(database: Database) -> AsyncIterator[Accounts]:
    pool = EditorPool(database, size=2)
    pool.open()
    yield Accounts(pool)
    pool.close()


@pytest.fixture(scope="module")
def first_password(database: Database) -> str:
    with connect(database, EDITOR) as connection:
        password = ensure_admin(connection)
        assert ensure_admin(connection) is None
    assert password
    return password


async def test_the_first_login_must_change_the_password(accounts: Accounts, first_password: str, owner: psycopg.Connection) -> None:
    session = await accounts.login("admin", first_password, "10.0.0.1")
    assert session.caller.must_change and not session.caller.may
    assert scope_of(session.caller) == PUBLIC
    other = await accounts.login("admin", first_password, "10.0.0.1")
    with pytest.raises(Unauthorized):
        await accounts.change_password(session.caller, "wrong", "a better password", session.token)
    for weak in ("short", first_password, "x" * 201):
        with pytest.raises(BadParameter):
            await accounts.change_password(session.caller, first_password, weak, session.token)
    await accounts.change_password(session.caller, first_password, "a better password", session.token)
    caller = await accounts.caller_of_token(session.token)
    assert caller is not None and caller.may >= {"import", "publish"} and scope_of(caller) == EVERYTHING
    assert await accounts.caller_of_token(other.token) is None, "a new password ends the other sessions"
    assert (await accounts.login("admin", "a better password", "10.0.0.1")).caller.name == "admin"
    stored = owner.execute("SELECT token_hash FROM twin.session").fetchall()
    assert (hashlib.sha256(session.token.encode()).digest(),) in stored


async def test_a_crowd_at_the_login_does_not_queue_for_ever(accounts: Accounts, first_password: str) -> None:
    tries = (accounts.login(f"nobody-{number}", "wrong", f"10.1.0.{number}") for number in range(30))
    told = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(each) for each in told} == {Unauthorized, Unavailable}
    assert sum(isinstance(each, Unauthorized) for each in told) >= desk._HASHERS_WAITING


async def test_logout_ends_the_session(accounts: Accounts, database: Database) -> None:
    with connect(database, EDITOR) as connection:
        password = reset_password(connection, "admin")
    session = await accounts.login("admin", password, "10.0.0.2")
    await accounts.logout(session.token)
    assert await accounts.caller_of_token(session.token) is None


async def test_ten_failures_lock_the_name_at_that_address_only(accounts: Accounts, database: Database, owner: psycopg.Connection) -> None:
    with connect(database, EDITOR) as connection:
        password = reset_password(connection, "admin")
    for _ in range(desk.MAX_FAILURES):
        with pytest.raises(Unauthorized):
            await accounts.login("admin", "guess", "10.9.9.9")
    with pytest.raises(TooManyAttempts) as locked:
        await accounts.login("admin", password, "10.9.9.9")
    assert 0 < locked.value.retry_after_s <= desk.WINDOW_S
    assert (await accounts.login("admin", password, "10.9.9.8")).caller.name == "admin"
    owner.execute("UPDATE twin.login_attempt SET at = at - interval '16 min'")
    owner.commit()
    assert (await accounts.login("admin", password, "10.9.9.9")).caller.name == "admin"


async def test_an_unknown_name_takes_as_long_and_says_the_same(accounts: Accounts) -> None:
    seconds: dict[str, list[float]] = {"admin": [], "nobody": []}
    for name in ("admin", "nobody") * 5:
        started = time.perf_counter()
        with pytest.raises(Unauthorized, match="wrong name or password"):
            await accounts.login(name, "guess", "10.0.0.4")
        seconds[name].append(time.perf_counter() - started)
    assert 0.4 < min(seconds["admin"]) / min(seconds["nobody"]) < 2.5


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 1_000_000, "'; DROP TABLE twin.account; --"])
async def test_odd_names_are_only_wrong(accounts: Accounts, name: str) -> None:
    with pytest.raises(Unauthorized):
        await accounts.login(name, "p\0\ud800" + "x" * 300, "10.0.0.5")


async def test_keys_are_shown_once_and_revoked_at_once(accounts: Accounts, database: Database, owner: psycopg.Connection) -> None:
    with connect(database, EDITOR) as connection:
        key = add_key(connection, "其他系统")
        with pytest.raises(Conflict):
            add_key(connection, "其他系统")
    assert await accounts.caller_of_key(key) == Caller("其他系统", "key", "admin")
    assert await accounts.caller_of_key(key + "x") is None
    assert key not in str(owner.execute("SELECT k::text FROM twin.api_key k").fetchall())
    with connect(database, EDITOR) as connection:
        assert list_keys(connection)[0].last_used is not None
        revoke_key(connection, "其他系统")
    assert await accounts.caller_of_key(key) is None
    with connect(database, EDITOR) as connection, pytest.raises(NotFound):
        revoke_key(connection, "其他系统")


def test_a_key_name_without_spaces(editor: psycopg.Connection) -> None:
    with pytest.raises(BadParameter):
        add_key(editor, "two words")


def test_the_editor_reads_no_table_and_the_server_no_function(editor: psycopg.Connection, server: psycopg.Connection) -> None:
    for table in ("account", "session", "api_key", "login_attempt"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            editor.execute(f"SELECT * FROM twin.{table}".encode())
        editor.rollback()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.execute("SELECT * FROM twin.find_account('admin')")


def test_the_importer_reads_no_password(importer: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        importer.execute("SELECT * FROM twin.find_account('admin')")


def test_what_callers_may() -> None:
    assert scope_of(ANONYMOUS) == PUBLIC
    with pytest.raises(Unauthorized):
        require(ANONYMOUS, "import")
    with pytest.raises(Forbidden):
        require(Caller("a", "session", "admin", must_change=True), "import")
    with pytest.raises(Forbidden):
        require(Caller("a", "key", "reader"), "import")
    require(Caller("a", "key", "admin"), "import")


async def test_without_the_database_it_is_unavailable(tmp_path: object) -> None:
    pool = EditorPool(Database(f"host={tmp_path} dbname=none"), timeout_s=0.2)
    pool.open()
    with pytest.raises(Unavailable, match="does not answer"):
        await Accounts(pool).caller_of_key("k")
    pool.close()
