"""Sources on the server's own disk: which files below the allowed directory a path names, how they looked, and a copy that nobody writes to."""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from importers import suffixes
from twin.errors import BadFile, BadParameter, Conflict

QUIET_S = 5.0
"""A file younger than this may still be being copied."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """One file, or geodatabase, to import with all that belongs to it (the .dbf of a .shp); the name is below the directory of sources."""

    name: str
    path: Path
    files: tuple[Path, ...]

    def look(self) -> list[list[Any]]:
        """Name, time of change (ns) and size of each file: equal means nobody wrote to it."""
        found = [(path.name, path.stat()) for path in self.files]
        return [[name, stat.st_mtime_ns, stat.st_size] for name, stat in found]

    def is_settled(self, looks: list[list[Any]]) -> bool:
        """Whether the last write is a while ago; a time in the future is a wrong clock, not a write."""
        newest = max(changed for _, changed, _ in looks) / 1e9
        return not time.time() - QUIET_S < newest <= time.time()

    def copy_to(self, folder: Path) -> tuple[Path, str]:
        """Copy the files under their own names; returns where the main one is and the hash over all, of the very bytes that were copied."""
        digest = hashlib.sha256()
        for path in self.files:
            name = path.relative_to(self.path.parent)
            digest.update(os.fsencode(name) + b"\0")
            (folder / name).parent.mkdir(exist_ok=True)
            _copy(path, folder / name, digest)
        return folder / self.path.name, digest.hexdigest()


def allowed(sources: Path | None, path: str) -> Path:
    """The real path of `path` below the directory of sources; BadParameter when it leads out of it or there is no such directory."""
    if sources is None:
        raise BadParameter(
            "no directory of sources is set: schedules read only below TWIN_SOURCES",
            "未设置来源目录：导入计划只能读取 TWIN_SOURCES 之下的文件",
            place="path",
            mend="TWIN_SOURCES=/data/incoming",
        )
    root = sources.resolve()
    found = root if "\0" in path else (root / path).resolve()
    if not path or "\0" in path or Path(path).is_absolute() or not found.is_relative_to(root):
        raise BadParameter(
            f"{path[:200]!r} is not below the directory of sources", f"{path[:200]!r} 不在来源目录之下", place="path", mend="a/b.zip"
        )
    return found


def find(sources: Path | None, path: str) -> Iterator[Source]:
    """The file of this path, or every importable file of the folder (not of folders in it); BadFile when there is nothing."""
    found, root = allowed(sources, path), allowed(sources, ".")
    if not found.exists():
        raise BadFile(f"there is no {path!r} in the directory of sources", f"来源目录中没有 {path!r}", place=path)
    mains = [found] if not found.is_dir() or _is_geodatabase(found) else sorted(item for item in found.iterdir() if _is_main(item, root))
    if not mains:
        raise BadFile(f"the folder {path!r} holds no file that can be imported", f"文件夹 {path!r} 中没有可导入的文件", place=path)
    for main in mains:
        files = [main, *_beside(main, root)] if not main.is_dir() else sorted(item for item in main.iterdir() if _is_plain(item, root))
        if not files or not all(_is_plain(item, root) for item in files):
            raise BadFile(f"{main.name} is not a plain file", f"{main.name} 不是普通文件", place=main.name)
        yield Source(str(main.relative_to(root)), main, tuple(files))


def _is_main(path: Path, root: Path) -> bool:
    return not path.name.startswith(".") and path.name.lower().endswith(suffixes()) and (_is_plain(path, root) or _is_geodatabase(path))


def _is_geodatabase(path: Path) -> bool:
    """A folder that is one source."""
    return path.suffix.lower() == ".gdb" and path.is_dir()


def _is_plain(path: Path, root: Path) -> bool:
    """Whether it is a file, and one below the root after every link is followed."""
    return path.resolve().is_relative_to(root) and path.is_file()


def _beside(main: Path, root: Path) -> list[Path]:
    """Files of the same stem that are no source themselves, as .dbf, .shx, .prj and .cpg of a .shp."""
    stem = main.stem.lower()
    return sorted(
        item
        for item in main.parent.iterdir()
        if item != main and item.stem.lower() == stem and not _is_main(item, root) and _is_plain(item, root)
    )


def _copy(path: Path, to: Path, digest: Any) -> None:
    """Copy and hash in one pass; a link put there meanwhile is not followed, a full disk is said."""
    try:
        with os.fdopen(os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as source, to.open("xb") as target:
            if not S_ISREG(os.fstat(source.fileno()).st_mode):
                raise BadFile(f"{path.name} is not a plain file", f"{path.name} 不是普通文件", place=path.name)
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
    except OSError as exc:
        raise Conflict(f"{path.name} cannot be copied: {exc.strerror}", f"无法复制 {path.name}：{exc.strerror}", place="file") from exc
