"""The server's end of a process that writes a file: starts it, waits for it without holding anybody up, kills it when nobody waits any more."""

import asyncio
import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final

from layers.export.request import AWAY, FULL, TIMED_OUT, TOO_LARGE, FileRequest
from postgis.pool import OutOfTime
from twin.errors import OperationError, TooLarge, Unavailable
from twin.settings import CHECKOUT, child_environment

_LOG = logging.getLogger("twin.export")
_GDAL: Final = {
    "GDAL_DRIVER_PATH": "disable",
    "PROJ_NETWORK": "OFF",
    "OGR_SQLITE_SYNCHRONOUS": "OFF",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
}


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What one such process may use."""

    memory_bytes: int
    """Of address space, which libraries claim more of than they use."""
    folder_bytes: int
    seconds: float


async def write_in_child(request: FileRequest, limits: FileLimits) -> int:
    """Write the file in a process of its own; returns its rows.

    Raises TooLarge over `folder_bytes`, OutOfTime past `seconds`, Unavailable without the database, OperationError for a full disk or a crash.
    """
    process = _start(request, limits)
    try:
        async with asyncio.timeout(limits.seconds):
            out, err = await asyncio.to_thread(process.communicate, request.model_dump_json().encode() + b"\n")
    except TimeoutError as exc:
        raise _too_long() from exc
    finally:
        if process.poll() is None:
            process.kill()
            await asyncio.to_thread(process.wait)
    return _rows(process.returncode, out, err)


def _start(request: FileRequest, limits: FileLimits) -> "subprocess.Popen[bytes]":
    """Begun by the thread of the loop: the child is told to die with the thread that began it."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "layers.export.child", str(limits.memory_bytes), str(limits.folder_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=request.path.parent,
        env=child_environment(PYTHONPATH=str(CHECKOUT), TMPDIR=str(request.path.parent), OPENBLAS_NUM_THREADS="1", **_GDAL),
    )


def _rows(code: int, out: bytes, err: bytes) -> int:
    """What the child answered."""
    said: dict[str, Any] = json.loads(out.splitlines()[0]) if out.strip() else {}
    if code == 0 and "rows" in said:
        return int(said["rows"])
    word = said.get("error")
    if word == TIMED_OUT:
        raise _too_long()
    if word == TOO_LARGE:
        raise TooLarge("the file is over its budget of temporary bytes", "文件超过临时空间限额", place="f")
    if word == FULL:
        raise OperationError("the disk is full", "磁盘空间已满", place="disk")
    if word == AWAY:
        raise Unavailable("the database went away", "数据库连接中断", mend="请稍后重试")
    _LOG.error("an export failed with %s: %s %s", code, said.get("detail", ""), err[-2000:].decode(errors="replace"))
    raise OperationError("the process that writes files failed", "写文件的进程出错")


def _too_long() -> OutOfTime:
    return OutOfTime("the export ran past its time budget", "导出超过时限，已取消", mend="请缩小范围后重试")
