"""Whoever leaves while we work for them: the work is told, so that nothing is made for nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

#: Work that takes longer is worth watching whether its client is still there.
_PATIENCE_S: Final = 0.1


class Watch:
    """Work inside `with` ends quietly when the client leaves it waiting; looking for that begins only when it takes long."""

    def __init__(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._look: asyncio.Task[None] | None = None
        self.gone = False

    def __enter__(self) -> "Watch":
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self._begin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        self._timer.cancel()
        if self._look is not None:
            self._look.cancel()
        left = self.gone and kind is asyncio.CancelledError
        return left and self._task is not None and not self._task.uncancel()

    def _begin(self) -> None:
        self._look = asyncio.ensure_future(self._wait_for_end())

    async def _wait_for_end(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()
