"""Whose data these are, so that what was kept of one database is never taken for another's."""

from postgis.pool import HotPool
from postgis.queries import load_queries
from postgis.statement import Statement
from twin.view import EVERYTHING

_QUERIES = load_queries(__file__)


async def whose_data(pool: HotPool) -> str:
    """A text that is equal only while the numbers of events go on counting the same changes."""
    return str(await pool.fetchval(Statement(_QUERIES["whose_data"]), EVERYTHING))
