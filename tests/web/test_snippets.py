"""The snippets of a product's page, run as they are copied: in a browser from another origin, in QGIS, in a Python of their own."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect, sync_playwright

import yuetu
from tests.journeys.browser import ARGUMENTS, CHROMIUM, Watched, watched
from tests.journeys.other_site import other_site
from tests.web.conftest import Site
from tests.web.quarters import CODE, CROWDED, PEOPLE, SIDE, SOUTH, WEST, publish_quarters, share_of

MODULES = Path(__file__).parents[2] / "web" / "ui" / "node_modules"
MAPLIBRE = ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css")
SYSTEM_PYTHON = Path("/usr/bin/python3")
HAS_QGIS = Path("/usr/lib/python3/dist-packages/qgis/core").exists()
ON_PAPER = (140, 178, 212)
"""`CROWDED` on white."""
WINDOW = {"width": 800, "height": 600}
ICON = '<link rel="icon" href="data:,">'
Opened = Callable[[Path], AbstractContextManager[tuple[Watched, list[str]]]]


@pytest.fixture(scope="module")
def quarters(site: Site) -> Site:
    publish_quarters(site)
    return site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def screens(out_dir: Path) -> Path:
    """Where pictures for people go."""
    folder = out_dir / "screens"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def copied(browser: Browser, quarters: Site) -> Callable[[str], str]:
    """What the copy button of a snippet puts on the clipboard."""

    def copy(name: str) -> str:
        with watched(browser, quarters.url, WINDOW, permissions=["clipboard-read", "clipboard-write"]) as page:
            page.page.goto(f"{quarters.url}/p/{CODE}")
            button = page.page.locator(f'button[data-from="snippet-{name}"]')
            button.click()
            expect(button).to_have_text("已复制 copied")
            text: str = page.page.evaluate("navigator.clipboard.readText()")
            assert text == page.page.locator(f"#snippet-{name}").text_content()
            page.clean()
        return text

    return copy


@pytest.fixture
def opened(browser: Browser, quarters: Site) -> Opened:
    """A folder as a site of its own, with the addresses of ours that its page asked and got."""

    @contextmanager
    def open_(folder: Path) -> Iterator[tuple[Watched, list[str]]]:
        with other_site(folder) as site, watched(browser, site, WINDOW, (quarters.url,)) as page:
            got: list[str] = []

            def note(answer: Response) -> None:
                if answer.url.startswith(quarters.url) and answer.status == 200:
                    got.append(answer.url.removeprefix(quarters.url))

            page.page.on("response", note)
            page.page.goto(f"{site}/")
            yield page, got
            page.clean()

    return open_


def wait_for_color(page: Watched, color: tuple[int, int, int], within: int, least: float, picture: Path) -> None:
    """Until so much of the window has this colour, however long a loaded machine draws; keeps what was seen."""
    share, deadline = 0.0, time.monotonic() + 20
    while share < least:
        assert time.monotonic() < deadline, f"{share:.4f} of {picture} is {color}"
        share = share_of(page.page.screenshot(path=picture), *color, within=within)


def is_tile(address: str) -> bool:
    return re.match(r"/tiles/quarters/\d+/\d+/\d+\.mvt", address) is not None


def test_maplibre(copied: Callable[[str], str], opened: Opened, tmp_path: Path, screens: Path) -> None:
    """Beside the three files that its package ships."""
    (tmp_path / "index.html").write_text(copied("maplibre") + ICON, encoding="utf-8")
    for name in MAPLIBRE:
        shutil.copy(MODULES / "maplibre-gl" / "dist" / name, tmp_path)
    with opened(tmp_path) as (page, got):
        wait_for_color(page, CROWDED, 2, 0.2, screens / "snippet-maplibre.png")
        assert f"/styles/{CODE}/style.json" in got and any(map(is_tile, got))


def test_openlayers(copied: Callable[[str], str], opened: Opened, tmp_path: Path, screens: Path) -> None:
    """Bundled as its users do."""
    (tmp_path / "main.js").write_text(copied("openlayers"), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(MODULES)
    rolldown = ["node", str(MODULES / "rolldown" / "bin" / "cli.mjs"), "main.js", "--file", "bundle.js", "--format", "esm"]
    subprocess.run(rolldown, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    page_text = f'<!doctype html><meta charset="utf-8">{ICON}<div id="map" style="height: 590px"></div><script type="module" src="bundle.js"></script>'
    (tmp_path / "index.html").write_text(page_text, encoding="utf-8")
    with opened(tmp_path) as (page, got):
        # OpenLayers' own look: outlines in #3399CC over a white veil.
        wait_for_color(page, (0x33, 0x99, 0xCC), 40, 0.002, screens / "snippet-openlayers.png")
        assert any(map(is_tile, got))


def test_the_web_component(copied: Callable[[str], str], opened: Opened, tmp_path: Path, screens: Path) -> None:
    (tmp_path / "index.html").write_text(copied("embed") + ICON, encoding="utf-8")
    with opened(tmp_path) as (page, got):
        expect(page.page.locator("yuetu-map header")).to_contain_text("示例常住人口")
        wait_for_color(page, CROWDED, 2, 0.02, screens / "snippet-embed.png")
        assert any(map(is_tile, got))


def test_pydeck(copied: Callable[[str], str], opened: Opened, tmp_path: Path, screens: Path) -> None:
    """The page it writes draws our features; only the links that pydeck itself puts in go elsewhere."""
    run_python(copied("pydeck"), tmp_path)
    written = tmp_path / f"{CODE}.html"
    written.rename(tmp_path / "index.html")
    with opened(tmp_path) as (page, got):
        wait_for_color(page, (108, 149, 195), 12, 0.05, screens / "snippet-pydeck.png")
        assert got == ["/collections/quarters/items?limit=10"]
        assert all(
            re.match(r"https://(api\.tiles\.mapbox\.com|maxcdn\.bootstrapcdn\.com|unpkg\.com|cdn\.jsdelivr\.net)/", url)
            for url in page.outside
        )
        page.outside.clear()
        page.errors[:] = [error for error in page.errors if "ERR_FAILED" not in error]


def test_a_scene_of_the_client_asks_nobody(opened: Opened, quarters: Site, tmp_path: Path, screens: Path) -> None:
    """In the colours of the legend, and whatever a name holds ends no script."""
    scene = yuetu.connect(quarters.url).product(CODE).scene()
    assert scene.count == len(PEOPLE) and scene.title == "示例常住人口（示例数据）"
    for feature in scene.deck.layers[0].data["features"]:
        feature["properties"]["名称"] = "</script><script>document.title = 'broken'</script><!--"
    scene.save(tmp_path / "index.html")
    with opened(tmp_path) as (page, got):
        wait_for_color(page, ON_PAPER, 4, 0.05, screens / "scene.png")
        expect(page.page).to_have_title("示例常住人口（示例数据）")
        page.page.mouse.move(WINDOW["width"] / 2 - 60, WINDOW["height"] / 2 + 60)
        expect(page.page.locator(".deck-tooltip")).to_contain_text("人口: 320000")
        expect(page.page.locator(".deck-tooltip")).to_contain_text("</script>")
        assert got == [] and page.outside == []
        page.errors[:] = [error for error in page.errors if "favicon" not in error and "404" not in error]


def run_python(program: str, folder: Path) -> str:
    """What a Python of its own prints, started in an empty folder without anybody's proxies."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not HAS_QGIS, reason="needs Debian's python3-qgis")
