"""What imports did: runs with their report, and findings a page at a time, as the serving role reads them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from pydantic import BaseModel, ConfigDict

from postgis.queries import load_queries
from postgis.statement import Statement

_QUERIES = load_queries(__file__)


class ImportRun(BaseModel):
    """One import: what was read into which layer, and how it ended; `report` once it is complete."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    layer_id: str
    layer: int | None
    source: str
    status: str
    started: datetime
    finished: datetime | None
    undone_by: UUID | None = None
    """The import that took this one back."""
    report: Mapping[str, Any] | None


class Finding(BaseModel):
    """One repair, refusal, warning or note with its place: row of the file, and longitude and latitude in EPSG:4490 where known."""

    model_config = ConfigDict(frozen=True)

    id: int
    row: int | None
    source_key: str | None
    rule: str
    severity: str
    detail_zh: str
    detail_en: str
    lon: float | None
    lat: float | None


def run_statement(run: UUID) -> Statement:
    """The run of this id."""
    return Statement(_QUERIES["run"], (run,))


def runs_statement(limit: int) -> Statement:
    """The newest runs, without their reports."""
    return Statement(_QUERIES["runs"], (limit,))


def findings_statement(run: UUID, after: int, limit: int, rule: str = "") -> Statement:
    """Findings of a run after the finding `after`; of one rule only where it is named."""
    return Statement(_QUERIES["findings"], (run, after, limit, rule))


def rows_struck(connection: psycopg.Connection[Any], run: UUID, severity: str) -> int:
    """Rows of the file with a finding of this severity, each once, as the importer reads them while its run is open."""
    found = connection.execute(_QUERIES["rows_struck"], {"run": run, "severity": severity}).fetchone()
    return int(found[0]) if found else 0


def to_run(record: Mapping[str, Any]) -> ImportRun:
    """A run from a row."""
    fields = dict(record)
    return ImportRun(**(fields | {"report": json.loads(fields["report"]) if fields["report"] else None}))


def to_finding(record: Mapping[str, Any]) -> Finding:
    """A finding from a row."""
    return Finding(**dict(record))
