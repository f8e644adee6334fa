"""The limits a request must keep; every refusal cites the budget's name and value."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from postgis.pool import OutOfTime
from twin.cql2.limits import FILTER_BYTES
from twin.errors import TooLarge
from web.errors import Crowded, HeadersTooLarge, Overloaded, UriTooLong

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
BEGUN_WAIT_S: Final = 60.0
"""How long an answer that has begun may wait for its next piece: whoever was let in is served, who comes into a crowd is told so at once."""
COUNT_S: Final = 5.0
ESTIMATE_S: Final = 0.5
#: Whole layers out (`/export`): how many at once in one web process, those that are files among them; what a file may take on disk while it
#: is made, and in memory; seconds for all of it, and for the next piece of a text.
EXPORTS_AT_ONCE: Final = 6
EXPORT_FILES_AT_ONCE: Final = 2
EXPORT_BYTES: Final = 16 << 30
EXPORT_MEMORY_BYTES: Final = 8 << 30
EXPORT_S: Final = 3_600.0
EXPORT_PIECE_S: Final = 60.0


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


class Slots:
    """How much of one kind of work may go on at once in this process."""

    def __init__(self, budget: str, most: int) -> None:
        self._budget, self._most = budget, most
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A slot for as long as the work takes; Crowded when there is none."""
        if self.taken >= self._most:
            raise Crowded(
                f"as many are being made as the budget {self._budget} = {self._most} allows",
                f"同时进行的数量已达限额 {self._budget} = {self._most}",
                place="query",
                mend="请稍后重试 / try again later",
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
