"""From cookie or key to Caller: one resolution for every door, remembered for a second so that a busy page asks once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from layers.access import ANONYMOUS, Caller
from layers.accounts import Accounts, digest
from twin.errors import Unauthorized

COOKIE: Final = "twin_session"
REMEMBER_S: Final = 1.0
_REMEMBERED: Final = 4096
_MAX_SECRET_CHARS: Final = 512
_WANTED: Final = (b"authorization", b"x-api-key", b"cookie")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows: a key, or a session token, or neither."""

    key: str = ""
    token: str = ""


def credentials_of(scope: Mapping[str, Any]) -> Credentials:
    """Read the headers once; Unauthorized for two keys, a malformed one or one of another kind than Bearer."""
    found: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        if name in _WANTED:
            found.setdefault(name, []).append(value.decode("latin-1"))
    keys = [*map(_bearer, found.get(b"authorization", ())), *found.get(b"x-api-key", ())]
    if len(keys) > 1 or any(not 1 <= len(key) <= _MAX_SECRET_CHARS for key in keys):
        raise Unauthorized("send one API key, once", "只能提供一个 API 密钥", place="Authorization")
    return Credentials(key=keys[0]) if keys else Credentials(token=_cookie(found.get(b"cookie", [])))


def _bearer(value: str) -> str:
    """The key in an Authorization header; Unauthorized for other schemes."""
    scheme, _, key = value.strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized("the Authorization header must be: Bearer KEY", "Authorization 请求头应为 Bearer KEY", place="Authorization")
    return key.strip()


def _cookie(headers: list[str]) -> str:
    """The session token among the cookies; anything odd is no token."""
    for header in headers:
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and 1 <= len(value) <= _MAX_SECRET_CHARS:
                return value
    return ""


class Callers:
    """Resolves requests to callers; an ended session or revoked key is refused everywhere within REMEMBER_S."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._known: dict[tuple[str, bytes], tuple[float, Caller | None]] = {}

    async def of(self, scope: Mapping[str, Any]) -> Caller:
        """Who sends this request: an unknown session is nobody, an unknown key is Unauthorized; Unavailable without the database."""
        shown = credentials_of(scope)
        if shown.key:
            caller = await self._remembered("key", shown.key)
            if caller is None:
                raise Unauthorized("this API key is unknown or revoked", "API 密钥无效或已吊销", place="Authorization")
            return caller
        return (await self._remembered("token", shown.token) if shown.token else None) or ANONYMOUS

    async def of_key(self, key: str) -> Caller:
        """Who has this key, shown in an address: nobody when it is unknown, for other services' keys are sent there too."""
        return await self._remembered("key", key) or ANONYMOUS

    def forget(self) -> None:
        """Ask the database again from now on: a login, logout or password change happened here."""
        self._known.clear()

    async def _remembered(self, kind: str, secret: str) -> Caller | None:
        """The answer of the last second, else the database's."""
        place = (kind, digest(secret))
        known = self._known.get(place)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        find = self._accounts.caller_of_key if kind == "key" else self._accounts.caller_of_token
        caller = await find(secret)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[place] = (time.monotonic() + REMEMBER_S, caller)
        return caller
