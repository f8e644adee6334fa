"""The processes that make an export's tiles: each is handed one chunk after another, and all go when one fails or we are killed."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tiles.export_child import ChildRequest, Order
from twin import errors
from twin.errors import OperationError, TwinError
from twin.settings import CHECKOUT, child_environment

_END_S = 10.0
Wanted = tuple[Path, list[int]]


class Crew:
    """Some child processes; a child ends by itself when its stdin does, so none outlives us."""

    def __init__(self, request: ChildRequest, size: int) -> None:
        self._request, self._size = request, size
        self._children: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        for _ in range(self._size):
            self._children.append(self._start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in self._children:
            if error is not None:
                child.kill()
            _close(child.stdin)
        for child in self._children:
            try:
                child.wait(_END_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            _close(child.stdout)

    def make(self, wanted: Sequence[Wanted]) -> Iterator[int]:
        """Have all chunks made; yields how many tiles each finished one had, and raises what a child refused with."""
        left: queue.SimpleQueue[Wanted] = queue.SimpleQueue()
        told: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
        for chunk in wanted:
            left.put(chunk)
        threads = [threading.Thread(target=_drive, args=(child, left, told), daemon=True) for child in self._children]
        for thread in threads:
            thread.start()
        for _ in wanted:
            answer = told.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
        for thread in threads:
            thread.join()

    def _start(self) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "tiles.export_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=CHECKOUT,
            env=child_environment(PYTHONUTF8="1"),
        )
        with suppress(BrokenPipeError):  # dead already: the first chunk says so
            _send(child, self._request.model_dump_json())
        return child


def _drive(child: "subprocess.Popen[str]", left: "queue.SimpleQueue[Wanted]", told: "queue.SimpleQueue[int | BaseException]") -> None:
    """Feed one child until nothing is left or it fails."""
    while True:
        try:
            path, ids = left.get_nowait()
        except queue.Empty:
            return
        try:
            _send(child, Order(path=path, ids=tuple(ids)).model_dump_json())
            told.put(_understood(child, len(ids)))
        except (OSError, TwinError) as exc:
            told.put(exc if isinstance(exc, TwinError) else _gone(child))
            return


def _understood(child: "subprocess.Popen[str]", tiles: int) -> int:
    line = child.stdout.readline() if child.stdout else ""
    if not line:
        raise _gone(child)
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        kind = getattr(errors, str(answer["error"]), OperationError)
        raise kind(answer["message_en"], answer["message_zh"])
    return tiles


def _gone(child: "subprocess.Popen[str]") -> OperationError:
    child.kill()
    code = child.wait()
    return OperationError(
        f"a process that makes tiles ended with {code}; what is made is kept, run it again to go on",
        f"生成瓦片的进程异常退出（{code}）；已生成的部分仍在，重新运行即可继续",
    )


def _close(pipe: IO[str] | None) -> None:
    """Close our end; what a dead child did not read any more is of no use."""
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def _send(child: "subprocess.Popen[str]", line: str) -> None:
    if child.stdin:
        child.stdin.write(line + "\n")
        child.stdin.flush()
