"""The search table: fill it for a layer, and ask it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from postgis.connect import IMPORTER, connect
from postgis.jobs import JobResult, RunningJob
from postgis.queries import load_queries
from postgis.statement import Statement
from twin.layer import Bounds

Connection = psycopg.Connection[Any]

_QUERIES = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One hit as the database ranks it: `tier` 0 exact, 1 prefix, 2 contains, 3 by names above it; degrees are EPSG:4490."""

    kind: str
    tier: int
    ref: str
    layer: str | None
    oid: int | None
    title: str
    subtitle: str
    code: str
    lon_4490: float | None
    lat_4490: float | None
    bounds: Bounds | None


def index_layer(connection: Connection, layer_number: int, oids: Sequence[int] | None = None) -> int:
    """Index the objects of a layer anew, all or those called `oids`; returns how many can be found now."""
    row = connection.execute(_QUERIES["index"], {"number": layer_number, "oids": None if oids is None else list(oids)}).fetchone()
    return int(row[0]) if row else 0


def run_index(job: RunningJob) -> JobResult:
    """Index the layer `args.layer` anew after a large import, or what the import `args.run` changed in it; a layer that is gone has nothing to find."""
    with connect(job.database, IMPORTER) as connection:
        row = connection.execute(_QUERIES["layer_number"], {"layer": job.args.get("layer")}).fetchone()
        if row is None:
            return {"rows": 0}
        number, run = int(row[0]), job.args.get("run")
        return {"rows": index_layer(connection, number, None if run is None else _written_by(connection, number, UUID(str(run))))}


def _written_by(connection: Connection, number: int, run: UUID) -> list[int]:
    """The objects of which an import wrote or ended a version."""
    query = sql.SQL(_text(_QUERIES["written_by"])).format(live=sql.Identifier("twin", f"object_{number}"), run=sql.Literal(run))
    return [int(oid) for (oid,) in connection.execute(query)]


def _text(text: str) -> Any:
    """A query of ours, for psycopg's LiteralString."""
    return text


def index_everything(connection: Connection) -> int:
    """Index divisions, products and all layers anew; returns the number of rows."""
    row = connection.execute(_QUERIES["index_everything"]).fetchone()
    return int(row[0]) if row else 0


def find_statement(words: str, limit: int, near_4490: tuple[float, float] | None) -> Statement:
    """The best `limit` hits of each kind for what the reader's scope shows, the nearer first among equals."""
    lon, lat = near_4490 or (None, None)
    return Statement(_QUERIES["find"], (words, limit, lon, lat))


def to_found(record: Mapping[str, Any]) -> FoundRow:
    """A hit from a row of `find_statement`."""
    values = dict(record)
    bounds = values.pop("bounds")
    return FoundRow(**values, bounds=tuple(bounds) if bounds else None)
