"""QGIS opens our tiles: XYZ vector tiles with its own reader, WMTS pictures in both grids. Needs Debian's python3-qgis."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from bench._rows import Result
from tests.drills._load import Ground, drill, ground
from tests.web_server import Server, start_server

CLIENT = Path(__file__).with_name("_qgis_client.py")
SYSTEM_PYTHON = "/usr/bin/python3"
LEAST_PIXELS = 2000
DEGREES = [112.89, 22.49, 112.91, 22.51]
METRES = [12567130.0, 2569200.0, 12569350.0, 2571600.0]


def run(quick: bool) -> list[Result]:
    """Every source drawn, whatever the size of the data."""
    with ground(20_000 if quick else 200_000) as place, start_server(place.database, place.home) as server:
        return [_row(drawn) for drawn in _drawn(sources(server, place))]


def sources(server: Server, place: Ground) -> list[dict[str, object]]:
    """What QGIS is asked to open, each with the extent to draw."""
    layer = place.layer.id
    capabilities = quote(f"{server.url}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities", safe="")
    tiles = quote(f"{server.url}/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt", safe="{}")
    wmts = f"format=image/png&layers={layer}&styles=default&url={capabilities}"
    return [
        {
            "name": "vector tiles, XYZ",
            "provider": "vectortile",
            "uri": f"type=xyz&url={tiles}&zmin=0&zmax=16",
            "crs": "EPSG:3857",
            "extent": METRES,
        },
        {
            "name": "WMTS, WebMercatorQuad",
            "provider": "wms",
            "uri": f"crs=EPSG:3857&tileMatrixSet=WebMercatorQuad&{wmts}",
            "crs": "EPSG:3857",
            "extent": METRES,
        },
        {
            "name": "WMTS, CGCS2000Quad",
            "provider": "wms",
            "uri": f"crs=EPSG:4490&tileMatrixSet=CGCS2000Quad&{wmts}",
            "crs": "EPSG:4490",
            "extent": DEGREES,
        },
    ]


def _drawn(wanted: list[dict[str, object]]) -> list[dict[str, object]]:
    done = subprocess.run([SYSTEM_PYTHON, str(CLIENT)], input=json.dumps(wanted), capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0 or not done.stdout:
        sys.exit(f"QGIS could not be run (apt-get install python3-qgis): {done.stderr[-1500:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    print(f"QGIS {told['version']}", file=sys.stderr)
    return list(told["layers"])


def _row(drawn: dict[str, object]) -> Result:
    pixels = int(str(drawn["pixels"]))
    if not drawn["valid"]:
        print(f"{drawn['name']}: {drawn['error']}", file=sys.stderr)
    case = f"QGIS draws {drawn['name']}"
    return Result(case, "px", pixels, LEAST_PIXELS, "at least", round(pixels / LEAST_PIXELS, 2), 1.0, bool(pixels >= LEAST_PIXELS))


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
