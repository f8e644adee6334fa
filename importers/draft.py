"""What is known of an import before its publish, and the report made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from importers.base import Column, SourceMeta, Summary
from importers.infer import Inferred
from importers.quality import quality_of
from importers.report import CrsCheck, DatumCheck, ImportReport, RuleCount, Seconds, warnings_of
from importers.shift import Move
from postgis.stage import StagedColumn, Staging
from postgis.stage_publish import KnownLayer, Published
from postgis.stage_rows import RowPlan, StagedField
from twin.errors import OperationError


@dataclass(slots=True)
class Staged:
    """A source that lies in the staging tables."""

    file: str
    meta: SourceMeta
    summary: Summary
    staging: Staging
    known: KnownLayer | None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The file's columns."""
        return self.meta.columns

    def column(self, name: str) -> StagedColumn:
        """The staged column of this name in the file."""
        return next(column for column in self.staging.columns if column.name == name)

    def rows(self, inferred: Inferred, *, divisions: bool, only_needed: bool) -> RowPlan:
        """How staged rows become object rows."""
        by_name = {column.name: column for column in self.staging.columns}
        fields = tuple(StagedField(item, by_name.get(inferred.sources.get(item.name, ""))) for item in inferred.fields)
        return RowPlan(fields, self.summary.has_z, divisions, only_needed)


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything decided before the publish."""

    run: UUID
    layer: str
    source: str
    dry_run: bool
    staged: Staged
    inferred: Inferred
    key: str
    move: Move
    counts: Mapping[str, int]
    refused: int
    """Rows refused after staging (by their place)."""
    datum_check: DatumCheck | None
    min_zoom: int
    mode: str
    crs_check: CrsCheck | None = None
    vertical_datum: str | None = None

    @property
    def rows_in(self) -> int:
        """Rows that came in."""
        return self.staged.summary.rows + self.staged.summary.refused

    @property
    def all_refused(self) -> int:
        """Rows that were kept out, by the reader or by their place."""
        return self.staged.summary.refused + self.refused

    def published(self, done: Published | None) -> int:
        """Rows of the file that are in the layer now (a dry run: would be)."""
        if done is None:
            return self.rows_in - self.all_refused
        return done.added + done.changed + self.counts.get("unchanged", 0)

    def check(self, done: Published) -> None:
        """OperationError unless rows in = published + refused; raised before the commit, so nothing is changed."""
        if self.published(done) + self.all_refused != self.rows_in:
            raise OperationError(
                f"{self.rows_in} rows came in, but {self.published(done)} published, {self.all_refused} refused; nothing was changed",
                f"读入 {self.rows_in} 行，发布 {self.published(done)} 行，拒绝 {self.all_refused} 行，数目不符，未作任何改动",
            )

    def report(self, done: Published | None, rules: Sequence[RuleCount], repaired: int, seconds: Seconds) -> ImportReport:
        """The report, complete; `repaired` rows, each once."""
        meta, counts = self.staged.meta, self.counts
        return ImportReport(
            run=self.run,
            layer=self.layer,
            number=done.number if done else None,
            source=self.source,
            file=self.staged.file,
            format=meta.format,
            dry_run=self.dry_run,
            features=self.staged.summary.features,
            rows_in=self.rows_in,
            published=self.published(done),
            refused=self.all_refused,
            repaired=repaired,
            added=done.added if done else counts.get("added", 0),
            changed=done.changed if done else counts.get("changed", 0),
            removed=counts.get("removed", 0),
            unchanged=counts.get("unchanged", 0),
            warnings=warnings_of(rules),
            rules=tuple(rules),
            crs=self.move.name,
            datum=self.move.datum.value,
            encoding=meta.encoding,
            key=self.key,
            fields=self.inferred.fields,
            min_zoom=self.min_zoom,
            seconds=seconds,
            datum_check=self.datum_check,
            crs_check=self.crs_check,
            vertical_datum=self.vertical_datum,
            division_filled=done.division_filled if done else 0,
            mode=self.mode,
            quality=quality_of(
                self.rows_in - counts.get("unchanged", 0), [(item.rule, item.severity, item.count, item.rows) for item in rules]
            ),
        )
