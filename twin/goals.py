"""What the platform is to reach: numbers kept as data in `twin/codes/goals.toml`."""

import tomllib
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("codes") / "goals.toml"


@cache
def products_goal() -> int:
    """How many published map products there shall be."""
    return int(tomllib.loads(_FILE.read_text(encoding="utf-8"))["products"]["published"])
