"""Uploads kept for an hour between a look at them and their import: each belongs to whoever sent it, and nobody has many."""

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postgis.blobs import Blob, BlobStore, BlobWriter
from twin.errors import NotFound

KEPT_S = 3600.0
MOST = 4
"""Kept uploads of one person or program; an older one goes for a newer."""
_NAME = ".name"


@dataclass(frozen=True)
class Uploads:
    """The folder `uploads` of a home, one store in it for each owner."""

    home: Path

    def writer(self, owner: str, max_bytes: int) -> BlobWriter:
        """A new upload of `owner`, at most `max_bytes` long; `keep` it when it is whole."""
        return self._store(owner).writer(max_bytes)

    def keep(self, owner: str, blob: Blob) -> None:
        """Remember what the owner called it; what is too old or too much goes."""
        self._name(owner, blob.sha256).write_text(blob.name, encoding="utf-8")
        self.sweep()
        kept = sorted(self._folder(owner).rglob(f"*{_NAME}"), key=lambda path: path.stat().st_mtime)
        for name in kept[:-MOST]:
            self._drop(name)

    def find(self, owner: str, sha256: str) -> tuple[Path, Blob]:
        """The file and what is known of it, kept for another hour; NotFound for one that is gone or somebody else's."""
        try:
            path = self._store(owner).path(sha256)
            name = self._name(owner, sha256)
            blob = Blob(sha256, path.stat().st_size, name=name.read_text(encoding="utf-8"))
            os.utime(name)
        except (NotFound, OSError) as exc:
            raise NotFound(
                "there is no such upload; it is kept for an hour",
                "没有这个上传文件（保留一小时）",
                place="upload",
                mend="重新上传 / upload again",
            ) from exc
        return path, blob

    def sweep(self, now: float | None = None) -> int:
        """Remove uploads that nobody has asked for within the hour, and broken ones; returns how many went."""
        before = (time.time() if now is None else now) - KEPT_S
        gone = 0
        for name in (self.home / "uploads").rglob(f"*{_NAME}"):
            with suppress(OSError):
                if name.stat().st_mtime < before:
                    self._drop(name)
                    gone += 1
        for part in (self.home / "uploads").glob("*/blobs/*/*"):
            with suppress(OSError):
                if _is_stray(part) and part.stat().st_mtime < before:
                    part.unlink()
        return gone

    def _folder(self, owner: str) -> Path:
        return self.home / "uploads" / hashlib.sha256(owner.encode()).hexdigest()[:32]

    def _store(self, owner: str) -> BlobStore:
        return BlobStore(self._folder(owner))

    def _name(self, owner: str, sha256: str) -> Path:
        path = self._store(owner).path(sha256)
        return path.with_name(path.name + _NAME)

    def _drop(self, name: Path) -> None:
        with suppress(OSError):
            name.with_name(name.name.removesuffix(_NAME)).unlink(missing_ok=True)
            name.unlink(missing_ok=True)


def _is_stray(part: Path) -> bool:
    """Whether a killed process left this: a file that is not whole, or one that never got its name."""
    return part.parent.name == "incoming" or (part.suffix != _NAME and not part.with_name(part.name + _NAME).exists())
