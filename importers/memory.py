"""A reader that runs out of the memory it may use: how that is told from other faults, and what is said of it."""

import errno
import re

from twin.errors import TooLarge

#: What C libraries, the loader and Python say; most of them raise an error of their own kind, or end the process.
_WORDS = re.compile(
    r"(can|could) ?not allocate|out of memory|not enough memory|bad_alloc|failed to map segment|can't start new thread|MemoryError", re.I
)


def is_starved(exc: BaseException | None) -> bool:
    """Whether `exc`, or what it came of, is a lack of memory; Arrow's own error is a MemoryError too."""
    while exc is not None:
        lacking = isinstance(exc, MemoryError) or (isinstance(exc, OSError) and exc.errno == errno.ENOMEM)
        if lacking or says_starved(str(exc)):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def says_starved(text: str) -> bool:
    """Whether a library's last words tell of a lack of memory."""
    return bool(_WORDS.search(text))


def too_much_memory(limit_bytes: int) -> TooLarge:
    """What a person is told."""
    return TooLarge(
        f"reading the file needs more memory than a reader may use (memory_bytes = {limit_bytes})",
        f"读取该文件所需内存超出限额（{limit_bytes / 2**30:.1f} GiB）",
        mend="拆分文件或其中最大的图形后再导入 / split the file, or its largest shape",
    )
