"""One import from file to publish: read in a child, stage, compare, repair, publish in one transaction, report.

read → stage → keys → (difference) → move → repair → publish → search index
"""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

from importers import levels, placing, steps
from importers.archive import import_archive, is_archive
from importers.base import Severity
from importers.cut_names import complete_names
from importers.draft import Draft, Staged
from importers.options import ImportOptions
from importers.process import sweep_folders
from importers.report import ImportReport, RuleCount, Seconds, rule_counts
from importers.running import Run, Tell, in_our_words, quiet
from importers.spec import geometry_type, known_spec, spec_of, stem_of
from importers.topology import check_topology
from importers.values import settle_values
from postgis import stage, stage_publish
from postgis.archives import check_kind
from postgis.connect import IMPORTER, Database, connect
from postgis.jobs import JobRequest, submit
from postgis.layers import recount
from postgis.reports import rows_struck
from postgis.search import index_layer
from postgis.stage_diff import Against
from postgis.stage_fill import fill
from postgis.stage_publish import Publish, Published
from postgis.undo import note_publish
from twin.layer import GeometryType, LayerKind, check_layer_id

_INDEX_LATER_FROM = 2_000
"""So many rows are made findable by a job: 40 µs each would hold the publish up."""
_WARM_FROM = 20_000
"""After an import of so many rows a job makes the tiles before anybody asks."""


def import_file(database: Database, path: Path, options: ImportOptions, progress: Tell = quiet, home: Path | None = None) -> ImportReport:
    """Import one file and publish it, or refuse it and change nothing; `home` keeps the file itself where that is what is served.

    Raises BadFile (the file), BadParameter (the options), TooLarge (a limit), Conflict (the layer is busy, or too much would be removed),
    OperationError (a full disk), Unavailable (the database went away).
    """
    layer = options.layer or check_layer_id(stem_of(path))
    if is_archive(path):
        return import_archive(database, home, path, options, layer, progress)
    with in_our_words(), connect(database, IMPORTER) as connection:
        stage.prepare_session(connection)
        check_kind(connection, layer, LayerKind.OBJECTS)
        run = Run(database, connection, options, layer, options.source or layer, uuid4(), progress)
        stage.start_run(connection, run.id, layer, run.source)
        try:
            return _import(run, path.resolve())
        except BaseException as exc:
            run.fail(exc)
            raise
        finally:
            run.clean()


def sweep(database: Database) -> list[UUID]:
    """Clean up after imports whose process died; returns their runs. Call at every start."""
    sweep_folders()
    with connect(database, IMPORTER) as connection:
        return stage.sweep_aborted(connection)


def _import(run: Run, path: Path) -> ImportReport:
    """Every step in order."""
    known = stage_publish.known_layer(run.connection, run.layer)
    meta, summary = steps.read(run, path, known)
    staged = Staged(path.name, meta, summary, run.staged, known)
    complete_names(run, staged)
    settle_values(run, staged)
    move, crs_check = placing.move_of(run, meta, summary)
    inferred = steps.fields_of(run, staged)
    key = steps.key_of(run, staged, inferred)
    with run.timed("diff"):
        against, counts = steps.compare(run, staged, inferred, key, move)
    if move.needed:
        steps.move_rows(run, move, staged, everything=against is None)
    refused = steps.repair(run, staged, against is None)
    steps.check_codes(run, staged, inferred, everything=against is None)
    datum_check = placing.earlier_of(run, move, against) or steps.datum_of(run, inferred, move)
    draft = Draft(
        run.id,
        run.layer,
        run.source,
        run.options.dry_run,
        staged,
        inferred,
        key,
        move,
        counts,
        refused,
        datum_check,
        steps.min_zoom_of(run, staged),
        run.options.mode,
        crs_check,
        levels.datum_of_heights(run, move, summary, inferred.fields, known.layer.vertical_datum if known else ""),
    )
    return _finish(run, draft, against)


def _finish(run: Run, draft: Draft, against: Against | None) -> ImportReport:
    run.say("publish", 0, None)
    if run.options.dry_run:
        report = _report(run, draft, None)
        stage.close_run(run.connection, run.id, "done", None, report.model_dump(mode="json"))
        run.connection.commit()
        return report
    with run.timed("publish"):
        published = _publish(run, draft, against)
    with run.timed("index"):
        _make_findable(run, published)
    with run.timed("publish"):
        run.connection.commit()
    run.say("count", 0, None)
    with run.timed("index"):
        if published.changed_oids is not None:
            recount(run.connection, published.number)
        run.connection.commit()
    checked = check_topology(run, published.number, import_file) if run.options.topology else None
    report = _report(run, draft, published).model_copy(update={"topology": checked})
    stage.close_run(run.connection, run.id, "done", published.number, report.model_dump(mode="json"))
    run.connection.commit()
    return report


def _make_findable(run: Run, published: Published) -> None:
    """In the transaction of the publish: a killed import must not leave rows that nobody finds."""
    run.say("index", 0, None)
    oids = published.changed_oids
    written = published.added if oids is None else len(oids)
    if written < _INDEX_LATER_FROM:
        index_layer(run.connection, published.number, oids)
    else:
        what = {"layer": run.layer} if oids is None else {"layer": run.layer, "run": str(run.id)}
        submit(run.connection, JobRequest("index", what, lock="index"))
    if written >= _WARM_FROM:
        submit(run.connection, JobRequest("warm", {"layers": [run.layer]}, lock="warm"))


def _publish(run: Run, draft: Draft, against: Against | None) -> Published:
    """Everything but the commit."""
    staged = draft.staged
    known = staged.known.layer if staged.known else None
    spec = spec_of(run.layer, run.options, known, draft.inferred.fields)
    before = known.geometry_type if known and against else GeometryType.NONE
    found = geometry_type(stage.geometry_types(run.connection, staged.staging, everything=against is None), before)
    heights = draft.vertical_datum or spec.vertical_datum
    spec = spec.model_copy(update={"geometry_type": found, "min_zoom": draft.min_zoom, "vertical_datum": heights})
    divisions = stage_publish.has_divisions(run.connection)
    rows = staged.rows(draft.inferred, divisions=divisions, only_needed=against is not None)
    changed = known is None or spec != known_spec(known)
    publish = Publish(staged.staging, rows, spec, run.source, run.options.valid_from, run.options.correct, changed)
    if against is None:
        filled = fill(run.database, run.connection, publish, staged.summary.rows)
        published = stage_publish.publish_new(run.connection, publish, filled.number, filled.moment)
    else:
        published = stage_publish.publish_difference(run.connection, publish, against)
    draft.check(published)
    note_publish(run.connection, run.id, published.number, published.moment, (known_spec(known) if known else None, spec))
    stage.close_run(run.connection, run.id, "done", published.number, _report(run, draft, published).model_dump(mode="json"))
    return published


def _report(run: Run, draft: Draft, published: Published | None) -> ImportReport:
    rules = rule_counts(stage.count_findings(run.connection, run.id), stage.sample_findings(run.connection, run.id))
    return draft.report(published, rules, _repaired(run, rules), Seconds(**run.seconds))


def _repaired(run: Run, rules: Sequence[RuleCount]) -> int:
    """Rows that were repaired; asked anew only where two rules may have struck the same."""
    struck = [item.rows for item in rules if item.severity is Severity.REPAIR and item.rows]
    return sum(struck) if len(struck) < 2 else rows_struck(run.connection, run.id, Severity.REPAIR)
