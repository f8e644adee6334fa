"""One table from error class to HTTP status, and the one way an error becomes an answer (RFC 9457, zh and en, no internals)."""

import errno
import logging
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from twin.errors import (
    BadFile,
    BadParameter,
    Conflict,
    Forbidden,
    InputError,
    Mismatch,
    NotFound,
    OperationError,
    TooLarge,
    TooManyAttempts,
    TwinError,
    Unauthorized,
    Unavailable,
)

_LOG = logging.getLogger("twin.web")

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 1


class UriTooLong(TooLarge):
    """The address is longer than the budget `url_bytes`."""

    code = "uri-too-long"
    title_zh, title_en = "地址过长", "Address too long"


class HeadersTooLarge(TooLarge):
    """The request headers together are larger than the budget `header_bytes`."""

    code = "headers-too-large"
    title_zh, title_en = "请求头过大", "Headers too large"


class WrongMediaType(InputError):
    """The body is not of the media type this door reads."""

    code = "wrong-media-type"
    title_zh, title_en = "请求体格式不支持", "Unsupported media type"


class WrongMethod(InputError):
    """The address exists, the method does not."""

    code = "method-not-allowed"
    title_zh, title_en = "不支持的请求方法", "Method not allowed"


class NotAcceptable(InputError):
    """None of the formats the caller accepts can be made here."""

    code = "not-acceptable"
    title_zh, title_en = "无法按要求的格式返回", "Not acceptable"


class Gone(InputError):
    """What was asked for is not kept any more; `mend` says how to start anew."""

    code = "gone"
    title_zh, title_en = "已不再保留", "Not kept any more"


class MustChangePassword(Forbidden):
    """The account still has the password it was given; only a change of it is allowed."""

    code = "must-change-password"
    title_zh, title_en = "请先修改初始密码", "Change the first password"


class BadCsrfToken(Forbidden):
    """A write with a session cookie came without the session's token: it may be another site's doing."""

    code = "csrf"
    title_zh, title_en = "请求缺少防伪令牌", "CSRF token missing"


class Overloaded(Unavailable):
    """The query ran past its time budget, or too many wait for the database."""

    code = "overloaded"
    title_zh, title_en = "查询超时", "Query ran past its budget"


class Crowded(Unavailable):
    """As much of this work goes on already as may at once."""

    code = "crowded"
    title_zh, title_en = "同类任务过多", "Too many at once"
    retry_after_s = 5


class NoRoom(OperationError):
    """The disk that holds uploads is full."""

    code = "no-room"
    title_zh, title_en = "存储空间不足", "No room left"


#: The most specific class wins; a class that is absent answers like its parent.
STATUS: dict[type[TwinError], int] = {
    TwinError: 500,
    InputError: 400,
    BadParameter: 400,
    BadFile: 422,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    WrongMethod: 405,
    NotAcceptable: 406,
    Conflict: 409,
    Gone: 410,
    Mismatch: 412,
    TooLarge: 413,
    UriTooLong: 414,
    WrongMediaType: 415,
    TooManyAttempts: 429,
    HeadersTooLarge: 431,
    OperationError: 500,
    Unavailable: 503,
    NoRoom: 507,
}


