"""What becomes of rows that a file does not have: they end under a guard, stay, or end unasked."""

from pathlib import Path

import pytest

from tests.importers import files
from twin.errors import BadParameter, Conflict


def write(path: Path, heights: dict[str, float]) -> Path:
    return files.geojson(
        path, [files.square(113 + int(key[1:]) / 100, 23, 0.001, id=key, height=height) for key, height in heights.items()]
    )


def heights(town, layer: str) -> dict[str, str]:
    return dict(town.live(layer, "source_key, attrs ->> 'height'"))


def test_diff_ends_what_is_missing_under_a_guard(town, tmp_path) -> None:
    path = tmp_path / "diff.geojson"
    town.take(write(path, {"k1": 1, "k2": 2, "k3": 3}))
    with pytest.raises(Conflict, match="append"):
        try:
            town.take(write(path, {"k1": 1}))
        except Conflict as refused:
            raise Conflict(refused.mend, "") from refused
    report = town.take(write(path, {"k1": 1}), allow_removals=True)
    assert (report.mode, report.removed) == ("diff", 2) and heights(town, "diff") == {"k1": "1"}


def test_append_ends_nothing_changes_what_it_knows_and_adds_the_rest(town, tmp_path) -> None:
    path = tmp_path / "append.geojson"
    town.take(write(path, {"k1": 1, "k2": 2, "k3": 3}))
    report = town.take(write(path, {"k1": 1, "k2": 22, "k9": 9}), mode="append")
    assert (report.mode, report.added, report.changed, report.removed, report.unchanged) == ("append", 1, 1, 0, 1)
    assert heights(town, "append") == {"k1": "1", "k2": "22", "k3": "3", "k9": "9"}
    assert town.past("append", "attrs ->> 'height'") == [("2",)], "the old height is history"
    assert town.take(path, mode="append").unchanged == 3, "twice is once"


def test_append_of_another_source_may_use_the_same_keys(town, tmp_path) -> None:
    town.take(write(tmp_path / "a.geojson", {"k1": 1, "k2": 2}), layer="cities", source="广州")
    report = town.take(write(tmp_path / "b.geojson", {"k1": 7, "k2": 8}), layer="cities", source="深圳", mode="append")
    assert (report.added, report.changed) == (2, 0)
    assert sorted(town.live("cities", "source, attrs ->> 'height'", "1, 2")) == [("广州", "1"), ("广州", "2"), ("深圳", "7"), ("深圳", "8")]


def test_replace_leaves_exactly_the_file_whatever_was_edited(town, tmp_path) -> None:
    path = tmp_path / "replace.geojson"
    town.take(write(path, {"k1": 1, "k2": 2, "k3": 3, "k4": 4}))
    number = town.number("replace")
    town.ask(
        f"SELECT twin.change('replace', (SELECT oid FROM twin.object_{number} WHERE source_key = 'k1'), '{{\"attrs\": {{\"height\": 77}}}}')"
    )
    town.ask("SELECT twin.create_object('replace', '{\"name\": \"手绘\"}')")
    assert town.take(path).unchanged == 4, "a difference keeps what was edited while the file said the same"
    report = town.take(write(path, {"k1": 1, "k2": 2}), mode="replace")
    assert (report.mode, report.changed, report.removed, report.unchanged) == ("replace", 1, 2, 1)
    live = town.live("replace", "coalesce(name, source_key), attrs ->> 'height'", "oid")
    assert live == [("k1", "1"), ("k2", "2"), ("手绘", None)], "the file wins over edits of its rows, and what people drew stays"
    assert ("k1", "77") in town.past("replace", "source_key, attrs ->> 'height'")
    assert town.take(path, mode="replace").unchanged == 2


def test_other_words_are_refused() -> None:
    from importers.options import parse_options

    with pytest.raises(BadParameter, match="mode"):
        parse_options({"mode": "truncate"})
