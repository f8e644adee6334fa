"""The limits a request must keep; every refusal cites the budget's name and value."""

from collections.abc import Awaitable
from typing import Final, TypeVar

from postgis.pool import OutOfTime
from twin.cql2.limits import FILTER_BYTES
from twin.errors import TooLarge
from web.errors import HeadersTooLarge, Overloaded, UriTooLong

T = TypeVar("T")

URL_BYTES: Final = 8_192
HEADER_BYTES: Final = 32_768
BODY_BYTES: Final = 1_048_576
JSON_DEPTH: Final = 64
TEXT_CHARS: Final = 1_000
FILTER_CHARS: Final = FILTER_BYTES
"""What the address bounds first; the filter bounds itself (`twin/cql2/limits.py`)."""
LIMIT_MAX: Final = 10_000
FILTERS: Final = 32
MULTIPART_PARTS: Final = 8
OPTIONS_BYTES: Final = 65_536
EDIT_VERTICES: Final = 50_000
EDIT_TEXT_CHARS: Final = 10_000
TRANSACTION_BYTES: Final = 256 << 20
TRANSACTION_ERRORS: Final = 100
KEY_CHARS: Final = 200
SORT_KEYS: Final = 4
CURSOR_CHARS: Final = 900
SIMPLIFY_M: Final = 100_000.0

#: Seconds that statements may take, by what they are for: a page of features, one feature, an exact count, an estimate of one.
ITEMS_S: Final = 10.0
ITEM_S: Final = 5.0
COUNT_S: Final = 5.0
ESTIMATE_S: Final = 0.5


async def in_time(budget: str, seconds: float, work: Awaitable[T]) -> T:
    """The outcome of reading the database; Overloaded naming the budget when the statement ran past it."""
    try:
        return await work
    except OutOfTime as exc:
        raise Overloaded(
            f"the query ran past the budget {budget} = {seconds:g} s",
            f"查询超过时限 {budget} = {seconds:g} 秒，已取消",
            place="query",
            mend="缩小范围、减少数量，或以 count=estimated 代替精确计数",
        ) from exc


def body_too_large(budget: str, value: int) -> TooLarge:
    """The refusal of a body over `budget` bytes."""
    return TooLarge(f"the body is over the budget {budget} = {value} bytes", f"请求体超过限额 {budget} = {value} 字节", place="body")


def check_address(length: int) -> None:
    """Raise UriTooLong when path and query together are over the budget."""
    if length > URL_BYTES:
        raise UriTooLong(
            f"the address is over the budget url_bytes = {URL_BYTES}", f"地址超过限额 url_bytes = {URL_BYTES} 字节", place="path"
        )


def check_headers(headers: list[tuple[bytes, bytes]]) -> None:
    """Raise HeadersTooLarge when all names and values together are over the budget."""
    if sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES:
        raise HeadersTooLarge(
            f"the headers are over the budget header_bytes = {HEADER_BYTES}",
            f"请求头超过限额 header_bytes = {HEADER_BYTES} 字节",
            place="headers",
        )
