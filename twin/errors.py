"""Every error we raise on purpose: what happened, where, and how to mend it, in Chinese and English.

TwinError
├── InputError            the caller sent something we cannot take (HTTP 4xx, CLI exit 2)
│   ├── BadParameter      one query parameter or field; `place` names it
│   ├── BadFile           a file we refuse; `place` says where in it
│   ├── NotFound          no such layer, object, product, job
│   ├── Conflict          the state forbids it (home held, name taken, removal guard)
│   │   └── Mismatch        another state by now than the caller looked at (If-Match)
│   ├── TooLarge          over a budget; the message cites its name and value
│   ├── Unauthorized      nobody is signed in, or the key is unknown
│   ├── Forbidden         signed in, but not allowed
│   └── TooManyAttempts   too many wrong passwords; `retry_after_s` says when to try again
├── Unavailable           the database is away or busy; try again later (HTTP 503)
└── OperationError        our machine failed us: disk, port, missing program (CLI exit 1)
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any


class TwinError(Exception):
    """Base of all errors raised on purpose."""

    code = "internal"
    title_zh = "内部错误"
    title_en = "Internal error"
    more: Mapping[str, Any] = MappingProxyType({})
    """What a program is told beside the words, such as the faults of many lines."""

    def __init__(self, message_en: str, message_zh: str = "", *, place: str = "", mend: str = "", choices: Sequence[str] = ()) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh or message_en
        self.place = place
        self.mend = mend
        self.choices = tuple(choices)


class InputError(TwinError):
    """The caller sent something we cannot take."""

    code = "invalid"
    title_zh = "请求有误"
    title_en = "Invalid request"


class BadParameter(InputError):
    """One query parameter or field has a value outside its domain; `place` names it."""

    code = "invalid-parameter"
    title_zh = "参数无效"
    title_en = "Invalid parameter"


class BadFile(InputError):
    """A file is refused; `place` says where in it (row, byte, member)."""

    code = "invalid-file"
    title_zh = "文件无法导入"
    title_en = "File refused"


class NotFound(InputError):
    """There is no such thing, or the caller may not know of it."""

    code = "not-found"
    title_zh = "未找到"
    title_en = "Not found"


class Conflict(InputError):
    """The present state forbids it."""

    code = "conflict"
    title_zh = "状态冲突"
    title_en = "Conflict"


class Mismatch(Conflict):
    """The thing is in another state by now than the one the caller looked at."""

    code = "precondition-failed"
    title_zh = "数据已被修改"
    title_en = "Changed meanwhile"


class TooLarge(InputError):
    """Over a budget; the message cites the budget's name and value."""

    code = "too-large"
    title_zh = "超出限额"
    title_en = "Too large"


class Unauthorized(InputError):
    """Nobody is signed in, or the key or password is wrong."""

    code = "unauthorized"
    title_zh = "请先登录"
    title_en = "Sign in first"


class Forbidden(InputError):
    """Signed in, but not allowed."""

    code = "forbidden"
    title_zh = "无权操作"
    title_en = "Not allowed"


class TooManyAttempts(InputError):
    """Too many wrong passwords for this name from this address (HTTP 429); `retry_after_s` seconds to wait."""

    code = "too-many-attempts"
    title_zh = "尝试次数过多"
    title_en = "Too many attempts"

    def __init__(self, message_en: str, message_zh: str = "", *, place: str = "", mend: str = "", retry_after_s: int = 60) -> None:
        super().__init__(message_en, message_zh, place=place, mend=mend)
        self.retry_after_s = retry_after_s


class Unavailable(TwinError):
    """The database is away or busy; the same request may succeed later."""

    code = "unavailable"
    title_zh = "服务暂不可用"
    title_en = "Temporarily unavailable"


class OperationError(TwinError):
    """Our machine failed us: a disk, a port, a missing program."""

    code = "operation"
    title_zh = "运行环境错误"
    title_en = "Operation failed"
