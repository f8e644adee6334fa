"""How long a picture takes in a kept painter, and how much memory it holds: `python bench/pictures.py URL [ADDRESS …]`.

URL is a running twin with the demo (`./run`); an ADDRESS is LAYERS/Z/X/Y of a vector tile. The tile is fetched first, so that only drawing is measured:
four PNG of 256 px from one tile, the first of which waits for all four.
"""

import asyncio
import json
import os
import statistics
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from layers.pictures import flat
from tiles.painters import Painters, Painting
from twin.picture import SOURCE

ROUNDS = 15
ADDRESSES = ("base/14/13354/7121", "base/9/417/222", "emergency-command/14/13354/7121")


def fetch(address: str) -> bytes:
    """The body at an address."""
    with urllib.request.urlopen(address) as answer:
        body: bytes = answer.read()
    return body


def processor_ms(pid: int) -> float:
    """Processor time a process has used: what counts where others keep the machine busy."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory of a process, shared pages in part."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in told.splitlines() if line.startswith("Pss:")).split()[1]) / 1024


async def measure(url: str, addresses: tuple[str, ...]) -> None:
    """Print a line for each address."""
    painters = Painters()
    started = time.perf_counter()
    await painters.paint(Painting(0, b"", "[]"))
    print(f"start of a painter {1000 * (time.perf_counter() - started):.0f} ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for address in addresses:
        names = address.split("/", maxsplit=1)[0]
        tile = fetch(f"{url}/tiles/{address}.mvt")
        drawn = json.loads(fetch(f"{url}/styles/{names}/style.json"))["layers"]
        layers = json.dumps([flat(part | {"source": SOURCE}) for part in drawn if part["type"] != "background"])
        taken, used = [], processor_ms(painters.pids[0])
        for _ in range(ROUNDS):
            before = time.perf_counter()
            sheet = await painters.paint(Painting(int(address.split("/")[1]), tile, layers))
            taken.append(1000 * (time.perf_counter() - before))
        used = (processor_ms(painters.pids[0]) - used) / ROUNDS
        sizes = "+".join(str(len(png) // 1024) for png in sheet)
        print(
            f"{address}: {len(tile) / 1024:.0f} KB, median {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms, processor {used:.0f} ms, PNG {sizes} KB"
        )
    print(f"memory of the painter {resident_mb(painters.pids[0]):.0f} MB (PSS)")
    painters.close()


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1].rstrip("/"), tuple(sys.argv[2:]) or ADDRESSES))
