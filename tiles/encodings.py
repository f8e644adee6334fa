"""The content codings of a tile: which a caller takes, which is at hand, and which is worth making once a tile is asked for again."""

import zlib
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

import brotli
from backports import zstd
from isal import isal_zlib

#: Below this, compressing costs more bytes and time than it saves.
MIN_BYTES: Final = 1024
_QUICK_LEVEL, _BETTER_LEVEL = 1, 6
_BROTLI_QUALITY, _ZSTD_LEVEL = 6, 9


class Encoding(IntEnum):
    """A form in which a tile is kept; the numbers are written to disk."""

    IDENTITY = 0
    GZIP = 1
    """Made at once, 0.1 ms for 50 KB."""
    GZIP_BETTER = 2
    """Also gzip, smaller and twenty times slower to make, so it has an entity tag of its own."""
    BROTLI = 3
    ZSTD = 4


Wish = tuple[Encoding, ...]
"""What a caller takes, best first; GZIP stands for both forms of gzip, and IDENTITY is always there."""

#: Appended to the entity tag.
SUFFIXES: Final[Mapping[Encoding, str]] = {
    Encoding.IDENTITY: "",
    Encoding.GZIP: "-gz",
    Encoding.GZIP_BETTER: "-gz6",
    Encoding.BROTLI: "-br",
    Encoding.ZSTD: "-zs",
}
#: What Content-Encoding says.
NAMES: Final[Mapping[Encoding, bytes]] = {
    Encoding.GZIP: b"gzip",
    Encoding.GZIP_BETTER: b"gzip",
    Encoding.BROTLI: b"br",
    Encoding.ZSTD: b"zstd",
}
#: Ours by name, the smallest first: between codings a caller likes equally, we choose.
_OFFERED: Final = {"br": Encoding.BROTLI, "zstd": Encoding.ZSTD, "gzip": Encoding.GZIP, "identity": Encoding.IDENTITY}
PLAIN: Final[Wish] = (Encoding.IDENTITY,)
_MADE: Final[Mapping[Encoding, Callable[[bytes], bytes]]] = {
    Encoding.IDENTITY: lambda body: body,
    Encoding.GZIP: lambda body: isal_zlib.compress(body, _QUICK_LEVEL, 31),
    Encoding.GZIP_BETTER: lambda body: min(zlib.compress(body, _BETTER_LEVEL, 31), isal_zlib.compress(body, _QUICK_LEVEL, 31), key=len),
    Encoding.BROTLI: lambda body: bytes(brotli.compress(body, quality=_BROTLI_QUALITY)),
    Encoding.ZSTD: lambda body: zstd.compress(body, _ZSTD_LEVEL),
}


def wish_of(header: str) -> Wish:
    """What an Accept-Encoding header takes: weights decide, then size; unreadable weights count as refusal, and so does q=0."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights["gzip" if name == "x-gzip" else name] = _weight(parameters)
    star = weights.get("*", 0.0)
    liked = {encoding: weights.get(name, star) for name, encoding in _OFFERED.items()}
    if "identity" not in weights:
        liked[Encoding.IDENTITY] = 0.0
    found = sorted((encoding for encoding, weight in liked.items() if weight > 0), key=lambda encoding: -liked[encoding])
    return tuple(found) if Encoding.IDENTITY in found else (*found, Encoding.IDENTITY)


def _weight(parameters: list[str]) -> float:
    """The q of one coding; 1 without."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def choose(forms: Mapping[Encoding, bytes], wish: Wish) -> Encoding | None:
    """The best form at hand that the caller takes; None when only the plain one would do and it has to be unpacked first."""
    for liked in wish:
        if liked is Encoding.GZIP and Encoding.GZIP_BETTER in forms:
            return Encoding.GZIP_BETTER
        if liked in forms:
            return liked
    return None


def worth_making(forms: Mapping[Encoding, bytes], wish: Wish) -> Encoding | None:
    """The form this caller would like best and that is still missing; small and empty bodies have only one."""
    if Encoding.IDENTITY in forms and len(forms) == 1:
        return None
    best = Encoding.GZIP_BETTER if wish[0] is Encoding.GZIP else wish[0]
    return None if best in forms else best


def first_forms(body: bytes) -> dict[Encoding, bytes]:
    """What a new tile is kept as: plain when small, else gzip made quickly."""
    if len(body) < MIN_BYTES:
        return {Encoding.IDENTITY: body}
    return {Encoding.GZIP: encode(body, Encoding.GZIP)}


def plain_of(forms: Mapping[Encoding, bytes]) -> bytes:
    """The body itself, unpacked when it is kept packed only."""
    body = forms.get(Encoding.IDENTITY)
    if body is not None:
        return body
    return isal_zlib.decompress(forms[Encoding.GZIP_BETTER if Encoding.GZIP_BETTER in forms else Encoding.GZIP], 31)


def encode(body: bytes, encoding: Encoding) -> bytes:
    """The body in another form."""
    return _MADE[encoding](body)
