"""The texts in a tile, and nothing else of it."""

import mapbox_vector_tile
import pytest

from tiles.texts import texts_of


def tile() -> bytes:
    def features(*values: object) -> list[dict[str, object]]:
        return [{"geometry": f"POINT({i} 1)", "properties": {"name": value, "n": i, "x": 1.5, "b": True}} for i, value in enumerate(values)]

    body: bytes = mapbox_vector_tile.encode(
        [{"name": "医院", "features": features("市一医院", "B2", "")}, {"name": "roads", "features": features("人民路")}]
    )
    return body


def test_texts_of_the_layers_asked_for() -> None:
    assert texts_of(tile(), {"医院"}) == {"市一医院", "B2", ""}
    assert texts_of(tile(), {"医院", "roads"}) == {"市一医院", "B2", "", "人民路"}
    assert texts_of(tile(), {"nothing"}) == texts_of(b"", {"医院"}) == set()


def test_every_cut_is_noticed_or_harmless() -> None:
    whole = tile()
    for end in range(len(whole)):
        try:
            assert texts_of(whole[:end], {"医院", "roads"}) <= {"市一医院", "B2", "", "人民路"}
        except ValueError as exc:
            assert "tile" in str(exc)


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x1a\xff\xff\xff\xff\x0f", b"\x07", b"\x1a"])
def test_what_is_no_tile(body: bytes) -> None:
    with pytest.raises(ValueError, match="tile"):
        texts_of(body, {"x"})
