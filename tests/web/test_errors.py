"""Every error becomes one answer, and an error of ours says nothing but its id."""

import errno
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
import pytest
from starlette.exceptions import HTTPException

from twin import errors as nouns
from twin.errors import BadParameter, OperationError, TooManyAttempts, TwinError, Unavailable
from web import errors
from web.errors import STATUS, answer, status_of


def kinds() -> list[type[TwinError]]:
    """Every error class there is."""
    found = [kind for module in (nouns, errors) for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, TwinError)]
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", kinds())
def test_every_error_has_a_status_and_titles(kind: type[TwinError]) -> None:
    assert status_of(kind("message", "消息")) in {400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 414, 415, 422, 429, 431, 500, 503, 507}
    assert kind.title_zh and kind.title_en and kind.code
    assert issubclass(kind, errors.InputError) == (status_of(kind("x")) < 500)


def test_every_code_is_one_kind_of_error() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))
    assert set(STATUS) <= set(kinds())


def made_by_postgres(kind: Callable[[], Exception], sqlstate: str) -> Exception:
    error = kind()
    error.sqlstate = sqlstate  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncpg.ConnectionDoesNotExistError("gone"), 503),
        (asyncpg.AdminShutdownError("bye"), 503),
        (asyncpg.CannotConnectNowError("starting"), 503),
        (asyncpg.TooManyConnectionsError("full"), 503),
        (asyncpg.QueryCanceledError("slow"), 503),
        (asyncpg.InterfaceError("connection is closed"), 503),
        (psycopg.OperationalError("gone"), 503),
        (psycopg.errors.AdminShutdown("bye"), 503),
        (psycopg.errors.QueryCanceled("slow"), 503),
        (ConnectionResetError("gone"), 503),
        (TimeoutError(), 503),
        (asyncpg.UndefinedColumnError("SELECT secret FROM x"), 500),
        (asyncpg.DataError("invalid input for query argument $1"), 500),
        (psycopg.errors.UndefinedTable("twin.secret"), 500),
        (OSError(errno.ENOSPC, "/var/lib/secret"), 507),
        (OperationError("the disk is full", place="disk"), 507),
        (OSError(errno.EACCES, "/var/lib/secret"), 500),
        (OperationError("/var/lib/secret cannot be opened"), 500),
        (ZeroDivisionError("secret"), 500),
        (RecursionError(), 500),
        (HTTPException(404), 404),
        (HTTPException(405), 405),
        (HTTPException(413), 413),
        (HTTPException(400, "secret"), 400),
        (BadParameter("bad", place="limit"), 400),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_becomes_of_an_error(error: Exception, status: int) -> None:
    made = answer(error, "id-12345")
    problem: dict[str, Any] = json.loads(made.body)
    assert made.status == problem["status"] == status and problem["request_id"] == "id-12345"
    assert b"secret" not in made.body and b"SELECT" not in made.body and b"Traceback" not in made.body
    assert ((b"retry-after", b"1") in made.headers) == (status == 503)
    assert "id-12345" in problem["detail"] if status == 500 else "id-12345" not in problem["detail"]


def test_waiting_is_told() -> None:
    assert (b"retry-after", b"42") in answer(TooManyAttempts("wait", retry_after_s=42), "id").headers
    assert answer(Unavailable("away"), "id").status == 503


def test_any_text_can_be_echoed() -> None:
    made = answer(BadParameter("\ud800 and \x00", place="\udfff" * 5000), "id")
    assert len(json.loads(made.body)["place"]) <= 1000
