"""Absolute links that work for the caller: from TWIN_PUBLIC_URL, else from a trusted proxy's X-Forwarded-*, else from the Host header."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?$", re.ASCII)
_PREFIX = re.compile(r"^(/[A-Za-z0-9._~-]+)*$", re.ASCII)
_WANTED = (b"host", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix")

Headers = Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class Links:
    """The address the caller reached us by, without a trailing slash; every link is built here and nowhere else."""

    base: str

    @property
    def prefix(self) -> str:
        """The path below which we live for this caller: "" or "/yzt"."""
        return urlsplit(self.base).path

    @property
    def secure(self) -> bool:
        """Whether the caller sees https, so that cookies may ask for it."""
        return self.base.startswith("https:")

    def to(self, /, *segments: str | int, **query: str | int | None) -> str:
        """Absolute URL of the path made of `segments` (each quoted) and of the query values that are not None."""
        path = "".join("/" + quote(str(segment), safe=",@:") for segment in segments)
        wanted = {name: value for name, value in query.items() if value is not None}
        return self.base + (path or "/") + ("?" + urlencode(wanted, safe=",/:") if wanted else "")


class LinkMaker:
    """Makes the Links of one request; a proxy is believed only when `trusted` holds its address or network, or `unix` for a socket."""

    def __init__(self, public_url: str = "", trusted: tuple[str, ...] = ()) -> None:
        self._fixed = Links(public_url.rstrip("/")) if public_url else None
        self._trusts_sockets = "unix" in trusted
        self._networks = tuple(ipaddress.ip_network(text, strict=False) for text in trusted if text != "unix")

    def for_scope(self, scope: Mapping[str, Any]) -> Links:
        """Links for the caller of this ASGI request."""
        if self._fixed is not None:
            return self._fixed
        headers = _first_values(scope)
        forwarded = headers if self._trusts(scope.get("client")) else {}
        return Links(_scheme(forwarded, scope) + "://" + _host(forwarded, headers, scope) + _prefix(forwarded))

    def strip_prefix(self, path: str) -> str:
        """`path` without the public URL's own path, for proxies that pass the prefix on."""
        prefix = self._fixed.prefix if self._fixed is not None else ""
        return path[len(prefix) :] or "/" if prefix and (path == prefix or path.startswith(prefix + "/")) else path

    def client_address(self, scope: Mapping[str, Any]) -> str:
        """Where the caller sits: the peer, or what a trusted proxy says in the last X-Forwarded-For entry."""
        client = scope.get("client")
        if self._trusts(client):
            said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            last = ",".join(said).rsplit(",", 1)[-1].strip()
            if last and _is_address(last):
                return last
        return str(client[0]) if client else ""

    def _trusts(self, client: tuple[str, int] | None) -> bool:
        """Whether the peer is a proxy we believe; a unix socket has no address."""
        if not client or not client[0]:
            return self._trusts_sockets
        try:
            address = ipaddress.ip_address(client[0].split("%")[0])
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in self._networks)


def _is_address(text: str) -> bool:
    """Whether `text` is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _first_values(scope: Mapping[str, Any]) -> dict[bytes, str]:
    """The first list item of each header that says where the caller thinks we are."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _WANTED and name not in found:
            found[name] = value.decode("latin-1").split(",")[0].strip()
    return found


def _scheme(forwarded: Headers, scope: Mapping[str, Any]) -> str:
    """http or https, whatever anyone claims."""
    proto = forwarded.get(b"x-forwarded-proto", "").lower()
    return proto if proto in ("http", "https") else str(scope.get("scheme") or "http")


def _host(forwarded: Headers, headers: Headers, scope: Mapping[str, Any]) -> str:
    """The first well-formed host among proxy, Host header and our own socket."""
    for candidate in (forwarded.get(b"x-forwarded-host", ""), headers.get(b"host", "")):
        if _HOST.match(candidate):
            return candidate
    server = scope.get("server") or ("127.0.0.1", None)
    name = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{name}:{server[1]}" if server[1] else str(name)


def _prefix(forwarded: Headers) -> str:
    """The path prefix a proxy took away, or nothing when it is malformed."""
    prefix = forwarded.get(b"x-forwarded-prefix", "").rstrip("/")
    return prefix if _PREFIX.match(prefix) and ".." not in prefix else ""
