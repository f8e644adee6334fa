"""Renaming the layers of a vector tile leaves everything else as it is."""

import mapbox_vector_tile
import pytest

from tests.archives import mvt
from twin.errors import BadFile
from twin.mvt import renamed


def test_another_name() -> None:
    tile = mvt("roads", 3, "x" * 300)
    found = mapbox_vector_tile.decode(renamed(tile, "道路"))
    assert found == {"道路": mapbox_vector_tile.decode(tile)["roads"]}
    assert renamed(renamed(tile, "道路"), "roads") == tile
    assert renamed(b"", "a") == b""


@pytest.mark.parametrize("data", [b"x", b"\x1a", b"\x1a\x05ab", b"\x1a\x02\x78\x02", b"\x12\x00", b"\x1a\x02\x0a\x09", b"\xff" * 20])
def test_what_is_no_tile(data: bytes) -> None:
    with pytest.raises(BadFile):
        renamed(data, "a")
