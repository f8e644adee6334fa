"""Files kept by the SHA-256 of their bytes below the home; the row holds the hash, never a path."""

import errno
import hashlib
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import psycopg
from psycopg.rows import class_row

from postgis.queries import load_queries
from twin.errors import NotFound, OperationError, TooLarge

Connection = psycopg.Connection[Any]

_QUERIES = load_queries(__file__)
_HASH = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Blob:
    """One kept file; `sha256` in hex, `size` in bytes, `name` as its sender called it (for people, never for paths)."""

    sha256: str
    size: int
    media_type: str = "application/octet-stream"
    name: str = ""


@dataclass(frozen=True)
class BlobStore:
    """The folder `blobs` of a home: ab/cdef… by hash, and `incoming` for what is not whole yet."""

    home: Path

    def writer(self, max_bytes: int) -> "BlobWriter":
        """A new file to be written piece by piece, at most `max_bytes` long."""
        return BlobWriter(self.home / "blobs", max_bytes)

    def adopt(self, path: Path, blob: Blob) -> None:
        """Keep a whole file of the same disk, whose hash is known, beside its present place."""
        target = _place(self.home / "blobs", blob.sha256)
        with _DiskErrors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                target.hardlink_to(path)
            _sync_folder(target.parent)

    def path(self, sha256: str) -> Path:
        """Where the bytes are; NotFound when they are not here."""
        path = _place(self.home / "blobs", sha256) if _HASH.match(sha256) else None
        if path is None or not path.is_file():
            raise NotFound("there is no such file", "没有这个文件", place="sha256")
        return path

    def sweep(self) -> int:
        """Remove what a killed process left unfinished; call it when no upload runs. Returns how many files went."""
        leftovers = list((self.home / "blobs" / "incoming").glob("*"))
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)


@dataclass
class BlobWriter:
    """A file on its way in: it exists under its hash only after `finish`, whole and synced to disk."""

    root: Path
    max_bytes: int
    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)
    _part: Path | None = None
    _file: BinaryIO | None = None

    def __enter__(self) -> Self:
        incoming = self.root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        self._part = incoming / secrets.token_hex(16)
        self._file = self._part.open("xb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Add bytes; TooLarge over the limit, OperationError when the disk is full."""
        self.size += len(chunk)
        if self.size > self.max_bytes:
            raise TooLarge(f"larger than upload_bytes = {self.max_bytes}", f"超过上传限额 {self.max_bytes} 字节", place="file")
        self._hash.update(chunk)
        with _DiskErrors(self.root):
            assert self._file is not None  # noqa: S101  (inside `with`)
            self._file.write(chunk)

    def finish(self, media_type: str = "application/octet-stream", name: str = "") -> Blob:
        """Sync, rename to the hash, and say what was kept; the same bytes twice are kept once."""
        digest = self._hash.hexdigest()
        target = _place(self.root, digest)
        with _DiskErrors(self.root):
            assert self._file is not None and self._part is not None  # noqa: S101  (inside `with`)
            self._file.flush()
            os.fsync(self._file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            self._part.rename(target)
            _sync_folder(target.parent)
        return Blob(digest, self.size, media_type, name)


def record_blob(connection: Connection, blob: Blob) -> None:
    """Write the row of a kept file; a known hash keeps its first row."""
    values = {"sha256": bytes.fromhex(blob.sha256), "size": blob.size, "media_type": blob.media_type, "name": blob.name}
    connection.execute(_QUERIES["record"], values)


def read_blob(connection: Connection, sha256: str) -> Blob:
    """The row of a kept file; NotFound when there is none."""
    with connection.cursor(row_factory=class_row(Blob)) as cursor:
        known = bytes.fromhex(sha256) if _HASH.match(sha256) else b""
        blob = cursor.execute(_QUERIES["read"], {"sha256": known}).fetchone()
    if blob is None:
        raise NotFound("there is no such file", "没有这个文件", place="sha256")
    return blob


def _place(root: Path, digest: str) -> Path:
    return root / digest[:2] / digest[2:]


def _sync_folder(folder: Path) -> None:
    """A rename is on disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _DiskErrors:
    """Says "disk full" instead of a number, with the place; anything else passes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OperationError("the disk is full; nothing was kept", "磁盘已满，文件未保存", place="disk") from error
