"""Every vector file of the data root ends published with a report or refused with a reason, as the table in docs/importers.md says.

`TWIN_WRITE_DOCS=1 pytest tests/importers/test_every_file.py` writes the table anew; look at what changed before you keep it.
"""

import os
from pathlib import Path

import pytest

from tests.importers import every_file

DOCS = Path(__file__).resolve().parents[2] / "docs" / "importers.md"


@pytest.fixture(scope="module")
def outcomes(database, data_root):
    """Everything imported once, with what was left in the staging schema afterwards."""
    return every_file.import_all(database, data_root.root)


@pytest.mark.data
def test_no_file_is_forgotten(data_root) -> None:
    assert every_file.left_out(data_root.root) == []


@pytest.mark.data
def test_the_table_of_the_documents_is_what_happens(outcomes, out_dir) -> None:
    rows = every_file.table(outcomes)
    (out_dir / "every-file.md").write_text(rows, encoding="utf-8")
    text = DOCS.read_text(encoding="utf-8")
    if os.environ.get("TWIN_WRITE_DOCS"):
        DOCS.write_text(every_file.with_table(text, rows), encoding="utf-8")
    else:
        assert rows == every_file.in_docs(text)


@pytest.mark.data
def test_every_report_balances_and_every_rule_has_words(outcomes) -> None:
    for kind, found in outcomes.items():
        for report in (outcome.report for outcome in found if outcome.report):
            assert report.rows_in == report.published + report.refused, kind.name
            assert all(rule.rule not in (rule.zh, rule.en) for rule in report.rules), kind.name
            for rule in report.rules:
                assert rule.count >= len(rule.examples) > 0, (kind.name, rule.rule)


@pytest.mark.data
def test_nothing_is_left_half_done(outcomes, town) -> None:
    reports = [outcome.report for found in outcomes.values() for outcome in found]
    assert town.staged() == []
    layers = {row[0] for row in town.ask("SELECT id FROM twin.layer WHERE NOT starts_with(id, '_')")}
    assert layers == {report.layer for report in reports if report}
    states = dict(town.ask("SELECT status, count(*) FROM twin.import_run GROUP BY status"))
    assert states == {"done": len(layers), "failed": reports.count(None)}
