"""Questions about where staged rows lie: a sample of them, and which known divisions are near points in degrees."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg import sql

from postgis.queries import load_queries
from postgis.stage import Connection, Staging, compose
from postgis.stage_diff import Against
from twin.fields import FieldType
from twin.layer import Bounds

_QUERIES = load_queries(__file__)
_MOST, _MOST_PLACED, _MOST_DIVISIONS = 400, 4000, 60
_WHOLE_TABLE = 20_000
_MAX_WORDS = 40
_WORDS = (FieldType.TEXT, FieldType.INTEGER)


@dataclass(frozen=True, slots=True)
class SampledRow:
    """Geometry of a staged row in the coordinates of its source, and the row's texts."""

    wkb: bytes
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class NearDivision:
    """Whether a known division is near a point, and the one it lies in."""

    near: bool
    code: str
    name: str


def sample_rows(connection: Connection, staging: Staging, rows: int) -> list[SampledRow]:
    """At most 400 rows with a place, spread over the file."""
    found = connection.execute(compose("sample", staging, _QUERIES, **_sampling(staging, rows, _MOST)))
    return [_sampled(wkb, text) for wkb, text in found]


def _sampling(staging: Staging, rows: int, most: int) -> dict[str, sql.Composable]:
    words = [column.identifier for column in staging.columns if column.type in _WORDS][:_MAX_WORDS]
    texts = sql.SQL("concat_ws(E'\\x1f', {})").format(sql.SQL(", ").join(words)) if words else sql.SQL("''")
    percent = min(100.0, 100.0 * _WHOLE_TABLE / max(rows, 1))
    every = max(1, min(rows, _WHOLE_TABLE) // most)
    return {"texts": texts, "percent": sql.Literal(percent), "every": sql.Literal(every), "most": sql.Literal(most)}


def _sampled(wkb: bytes, text: str) -> SampledRow:
    return SampledRow(bytes(wkb), frozenset(filter(None, text.split("\x1f"))))


def sample_placed(connection: Connection, staging: Staging) -> list[SampledRow]:
    """At most 4000 rows of points and lines, one vertex each, in degrees of storage."""
    row = connection.execute(compose("estimate", staging, _QUERIES, table=sql.Literal(staging.name("rows")))).fetchone()
    rows = int(row[0]) if row else 0
    found = connection.execute(compose("sample_placed", staging, _QUERIES, **_sampling(staging, rows, _MOST_PLACED)))
    return [_sampled(wkb, text) for wkb, text in found]


def named_divisions(connection: Connection, words: Collection[str]) -> list[tuple[str, str, bytes]]:
    """Code, name and polygon (WKB) of known divisions that any of these words names, the smallest first; at most 60."""
    found = connection.execute(_QUERIES["named_divisions"], {"words": list(words), "most": _MOST_DIVISIONS})
    return [(code, name, bytes(wkb)) for code, name, wkb in found]


def earlier_places(connection: Connection, staging: Staging, against: Against) -> list[tuple[float, float, float, float]]:
    """Of at most 400 changed objects the place by the file and the place they have: longitude, latitude, longitude, latitude."""
    found = connection.execute(compose("earlier", staging, _QUERIES, **against.parts(), most=sql.Literal(_MOST)))
    return [(float(lon), float(lat), float(lon2), float(lat2)) for lon, lat, lon2, lat2 in found]


def known_extent(connection: Connection) -> Bounds | None:
    """West, south, east, north of all known divisions in degrees; None when none are loaded."""
    row = connection.execute(_QUERIES["extent"]).fetchone()
    return (float(row[0]), float(row[1]), float(row[2]), float(row[3])) if row else None


def names_divisions(connection: Connection, words: Collection[str]) -> bool:
    """Whether any of these words is the code or the name (with or without 区, 县, 市) of a known division."""
    row = connection.execute(_QUERIES["names_divisions"], {"words": list(words)}).fetchone()
    return bool(row and row[0])


def divisions_near(connection: Connection, lon: Sequence[float], lat: Sequence[float]) -> list[NearDivision]:
    """For each point in degrees what known division is there."""
    found = connection.execute(_QUERIES["divisions_near"], {"lon": list(lon), "lat": list(lat)})
    return [NearDivision(bool(near), code or "", name or "") for near, code, name in found]
