"""A database that went away in the middle of work, in words a person can act on."""

import re

import adbc_driver_manager
import psycopg

from twin.errors import Unavailable

_GONE = ("08", "57P")
#: ADBC has no state for a lost connection; its other errors without one come from the rows it was given.
_SAID = re.compile(r"server closed the connection|connection to server|no connection to the server|terminating connection", re.I)


def database_away(exc: BaseException) -> Unavailable | None:
    """What to say when `exc` means that the database stopped, restarted or cut the connection; None for anything else."""
    if not isinstance(exc, psycopg.OperationalError | adbc_driver_manager.Error):
        return None
    cut = exc.sqlstate.startswith(_GONE) if exc.sqlstate else isinstance(exc, psycopg.Error) or says_away(str(exc))
    if not cut:
        return None
    return Unavailable(
        "the database went away in the middle of this; the earlier data is untouched",
        "数据库连接中断，原有数据不受影响",
        mend="稍后重试：已导入的行会记为“未变” / try again: rows that were imported already count as unchanged",
    )


def says_away(text: str) -> bool:
    """Whether the words of an error that has lost its class mean that the connection is gone."""
    return _SAID.search(text) is not None
