"""Being told to stop: endless answers must end themselves, for the server waits for running answers before it tells the application."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_stop(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` in the event loop when the process is told to stop, before whoever handles that signal now."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    for number, handler in before.items():
        signal.signal(number, _both(loop, act, handler))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _both(loop: asyncio.AbstractEventLoop, act: Callable[[], None], handler: Any) -> Callable[[int, FrameType | None], None]:
    """A signal handler that wakes the loop for `act` and then does what was done before."""

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        handler(number, frame)

    return handle
