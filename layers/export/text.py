"""What the writers of text have in common: they turn rows into bytes piece by piece and remember nothing but whether they have begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson

from twin.sheet import Sheet

Row = Mapping[str, Any]
_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class TextSheet:
    """What a writer of text knows of the layer."""

    sheet: Sheet
    crs_uri: str
    """Of the answer; its axes come in the order the system defines."""
    plain: bool
    """Whether the coordinates are those of CRS84 or CRS84h, which GeoJSON readers expect."""
    schema_url: str = ""
    """Where the layer's schema is, if that is known."""


class TextWriter(Protocol):
    """Writes one answer: `head`, any number of `rows`, `tail`."""

    def head(self) -> bytes:
        """What comes before the first row."""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Some rows."""

    def tail(self, members: Mapping[str, Any]) -> bytes:
        """What comes after the last row; `members` are the counts and links that are known by then."""


def dump(value: Any) -> bytes:
    """JSON text of `value`: moments in UTC, what is no number null."""
    return orjson.dumps(value, default=str, option=_OPTIONS)


def moment(value: datetime | None) -> str | None:
    """An instant in UTC as RFC 3339, None for an open or infinite end."""
    if value is None or value.year in (1, 9999):
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
