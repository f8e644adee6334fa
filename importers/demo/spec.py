"""What each demo layer is, kept as data in `layers/*.toml`: the same options a person gives when importing a file."""

import tomllib
from functools import cache
from pathlib import Path

from importers.options import ImportOptions

_FOLDER = Path(__file__).with_name("layers")

#: Ids of all demo layers.
LAYER_IDS = tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@cache
def layer_options(layer_id: str) -> ImportOptions:
    """Options of one layer: titles, zooms, attribution and fields."""
    return ImportOptions.model_validate(tomllib.loads(spec_text(layer_id)))


@cache
def spec_text(layer_id: str) -> str:
    """The file of one layer: part of what makes a loaded layer stale."""
    return (_FOLDER / f"{layer_id}.toml").read_text(encoding="utf-8")
