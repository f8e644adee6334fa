"""How good a file is, as one figure that can be taken apart: every rule says how many points it costs."""

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict

from importers.base import Severity

FULL: Final = 100.0
#: What one row under a rule costs, in rows.
WEIGHTS: Final = {Severity.REFUSE: 1.0, Severity.WARN: 0.5, Severity.REPAIR: 0.2, Severity.NOTE: 0.0}
FILE_POINTS: Final = 5.0
"""What a warning about the file as a whole costs."""


class RuleQuality(BaseModel):
    """What one rule takes from the score; `share` is the part of the checked rows it struck, 0–1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    severity: Severity
    count: int
    rows: int
    share: float
    points: float


class Quality(BaseModel):
    """The score of an import, 0–100, over the rows it checked (unchanged ones are not looked at again)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float
    checked: int
    rules: tuple[RuleQuality, ...] = ()


def quality_of(checked: int, rules: Iterable[tuple[str, Severity, int, int]]) -> Quality | None:
    """The score from (rule, severity, findings, rows struck); None when no row was checked.

    100 − 100 × Σ share × weight (refused 1, warned 0.5, repaired 0.2) − 5 for each warning about the whole file, never below 0.
    """
    if checked <= 0:
        return None
    scored = tuple(_scored(checked, *rule) for rule in rules)
    return Quality(score=round(max(0.0, FULL - sum(item.points for item in scored)), 1), checked=checked, rules=scored)


def _scored(checked: int, rule: str, severity: Severity, count: int, rows: int) -> RuleQuality:
    share = min(1.0, rows / checked)
    whole_file = FILE_POINTS if severity is Severity.WARN and rows == 0 else 0.0
    return RuleQuality(
        rule=rule,
        severity=severity,
        count=count,
        rows=rows,
        share=round(share, 6),
        points=round(FULL * share * WEIGHTS[severity] + whole_file, 2),
    )
