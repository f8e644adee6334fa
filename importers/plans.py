"""What a person says to have a source read again on a schedule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from importers.options import ImportOptions
from twin.errors import BadParameter

MIN_S: Final = 60
MAX_S: Final = 366 * 86_400


class Plan(BaseModel):
    """Which file or folder below the directory of sources, how it is read, and how often, in seconds from `starts_at` (None: now)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1, max_length=1000)
    every_s: int = Field(ge=MIN_S, le=MAX_S)
    starts_at: datetime | None = None
    options: ImportOptions = ImportOptions()

    @field_validator("starts_at")
    @classmethod
    def _starts_at(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            return datetime.fromisoformat(f"{value.isoformat()}+08:00")
        return value

    def said(self) -> Mapping[str, Any]:
        """The options as they were said, without what is left to defaults."""
        return self.options.model_dump(mode="json", exclude_unset=True)


PLAN: Final = Plan.model_json_schema()


def parse_plan(values: Any) -> Plan:
    """A plan from JSON of a stranger; BadParameter names the first bad part."""
    try:
        plan = Plan.model_validate(values)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise BadParameter(f"{place}: {first['msg']}", f"{place} 有误：{first['msg']}", place=place) from exc
    if plan.options.dry_run:
        raise BadParameter("a schedule publishes: dry_run makes no sense", "导入计划会发布数据，不能用 dry_run", place="options.dry_run")
    return plan
