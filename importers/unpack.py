"""Opens archives without trusting them: names, sizes and ratios are checked while inflating, and members get names of ours."""

import gzip
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from isal import igzip as _igzip
from isal import igzip_lib as _igzip_lib

from importers import suffixes
from importers.base import Member
from importers.sniff import HEAD_BYTES, is_gzip, is_workbook, is_zip
from twin.errors import BadFile, TooLarge

igzip: Any = _igzip
igzip_lib: Any = _igzip_lib
_BLOCK = 1 << 20
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_END_BYTES = 66_000
"""The end record with the longest comment, and the locator before it."""
_ENTRY_BYTES = 1000
"""What one entry of the list may take on average: its name is most of it."""
_IGNORED = ("__MACOSX", ".DS_Store", "Thumbs.db")
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OverflowError)


@dataclass(frozen=True, slots=True)
class Caps:
    """What an archive may grow to."""

    ratio: int = 100
    slack_bytes: int = 16 << 20
    """Below this size the ratio does not matter: a table of blanks is small and harmless."""
    total_bytes: int = 16 << 30
    entries: int = 10_000

    def allowed(self, packed_bytes: int) -> int:
        """Bytes an archive of `packed_bytes` may unpack to."""
        return min(self.total_bytes, self.slack_bytes + self.ratio * packed_bytes)


CAPS = Caps()


def read_head(path: Path) -> bytes:
    """The first bytes of a file, enough for every sniffer."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def gather(path: Path, folder: Path, caps: Caps = CAPS) -> tuple[Member, ...]:
    """The files behind `path`: a folder's files, an archive's members unpacked below `folder`, or the file itself with its side files."""
    if path.is_dir():
        return tuple(_walk(path, caps))
    head = read_head(path)
    if is_gzip(head):
        return (_gunzip(path, folder, caps),)
    if is_zip(head) and not is_workbook(head, path):
        return tuple(_unzip(path, folder, caps))
    if is_zip(head):
        check_workbook(path, path.name, caps.allowed(path.stat().st_size), caps)
    return (Member(path.name, path), *_siblings(path))


def _walk(path: Path, caps: Caps) -> Iterator[Member]:
    """The files below a folder by name; links are not followed, archives in it stay closed."""
    count = 0
    for root, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(root, name)
            if file.is_symlink() or not file.is_file() or name in _IGNORED:
                continue
            count += 1
            if count > caps.entries:
                raise _too_many(count, caps)
            yield Member(str(Path(path.name, file.relative_to(path))), file)


#: Files that come in parts: the suffix that leads, and those that belong to it by the same stem.
_LEADERS = (".shp", ".tab", ".mif")


def _siblings(path: Path) -> Iterator[Member]:
    """Files beside a leading file that share its stem, in any letter case; what is data of its own is another source."""
    if path.suffix.lower() not in _LEADERS:
        return
    for other in sorted(path.parent.iterdir()):
        if other != path and other.stem.lower() == path.stem.lower() and other.is_file() and other.suffix.lower() not in suffixes():
            yield Member(other.name, other)


def check_workbook(path: Path, name: str, allowed: int, caps: Caps = CAPS) -> int:
    """What the parts of a workbook inflate to, counted as it comes; TooLarge beyond `allowed`: its reader believes the headers."""
    left = allowed
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > caps.entries:
                raise _too_many(len(archive.infolist()), caps)
            for info in archive.infolist():
                with archive.open(info) as source:
                    left -= _pour(source, None, left, f"{name}: {info.filename}")
    except (*_BROKEN, RuntimeError) as exc:
        raise BadFile(f"the workbook is broken: {exc}", f"表格文件已损坏：{exc}", place=name) from exc
    return allowed - left


def _copy(source: IO[bytes], target: Path, allowed: int, name: str) -> int:
    """Copy at most `allowed` bytes; TooLarge beyond."""
    with target.open("wb") as file:
        return _pour(source, file, allowed, name)


def _pour(source: IO[bytes], file: IO[bytes] | None, allowed: int, name: str) -> int:
    """Read to the end, into `file` if there is one; TooLarge beyond `allowed`. Bytes are counted as they come, headers are not believed."""
    written = 0
    while block := source.read(_BLOCK):
        written += len(block)
        if written > allowed:
            raise TooLarge(
                f"{name} unpacks to more than {allowed} bytes (limits: ratio {CAPS.ratio}, {CAPS.total_bytes} bytes)",
                f"{name} 解压后超过 {allowed} 字节（限额：压缩比 {CAPS.ratio}，{CAPS.total_bytes} 字节）",
                place=name,
            )
        if file:
            file.write(block)
    return written


def _too_many(count: int, caps: Caps) -> TooLarge:
    return TooLarge(f"the archive has {count} entries (limit {caps.entries})", f"压缩包有 {count} 个成员（上限 {caps.entries}）")


def _gunzip(path: Path, folder: Path, caps: Caps) -> Member:
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    target = folder / "member"
    try:
        with igzip.open(path, "rb") as source:
            _copy(source, target, caps.allowed(path.stat().st_size), name)
    except (EOFError, gzip.BadGzipFile, zlib.error, igzip_lib.IsalError) as exc:
        raise BadFile(f"the gzip stream is broken: {exc}", "gzip 数据已损坏", place=path.name) from exc
    if is_gzip(head := read_head(target)) or is_zip(head):
        raise _refused(name, "an archive inside an archive", "压缩包内还有压缩包")
    return Member(name, target)


def _refused(name: str, why_en: str, why_zh: str) -> BadFile:
    return BadFile(f"archive member {name!r} is refused: {why_en}", f"压缩包成员 {name!r} 被拒绝：{why_zh}", place=name)


def _name_of(info: zipfile.ZipInfo) -> str:
    """The member's name; old Windows archivers write GBK without saying so, and backslashes between folders."""
    if info.flag_bits & _UTF8_FLAG:
        return info.filename.replace("\\", "/")
    raw = info.orig_filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return info.filename


