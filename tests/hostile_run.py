"""Sends hostile requests over a few connections that stay open, and says of each answer what is wrong with it."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.hostile_cases import Case

CONNECTIONS: Final = 6
#: Words of ours that no answer may hold. Payloads are in lower case, so an echo is not taken for one of these.
_TOLD: Final = re.compile(
    rb"Traceback|site-packages|\.py\"|asyncpg|psycopg|sqlalchemy|SELECT |INSERT INTO|UPDATE twin|FROM twin\.|pg_catalog|relation \\?\"|SQLSTATE|syntax error"
    rb"|/srv/|/work/|/tmp/|/root/|/usr/lib|PostgresError|DataError"
)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer as it came; status 0: the connection broke."""

    case: Case
    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float

    def __str__(self) -> str:
        case = self.case
        return f"{self.status} in {self.took_s:.2f} s: {case.method} {case.target[:200]} ({case.about}): {self.body[:300]!r}"


class _Connection(http.client.HTTPConnection):
    """Sends targets byte for byte: the standard library would refuse the odd ones itself."""

    def _validate_path(self, url: str) -> None: ...

    def _validate_method(self, method: str) -> None: ...

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


def send_all(port: int, cases: Sequence[Case], authorization: str, connections: int = CONNECTIONS) -> list[Answered]:
    """Every case once. A server may close a connection whose request it did not read to the end: then the next one is sent again over another."""
    mine, made = threading.local(), list[_Connection]()

    def send(case: Case) -> Answered:
        if not hasattr(mine, "connection"):
            mine.connection = _Connection("127.0.0.1", port, timeout=30)
            made.append(mine.connection)
        used = mine.connection.sock is not None
        answered = send_one(mine.connection, case, authorization)
        return send_one(mine.connection, case, authorization) if used and answered.status == 0 else answered

    try:
        with ThreadPoolExecutor(connections) as pool:
            return list(pool.map(send, cases))
    finally:
        for connection in made:
            connection.close()


def send_one(connection: http.client.HTTPConnection, case: Case, authorization: str) -> Answered:
    """One request and its whole answer; of a stream that never ends only the head."""
    begun = time.perf_counter()
    try:
        _write(connection, case, authorization)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        endless = headers.get("content-type", "").startswith("text/event-stream")
        body = b"" if endless else answer.read()
        took_s = time.perf_counter() - begun
        if endless or headers.get("connection") == "close":
            connection.close()
        return Answered(case, answer.status, headers, body, took_s)
    except (OSError, http.client.HTTPException) as exc:
        connection.close()
        return Answered(case, 0, {}, repr(exc).encode(), time.perf_counter() - begun)


def _write(connection: http.client.HTTPConnection, case: Case, authorization: str) -> None:
    names = {name.lower() for name in case.headers}
    connection.putrequest(case.method, case.target, skip_host="host" in names, skip_accept_encoding=True)
    if not names & {"authorization", "x-api-key"}:
        connection.putheader("Authorization", authorization)
    for name, value in case.headers.items():
        if re.search(rb"[\r\n]", value) is None:
            connection.putheader(name, value)
    if case.body is not None:
        connection.putheader("Content-Length", str(len(case.body)))
    connection.endheaders(case.body)


def faults(answers: Iterable[Answered], rules: Mapping[str, Callable[[Answered], bool]]) -> dict[str, list[str]]:
    """The answers that break each rule, in words."""
    found: dict[str, list[str]] = {name: [] for name in rules}
    for answered in answers:
        for name, broken in rules.items():
            if broken(answered):
                found[name].append(str(answered))
    return found


def is_fault_of_ours(answered: Answered) -> bool:
    """A 5xx that is not a declared 503, or no answer at all where the server read the request."""
    if answered.status == 503:
        return "retry-after" not in answered.headers
    return answered.status == 0 or (answered.status >= 500 and not _is_ows_not_supported(answered))


def _is_ows_not_supported(answered: Answered) -> bool:
    """WMTS's own word for a request it does not have is 501."""
    return answered.status == 501 and b"OperationNotSupported" in answered.body


def tells_internals(answered: Answered) -> bool:
    """SQL, a path of the machine, or a stack in an answer; the page and its documents are files of ours and may name what they like."""
    return answered.status >= 400 and _TOLD.search(answered.body) is not None


def is_no_refusal(answered: Answered) -> bool:
    """A 4xx that is no problem document with its place, or not in the words of the dialect that was spoken."""
    if not 400 <= answered.status < 500 or answered.case.method == "HEAD":
        return False
    media = answered.headers.get("content-type", "")
    if media.startswith("text/xml"):
        return not _speaks_wmts(answered.case.target) or b"exceptionCode=" not in answered.body
    try:
        told = json.loads(answered.body)
    except ValueError:
        return True
    if media == "application/json":
        return "/arcgis/" not in answered.case.target or told["error"]["code"] != answered.status
    return media != "application/problem+json" or not told["place"] or not told["title_en"] or told["status"] != answered.status


def _speaks_wmts(target: str) -> bool:
    return "wmts" in target.lower() or target.startswith("/DataServer")


def was_not_refused(answered: Answered) -> bool:
    """Taken, although it must be refused."""
    return answered.case.refused and not 400 <= answered.status < 500


def statements(log: str, database: str) -> Iterator[str]:
    """Texts of the statements, outer and nested, in a log written with `log_statement` and `auto_explain` for one database.

    Values of parameters are in details and plans, which are left out; what the database says in errors is no statement.
    """
    for entry in re.split(r"\n(?=\d{4}-\d\d-\d\d \d\d:)", log):
        if f"@{database} " not in entry.split("\n", 1)[0]:
            continue
        if "  plan:\n" in entry:
            yield entry.split("Query Text: ", 1)[-1].split("(cost=", 1)[0].rsplit("\n", 1)[0]
        elif match := re.search(r"(?:LOG:  statement|LOG:  execute [^:]*|STATEMENT|QUERY): (.*)", entry, re.DOTALL):
            yield match[1]
