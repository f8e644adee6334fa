"""The README's picture: the whole demo, started as people start it, seen in a real browser; fails on any console error or outside request."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.journeys.browser import ARGUMENTS, CHROMIUM, DESK, PHONE, watched

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
DISTRICT_3D = "map=15/22.885/113.42/-20/60&mode=3d&on=p.building-heights.100&lang=zh"
VIEWS = {
    "page-3d": (DESK, DISTRICT_3D),
    "page-province": (DESK, "lang=zh"),
    "page-phone": (PHONE, "map=14/22.885/113.42/0/0&on=p.land-use.100&lang=zh"),
}


def main() -> int:
    """Start a demo on a home of its own, take every picture, write what it took as JSON rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--port", type=int, default=18080)
    wanted = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="yuetu-pictures-", dir="/tmp"))
    home.chmod(0o755)
    env = {**os.environ, "TWIN_HOME": str(home), "TWIN_PORT": str(wanted.port), "TWIN_HOST": "127.0.0.1"}
    begun = time.monotonic()
    try:
        _twin(env, "up")
        rows = [_row("first start with the whole demo", time.monotonic() - begun)]
        rows += take(f"http://127.0.0.1:{wanted.port}")
    finally:
        _twin(env, "down")
        shutil.rmtree(home, ignore_errors=True)
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1))
    return 0


def take(url: str) -> list[dict[str, object]]:
    """One picture per view; AssertionError when the page complained or asked another host."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, (size, words) in VIEWS.items():
            begun = time.monotonic()
            with watched(browser, url, size) as view:
                view.open(words)
                view.settle()
                view.page.screenshot(path=IMAGES / f"{name}.png")
                view.clean()
                rows.append(_row(f"{name}: open, settle, draw", time.monotonic() - begun))
                rows.append({**_row(f"{name}: bytes of the first view", 0), "unit": "bytes", "ours": view.bytes_in})
        browser.close()
    return rows


def _row(case: str, seconds: float) -> dict[str, object]:
    empty = {"peer": None, "peer_name": "", "ratio": None, "target": None, "holds": None}
    return {"case": case, "unit": "s", "ours": round(seconds, 2), **empty}


def _twin(env: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, "-m", "twin", *words], cwd=ROOT, env=env, check=True)


if __name__ == "__main__":
    sys.exit(main())
