"""Angles and ordinates as tables have them."""

import pytest

from twin.angles import is_latitude_text, parse_angle, parse_ordinate


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("113.925", 113.925), ("113,925", 113.925), ("+22.5", 22.5), ("-22.5", -22.5), ("１１３．５", 113.5), ("113°", 113.0),
        ("113°55′30″E", 113.925), ("113°55'30\"", 113.925), ("113º55’30”", 113.925), ("113°55.5'", 113.925), ("113°55′30.25″", 113 + 55 / 60 + 30.25 / 3600),
        ("113 55 30", 113.925), ("113-55-30", 113.925), ("113:55:30", 113.925), ("113d55m30s", 113.925), ("113-55", 113 + 55 / 60),
        ("N22.5", 22.5), ("22.5N", 22.5), ("22 30 15.5 S", -(22 + 30 / 60 + 15.5 / 3600)), ("W113", -113.0), ("s22°30′", -22.5),
        ("东经113度55分30秒", 113.925), ("北纬22度30分", 22.5), ("45″", 0.0125), ("113°55′30,5″", 113 + 55 / 60 + 30.5 / 3600),
    ],
)  # fmt: skip
def test_what_is_read(text: str, degrees: float) -> None:
    assert parse_angle(text) == pytest.approx(degrees, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", " ", "E", "abc", "1.234,5", "1,234.5", "113 60 0", "113 0 61", "-113E", "E113E", "113-55 30", "181", "113°55′30″E 22°", "2022-05-01", "1" * 70, "nan", "inf"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert parse_angle(text) is None


def test_ordinates_have_no_limit_and_one_mark() -> None:
    assert [parse_ordinate(text) for text in ("2500000.5", "2500000,5", "38507000", "-1e3", ".5")] == [
        2500000.5,
        2500000.5,
        38507000,
        -1000,
        0.5,
    ]
    assert [parse_ordinate(text) for text in ("1,2,3", "1.2.3", ".", "", "e5", "113°")] == [None] * 6


def test_letters_name_the_axis() -> None:
    assert [is_latitude_text(text) for text in ("N22.5", "22°30′S", "北纬22度", "E113", "113d55m30s", "东经113", "113.5")] == [
        True, True, True, False, None, False, None,
    ]  # fmt: skip
