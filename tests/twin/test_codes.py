"""Every code list loads, and land use looks as planners expect."""

import colorsys

import pytest

from twin.codes import CODE_LISTS, code_list
from twin.errors import NotFound
from twin.product import Status, Theme


@pytest.mark.parametrize("name", CODE_LISTS)
def test_every_list_has_titles_in_both_languages(name: str) -> None:
    entries = code_list(name).entries
    assert entries
    assert all(code.title_zh and code.title_en for code in entries.values())


def test_themes_and_statuses_are_those_of_the_nouns() -> None:
    assert set(code_list("themes").entries) == set(Theme)
    assert set(code_list("statuses").entries) == set(Status)


def test_land_use_has_the_twelve_classes_in_the_usual_colours() -> None:
    land_use = code_list("land_use")
    assert len(land_use.children()) == 12
    assert len({code.color for code in land_use.entries.values()}) == len(land_use.entries)
    hues = {"01": (45, 65), "03": (90, 160), "04": (75, 130), "06": (270, 320), "11": (190, 220)}
    for code, (low, high) in hues.items():
        color = land_use.entries[code].color
        hue = colorsys.rgb_to_hls(*(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)))[0] * 360
        assert low <= hue <= high, (code, hue)


def test_an_unknown_list_is_not_found() -> None:
    with pytest.raises(NotFound, match="land_use"):
        code_list("../secret")
