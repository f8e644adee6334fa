"""Shuts the door of a child process that reads what others wrote behind itself: no network, no new rights, limits on memory, time, files; dies with its parent."""

import ctypes
import resource
import signal
from dataclasses import dataclass

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one such process may use; as they stand, for reading an import."""

    memory_bytes: int = 8 << 30
    cpu_s: int = 3600
    file_bytes: int = 16 << 30
    open_files: int = 256
    deadline_s: float = 7200.0
    """Wall clock; kept by the parent."""


LIMITS = Limits()


def enter(limits: Limits, *, network: bool = False) -> None:
    """Apply the limits to this process; call before any library starts a thread. `network` stays only where data comes by it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if not network and libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # refused by some kernels: then the empty driver list is the only wall
    for what, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (ceiling, ceiling))
