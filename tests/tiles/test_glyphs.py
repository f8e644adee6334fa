"""Glyphs as files: the ranges a text needs, with ink where letters have it."""

from pathlib import Path

import pytest

from tiles.glyphs import Glyphs, find_glyphs
from tiles.texts import _fields
from twin.picture import FONT


@pytest.fixture
def glyphs() -> Glyphs:
    found = find_glyphs()
    assert found is not None, "fonts-wqy-microhei or fonts-noto-cjk is missing"
    return found


def bitmaps(path: Path) -> list[int]:
    """Sizes of the bitmaps in a range file."""
    (_, stack) = next(_fields(memoryview(path.read_bytes())))
    letters = [part for field, part in _fields(stack) if field == 3]
    return [len(part) for letter in letters for field, part in _fields(letter) if field == 2]


def test_one_file_for_each_range_that_is_needed(glyphs: Glyphs, tmp_path: Path) -> None:
    url = glyphs.write(tmp_path, ["粤A1", "粤", "一 "])
    assert url == f"file://{tmp_path}/{{fontstack}}/{{range}}.pbf"
    assert sorted(path.name for path in (tmp_path / FONT).iterdir()) == ["0-255.pbf", "19968-20223.pbf", "31744-31999.pbf"]
    assert len(bitmaps(tmp_path / FONT / "0-255.pbf")) == 2, "a blank has no ink"
    (yue,) = bitmaps(tmp_path / FONT / "31744-31999.pbf")
    assert 20 * 20 < yue < 34 * 34


def test_half_characters_and_controls_have_a_file_without_glyphs(glyphs: Glyphs, tmp_path: Path) -> None:
    glyphs.write(tmp_path, ["\u0001\u200b", "𠮷"])
    names = {path.name for path in (tmp_path / FONT).iterdir()}
    assert {"0-255.pbf", "8192-8447.pbf"} <= names and len(names) == 4
    assert all(bitmaps(tmp_path / FONT / name) == [] for name in names)
