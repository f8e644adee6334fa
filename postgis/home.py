"""Who holds a home (the directory of all state): one supervisor at a time, known by pid and address."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from twin.errors import Conflict, InputError


class HomeHeld(Conflict):
    """Another `twin up` runs on this home."""

    code = "home-held"
    title_zh = "数据目录已被占用"
    title_en = "Home is held"


def make_home(home: Path) -> None:
    """Make the directory and its logs; InputError when it cannot be written to."""
    try:
        (home / "log").mkdir(parents=True, exist_ok=True, mode=0o755)
        (home / "log").touch()
    except OSError as exc:
        raise InputError(f"cannot write to {home}: {exc.strerror}", f"无法写入 {home}：{exc.strerror}", place="TWIN_HOME") from exc


@dataclass
class HomeLock:
    """The mark of the one supervisor of a home: the kernel drops it when its holder dies, however it dies."""

    home: Path
    descriptor: int = -1
    """The open lock file; a process that inherits it holds the home too."""

    def acquire(self, **about: str | int) -> None:
        """Take the home and leave our pid (and `about`: url …) in it; HomeHeld when somebody has it."""
        make_home(self.home)
        handle = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(handle)
            raise _held(self.home, read_holder(self.home)) from exc
        self.descriptor = handle
        self.describe(**about)

    def describe(self, **about: str | int) -> None:
        """Replace what others read about us."""
        text = json.dumps({"pid": os.getpid(), **about}).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text, 0)

    def release(self) -> None:
        """Give the home back."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def read_holder(home: Path) -> dict[str, str | int] | None:
    """What the holder of `home` wrote about itself (pid, url), or None when nobody holds it."""
    try:
        with (home / "lock").open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        try:
            found: dict[str, str | int] = json.loads((home / "lock").read_text())
        except ValueError:
            found = {}
        return found
    return None


def _held(home: Path, holder: dict[str, str | int] | None) -> HomeHeld:
    pid, url = (holder or {}).get("pid", "?"), (holder or {}).get("url", "")
    return HomeHeld(
        f"{home} is held by process {pid}{', serving ' + str(url) if url else ''}",
        f"{home} 正被进程 {pid} 使用{'，服务地址 ' + str(url) if url else ''}",
        place="TWIN_HOME",
        mend="stop it with `twin down`, or set another TWIN_HOME（请先执行 twin down，或另设 TWIN_HOME）",
    )
