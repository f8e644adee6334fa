"""The limits a request must keep; every refusal cites the budget's name and value."""

from typing import Final

from twin.errors import TooLarge
from web.errors import HeadersTooLarge, UriTooLong

URL_BYTES: Final = 8_192
HEADER_BYTES: Final = 32_768
BODY_BYTES: Final = 1_048_576
JSON_DEPTH: Final = 64
TEXT_CHARS: Final = 1_000
LIMIT_MAX: Final = 10_000
FILTERS: Final = 32
MULTIPART_PARTS: Final = 8
OPTIONS_BYTES: Final = 65_536
EDIT_VERTICES: Final = 50_000
EDIT_TEXT_CHARS: Final = 10_000
TRANSACTION_BYTES: Final = 256 << 20
TRANSACTION_ERRORS: Final = 100
KEY_CHARS: Final = 200


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
