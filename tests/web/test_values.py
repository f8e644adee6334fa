"""The strict readings of query values, by themselves."""

from datetime import UTC, date, datetime

import pytest

from twin.errors import BadParameter
from twin.view import TimeSpan
from web import values

BAD_NUMBERS = [
    "",
    " ",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1e999",
    "1_000",
    "٣",
    "１",
    "0x10",
    "1,5",
    "--1",
    "+-1",
    "1e",
    ".",
    "e5",
    "1 ",
    "９9",
    "⁵",
]
BAD_INTEGERS = [*BAD_NUMBERS, "1.0", "1e3", "9" * 400, "-1", "101", "1L"]
BAD_TIMES = [
    "", " ", "now", "2020", "2020-13-45", "2020-13-45/..", "2020-02-30", "2021-02-29", "0000-01-01", "2020-1-1", "20200101",
    "2020-01-01T00:00:00",
    "2020-01-01T24:00:00Z", "2020-01-01T23:60:00Z", "2020-01-01T23:59:60Z", "2020-01-01T00:00:00+99:99", "2020-01-01T00:00:00+14:01",
    "2020-01-01T00:00:00+00:60", "2020-01-01T00:00:00 08:00", "2020-01-01 00:00:00Z", "2020-01-01T00:00Z", "2020-01-01T00:00:00,5Z",
    "2020-01-01T00:00:00.Z", "2020-01-01T00:00:00.1234567890Z", "..", "/", "2020-01-02/2020-01-01", "2020-01-01/2020-01-02/2020-01-03",
    "../../..", "...", "2020-01-01/...", "٢٠٢٠-٠١-٠١", "10000-01-01", "-2020-01-01", "0001-01-01", "0001-01-01T00:00:00+01:00",
    "2020-W01-1",
    "2020-001", "1577836800", "2020-01-01Z", "null",
]  # fmt: skip
BAD_BOXES = [
    "", ",", "1", "1,2", "1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "nan,1,2,3", "1,nan,2,3", "inf,1,2,3", "1,2,3,1e400",
    "-181,0,1,1", "0,0,181,1",
    "0,-91,1,1", "0,0,1,91", "0,2,1,1", "1;2;3;4", "1 2 3 4", "1, 2,3,4", "1,2,3,", ",1,2,3", "a,b,c,d", "[1,2,3,4]", "１,2,3,4",
    "1_0,2,13,4",
    "0,0,9,1,1,1", "0x1,0,1,1", "1,2,3,4\n",
]  # fmt: skip


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
