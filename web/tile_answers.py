"""The headers of a tile: how long and by whom it may be kept, in which form it comes, and where it came from."""

from collections.abc import Mapping
from typing import Final

from tiles.encodings import NAMES, SUFFIXES, Encoding, Wish, choose, plain_of
from tiles.served import Given, Source, tag_of
from tiles.vector import TileAsk
from web.tile_paths import Format

Headers = list[tuple[bytes, bytes]]

MEDIA_TYPES: Final[Mapping[Format, bytes]] = {"mvt": b"application/vnd.mapbox-vector-tile", "png": b"image/png"}
_FOR_EVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN: Final = (b"cache-control", b"public, max-age=0, must-revalidate")
_PRIVATE: Final = (b"cache-control", b"private, max-age=0, must-revalidate")
_STALE: Final = (b"cache-control", b"no-cache")
_STALE_PRIVATE: Final = (b"cache-control", b"private, no-cache")
_VARY: Final = (b"vary", b"Accept-Encoding")
_VARY_PRIVATE: Final = (b"vary", b"Accept-Encoding, Authorization, X-API-Key, Cookie")
_TRUNCATED: Final = (b"x-tile-truncated", b"1")
_IS_STALE: Final = (b"x-tile-stale", b"1")
_MAX_VERSION_DIGITS: Final = 18


def sharing(ask: TileAsk, version: str) -> Headers:
    """How long, and by whom, the answer may be kept; for ever only under the number of the newest change."""
    if not ask.public:
        return [_PRIVATE, _VARY_PRIVATE]
    current = ask.lasting and version.isascii() and version.isdigit() and len(version) <= _MAX_VERSION_DIGITS and int(version) == ask.epoch
    return [_FOR_EVER if current else _ASK_AGAIN, _VARY]


def body_headers(given: Given, wish: Wish, common: Headers, form: Format) -> tuple[Encoding, bytes, Headers]:
    """The form that goes out, its bytes, and all headers of the 200 or 204."""
    encoding, body = _form(given.forms, wish)
    headers = common
    if given.source is Source.STALE:
        headers = [_STALE if common[0] is not _PRIVATE else _STALE_PRIVATE, *common[1:], _IS_STALE]
    headers = [*headers, (b"etag", _quoted(given.kept.tag + SUFFIXES[encoding])), timing(given)]
    if body:
        headers.append((b"content-type", MEDIA_TYPES[form]))
        headers.append((b"content-length", str(len(body)).encode()))
        if encoding is not Encoding.IDENTITY:
            headers.append((b"content-encoding", NAMES[encoding]))
    if given.kept.truncated:
        headers.append(_TRUNCATED)
    return encoding, body, headers


def timing(given: Given) -> tuple[bytes, bytes]:
    """Server-Timing: which cache, and the milliseconds this answer waited for it."""
    if given.source is Source.MEMORY:
        return b"server-timing", b'cache;desc="memory"'
    return b"server-timing", f'cache;desc="{given.source}";dur={given.seconds * 1000:.1f}'.encode()


def matching(if_none_match: str, wish: Wish, ask: TileAsk, form: Format) -> bytes:
    """The entity tag of ours that the client holds (in a form it takes), or nothing."""
    if not if_none_match:
        return b""
    tag = tag_of(ask, form)
    held = {text.strip().removeprefix("W/") for text in if_none_match.split(",")}
    for encoding, suffix in SUFFIXES.items():
        taken = encoding in wish or (encoding is Encoding.GZIP_BETTER and Encoding.GZIP in wish)
        if taken and f'"{tag}{suffix}"' in held:
            return _quoted(tag + suffix)
    return _quoted(tag) if "*" in held else b""


def _form(forms: Mapping[Encoding, bytes], wish: Wish) -> tuple[Encoding, bytes]:
    encoding = choose(forms, wish)
    return (encoding, forms[encoding]) if encoding is not None else (Encoding.IDENTITY, plain_of(forms))


def _quoted(tag: str) -> bytes:
    return f'"{tag}"'.encode()
