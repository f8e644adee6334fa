"""What can go wrong for a user of the client; every message is in English and Chinese."""

from collections.abc import Mapping, Sequence
from typing import Any, Final


class YuetuError(Exception):
    """Any failure of the client or of the server it asked."""


class NoAnswer(YuetuError):
    """The server could not be reached, did not answer in time, or answered something that is not its own."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"no answer from {url}: {why} / 服务没有应答")
        self.url = url


class NotInstalled(YuetuError, ImportError):
    """A package that only some of the client needs is not there."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'yuetu[client]' / 未安装 {package}")
        self.package = package


class Refused(YuetuError):
    """The server refused: its problem document (RFC 9457) as attributes."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_s: float = 0.0) -> None:
        self.status, self.retry_after_s = status, retry_after_s
        self.code = _text(problem, "code")
        self.title_zh, self.title_en = _text(problem, "title"), _text(problem, "title_en")
        self.detail_zh, self.detail_en = _text(problem, "detail"), _text(problem, "detail_en")
        self.place, self.mend = _text(problem, "place"), _text(problem, "mend")
        self.request_id = _text(problem, "request_id")
        errors = problem.get("errors")
        self.errors: Sequence[Mapping[str, Any]] = errors if isinstance(errors, list) else ()
        """The faults of a transaction: line, problem, detail."""
        where = f" ({self.place})" if self.place else ""
        super().__init__(f"{status} {self.code}: {self.detail_en or self.title_en}{where} / {self.detail_zh or self.title_zh}")


class NotAllowed(Refused):
    """401 or 403: without a key, or with one that may not do this."""


class Missing(Refused):
    """404: there is no such thing, or not for this caller."""


class Changed(Refused):
    """412: somebody else changed the object meanwhile; nothing was written."""


_BY_STATUS: Final[Mapping[int, type[Refused]]] = {401: NotAllowed, 403: NotAllowed, 404: Missing, 412: Changed}


def refusal(status: int, problem: Mapping[str, Any], retry_after_s: float) -> Refused:
    """The error of a problem document."""
    return _BY_STATUS.get(status, Refused)(status, problem, retry_after_s)


def _text(problem: Mapping[str, Any], name: str) -> str:
    return str(problem.get(name) or "")
