"""The outside of a vector tile: its layers' names, without looking at what they hold."""

from collections.abc import Iterator

from twin.errors import BadFile

_LAYER, _NAME = 0x1A, 0x0A
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def renamed(tile: bytes, name: str) -> bytes:
    """The tile with every layer called `name`; BadFile when it is not a vector tile."""
    called = name.encode()
    field = bytes([_NAME]) + _number(len(called)) + called
    parts = []
    for tag, start, end in _fields(tile, 0, len(tile)):
        if tag != _LAYER:
            raise _broken()
        body = _with_name(tile, start, end, field)
        parts.append(bytes([_LAYER]) + _number(len(body)) + body)
    return b"".join(parts)


def _with_name(tile: bytes, start: int, end: int, field: bytes) -> bytes:
    """One layer's message with another name; what lies behind the name is copied as it is."""
    before = start
    for tag, _, after in _fields(tile, start, end):
        if tag == _NAME:
            return tile[start:before] + field + tile[after:end]
        before = after
    raise _broken()


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Tag, start of the value and its end, for each field of a message."""
    while at < end:
        tag, at = _read(data, at, end)
        kind, start = tag & 7, at
        if kind == _VARINT:
            _, at = _read(data, at, end)
        elif kind == _BYTES:
            size, start = _read(data, at, end)
            at = start + size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise _broken()
        if at > end:
            raise _broken()
        yield tag, start, at


def _read(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        octet = data[at]
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at
    raise _broken()


def _number(value: int) -> bytes:
    """A number in base 128."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _broken() -> BadFile:
    return BadFile("this is not a vector tile", "不是矢量瓦片", place="tile")
