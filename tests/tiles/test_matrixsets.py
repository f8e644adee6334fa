"""Tile matrix sets and their limits, against morecantile and against plain counting."""

import math

import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiles.matrixsets import definition, levels_of, limits, matrices
from twin.grids import Grid, levels
from twin.layer import Layer

LAYER = Layer(number=1, id="a", title_zh="甲", min_zoom=3, max_zoom=20)


def test_levels_of_a_layer_end_where_the_grid_ends() -> None:
    assert levels_of(Grid.WEB_MERCATOR, [LAYER]) == range(3, 21) and levels_of(Grid.CGCS2000, [LAYER]) == range(3, 19)
    whole = LAYER.model_copy(update={"min_zoom": 0, "max_zoom": 24})
    assert levels_of(Grid.WEB_MERCATOR, [whole]) == range(23) and levels_of(Grid.CGCS2000, [LAYER, whole]) == range(1, 19)


def test_tianditu_counts_scales_by_screens() -> None:
    assert matrices(Grid.CGCS2000)[0].scale(0.0254 / 96) == pytest.approx(2.958293554545656e8, rel=1e-12)
    assert matrices(Grid.WEB_MERCATOR)[1].scale(0.0254 / 96) == pytest.approx(2.958293554545656e8, rel=1e-12)


@given(st.floats(-180, 179.9), st.floats(-85, 84.9), st.floats(0, 30), st.floats(0, 30), st.integers(0, 22))
def test_limits_hold_the_corners(west: float, south: float, width: float, height: float, level: int) -> None:
    east, north = min(west + width, 180.0), min(south + height, 85.0)
    other = morecantile.tms.get("WebMercatorQuad")
    found = limits(Grid.WEB_MERCATOR, level, (west, south, east, north))
    upper, lower = other.tile(west, north, level), other.tile(min(east, 179.999999), south, level)
    assert abs(found.min_row - upper.y) <= 1 and abs(found.max_row - lower.y) <= 1 and abs(found.min_column - upper.x) <= 1
    box = other.bounds(morecantile.Tile(found.min_column, found.min_row, level))
    assert box.left <= west + 1e-9 and box.top >= north - 1e-9
    box = other.bounds(morecantile.Tile(found.max_column, found.max_row, level))
    assert box.right >= east - 1e-9 and box.bottom <= south + 1e-9


@pytest.mark.parametrize("level", levels(Grid.CGCS2000))
def test_limits_of_degrees(level: int) -> None:
    size = 360 / 2**level
    found = limits(Grid.CGCS2000, level, (113.0, 22.0, 114.0, 23.0))
    assert (found.min_column, found.max_column) == (math.floor(293 / size), math.floor(294 / size))
    assert (found.min_row, found.max_row) == (math.floor(67 / size), math.floor(68 / size))
    whole = limits(Grid.CGCS2000, level, (-180.0, -90.0, 180.0, 90.0))
    assert (whole.min_row, whole.max_row, whole.min_column, whole.max_column) == (0, 2 ** (level - 1) - 1, 0, 2**level - 1)


@pytest.mark.parametrize("grid", Grid)
def test_other_software_reads_the_documents(grid: Grid) -> None:
    read = morecantile.TileMatrixSet.model_validate(definition(grid))
    assert read.id == grid.value and len(read.tileMatrices) == len(levels(grid))
