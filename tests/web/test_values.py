"""The strict readings of query values, by themselves."""

from datetime import UTC, date, datetime

import pytest

from tests.hostile_values import BAD_BOXES, BAD_INTEGERS, BAD_NUMBERS, BAD_TIMES
from twin.errors import BadParameter
from twin.view import TimeSpan
from web import values


@pytest.mark.parametrize("text", BAD_NUMBERS)
def test_bad_numbers(text: str) -> None:
    with pytest.raises(BadParameter) as caught:
        values.number(text, "here")
    assert caught.value.place == "here"


@pytest.mark.parametrize("text", BAD_INTEGERS)
def test_bad_integers(text: str) -> None:
    with pytest.raises(BadParameter):
        values.integer(text, "here", 0, 100)


@pytest.mark.parametrize("text", BAD_TIMES)
def test_bad_times(text: str) -> None:
    with pytest.raises(BadParameter):
        values.timespan(text, "here")


@pytest.mark.parametrize("text", BAD_BOXES)
def test_bad_boxes(text: str) -> None:
    with pytest.raises(BadParameter):
        values.bbox(text, "here")


@pytest.mark.parametrize("text", ["True", "1", "", "TRUE", "yes", "是"])
def test_bad_booleans(text: str) -> None:
    with pytest.raises(BadParameter):
        values.boolean(text, "here")


def test_good_values() -> None:
    assert values.number("-1.5e2", "n") == -150 and values.number(".5", "n") == 0.5 and values.number("5.", "n") == 5
    assert values.integer("+7", "n", 0, 10) == 7
    assert values.bbox("-180,-90,180,90", "b") == (-180, -90, 180, 90)
    assert values.bbox("170,0,-170,1", "b") == (170, 0, -170, 1)
    assert values.bbox("1,2,-5,3,4,100", "b") == (1, 2, 3, 4)
    assert values.day("2024-02-29", "d") == date(2024, 2, 29)


def test_good_times() -> None:
    new_year = datetime(2020, 1, 1, tzinfo=UTC)
    assert values.timespan("2020-01-01T00:00:00Z", "t") == TimeSpan(new_year, new_year)
    assert values.timespan("2020-01-01t08:00:00.0000009+08:00", "t") == TimeSpan(new_year, new_year)
    assert values.timespan("../2020-01-01T00:00:00Z", "t") == TimeSpan(None, new_year)
    assert values.timespan("2020-01-01T00:00:00Z/", "t") == TimeSpan(new_year, None)
    assert values.timespan("../..", "t") == TimeSpan(None, None)


def test_a_date_is_a_day_in_china() -> None:
    span = values.timespan("2020-01-01", "t")
    assert span.start == datetime(2019, 12, 31, 16, tzinfo=UTC) and span.end == datetime(2020, 1, 1, 15, 59, 59, 999999, UTC)
