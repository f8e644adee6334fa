"""warm: tiles are made before anybody asks for them."""

from typing import Annotated

import typer

from tiles.ready import make_ready
from tiles.warm import Limits
from tiles.warm import warm as fill
from twin.commands.context import say, settings
from twin.commands.database import open_database
from twin.commands.progress import progress
from twin.layer import check_layer_id


def warm(
    layers: Annotated[list[str], typer.Argument(help="Layer ids.")],
    max_zoom: Annotated[int, typer.Option(min=0, max=20, help="Finest zoom.")] = 14,
    tiles: Annotated[int, typer.Option(min=1, help="Most tiles; coarse zooms come first.")] = 20_000,
    minutes: Annotated[float, typer.Option(min=0.1, help="Longest time.")] = 10,
) -> None:
    """Fill the cache on this host's disk with the tiles of layers that hold anything."""
    names = tuple(check_layer_id(name) for name in layers)
    limits = Limits(max_zoom, tiles, minutes * 60, cache_bytes=settings().tile_cache_mb << 20)
    with open_database() as database, progress(", ".join(names), stderr=True) as report:

        def tell(seen: int, total: int | None, zh: str, en: str) -> None:
            report(seen, total, f"{zh} {en}")

        make_ready(database, tell)
        done = fill(database, settings().home, names, limits, tell)
    left = f"，未做 left {done.left}" if done.left else ""
    say(f"{done.asked} 瓦片 tiles: 新做 made {done.made}，已有 there {done.there}，空 empty {done.empty}{left}  {done.seconds:.1f} s")