def status_of(error: TwinError) -> int:
    """The HTTP status of an error: that of its nearest ancestor in the table."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished problem answer, for ASGI code that has no Response class."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def answer(error: BaseException, request_id: str) -> Answer:
    """Turn any exception into a problem; what is not ours to tell becomes an opaque id."""
    known = as_twin_error(error)
    status = status_of(known)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _LOG.error("request %s failed", request_id, exc_info=error)
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"cache-control", b"no-store")]
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers.append((b"retry-after", str(getattr(known, "retry_after_s", RETRY_AFTER_S)).encode()))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="yuetu"'))
    headers.extend(getattr(error, "extra_headers", ()))
    return Answer(status, tuple(headers), orjson.dumps(problem(known, status, request_id)))


def problem(error: TwinError, status: int, request_id: str) -> dict[str, Any]:
    """The RFC 9457 document; an internal error says nothing but its id."""
    secret = status == HTTPStatus.INTERNAL_SERVER_ERROR
    detail_en = f"An internal error was logged under the id {request_id}." if secret else _clean(str(error))
    detail_zh = f"内部错误，记录编号 {request_id}。" if secret else _clean(error.message_zh)
    return {
        "type": f"urn:yuetu:problem:{TwinError.code if secret else error.code}",
        "title": TwinError.title_zh if secret else error.title_zh,
        "title_en": TwinError.title_en if secret else error.title_en,
        "status": status,
        "detail": detail_zh,
        "detail_en": detail_en,
        "code": TwinError.code if secret else error.code,
        "place": "" if secret else _clean(error.place),
        "mend": "" if secret else _clean(error.mend),
        "request_id": request_id,
        **({} if secret else error.more),
    }


def _clean(text: str) -> str:
    """Echoed text, valid UTF-8 and short: the caller's own value may be anything."""
    return text.encode("utf-8", "backslashreplace").decode()[:1000]


def as_twin_error(error: BaseException) -> TwinError:
    """The error of ours that says the same: database, disk, HTTP and time-out errors have one each."""
    if _is_disk_full(error):
        return NoRoom("the disk that holds uploads is full", "存放上传文件的磁盘已满", place="disk")
    if isinstance(error, TwinError):
        return error
    if isinstance(error, HTTPException):
        return _from_http(error)
    if getattr(error, "sqlstate", None) == "57014":
        return Overloaded("the query ran past its time budget", "查询超过时限，已取消", mend="缩小范围或减少数量后重试")
    if _is_connection_loss(error):
        return Unavailable("the database is away or busy", "数据库暂不可用", mend="请稍后重试")
    return TwinError("internal")


def _is_disk_full(error: BaseException) -> bool:
    """Whether the disk had no room, as the system or our own store says it."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or (isinstance(error, OperationError) and error.place == "disk")


def _is_connection_loss(error: BaseException) -> bool:
    """Whether the database went away: classes 08, 53, 57 of SQLSTATE, and what drivers and sockets raise without one."""
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate[:2] in ("08", "53", "57")
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, ValueError):
        return False  # asyncpg.DataError is an InterfaceError too, but it is our bug
    names = {f"{cls.__module__.split('.')[0]}.{cls.__name__}" for cls in type(error).__mro__}
    return bool(names & {"asyncpg.InterfaceError", "psycopg.OperationalError", "psycopg_pool.PoolTimeout"})


def _from_http(error: HTTPException) -> TwinError:
    """Starlette's own refusals (no route, wrong method, body too large) in our words."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("there is nothing at this address", "此地址没有内容", place="path")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return WrongMethod("this address does not take this method", "此地址不支持该请求方法", place="method")
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge("the body is over the budget", "请求体超出限额", place="body")
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InputError("the request cannot be read", "请求无法解析", place="body")
    return TwinError("internal")


def _allowed(request: Request) -> str:
    """The methods of all routes at this address: each knows only its own."""
    path = request.scope["path"]
    asked = {**request.scope, "path": path.removeprefix("/ogc") if path.startswith("/ogc/") else path}
    found = {"GET", "HEAD", "OPTIONS"}
    for included in request.app.routes:
        for route in getattr(getattr(included, "original_router", None), "routes", (included,)):
            if isinstance(route, Route) and route.matches(asked)[0] is not Match.NONE:
                found |= route.methods or set()
    return ", ".join(sorted(found))


async def handle(request: Request, error: Exception) -> Response:
    """FastAPI exception handler for every class: the same answer as in front of it."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    made = answer(error, request.scope.get("request_id", "-"))
    if made.status == HTTPStatus.METHOD_NOT_ALLOWED:
        made = replace(made, headers=(*made.headers, (b"allow", _allowed(request).encode())))
    response = Response(made.body, made.status)
    response.raw_headers = [*made.headers, (b"content-length", str(len(made.body)).encode())]
    return response
