"""The report kept with every import: rows in = published + refused, always; every rule with its count and first places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from importers.base import Severity
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
    examples: tuple[Example, ...] = ()


class WarningCount(_Part):
    """A rule of severity `warn`, shown first."""

    rule: str
    zh: str
    en: str
    count: int


class DatumCheck(_Part):
    """Polygons of the file beside the divisions of the same name: how far their boundaries are apart, in metres, by each reading."""

    compared: int
    declared: str
    offset_m: float
    """Median distance of the file's boundary from the known one, as declared."""
    readings_m: Mapping[str, float]
    fits: str
    """The reading with the smallest distance."""
    doubtful: bool


class Seconds(_Part):
    """How long each step took."""

    read: float = 0.0
    stage: float = 0.0
    diff: float = 0.0
    repair: float = 0.0
    publish: float = 0.0
    index: float = 0.0


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
    division_filled: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; `total` None where it is not known."""

    done: int
    total: int | None
    step_zh: str
    step_en: str


def rule_counts(counts: Sequence[tuple[str, str, int]], samples: Sequence[tuple[Any, ...]]) -> tuple[RuleCount, ...]:
    """Counts and samples as they come from the database, with their titles."""
    examples: dict[str, list[Example]] = {}
    for name, row, key, lon, lat, detail_zh, detail_en in samples:
        shown = Example(row=row or 0, key=key or "", lon=lon, lat=lat, detail_zh=detail_zh, detail_en=detail_en)
        examples.setdefault(name, []).append(shown)
    return tuple(
        RuleCount(
            rule=name, severity=Severity(severity), zh=rule(name).zh, en=rule(name).en, count=count, examples=tuple(examples.get(name, ()))
        )
        for name, severity, count in counts
    )


def warnings_of(rules: Sequence[RuleCount]) -> tuple[WarningCount, ...]:
    """The rules to look at."""
    return tuple(WarningCount(rule=item.rule, zh=item.zh, en=item.en, count=item.count) for item in rules if item.severity is Severity.WARN)
