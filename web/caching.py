"""What caches may keep: one address answers everybody, so every answer that depends on the caller says so (compression adds its own)."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from starlette.requests import Request

from twin.view import PUBLIC, Scope

VARY = "Authorization, X-API-Key, Cookie"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def headers(scope: Scope) -> dict[str, str]:
    """Ask again each time; what not everybody sees stays out of shared caches."""
    return {"cache-control": "no-cache" if scope.key == PUBLIC.key else "private, no-cache", "vary": VARY}


def weak_etag(*state: object) -> str:
    """The entity tag of an answer that is wholly decided by `state`."""
    return f'W/"{blake2b("|".join(map(str, state)).encode(), digest_size=9).hexdigest()}"'


def version_name(sys: Any, valid: Any) -> str:
    """The name of a version among those of its object, as twin.version_name() makes it; it stays when the version is bounded later."""
    return f"{_micros(sys.lower)}.{_micros(valid.lower)}"


def version_etag(oid: int, sys: Any, valid: Any, mark: str) -> str:
    """The strong entity tag of one version of an object, from its ranges; twin.version_tag() makes the same text in the database."""
    return shown_tag(f"{oid}.{version_name(sys, valid)}.{_micros(valid.upper)}", mark)


def shown_tag(version: str, mark: str) -> str:
    """The entity tag of a version as it is shown: `mark` stands for the fields of its layer, `If-Match` looks at what is before it only."""
    return f'"{version}~{mark}"'


def _micros(moment: datetime | None) -> str:
    """Microseconds since 1970; nothing for an open end."""
    return "" if moment is None or moment.year in (1, 9999) else str((moment - _EPOCH) // timedelta(microseconds=1))


def unchanged(request: Request, etag: str) -> bool:
    """Whether the caller has this state already."""
    held = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag.removeprefix("W/") in held or "*" in held