def test_qgis(copied: Callable[[str], str], tmp_path: Path, screens: Path) -> None:
    """In PyQGIS without a window: the product in its colours, its features at hand."""
    corners = [metres(WEST, SOUTH), metres(WEST + 2 * SIDE, SOUTH + 2 * SIDE)]
    told = {
        "program": copied("qgis"),
        "extent": [*corners[0], *corners[1]],
        "color": ON_PAPER,
        "picture": str(screens / "snippet-qgis.png"),
    }
    client = Path(__file__).with_name("_qgis_snippet.py")
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [str(SYSTEM_PYTHON), str(client)], input=json.dumps(told), capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    drawn = json.loads(done.stdout.splitlines()[-1])
    assert sorted(drawn["names"]) == [CODE, f"{CODE} (vector)"] and drawn["valid"] == [True, True]
    assert drawn["share"] > 0.15, drawn


def metres(lon: float, lat: float) -> tuple[float, float]:
    return math.radians(lon) * 6378137, math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) * 6378137


def test_every_address_can_be_copied(browser: Browser, quarters: Site) -> None:
    with watched(browser, quarters.url, WINDOW, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.page.goto(f"{quarters.url}/p/{CODE}")
        buttons = page.page.locator("button[data-copy]")
        for index in range(buttons.count()):
            buttons.nth(index).click()
            expect(buttons.nth(index)).to_have_text("已复制 copied")
            assert page.page.evaluate("navigator.clipboard.readText()") == buttons.nth(index).get_attribute("data-copy")
        assert buttons.count() >= 6
        page.clean()


def test_where_the_clipboard_is_closed_the_text_is_selected(browser: Browser, quarters: Site) -> None:
    with watched(browser, quarters.url, WINDOW) as page:
        page.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.page.goto(f"{quarters.url}/p/{CODE}")
        button = page.page.locator('button[data-from="snippet-curl"]')
        button.click()
        expect(button).to_have_text("已选中 selected")
        selected = page.page.evaluate("getSelection().toString()")
        assert selected.strip() == (page.page.locator("#snippet-curl").text_content() or "").strip()
