"""Writing a layer's tiles to one file: `twin export` to PMTiles against martin-cp to MBTiles, the same tiles."""

import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

from psycopg.conninfo import make_conninfo

from bench._peers import ROOT, Place, martin_sources
from bench._rows import Result, more
from bench._tile_data import TABLES
from postgis.connect import SUPERUSER

FOOTPRINTS = TABLES[0]
TARGET = 2.0
CONNECTIONS = 2
Bounds = tuple[float, float, float, float]


def exports(place: Place, what: str, bounds: Bounds, zooms: tuple[int, int], rounds: int, target: float) -> list[Result]:
    """Alternating runs over `bounds`, called `what`; non-empty tiles a second, start of the program included."""
    program = place.program("martin-cp", "TWIN_BENCH_MARTIN_CP")
    folder = place.home / "export"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(_by_us(place, bounds, zooms, folder / f"{number}.pmtiles"))
        if program is not None:
            theirs.append(_by_martin(place, program, bounds, zooms, folder / f"{number}.mbtiles"))
    print(f"  export of {what} z{zooms[0]}–z{zooms[1]}: ours {ours}, martin-cp {theirs} (tiles, tiles/s)", file=sys.stderr)
    shutil.rmtree(folder)
    if not theirs:
        return []
    tiles = ours[0][0], theirs[0][0]
    case = f"export of footprints z{zooms[0]}–z{zooms[1]}, {what}, {tiles[0]} tiles (theirs {tiles[1]}), median of {rounds}"
    rates = [statistics.median(rate for _, rate in found) for found in (ours, theirs)]
    return [more(case, "tiles/s", rates[0], rates[1], "martin-cp 4490", target)]


def _by_us(place: Place, bounds: Bounds, zooms: tuple[int, int], path: Path) -> tuple[int, float]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")}
    home = place.home / "yuetu-export"
    shutil.rmtree(home, ignore_errors=True)
    environment |= {"TWIN_HOME": str(home), "TWIN_DATABASE_URL": make_conninfo(place.database.dsn, user=SUPERUSER)}
    words = ["export", FOOTPRINTS.layer, "--pmtiles", str(path), "--min-zoom", str(zooms[0]), "--max-zoom", str(zooms[1])]
    words += ["--bbox", _comma(bounds), "--processes", "1", "--connections", str(CONNECTIONS)]
    begun = time.perf_counter()
    command = [*place.cores.pinned(), sys.executable, "-m", "twin", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) 瓦片", done.stdout)
    assert found, done.stdout
    return int(found.group(1)), round(int(found.group(1)) / (time.perf_counter() - begun), 1)


def _by_martin(place: Place, program: Path, bounds: Bounds, zooms: tuple[int, int], path: Path) -> tuple[int, float]:
    config = place.home / "martin-cp.yaml"
    config.write_text(martin_sources(place))
    words = ["--config", str(config), "--source", FOOTPRINTS.plain(4490), "--output-file", str(path), "--mbtiles-type", "flat"]
    words += ["--min-zoom", str(zooms[0]), "--max-zoom", str(zooms[1]), f"--bbox={_comma(bounds)}", "--concurrency", str(CONNECTIONS)]
    begun = time.perf_counter()
    environment = os.environ | {"RUST_LOG": "warn", "RUST_LOG_FORMAT": "bare"}
    subprocess.run([*place.cores.pinned(), str(program), *words], env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    with sqlite3.connect(path) as archive:
        (tiles,) = archive.execute("SELECT count(*) FROM tiles").fetchone()
    return int(tiles), round(int(tiles) / seconds, 1)


def _comma(bounds: Bounds) -> str:
    return ",".join(f"{number:.6f}" for number in bounds)
