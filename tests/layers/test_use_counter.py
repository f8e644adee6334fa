"""Uses are added up and handed in; while the database is away they are kept."""

from collections.abc import Callable
from datetime import date
from typing import Any

from layers.use_counter import UseCounter
from postgis.connect import EDITOR, Database, connect
from postgis.editing import EditorPool
from postgis.uses import Uses, read
from twin.errors import Unavailable

DAY = date(2026, 5, 1)


async def test_sums_of_two_processes_meet(database: Database) -> None:
    editor = EditorPool(database)
    counters = [UseCounter(editor, lambda: DAY) for _ in range(2)]
    for counter in counters:
        for code in ("a", "b", "a"):
            counter.saw(code)
        await counter.flush()
        await counter.flush()
    editor.close()
    with connect(database, EDITOR) as connection:
        assert read(connection, DAY) == [Uses("a", DAY, 4), Uses("b", DAY, 2)]
        assert read(connection, date(2026, 5, 2)) == []


async def test_nothing_is_lost_while_the_database_is_away() -> None:
    handed: list[list[Uses]] = []

    class Away:
        away = True

        async def run(self, _function: Callable[..., Any], counted: list[Uses]) -> None:
            if self.away:
                raise Unavailable("away")
            handed.append(counted)

    editor = Away()
    counter = UseCounter(editor, lambda: DAY)  # type: ignore[arg-type]
    counter.saw("a")
    await counter.flush()
    counter.saw("a")
    editor.away = False
    await counter.flush()
    assert handed == [[Uses("a", DAY, 2)]]
