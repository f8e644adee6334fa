"""The texts in a vector tile, found by walking its protocol buffers: which glyphs a picture of it may need."""

from collections.abc import Container, Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TILE_LAYERS = 3
_LAYER_NAME, _LAYER_VALUES = 1, 4
_VALUE_STRING = 1


def texts_of(tile: bytes, layers: Container[str]) -> set[str]:
    """All string values in the `layers` of an MVT; ValueError when it is not one."""
    found: set[str] = set()
    for field, part in _fields(memoryview(tile)):
        if field == _TILE_LAYERS:
            inside = list(_fields(part))
            name = next((bytes(text).decode() for field, text in inside if field == _LAYER_NAME), "")
            if name in layers:
                found.update(_strings(inside))
    return found


def _strings(layer: list[tuple[int, memoryview]]) -> Iterator[str]:
    for field, value in layer:
        if field == _LAYER_VALUES:
            yield from (bytes(text).decode("utf-8", "replace") for kind, text in _fields(value) if kind == _VALUE_STRING)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of the fields that have a length; the others are stepped over."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _BYTES:
            length, at = _varint(message, at)
            if at + length > end:
                raise ValueError("a field of the tile is longer than the tile")
            yield key >> 3, message[at : at + length]
            at += length
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of the tile has the unknown kind {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("the tile ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
