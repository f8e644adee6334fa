"""What every command shares: settings, words for the person, and how errors become exit statuses. Imports nothing heavy."""

import sys
import traceback
from functools import cache

from twin.errors import InputError, TwinError
from twin.settings import Settings, read_settings

FAULT, REFUSED = 1, 2


@cache
def settings() -> Settings:
    """The settings of this process, read at the first use."""
    return read_settings()


def say(text: str = "") -> None:
    """A line for the person, at once."""
    print(text, flush=True)


def warn(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def tell(error: Exception) -> int:
    """Write what went wrong, Chinese first, and return the exit status that says whose fault it is."""
    if not isinstance(error, TwinError):
        warn(f"内部错误 · internal error: {type(error).__name__}: {error}")
        traceback.print_exception(error)
        return FAULT
    place = f" [{error.place}]" if error.place else ""
    warn(f"{error.title_zh}：{error.message_zh}{place}")
    if error.message_en != error.message_zh:
        warn(f"{error.title_en}: {error.message_en}{place}")
    if error.mend:
        warn(f"→ {error.mend}")
    return REFUSED if isinstance(error, InputError) else FAULT
