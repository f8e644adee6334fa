"""The SQL types and constants that the select builders share."""

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.types import TypeEngine

TEXT = sa.Text()
NUMBER: TypeEngine[float] = sa.Double()
INSTANT = sa.DateTime(timezone=True)
BIGINT = sa.BigInteger()
INTEGER = sa.Integer()


@lru_cache(maxsize=1024)
def literal(value: int | str) -> ColumnElement[Any]:
    """A constant of ours written into the text: it needs no placeholder."""
    return sa.literal_column(str(value))
