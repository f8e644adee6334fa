"""The parent's end of the painting processes: a few of them, kept, each with a deadline, and a new one when one dies."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import IO, Any, Final, cast

from twin.errors import OperationError, Unavailable

_LOG = logging.getLogger("twin.painters")
_ROOT = Path(__file__).resolve().parents[1]
_FOLDER_PREFIX: Final = "yuetu-paint-"
_START_S, _PICTURE_S = 15.0, 5.0
"""Deadlines: of a process to come up, and of a picture."""
_IDLE_S: Final = 300.0
_MOST_PICTURES: Final = 2000
_MOST_WAITING: Final = 64
_REST_S: Final = 10.0
"""How long not to try again once a new process could not even start."""
_GONE = (OSError, EOFError, struct.error)


@dataclass(frozen=True, slots=True)
class Painting:
    """One drawing: style layers over a vector tile, four pictures of it or (`shrunken`) one of half the size."""

    z: int
    tile: bytes
    layers: str
    """Style layers as JSON text."""
    ratio: int = 1
    shrunken: bool = False
    sprite: str = ""

    def frame(self) -> bytes:
        """As the process reads it."""
        told = {"z": self.z, "ratio": self.ratio, "shrunken": self.shrunken, "sprite": self.sprite, "layers": json.loads(self.layers)}
        head = json.dumps(told).encode()
        return struct.pack(">II", len(head), len(self.tile)) + head + self.tile


class _Painter:
    """One painting process with a folder of its own; used by one thread at a time. One of _GONE when it does not come up."""

    def __init__(self) -> None:
        self.painted = 0
        self._folder = Path(mkdtemp(prefix=_FOLDER_PREFIX))
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # passed on: as long as the process lives, nobody sweeps its folder away
            self._process = process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tiles.painting", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(self._folder),
                cwd=self._folder,
                pass_fds=(lock,),
            )
        finally:
            os.close(lock)
        self._to, self._back = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        try:
            self._exchange(b"", _START_S)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def paint(self, frame: bytes) -> tuple[int, list[bytes]]:
        """Status and parts; one of _GONE when the process died or was stopped for taking too long."""
        self.painted += 1
        return self._exchange(frame, _PICTURE_S)

    def _exchange(self, frame: bytes, deadline_s: float) -> tuple[int, list[bytes]]:
        clock = threading.Timer(deadline_s, self._process.kill)
        clock.daemon = True
        clock.start()
        try:
            self._to.write(frame)
            self._to.flush()
            status, count = struct.unpack(">BB", _exactly(self._back, 2))
            return status, [_exactly(self._back, struct.unpack(">I", _exactly(self._back, 4))[0]) for _ in range(count)]
        finally:
            clock.cancel()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._to, self._back):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of processes that were killed together with their parent: nobody holds their lock."""
    for folder in Path(gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@dataclass(slots=True)
class Painters:
    """At most `size` painting processes, started when first needed and let go once nobody has wanted pictures for five minutes."""

    size: int = 1
    _idle: list[_Painter] = field(default_factory=list)
    _slots: asyncio.Semaphore | None = None
    _waiting: int = 0
    _rest_until: float = 0.0
    _reaper: asyncio.TimerHandle | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that wait for work."""
        return tuple(painter.pid for painter in self._idle)

    async def paint(self, job: Painting) -> list[bytes]:
        """The pictures; Unavailable when too many wait or painters cannot be started, OperationError when this one cannot be painted."""
        if self._slots is None:
            self._slots = asyncio.Semaphore(self.size)
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many pictures are waiting to be drawn", "等待绘制的图片过多，请稍后再试")
        self._waiting += 1
        try:
            async with self._slots:
                # A caller who leaves must not hand the slot on while the thread still paints.
                return await _to_the_end(asyncio.to_thread(self._paint, job.frame()))
        finally:
            self._waiting -= 1
            self._watch_idleness()

    def close(self) -> None:
        """End all processes."""
        if self._reaper is not None:
            self._reaper.cancel()
        while self._idle:
            self._idle.pop().close()

    def _paint(self, frame: bytes) -> list[bytes]:
        """Try the kept process, and once more with a new one: the kept one may have been killed since."""
        while self._idle:
            painter = self._idle.pop()
            with contextlib.suppress(*_GONE):
                return self._parts(painter, painter.paint(frame))
            painter.close()
        painter = self._start()
        try:
            return self._parts(painter, painter.paint(frame))
        except _GONE as exc:
            painter.close()
            raise OperationError("drawing this picture ended the process that draws", "绘制该图片时绘图进程中止") from exc

    def _start(self) -> _Painter:
        if time.monotonic() < self._rest_until:
            raise _cannot_paint()
        _sweep()
        try:
            return _Painter()
        except _GONE as exc:
            self._rest_until = time.monotonic() + _REST_S
            _LOG.error("no painting process comes up; are libEGL and its software driver installed? %s", exc)
            raise _cannot_paint() from exc

    def _parts(self, painter: _Painter, answer: tuple[int, list[bytes]]) -> list[bytes]:
        if painter.painted >= _MOST_PICTURES:
            painter.close()
        else:
            self._idle.append(painter)
        status, parts = answer
        if status:
            raise OperationError(f"the picture could not be drawn: {parts[0].decode(errors='replace')}", "无法绘制该图片")
        return parts

    def _watch_idleness(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        self._reaper = asyncio.get_running_loop().call_later(_IDLE_S, self.close)


async def _to_the_end(work: Any) -> list[bytes]:
    """The result of `work`, which goes on to its end even when the caller is cancelled; only then does the cancellation pass."""
    task: asyncio.Task[list[bytes]] = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _exactly(source: IO[bytes], count: int) -> bytes:
    body = source.read(count)
    if len(body) < count:
        raise EOFError("the painting process ended")
    return body


def _cannot_paint() -> Unavailable:
    return Unavailable("pictures cannot be drawn at the moment", "暂时无法绘制图片")


def _environment(folder: Path) -> dict[str, str]:
    """Software drawing without a screen, few threads, nothing of ours."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "EGL_PLATFORM": "surfaceless",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "LP_NUM_THREADS": "2",
        "MESA_SHADER_CACHE_DIR": str(folder / "shaders"),  # without it every picture compiles its programs anew: 400 ms
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
