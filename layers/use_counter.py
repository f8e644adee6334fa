"""Counting uses of products without a row for each: one process adds up in memory and hands its sums in every few seconds."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

from postgis.editing import EditorPool
from postgis.uses import Uses, add
from twin.errors import Unavailable

_LOG = logging.getLogger("twin.uses")
_FLUSH_S = 5.0
_MOST_KEPT = 100_000
_DAY_ZONE = timezone(timedelta(hours=8))


def today() -> date:
    """The day in China Standard Time, as the people who read the sums mean it."""
    return datetime.now(_DAY_ZONE).date()


class UseCounter:
    """The uses one web process has seen and not handed in yet."""

    def __init__(self, editor: EditorPool, day: Callable[[], date] = today) -> None:
        self._editor = editor
        self._day = day
        self._seen: Counter[tuple[str, date]] = Counter()

    def saw(self, code: str) -> None:
        """Count one use, now."""
        if len(self._seen) < _MOST_KEPT:
            self._seen[code, self._day()] += 1

    async def run(self) -> None:
        """Hand in every few seconds until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Hand in what was seen; while the database is away it is kept."""
        seen, self._seen = self._seen, Counter()
        if not seen:
            return
        try:
            await self._editor.run(add, [Uses(code, day, uses) for (code, day), uses in seen.items()])
        except Unavailable:
            self._seen.update(seen)
        except Exception:
            _LOG.exception("%d counted uses are lost", seen.total())
