"""Cells of CSV: nothing in them is run, and numbers stay numbers."""

import pytest

from layers.export.csv_table import safe


@pytest.mark.parametrize(
    "text",
    ["=1", "+cmd", "-x", "@A1", "\t1", "\r1", "\n=1", " =1", "　=1", "＝1", "＋1", "－1", "＠1", "-2+3", "+1e", "--1", "-", "+", "=", "-0x10"],
)  # fmt: skip
def test_what_a_spreadsheet_would_run(text: str) -> None:
    assert safe(text) == "'" + text


@pytest.mark.parametrize("text", ["", "x", "-3.5", "+86", "-1e-5", "-.5", "3.", "a=b", "1-2", "'=1", "住宅", " x", "#1", "-1E+308"])
def test_what_stays_as_it_is(text: str) -> None:
    assert safe(text) == text
