"""Work on a stream in a thread of its own, a few items ahead of who takes them: two stages that both wait no longer wait for each other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")
_MOST_AHEAD = 2
_LOOK_S = 0.1


class _End(Generic[T]):
    """What the thread leaves as its last item: nothing, or what stopped it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """The same items, made in a thread; an error of theirs is raised when its turn comes. The thread has ended when the block has."""
    queue: Queue[T | _End[T]] = Queue(_MOST_AHEAD)
    left = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not _put(queue, item, left):
                    return
        except BaseException as exc:  # raised where it is waited for
            error = exc
        _put(queue, _End(error), left)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield _taken(queue)
    finally:
        left.set()
        thread.join()


def _put(queue: "Queue[T | _End[T]]", item: "T | _End[T]", left: threading.Event) -> bool:
    """Wait for room; False when nobody takes items any more."""
    while not left.is_set():
        try:
            queue.put(item, timeout=_LOOK_S)
        except Full:
            continue
        return True
    return False


def _taken(queue: "Queue[T | _End[T]]") -> Iterator[T]:
    while True:
        item = queue.get()
        if isinstance(item, _End):
            if item.error:
                raise item.error
            return
        yield item
