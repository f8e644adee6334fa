"""The house's own signature: one Ed25519 key below TWIN_HOME, made when it is first needed, and OpenSSL's arithmetic (the library Python itself runs on)."""

import base64
import binascii
import ctypes
import os
import secrets
from contextlib import suppress
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from typing import Any, Final

from twin.errors import BadFile, OperationError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_ED25519: Final = 1087
"""OpenSSL's number of the algorithm."""
_KEY_FILE: Final = "house.ed25519"
_PUBLIC: Final = "house.pub"


def house_key(home: Path) -> bytes:
    """The secret key of this home, made the first time; its public half lies beside it for others to trust."""
    folder = home / "keys"
    path = folder / _KEY_FILE
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        made = secrets.token_bytes(KEY_BYTES)
        half = folder / f"{_KEY_FILE}.{secrets.token_hex(8)}"
        half.touch(mode=0o600, exist_ok=False)
        half.write_bytes(made)
        try:
            os.link(half, path)
        finally:
            half.unlink()
        (folder / _PUBLIC).write_text(key_text(public_of(made)) + "\n", encoding="ascii")
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise OperationError(f"keys/{_KEY_FILE} is not a key of {KEY_BYTES} bytes", f"keys/{_KEY_FILE} 不是 {KEY_BYTES} 字节的密钥")
    return secret


def key_text(public: bytes) -> str:
    """A public key as one word."""
    return base64.b64encode(public).decode("ascii")


def read_public(text: str, place: str) -> bytes:
    """A public key from its word; BadFile when it is none."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadFile(f"{place} is not a public key", f"{place} 不是公钥", place=place)
    return key


def public_of(secret: bytes) -> bytes:
    """The public half of a secret key."""
    crypto = _openssl()
    key = _made(crypto.EVP_PKEY_new_raw_private_key(_ED25519, None, secret, len(secret)))
    out, size = ctypes.create_string_buffer(KEY_BYTES), ctypes.c_size_t(KEY_BYTES)
    try:
        _did(crypto.EVP_PKEY_get_raw_public_key(key, out, ctypes.byref(size)))
    finally:
        crypto.EVP_PKEY_free(key)
    return out.raw


def sign(secret: bytes, message: bytes) -> bytes:
    """The signature of `message`."""
    crypto = _openssl()
    key = _made(crypto.EVP_PKEY_new_raw_private_key(_ED25519, None, secret, len(secret)))
    context = _made(crypto.EVP_MD_CTX_new())
    out, size = ctypes.create_string_buffer(SIGNATURE_BYTES), ctypes.c_size_t(SIGNATURE_BYTES)
    try:
        _did(crypto.EVP_DigestSignInit(context, None, None, None, key))
        _did(crypto.EVP_DigestSign(context, out, ctypes.byref(size), message, len(message)))
    finally:
        crypto.EVP_MD_CTX_free(context)
        crypto.EVP_PKEY_free(key)
    return out.raw


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of `public`'s secret signed `message`."""
    crypto = _openssl()
    key = crypto.EVP_PKEY_new_raw_public_key(_ED25519, None, public, len(public))
    if not key or len(signature) != SIGNATURE_BYTES:
        crypto.EVP_PKEY_free(key)
        return False
    context = _made(crypto.EVP_MD_CTX_new())
    try:
        _did(crypto.EVP_DigestVerifyInit(context, None, None, None, key))
        return bool(crypto.EVP_DigestVerify(context, signature, len(signature), message, len(message)) == 1)
    finally:
        crypto.EVP_MD_CTX_free(context)
        crypto.EVP_PKEY_free(key)


@cache
def _openssl() -> Any:
    """libcrypto with the shapes of what is called; OperationError where there is none."""
    try:
        crypto = ctypes.CDLL(find_library("crypto") or "libcrypto.so.3")
    except OSError as exc:
        raise OperationError("OpenSSL's libcrypto is needed to sign and to verify", "签名与验签需要 OpenSSL 的 libcrypto") from exc
    pointer, size, number, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    shapes: dict[str, tuple[Any, list[Any]]] = {
        "EVP_PKEY_new_raw_private_key": (pointer, [number, pointer, text, size]),
        "EVP_PKEY_new_raw_public_key": (pointer, [number, pointer, text, size]),
        "EVP_PKEY_get_raw_public_key": (number, [pointer, text, pointer]),
        "EVP_PKEY_free": (None, [pointer]),
        "EVP_MD_CTX_new": (pointer, []),
        "EVP_MD_CTX_free": (None, [pointer]),
        "EVP_DigestSignInit": (number, [pointer] * 5),
        "EVP_DigestSign": (number, [pointer, text, pointer, text, size]),
        "EVP_DigestVerifyInit": (number, [pointer] * 5),
        "EVP_DigestVerify": (number, [pointer, text, size, text, size]),
    }
    for name, (result, arguments) in shapes.items():
        function = getattr(crypto, name)
        function.restype, function.argtypes = result, arguments
    return crypto


def _made(pointer: int | None) -> int:
    if not pointer:
        raise OperationError("OpenSSL refused the key", "OpenSSL 拒绝了该密钥")
    return pointer


def _did(result: int) -> None:
    if result != 1:
        raise OperationError("OpenSSL could not sign or verify", "OpenSSL 无法签名或验签")
