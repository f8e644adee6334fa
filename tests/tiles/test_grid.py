"""Addresses of tiles: what is inside the grid, what is refused, and which coarse cells a tile depends on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postgis.catalog import with_parents
from tiles.grid import TileAddress, coarse_cells, read_address
from twin.errors import BadParameter
from twin.grids import Grid, last_row
from twin.grids import tile_bounds_4490 as bounds_in
from twin.webmercator import tile_bounds_4490

ADDRESSES = st.integers(0, 22).flatmap(lambda z: st.builds(TileAddress, st.just(z), st.integers(0, 2**z - 1), st.integers(0, 2**z - 1)))


def test_addresses_inside_the_grid() -> None:
    assert read_address("0", "0", "0") == TileAddress(0, 0, 0)
    assert read_address("22", "4194303", "0") == TileAddress(22, 4194303, 0)


@pytest.mark.parametrize(
    ("z", "x", "y", "place"),
    [
        ("23", "0", "0", "z"),
        ("-1", "0", "0", "z"),
        ("", "0", "0", "z"),
        ("1e1", "0", "0", "z"),
        ("٣", "0", "0", "z"),
        ("0x1", "0", "0", "z"),
        ("01", "0", "0", "z"),
        ("1.0", "0", "0", "z"),
        (" 1", "0", "0", "z"),
        ("99999999999999999999", "0", "0", "z"),
        ("0", "1", "0", "x"),
        ("2", "4", "0", "x"),
        ("2", "nan", "0", "x"),
        ("2", "1_0", "0", "x"),
        ("2", "0", "4", "y"),
        ("2", "0", "²", "y"),
        ("14", "16383", "16384", "y"),
    ],
)
def test_addresses_outside_are_refused_with_their_place(z: str, x: str, y: str, place: str) -> None:
    with pytest.raises(BadParameter) as caught:
        read_address(z, x, y)
    assert caught.value.place == place


@given(ADDRESSES)
def test_tile_bounds_nest(address: TileAddress) -> None:
    west, south, east, north = tile_bounds_4490(address.z, address.x, address.y)
    assert -180 <= west < east <= 180 and -85.06 < south < north < 85.06
    wider = tile_bounds_4490(address.z, address.x, address.y, 64)
    assert wider[0] <= west and wider[1] < south and wider[2] >= east and wider[3] > north


@given(ADDRESSES)
def test_few_cells_cover_the_tile(address: TileAddress) -> None:
    cells = coarse_cells(address, 128)
    if address.z < 4:
        assert cells == ()
        return
    assert 1 <= len(cells) <= 9
    level = cells[0] >> 48
    assert level == min(address.z, 12)
    size = 360 / 2**level
    columns, rows = [cell & 0xFFFFFF for cell in cells], [cell >> 24 & 0xFFFFFF for cell in cells]
    west, south, east, north = tile_bounds_4490(address.z, address.x, address.y, 128)
    assert min(columns) * size - 180 <= west and (max(columns) + 1) * size - 180 >= east
    assert 90 - (max(rows) + 1) * size <= south + 1e-9 and 90 - min(rows) * size >= north - 1e-9


@given(ADDRESSES.filter(lambda a: a.z >= 4), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_change_inside_a_tile_touches_one_of_its_cells(address: TileAddress, across: float, down: float) -> None:
    """Numbered as the database numbers changes: level-12 cell of the place, and its parents."""
    west, south, east, north = tile_bounds_4490(address.z, address.x, address.y)
    lon, lat = west + (east - west) * across, north + (south - north) * down
    size = 360 / 2**12
    cell = 12 << 48 | int((90 - lat) / size) << 24 | int((lon + 180) / size)
    assert with_parents([cell]) & set(coarse_cells(address, 128))


CGCS_ADDRESSES = st.integers(1, 18).flatmap(
    lambda z: st.builds(
        TileAddress, st.just(z), st.integers(0, 2**z - 1), st.integers(0, last_row(Grid.CGCS2000, z)), st.just(Grid.CGCS2000)
    )
)


def test_addresses_of_the_other_grid() -> None:
    assert read_address("1", "1", "0", Grid.CGCS2000) == TileAddress(1, 1, 0, Grid.CGCS2000)
    for z, x, y, place in (
        ("0", "0", "0", "z"),
        ("19", "0", "0", "z"),
        ("1", "2", "0", "x"),
        ("1", "0", "1", "y"),
        ("18", "0", "131072", "y"),
    ):
        with pytest.raises(BadParameter) as caught:
            read_address(z, x, y, Grid.CGCS2000)
        assert caught.value.place == place


@given(CGCS_ADDRESSES.filter(lambda a: a.z >= 4), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_change_inside_a_tile_of_the_other_grid_touches_its_cells(address: TileAddress, across: float, down: float) -> None:
    west, south, east, north = bounds_in(Grid.CGCS2000, address.z, address.x, address.y)
    lon, lat = west + (east - west) * across, south + (north - south) * down
    size = 360 / 2**12
    cell = 12 << 48 | int((90 - lat) / size) << 24 | int((lon + 180) / size)
    cells = coarse_cells(address, 128)
    assert with_parents([cell]) & set(cells) and len(cells) <= 9
