"""What tiles are read from, brought up to date by a command: the worker does it within a second, but a command may run without one."""

import logging
from collections.abc import Callable

import psycopg

from postgis import overviews, twins
from postgis.connect import IMPORTER, Database, connect

Tell = Callable[[int, int | None, str, str], None]
"""Progress: done, total (None: unknown), the step in Chinese and in English."""
_LOG = logging.getLogger("twin.tiles")
_ROUNDS = 3


def make_ready(database: Database, tell: Tell) -> None:
    """Build every twin and overview that is in doubt; what cannot be built now is read from the rows."""
    tell(0, None, "准备瓦片数据", "Preparing the tile tables")
    try:
        for _ in range(_ROUNDS):
            with connect(database, IMPORTER) as connection:
                if not any([twins.refresh(connection), overviews.refresh(connection)]):
                    return
    except psycopg.Error:
        _LOG.exception("not all tile tables could be brought up to date; tiles are made from the rows")
