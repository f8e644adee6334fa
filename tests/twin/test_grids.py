"""Tiles of both grids: how many there are, what they cover, and which cells of web mercator lie under them."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.grids import Grid, descendants, last_column, last_row, levels, mercator_y, morton, tile_bounds_3857, tile_bounds_4490

CGCS = st.integers(1, 18).flatmap(lambda z: st.tuples(st.just(z), st.integers(0, 2**z - 1), st.integers(0, 2 ** (z - 1) - 1)))


def test_levels_and_counts() -> None:
    assert (levels(Grid.CGCS2000)[0], levels(Grid.CGCS2000)[-1]) == (1, 18) and levels(Grid.WEB_MERCATOR)[0] == 0
    assert (last_column(Grid.CGCS2000, 1), last_row(Grid.CGCS2000, 1)) == (1, 0)
    assert (last_column(Grid.WEB_MERCATOR, 3), last_row(Grid.WEB_MERCATOR, 3)) == (7, 7)


def test_bounds_of_cgcs2000quad() -> None:
    assert tile_bounds_4490(Grid.CGCS2000, 1, 0, 0) == (-180, -90, 0, 90)
    assert tile_bounds_4490(Grid.CGCS2000, 1, 1, 0) == (0, -90, 180, 90)
    size = 360 / 2**10
    west, south, east, north = tile_bounds_4490(Grid.CGCS2000, 10, 836, 191)
    assert (west, north) == (836 * size - 180, 90 - 191 * size) and east - west == pytest.approx(size) == pytest.approx(north - south)
    assert tile_bounds_4490(Grid.CGCS2000, 1, 0, 0, 64) == (-180, -90, 180 / 64, 90)  # never beyond the world
    widened = tile_bounds_4490(Grid.CGCS2000, 10, 836, 191, 64)
    assert widened[0] == pytest.approx(west - size / 64) and widened[1] == pytest.approx(south - size / 64)


def test_metres_and_degrees_are_the_same_tiles() -> None:
    for z, x, y in ((0, 0, 0), (5, 26, 13), (14, 13382, 7138)):
        metres, degrees = tile_bounds_3857(z, x, y), tile_bounds_4490(Grid.WEB_MERCATOR, z, x, y)
        assert [mercator_y(degrees[1]), mercator_y(degrees[3])] == pytest.approx([metres[1], metres[3]], abs=1e-6)
        assert [degrees[0], degrees[2]] == pytest.approx([metres[0] / 111319.49079327358, metres[2] / 111319.49079327358])


def test_morton_codes() -> None:
    assert [morton(x, y) for y in (0, 1) for x in (0, 1)] == [0, 1, 2, 3] and morton(5, 3) == 0b011011
    assert descendants(Grid.WEB_MERCATOR, 3, 5, 3, 7) == ((27 << 14, (28 << 14) - 1),)


@given(CGCS.filter(lambda tile: tile[0] <= 13), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.sampled_from([5, 7]))
def test_every_cell_under_a_tile_is_found(tile: tuple[int, int, int], across: float, down: float, depth: int) -> None:
    z, x, y = tile
    west, south, east, north = tile_bounds_4490(Grid.CGCS2000, z, x, y)
    lon, lat = west + (east - west) * across, north - (north - south) * down
    if abs(lat) > 85:
        return
    n = 2 ** (z + depth)
    cell = morton(int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n))
    runs = descendants(Grid.CGCS2000, z, x, y, depth)
    assert sum(first <= cell <= last for first, last in runs) == 1
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(runs))
