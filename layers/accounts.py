"""Signing in: argon2id passwords, random tokens of which only the SHA-256 is stored, the same time for known and unknown names."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from layers.access import Caller
from postgis import accounts as rows
from postgis.accounts import AccountRow, KeyRow, NewSession
from postgis.editing import EditorPool
from twin.errors import BadParameter, Conflict, NotFound, TooManyAttempts, Unauthorized, Unavailable

Connection = psycopg.Connection[Any]

MAX_FAILURES = 10
WINDOW_S = 15 * 60
SESSION_S = 12 * 3600
MIN_PASSWORD = 10
MAX_PASSWORD = 200
_HASHERS_WAITING = 8

#: One lane: four (the library's default) on a small machine leave no core for anything else while somebody tries passwords.
_hasher = PasswordHasher(parallelism=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh session: the only moment its token is in the clear."""

    token: str
    caller: Caller
    expires: datetime

    @property
    def csrf(self) -> str:
        """What the page must send back on every write."""
        return self.caller.csrf


def ensure_admin(connection: Connection, name: str = "admin") -> str | None:
    """Make the first account and return its generated password; None when there is an account already."""
    password = _new_password()
    return password if rows.first_account(connection, name, _hasher.hash(password)) else None


def reset_password(connection: Connection, name: str) -> str:
    """Give an account a generated password to be changed at the next login; NotFound when there is no such account."""
    password = _new_password()
    if not rows.reset_password(connection, name, _hasher.hash(password)):
        raise NotFound(f"no account {name!r}", f"没有账户 {name!r}", place="name")
    return password


def add_key(connection: Connection, name: str) -> str:
    """Make an API key for a program and return it, once; Conflict when the name is taken, BadParameter when it cannot be one."""
    key = f"yuetu_{secrets.token_urlsafe(32)}"
    try:
        added = rows.add_key(connection, name, digest(key))
    except psycopg.errors.CheckViolation as exc:
        raise BadParameter(
            f"{name!r} is not 1–60 letters without spaces or '/'", f"名称 {name!r} 须为 1–60 个不含空格和“/”的字符", place="name"
        ) from exc
    if not added:
        raise Conflict(f"there is a key called {name!r}", f"密钥名称 {name!r} 已被使用", place="name", mend="choose another name")
    return key


def revoke_key(connection: Connection, name: str) -> None:
    """Revoke a key at once; NotFound when there is no live key of that name."""
    if not rows.revoke_key(connection, name):
        raise NotFound(f"no live key called {name!r}", f"没有名为 {name!r} 的有效密钥", place="name")


def list_keys(connection: Connection) -> list[KeyRow]:
    """All keys, live and revoked, oldest first."""
    return rows.list_keys(connection)


class Accounts:
    """Signing in and out for the web process; passwords are hashed in a thread, one at a time, for each takes 64 MB and a core."""

    def __init__(self, pool: EditorPool) -> None:
        self._pool = pool
        self._hashing = asyncio.Lock()
        self._waiting = 0

    async def login(self, name: str, password: str, ip: str) -> Session:
        """A session for the right password; Unauthorized for a wrong one, TooManyAttempts after ten in a quarter of an hour."""
        wait_s = await self._pool.run(rows.begin_login, _storable(name), ip, max_failures=MAX_FAILURES, window_s=WINDOW_S)
        if wait_s:
            raise _locked(wait_s)
        account = await self._pool.run(rows.find_account, _storable(name))
        if not await self._matches(account, password) or account is None:
            raise Unauthorized("wrong name or password", "用户名或密码错误", place="password")
        await self._refresh_hash(account, password)
        return await self._open(account, ip)

    async def logout(self, token: str) -> None:
        """End the session of `token`."""
        await self._pool.run(rows.close_session, digest(token))

    async def caller_of_token(self, token: str) -> Caller | None:
        """Who a session token stands for, or None."""
        found = await self._pool.read(rows.find_session, digest(token))
        return Caller(found.name, "session", found.role, found.must_change, found.csrf) if found else None

    async def caller_of_key(self, key: str) -> Caller | None:
        """Which program an API key stands for, or None."""
        found = await self._pool.read(rows.find_key, digest(key))
        return Caller(found.name, "key", found.role) if found else None

    async def change_password(self, caller: Caller, old: str, new: str, token: str) -> None:
        """Change the caller's own password, ending their other sessions; Unauthorized for a wrong `old`, BadParameter for a weak `new`."""
        name = caller.name or ""
        check_password(name, old, new)
        if not await self._matches(await self._pool.run(rows.find_account, name), old):
            raise Unauthorized("the old password is wrong", "原密码错误", place="old")
        await self._pool.run(rows.set_password, name, await self._hash(new), digest(token))

    async def _open(self, account: AccountRow, ip: str) -> Session:
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        await self._pool.run(rows.open_session, NewSession(account.name, ip, digest(token), csrf, SESSION_S))
        caller = Caller(account.name, "session", account.role, account.must_change, csrf)
        return Session(token, caller, datetime.now(UTC) + timedelta(seconds=SESSION_S))

    async def _matches(self, account: AccountRow | None, password: str) -> bool:
        """Verify, against a dummy when there is no account, so that both take the same time."""
        async with self._turn():
            good = await asyncio.to_thread(_verify, account.password_hash if account else _dummy_hash(), password)
        return good and account is not None

    async def _hash(self, password: str) -> str:
        async with self._turn():
            return await asyncio.to_thread(_hasher.hash, password)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One's turn to hash; Unavailable when too many wait for theirs, for everybody's wait is bounded."""
        if self._waiting >= _HASHERS_WAITING:
            raise Unavailable("too many are signing in at this moment", "同时登录的人数过多", mend="请稍后重试")
        self._waiting += 1
        try:
            async with self._hashing:
                yield
        finally:
            self._waiting -= 1

    async def _refresh_hash(self, account: AccountRow, password: str) -> None:
        """Hash anew when the parameters have grown since."""
        if _hasher.check_needs_rehash(account.password_hash):
            await self._pool.run(rows.rehash_password, account.name, account.password_hash, await self._hash(password))


def check_password(name: str, old: str, new: str) -> None:
    """BadParameter unless `new` is 10–200 characters, not the old one and not the name."""
    if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
        raise BadParameter(
            f"a password has {MIN_PASSWORD}–{MAX_PASSWORD} characters", f"密码须为 {MIN_PASSWORD}–{MAX_PASSWORD} 个字符", place="new"
        )
    if new in (old, name):
        raise BadParameter("choose a password that is new", "新密码不能与原密码或用户名相同", place="new")


def digest(secret: str) -> bytes:
    """What is stored of a token or key: random 256 bits need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@cache
def _dummy_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _verify(password_hash: str, password: str) -> bool:
    try:
        return len(password) <= MAX_PASSWORD and _hasher.verify(password_hash, password.encode("utf-8", "replace"))
    except (Argon2Error, InvalidHashError):
        return False


def _new_password() -> str:
    return secrets.token_urlsafe(12)


def _storable(name: str) -> str:
    """A name as PostgreSQL can hold it: what a hostile client sends may have NULs, lone surrogates or a megabyte."""
    return name.encode("utf-8", "replace").decode().replace("\0", "�")[:100]


def _locked(wait_s: int) -> TooManyAttempts:
    minutes = -(-wait_s // 60)
    return TooManyAttempts(
        f"too many failed logins; try again in {minutes} min",
        f"登录失败次数过多，请 {minutes} 分钟后再试",
        place="password",
        retry_after_s=wait_s,
    )