def _check_name(name: str, info: zipfile.ZipInfo) -> None:
    flat = name.replace("\\", "/")
    if flat.startswith("/") or ":" in flat.split("/")[0] or ".." in PurePosixPath(flat).parts or "\x00" in name:
        raise _refused(name, "its path leaves the archive", "路径越出压缩包")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _refused(name, "it is a symbolic link", "是符号链接")
    if info.flag_bits & _ENCRYPTED_FLAG:
        raise _refused(name, "it is encrypted", "已加密")


def _unzip(path: Path, folder: Path, caps: Caps) -> Iterator[Member]:
    try:
        _check_count(path, caps)
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, folder, caps.allowed(path.stat().st_size), caps)
    except _BROKEN as exc:
        raise BadFile(f"the zip archive is broken: {exc}", "zip 压缩包已损坏", place=path.name) from exc


def _check_count(path: Path, caps: Caps) -> None:
    """TooLarge when the end of the archive counts too many entries: the list itself would fill the memory before anybody counted it."""
    count, list_bytes = _counted(path)
    if count > caps.entries or list_bytes > caps.entries * _ENTRY_BYTES:
        raise _too_many(count, caps)


def _counted(path: Path) -> tuple[int, int]:
    """Entries and bytes of the list of entries, as the end record says; zeros where there is none."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _END_BYTES, 0))
        tail = file.read(_END_BYTES)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + 22:
            return 0, 0
        count, list_bytes = struct.unpack_from("<HI", tail, at + 10)
        if (count, list_bytes) < (0xFFFF, 0) and list_bytes < 0xFFFFFFFF:
            return count, list_bytes
        if tail[at - 20 : at - 16] != b"PK\x06\x07":
            return count, list_bytes
        file.seek(min(struct.unpack_from("<Q", tail, at - 12)[0], path.stat().st_size))
        large = file.read(56)
    return struct.unpack_from("<QQ", large, 32) if len(large) == 56 else (count, list_bytes)


def _members(archive: zipfile.ZipFile, folder: Path, allowed: int, caps: Caps) -> Iterator[Member]:
    infos = archive.infolist()
    if len(infos) > caps.entries:
        raise _too_many(len(infos), caps)
    seen: set[str] = set()
    for number, info in enumerate(infos):
        name = _name_of(info)
        _check_name(name, info)
        if info.is_dir() or any(part in _IGNORED for part in PurePosixPath(name).parts):
            continue
        if name.lower() in seen:
            raise _refused(name, "the name occurs twice", "成员重名")
        seen.add(name.lower())
        target = folder / f"member-{number}"
        with archive.open(info) as source:
            allowed -= _copy(source, target, allowed, name)
        allowed -= _check_inside(target, name, allowed)
        yield Member(name, target)


def _check_inside(path: Path, name: str, allowed: int) -> int:
    """Refuse an archive in an archive; a workbook is one file to people, so it is only measured."""
    head = read_head(path)
    if is_zip(head) and is_workbook(head, path):
        return check_workbook(path, name, allowed)
    if is_zip(head) or is_gzip(head):
        raise _refused(name, "an archive inside an archive", "压缩包内还有压缩包")
    return 0


def place_as(member: Member, folder: Path, name: str) -> Path:
    """Make `member` reachable in the private folder as `name`, without copying its bytes."""
    target = folder / name
    target.unlink(missing_ok=True)
    target.symlink_to(member.path.resolve())
    return target


def rewrite(target: Path, pieces: Iterator[bytes]) -> Path:
    """Write `pieces` to `target`."""
    with target.open("wb") as file:
        for piece in pieces:
            file.write(piece)
    return target
