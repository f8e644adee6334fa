"""HTTP for the client, with nothing but Python: one address, one key, a time limit, and problems as exceptions."""

import gzip
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from web.client.errors import NoAnswer, Refused, YuetuError, refusal

_AGENT: Final = "yuetu-client"
_BUSY: Final = 503
_TRIES: Final = 3
"""A busy server is asked again this often, for reading only."""
_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal."""

    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON; NoAnswer when it is something else."""
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise NoAnswer(self.url, "not JSON") from exc


class _NoRedirects(HTTPRedirectHandler):
    """A key must not follow a redirect to another host; we send none."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        """Answer the redirect itself."""


class Wire:
    """Asks one server; safe to use from several threads."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise YuetuError(f"not the address of a server: {url!r} (http://host:port) / 不是服务地址")
        self.base = url.rstrip("/")
        self._key, self._timeout_s = key, timeout_s
        self._opener = build_opener(_NoRedirects)

    def address(self, *segments: str | int, query: Mapping[str, str] | str = "") -> str:
        """URL of a path below the server's own, each segment quoted."""
        path = "".join("/" + quote(str(segment), safe=",") for segment in segments)
        words = query if isinstance(query, str) else urlencode(query)
        return f"{self.base}{path}{'?' + words if words else ''}"

    def get(self, *segments: str | int, query: Mapping[str, str] | str = "") -> Answer:
        """Read; a busy server (503) is asked again after the time it names."""
        url = self.address(*segments, query=query)
        for _ in range(_TRIES - 1):
            try:
                return self._ask(url)
            except Refused as busy:
                if busy.status != _BUSY:
                    raise
                time.sleep(min(busy.retry_after_s, _PATIENCE_S))
        return self._ask(url)

    def send(
        self,
        method: str,
        *segments: str | int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | str = "",
    ) -> Answer:
        """Write, once."""
        return self._ask(self.address(*segments, query=query), method, body or None, headers or {})

    def _ask(self, url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        allowed = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        own = {"Accept-Encoding": "gzip", "User-Agent": _AGENT}
        request = Request(url, body, {**own, **allowed, **(headers or {})}, method=method)  # noqa: S310  (http or https: looked at above)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return Answer({name.lower(): value for name, value in answer.headers.items()}, _whole(answer), url)
        except HTTPError as exc:
            raise _refused(exc, url) from exc
        except TimeoutError as exc:
            raise NoAnswer(url, f"nothing within timeout_s = {self._timeout_s:g}") from exc
        except (OSError, HTTPException, EOFError, zlib.error) as exc:
            why = getattr(exc, "reason", exc)
            limit = f"nothing within timeout_s = {self._timeout_s:g}" if isinstance(why, TimeoutError) else str(why)
            raise NoAnswer(url, limit) from exc


def _whole(answer: Any) -> bytes:
    body: bytes = answer.read()
    return gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body


def _refused(error: HTTPError, url: str) -> YuetuError:
    """The server's own problem, or NoAnswer where something else stands between."""
    try:
        problem = json.loads(_whole(error))
    except (ValueError, OSError):
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        return NoAnswer(url, f"HTTP {error.code}")
    wait = error.headers.get("Retry-After", "")
    return refusal(error.code, problem, float(wait) if wait.isdigit() else 1.0)
