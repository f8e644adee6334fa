"""Opens archives without trusting them: names, sizes and ratios are checked while inflating, and members get names of ours."""

import gzip
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from isal import igzip as _igzip
from isal import igzip_lib as _igzip_lib

from importers.base import Member
from importers.sniff import HEAD_BYTES, is_gzip, is_zip
from twin.errors import BadFile, TooLarge

igzip: Any = _igzip
igzip_lib: Any = _igzip_lib
_BLOCK = 1 << 20
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_IGNORED = ("__MACOSX", ".DS_Store", "Thumbs.db")


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
    """The files behind `path`: an archive's members unpacked below `folder`, or the file itself with its side files."""
    head = read_head(path)
    if is_gzip(head):
        return (_gunzip(path, folder, caps),)
    if is_zip(head):
        return tuple(_unzip(path, folder, caps))
    return (Member(path.name, path), *_siblings(path))


def _siblings(path: Path) -> Iterator[Member]:
    """Files beside a shapefile's main file that share its stem, in any letter case."""
    if path.suffix.lower() != ".shp":
        return
    for other in sorted(path.parent.iterdir()):
        if other != path and other.stem.lower() == path.stem.lower() and other.is_file():
            yield Member(other.name, other)


def _copy(source: IO[bytes], target: Path, allowed: int, name: str) -> int:
    """Copy at most `allowed` bytes; TooLarge beyond. Bytes are counted as they come, headers are not believed."""
    written = 0
    with target.open("wb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > allowed:
                raise TooLarge(
                    f"{name} unpacks to more than {allowed} bytes (limits: ratio {CAPS.ratio}, {CAPS.total_bytes} bytes)",
                    f"{name} 解压后超过 {allowed} 字节（限额：压缩比 {CAPS.ratio}，{CAPS.total_bytes} 字节）",
                    place=name,
                )
            file.write(block)
    return written


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
    """The member's name; old Windows archivers write GBK without saying so."""
    if info.flag_bits & _UTF8_FLAG:
        return info.filename
    raw = info.filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
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
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, folder, caps.allowed(path.stat().st_size), caps)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OverflowError) as exc:
        raise BadFile(f"the zip archive is broken: {exc}", "zip 压缩包已损坏", place=path.name) from exc


def _members(archive: zipfile.ZipFile, folder: Path, allowed: int, caps: Caps) -> Iterator[Member]:
    infos = archive.infolist()
    if len(infos) > caps.entries:
        raise TooLarge(
            f"the archive has {len(infos)} entries (limit {caps.entries})", f"压缩包有 {len(infos)} 个成员（上限 {caps.entries}）"
        )
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
        if is_zip(head := read_head(target)) or is_gzip(head):
            raise _refused(name, "an archive inside an archive", "压缩包内还有压缩包")
        yield Member(name, target)


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
