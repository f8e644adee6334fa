"""Cesium runs the snippet of a product's page in Chromium; its package (23 MB) is too large for the everyday suite. Needs npm and its registry."""

import html
import re
import subprocess
import sys
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from bench._rows import Result
from layers.accounts import add_key
from postgis.connect import EDITOR, connect
from tests.drills._load import Ground, drill, ground
from tests.journeys.browser import ARGUMENTS, CHROMIUM, Watched, watched
from tests.journeys.other_site import other_site
from tests.web.quarters import CODE, publish, share_of
from tests.web_server import Server, start_server

CESIUM = "cesium@1.145.0"
BUILD = "/node_modules/cesium/Build/Cesium"
ON_SCREEN = (38, 76, 161)
"""`CROWDED` as it lies on the blue of a bare globe."""
LEAST_PICTURES, LEAST_SHARE = 4, 0.02
PAGE = f"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="{BUILD}/Widgets/widgets.css">
<style>html, body, #map {{ margin: 0; width: 100%; height: 100% }}</style><div id="map"></div>
<script>window.CESIUM_BASE_URL = "{BUILD}/";</script><script type="importmap">{{"imports": {{"cesium": "{BUILD}/index.js"}}}}</script>
<script type="module" src="main.js"></script>"""
PICTURE = Path(__file__).parents[1] / "out" / "screens" / "snippet-cesium.png"
DEADLINE_MS = 60_000


def run(quick: bool) -> list[Result]:
    """The same small product, quick or not."""
    with ground(100) as place, start_server(place.database, place.home) as server:
        folder = place.home / "site"
        folder.mkdir()
        install(folder)
        (folder / "main.js").write_text(snippet(server, place), encoding="utf-8")
        (folder / "index.html").write_text(PAGE, encoding="utf-8")
        return shown(server, folder)


def install(folder: Path) -> None:
    """Cesium as its users get it, below the folder; ends the drill where npm cannot reach its registry."""
    words = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), CESIUM]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        sys.exit(f"npm could not get {CESIUM}: {done.stderr[-800:]}")


def snippet(server: Server, place: Ground) -> str:
    """Publish a product and copy the snippet from its page."""
    with connect(place.database, EDITOR) as connection:
        key = add_key(connection, "snippets")
    with server.client(headers={"Authorization": f"Bearer {key}"}) as client:
        publish(place.database, client)
    found = re.search(r'<pre id="snippet-cesium">(.*?)</pre>', httpx.get(f"{server.url}/p/{CODE}").text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def shown(server: Server, folder: Path) -> list[Result]:
    """Open the page and count: pictures of ours, red pixels, errors and requests to anybody else."""
    with other_site(folder) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with watched(browser, site, {"width": 800, "height": 600}, (server.url,)) as page:
            pictures: list[str] = []
            page.page.on("response", lambda answer: pictures.append(answer.url) if "/wmts/" in answer.url and answer.ok else None)
            page.page.goto(f"{site}/")
            share = _settled(page)
            rows = [
                _at_least("Cesium gets our pictures", "requests", len(pictures), LEAST_PICTURES),
                _at_least("Cesium draws the product", "share of the window", round(share, 4), LEAST_SHARE),
                _none("errors on the page", page.errors),
                _none("requests to other hosts", page.outside),
            ]
        browser.close()
    return rows


def _settled(page: Watched) -> float:
    """The share of the window in the product's colour, once there is some."""
    for _ in range(DEADLINE_MS // 1000):
        page.page.wait_for_timeout(1000)
        share = share_of(page.page.screenshot(path=PICTURE), *ON_SCREEN, within=4)
        if share >= LEAST_SHARE:
            return share
    return 0.0


def _at_least(case: str, unit: str, ours: float, least: float) -> Result:
    return Result(case, unit, ours, least, "at least", round(ours / least, 2), 1.0, ours >= least)


def _none(case: str, found: list[str]) -> Result:
    for text in found[:5]:
        print(f"{case}: {text}", file=sys.stderr)
    return Result(case, "count", len(found), 0, "none", 1.0, 1.0, not found)


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
