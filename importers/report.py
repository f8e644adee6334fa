"""The report kept with every import: rows in = published + refused, always; every rule with its count and first places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from importers.base import Severity
from importers.quality import Quality
from importers.rules import rule
from twin.fields import Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(_Part):
    """One place where a rule struck; lon and lat are degrees of EPSG:4490."""

    row: int
    key: str = ""
    lon: float | None = None
    lat: float | None = None
    detail_zh: str = ""
    detail_en: str = ""


class RuleCount(_Part):
    """How often a rule struck."""

    rule: str
    severity: Severity
    zh: str
    en: str
    count: int
    rows: int = 0
    """Rows of the file it struck; 0: the file as a whole."""
    examples: tuple[Example, ...] = ()


class WarningCount(_Part):
    """A rule of severity `warn`, shown first."""

    rule: str
    zh: str
    en: str
    count: int


class DatumCheck(_Part):
    """How far the file lies from what is known, in metres, by each reading of its degrees.

    `boundaries`: outlines beside those of the divisions of the same name. `points`: points and lines outside the divisions that their rows
    name. `earlier`: the file's objects beside where the last import of the same source put them.
    """

    by: str = "boundaries"

    compared: int
    declared: str
    offset_m: float
    """Median distance as declared; of points the 95th percentile of how far they lie outside."""
    readings_m: Mapping[str, float]
    fits: str
    """The reading with the smallest distance."""
    doubtful: bool
    outside: Mapping[str, int] = {}
    """Of points: how many lie outside the division they name, by each reading."""


class CrsReading(_Part):
    """A sample of the file read in one reference system."""

    crs: str
    possible: float
    """Share of the sample that has a place in this system."""
    inside: float
    """Share of the sample that lies where the data is expected."""
    point: tuple[float, float] | None = None
    """Median place in degrees of EPSG:4490."""
    offset_m: float | None = None
    """Median distance from the declared reading in metres."""


class CrsCheck(_Part):
    """A reference system that does not fit its coordinates: every reading that was tried, and the one that was used."""

    declared: str
    """Empty: the file does not say."""
    used: str
    compared: int
    region_zh: str
    region_en: str
    readings: tuple[CrsReading, ...]


class TopologyCheck(_Part):
    """What is wrong between the polygons of the layer, and the layer that shows where."""

    layer: str = ""
    """Empty: there is none, because nothing was ever wrong or the check failed."""
    polygons: int = 0
    overlaps: int = 0
    gaps: int = 0
    duplicates: int = 0
    written: int = 0
    """Places written down; the counts go beyond the first 20,000."""


class Seconds(_Part):
    """How long each step took."""

    read: float = 0.0
    stage: float = 0.0
    diff: float = 0.0
    repair: float = 0.0
    publish: float = 0.0
    index: float = 0.0
    topology: float = 0.0


class ImportReport(_Part):
    """What one import did."""

    run: UUID
    layer: str
    number: int | None = None
    source: str
    file: str = ""
    format: str = ""
    dry_run: bool = False
    features: int
    """Features in the file; `rows_in` counts their parts where they were split."""
    rows_in: int
    published: int
    refused: int
    repaired: int
    """Rows of the file; one that several rules repaired is one, and so is one of which several parts were."""
    added: int
    changed: int
    removed: int
    unchanged: int
    warnings: tuple[WarningCount, ...] = ()
    rules: tuple[RuleCount, ...] = ()
    crs: str
    datum: str
    encoding: str
    key: str = ""
    """The column rows are recognised by; empty: their content."""
    fields: tuple[Field, ...] = ()
    min_zoom: int = 0
    seconds: Seconds = Seconds()
    datum_check: DatumCheck | None = None
    vertical_datum: str | None = None
    """What heights count from; None where there are none."""
    crs_check: CrsCheck | None = None
    """None where the coordinates fit what is declared."""
    division_filled: int = 0
    topology: TopologyCheck | None = None
    """None where it was not asked for."""
    mode: str = "diff"
    """`diff`, `append`, `replace`; `undo` of a report of an undo."""
    undone_by: UUID | None = None
    """The run that took this import back."""
    quality: Quality | None = None
    """None where no row was checked."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; `total` None where it is not known."""

    done: int
    total: int | None
    step_zh: str
    step_en: str


def rule_counts(counts: Sequence[tuple[str, str, int, int]], samples: Sequence[tuple[Any, ...]]) -> tuple[RuleCount, ...]:
    """Counts and samples as they come from the database, with their titles."""
    examples: dict[str, list[Example]] = {}
    for name, row, key, lon, lat, detail_zh, detail_en in samples:
        shown = Example(row=row or 0, key=key or "", lon=lon, lat=lat, detail_zh=detail_zh, detail_en=detail_en)
        examples.setdefault(name, []).append(shown)
    return tuple(
        RuleCount(
            rule=name,
            severity=Severity(severity),
            zh=rule(name).zh,
            en=rule(name).en,
            count=count,
            rows=rows,
            examples=tuple(examples.get(name, ())),
        )
        for name, severity, count, rows in counts
    )


def warnings_of(rules: Sequence[RuleCount]) -> tuple[WarningCount, ...]:
    """The rules to look at."""
    return tuple(WarningCount(rule=item.rule, zh=item.zh, en=item.en, count=item.count) for item in rules if item.severity is Severity.WARN)
