"""Rows of accounts, sessions and API keys, reached through the functions of the editor role; no secret comes here in the clear."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

from postgis.queries import load_queries

Connection = psycopg.Connection[Any]
T = TypeVar("T")

_QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One person who may sign in."""

    name: str
    password_hash: str
    must_change: bool
    role: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Who a session token stands for."""

    name: str
    role: str
    must_change: bool
    csrf: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Which program an API key stands for."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One API key as the list shows it."""

    name: str
    created_at: datetime
    revoked_at: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class NewSession:
    """What is stored of a session: hashes, never the token."""

    name: str
    ip: str
    token_hash: bytes
    csrf: str
    lifetime_s: int


def begin_login(connection: Connection, name: str, ip: str, *, max_failures: int, window_s: int) -> int:
    """Count an attempt before its password is looked at; returns the seconds to wait, 0 to go on. Commit at once."""
    values = {"name": name, "ip": ip, "max_failures": max_failures, "window_s": window_s}
    return int(_value(connection, "begin_login", **values))


def find_account(connection: Connection, name: str) -> AccountRow | None:
    """The account of this name, or None."""
    return _row(connection, AccountRow, "find_account", name=name)


def open_session(connection: Connection, session: NewSession) -> None:
    """Store a session and forget the failures of its name and address."""
    values = {"name": session.name, "ip": session.ip, "token_hash": session.token_hash}
    connection.execute(_QUERIES["open_session"], {**values, "csrf": session.csrf, "lifetime_s": session.lifetime_s})


def find_session(connection: Connection, token_hash: bytes) -> SessionRow | None:
    """Who this token stands for, or None when it is unknown or over."""
    return _row(connection, SessionRow, "find_session", token_hash=token_hash)


def close_session(connection: Connection, token_hash: bytes) -> None:
    """End a session; an unknown one is no error."""
    connection.execute(_QUERIES["close_session"], {"token_hash": token_hash})


def set_password(connection: Connection, name: str, password_hash: str, keep_token_hash: bytes | None) -> bool:
    """Store a password its owner chose and end the account's other sessions; False when there is no such account."""
    return bool(_value(connection, "set_password", name=name, hash=password_hash, keep=keep_token_hash))


def rehash_password(connection: Connection, name: str, old_hash: str, new_hash: str) -> None:
    """Replace a hash by one of the same password with newer parameters."""
    connection.execute(_QUERIES["rehash_password"], {"name": name, "old": old_hash, "new": new_hash})


def first_account(connection: Connection, name: str, password_hash: str) -> bool:
    """Make the first account; False when there is one already."""
    return bool(_value(connection, "first_account", name=name, hash=password_hash))


def reset_password(connection: Connection, name: str, password_hash: str) -> bool:
    """Store a password to be changed at the next login; False when there is no such account."""
    return bool(_value(connection, "reset_password", name=name, hash=password_hash))


def add_key(connection: Connection, name: str, key_hash: bytes) -> bool:
    """Store an API key; False when the name is taken."""
    return bool(_value(connection, "add_key", name=name, hash=key_hash))


def find_key(connection: Connection, key_hash: bytes) -> KeyHolder | None:
    """Who holds this key, or None when it is unknown or revoked."""
    return _row(connection, KeyHolder, "find_key", hash=key_hash)


def revoke_key(connection: Connection, name: str) -> bool:
    """Revoke a key at once; False when there is no live key of that name."""
    return bool(_value(connection, "revoke_key", name=name))


def list_keys(connection: Connection) -> list[KeyRow]:
    """All keys, oldest first."""
    with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        return cursor.execute(_QUERIES["list_keys"]).fetchall()


def _value(connection: Connection, query: str, **values: object) -> Any:
    row = connection.execute(_QUERIES[query], values).fetchone()
    return row[0] if row else None


def _row(connection: Connection, kind: type[T], query: str, **values: object) -> T | None:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(_QUERIES[query], values).fetchone()
