"""A full disk, the database's or ours, in words a person can act on."""

import errno

import adbc_driver_manager
import psycopg

from twin.errors import OperationError

_DISK_FULL = "53100"


def disk_full(exc: BaseException) -> OperationError | None:
    """What to say when `exc` means that a disk is full; None for anything else."""
    if isinstance(exc, OSError) and exc.errno == errno.ENOSPC:
        return OperationError(
            "the disk is full; nothing was changed", "磁盘空间已满，未作任何改动", mend="清理磁盘后重试 / free some space and try again"
        )
    if isinstance(exc, psycopg.Error | adbc_driver_manager.Error) and exc.sqlstate == _DISK_FULL:
        return OperationError(
            "the disk of the database is full; nothing was changed",
            "数据库所在磁盘已满，未作任何改动",
            mend="清理数据库磁盘后重试 / free space on the database's disk and try again",
        )
    return None
