"""Coordinates in all the forms people type, and what only looks like one."""

import pytest

from twin.coordinates import parse_coordinate

HERE = (113.31, 23.11)


@pytest.mark.parametrize(
    "text",
    [
        "113.31,23.11",
        "23.11,113.31",
        "23.11 113.31",
        " 113.31 ， 23.11 ",
        "１１３．３１，２３．１１",
        "113.31E,23.11N",
        "N23.11 E113.31",
        "n23.11e113.31",
        "113°18′36″E 23°6'36\"N",
        "23°6'36\"N,113°18'36\"E",
        "北纬23度6分36秒 东经113度18分36秒",
        "东经113.31°北纬23.11°",
    ],
)
def test_every_usual_form_is_read(text: str) -> None:
    assert parse_coordinate(text) == pytest.approx(HERE)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("-70.5,-33.4", (-70.5, -33.4)),
        ("33.4S 70.5W", (-70.5, -33.4)),
        ("10.5,20.5", (10.5, 20.5)),
        ("80.1,40.2", (80.1, 40.2)),
        ("40.2,80.1", (80.1, 40.2)),
    ],
)
def test_order_is_what_can_be(text: str, point: tuple[float, float]) -> None:
    assert parse_coordinate(text) == pytest.approx(point)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "440305",
        "113.3",
        "12 34",
        "1,2,3",
        "113.3,23.1,5",
        "113.3N,23.1N",
        "190.5,20.1",
        "113°70'E 23°N",
        "nan,1",
        "1e3,2",
        "区,市",
        "1.5,",
    ],
)
def test_what_is_no_coordinate_is_left_alone(text: str) -> None:
    assert parse_coordinate(text) is None


def test_a_hostile_text_takes_no_time() -> None:
    assert parse_coordinate("1" * 100_000) is None
    assert parse_coordinate(" " * 79 + "x") is None
