"""What caches may keep: one address answers everybody, so every answer that depends on the caller says so (compression adds its own)."""

from hashlib import blake2b

from starlette.requests import Request

from twin.view import PUBLIC, Scope

VARY = "Authorization, X-API-Key, Cookie"


def headers(scope: Scope) -> dict[str, str]:
    """Ask again each time; what not everybody sees stays out of shared caches."""
    return {"cache-control": "no-cache" if scope.key == PUBLIC.key else "private, no-cache", "vary": VARY}


def weak_etag(*state: object) -> str:
    """The entity tag of an answer that is wholly decided by `state`."""
    return f'W/"{blake2b("|".join(map(str, state)).encode(), digest_size=9).hexdigest()}"'


def unchanged(request: Request, etag: str) -> bool:
    """Whether the caller has this state already."""
    held = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag.removeprefix("W/") in held or "*" in held


def version_etag(layer_mark: str, oid: int, known_from: object, valid_from: object) -> str:
    """The strong entity tag of one version of an object; another version, or other fields of its layer, has another. `If-Match` may use it."""
    return weak_etag(layer_mark, oid, known_from, valid_from).removeprefix("W/")
