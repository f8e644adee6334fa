"""The parent's end of a reading process: starts it, streams its Arrow, keeps its findings on disk, and says why it stopped."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa

from importers.base import Finding, ReadRequest, SourceMeta, Summary
from importers.geos import arrow
from importers.memory import says_starved, too_much_memory
from importers.messages import MESSAGE, EndMessage, ErrorMessage, FindingMessage, MetaMessage
from importers.pinned import gdal_environment
from twin import folders
from twin.errors import BadFile, BadParameter, OperationError, TooLarge, TwinError
from twin.sandbox import LIMITS, Limits

_ROOT = Path(__file__).resolve().parents[1]
_REFUSALS = {kind.code: kind for kind in (BadFile, BadParameter, TooLarge)}
_META_WAIT_S = 3600.0
_FULL_BYTES = 1 << 20
_FOLDER_PREFIX = "yuetu-import-"
_PIPE_BYTES = 1 << 20
"""What the reader may be ahead of us: with the usual 64 KiB the two would wake each other all the time."""


@dataclass(slots=True)
class Reading:
    """A running reading process. Take `batches` to the end, then `finish`; `findings` may be walked after that."""

    process: subprocess.Popen[bytes]
    messages: IO[str]
    spool: IO[str]
    errors: IO[bytes]
    limits: Limits
    meta: SourceMeta | None = None
    summary: Summary | None = None
    error: ErrorMessage | None = None
    timed_out: bool = False
    _ready: threading.Event = field(default_factory=threading.Event)
    _listener: threading.Thread | None = None
    _timer: threading.Timer | None = None

    def ask(self, request: ReadRequest) -> None:
        """Hand over the request; a process that is dead already says why in `finish`."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.write(request.model_dump_json().encode())
                self.process.stdin.close()

    def start(self) -> None:
        """Listen to the messages and start the clock."""
        self._listener = threading.Thread(target=self._listen, name="importer-messages", daemon=True)
        self._listener.start()
        self._timer = threading.Timer(self.limits.deadline_s, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def describe(self) -> SourceMeta:
        """What the source is; raises what the reader raised when it refuses the file at once."""
        self._ready.wait(_META_WAIT_S)
        if self.meta is None:
            self.finish()
            raise OperationError("the reading process said nothing", "读取进程没有应答")
        return self.meta

    def batches(self) -> pa.RecordBatchReader:
        """The rows; an error in the middle surfaces as ArrowInvalid here and as its reason in `finish`."""
        reader: pa.RecordBatchReader = arrow.ipc.open_stream(self.process.stdout)
        return reader

    def finish(self) -> Summary:
        """Wait for the end; raises the reader's refusal, or why it was stopped."""
        if self.process.stdout:
            self.process.stdout.close()
        code = self.process.wait()
        if self._listener:
            self._listener.join()
        if self.error:
            raise _raised(self.error)
        if code != 0 or self.summary is None:
            raise self._stopped(code)
        return self.summary

    def findings(self) -> Iterator[Finding]:
        """Every finding of the reader, from disk."""
        self.spool.flush()
        self.spool.seek(0)
        for line in self.spool:
            yield Finding.model_validate_json(line)

    def stop(self) -> None:
        """End the process before it has read everything; its findings until then may be walked."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._listener:
            self._listener.join()

    def close(self) -> None:
        """Stop the process if it still runs and let go of everything."""
        if self._timer:
            self._timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdout:
            self.process.stdout.close()
        self.process.wait()
        if self._listener:
            self._listener.join()
        for file in (self.messages, self.spool, self.errors):
            file.close()

    def _expire(self) -> None:
        self.timed_out = True
        self.process.kill()

    def _listen(self) -> None:
        for line in self.messages:
            message = MESSAGE.validate_json(line)
            if isinstance(message, FindingMessage):
                self.spool.write(message.finding.model_dump_json() + "\n")
            elif isinstance(message, MetaMessage):
                self.meta = message.meta
                self._ready.set()
            elif isinstance(message, EndMessage):
                self.summary = message.summary
            else:
                self.error = message
        self._ready.set()

    def _stopped(self, code: int) -> TwinError:
        """Why the reader ended without a word: what stopped it, else what it or a library of it wrote last."""
        self.errors.seek(0)
        tail = self.errors.read()[-2000:].decode(errors="replace").strip()
        if self.timed_out:
            limit_s = self.limits.deadline_s
            return TooLarge(f"reading took longer than {limit_s:.0f} s and was stopped", f"读取超过 {limit_s:.0f} 秒，已中止")
        if code in (-signal.SIGXCPU, -signal.SIGXFSZ):
            return TooLarge("reading used more processor time or disk than allowed", "读取所用处理器时间或磁盘超出限额")
        if says_starved(tail):
            return too_much_memory(self.limits.memory_bytes)
        if code < 0:
            return _killed(signal.Signals(-code))
        if shutil.disk_usage(tempfile.gettempdir()).free < _FULL_BYTES:
            return OperationError(
                "the disk for unpacking and reading is full; nothing was changed",
                "解压和读取所用的磁盘已满，未作任何改动",
                mend=f"清理 {tempfile.gettempdir()} 所在磁盘 / free space where {tempfile.gettempdir()} lies",
            )
        return OperationError(f"the reading process failed: {tail.splitlines()[-1] if tail else f'exit code {code}'}", "读取进程出错")


def _killed(by: signal.Signals) -> BadFile:
    """A crash of a library on this file; or SIGKILL, by which the machine ends the largest process when its memory runs out."""
    zh, en = ("（多因本机内存不足）", " (most often because the machine had no memory left)") if by is signal.SIGKILL else ("", "")
    return BadFile(f"the reader was stopped by {by.name} while reading this file{en}", f"读取该文件时读取进程被 {by.name} 中止{zh}")


def _raised(error: ErrorMessage) -> TwinError:
    kind: type[TwinError] = _REFUSALS.get(error.code, OperationError)
    return kind(error.message_en, error.message_zh, place=error.place, mend=error.mend, choices=error.choices)


@contextmanager
def reading(request: ReadRequest, limits: Limits = LIMITS) -> Iterator[Reading]:
    """Run a reading process on `request`; stopped and cleaned up on every way out."""
    read_fd, write_fd = os.pipe()
    errors, spool = tempfile.TemporaryFile(), tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "importers.child", str(write_fd), str(limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(request.folder),
            cwd=request.folder,
            pass_fds=(write_fd,),
        )
    finally:
        os.close(write_fd)
    with suppress(OSError):
        fcntl.fcntl(process.stdout or -1, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    run = Reading(process, os.fdopen(read_fd, encoding="utf-8"), spool, errors, limits)
    try:
        run.ask(request)
        run.start()
        yield run
    finally:
        run.close()


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    } | gdal_environment()


def private_folder() -> AbstractContextManager[Path]:
    """A directory of this import's own, locked while it lives and removed on the way out."""
    return folders.private_folder(_FOLDER_PREFIX)


def sweep_folders() -> None:
    """Remove directories of imports that were killed: nobody holds their lock."""
    folders.sweep_folders(_FOLDER_PREFIX)
