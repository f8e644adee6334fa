"""Boxes become tiles: nothing that a tile would show is missed, and the numbers are those of PMTiles."""

import random

import numpy as np
import pytest
from pmtiles.tile import tileid_to_zxy, zxy_to_tileid

from tiles.covering import MARGIN, Covering, codes_at, tile_ids, world_shares
from twin.errors import TooLarge
from twin.grids import Grid, tile_bounds_4490

RANDOM = random.Random(5)


@pytest.mark.parametrize("zoom", [0, 1, 2, 7, 14, 20])
def test_ids_there_and_back(zoom: int) -> None:
    tiles = sorted({(RANDOM.randrange(1 << zoom), RANDOM.randrange(1 << zoom)) for _ in range(100)})
    codes = np.array([y << 32 | x for x, y in tiles], np.int64)
    ids = tile_ids(zoom, codes)
    assert [int(number) for number in ids] == [zxy_to_tileid(zoom, x, y) for x, y in tiles]
    assert (codes_at(zoom, ids) == codes).all()


def test_every_tile_that_a_box_reaches_by_its_buffer() -> None:
    boxes = []
    for _ in range(40):
        west, south, size = RANDOM.uniform(113, 114), RANDOM.uniform(22, 23), 10 ** RANDOM.uniform(-5, -2)
        boxes.append((west, south, west + size, south + size))
    covering = Covering(3, 13)
    covering.add(world_shares(np.array(boxes)))
    found = {tileid_to_zxy(int(number)) for number in covering.ids()}
    for z in range(3, 14):
        near = {(x + i, y + j) for fz, x, y in found if fz == z for i in (-1, 0, 1) for j in (-1, 0, 1)}
        for x, y in near:
            w, s, e, n = tile_bounds_4490(Grid.WEB_MERCATOR, z, x, y, 128)
            reached = any(b[0] < e and b[2] > w and b[1] < n and b[3] > s for b in boxes)
            assert not reached or (z, x, y) in found
    assert sorted(covering.ids()) == list(covering.ids())


def test_the_ends_of_the_world_and_a_box_of_wishes() -> None:
    covering = Covering(0, 4)
    covering.add(world_shares(np.array([[-180.0, -90.0, -180.0, -90.0], [180.0, 90.0, 180.0, 90.0]])))
    assert {tileid_to_zxy(int(number)) for number in covering.ids()} == {
        (z, *corner) for z in range(5) for corner in ((0, (1 << z) - 1), ((1 << z) - 1, 0))
    }
    within = Covering(4, 4, (0.0, 0.0, 179.0, 85.0))
    within.add(world_shares(np.array([[-180.0, -85.0, 180.0, 85.0]])))
    assert len(within.ids()) == 8 * 9  # the row below the equator touches the box


def test_too_much() -> None:
    with pytest.raises(TooLarge):
        Covering(0, 18).add(world_shares(np.array([[-180.0, -85.0, 180.0, 85.0]])))
    assert len(Covering(0, 5).ids()) == 0 and MARGIN > 128 / 4096
