"""A page written for 天地图, of which only host and key are changed, shows our map, and a point lies on its pixel."""

import json
import math
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys.browser import ARGUMENTS, CHROMIUM, save
from tests.journeys.conftest import CHECKOUT, Admin, Running
from tests.journeys.other_site import other_site

pytestmark = pytest.mark.journey

HERE = Path(__file__).parent
OPENLAYERS = CHECKOUT / "web" / "ui" / "node_modules" / "ol" / "dist" / "ol.js"
HOST, KEY = "http://t0.tianditu.gov.cn", "您的密钥"
WIDTH, HEIGHT = 800, 600
CENTRE = (113.2600, 23.1300)
POINT = (113.2613, 23.1309)
DEGREES_PER_PX = 360 / 256 / 2**15
METRES_PER_PX = 2 * 20037508.342789244 / 256 / 2**15
CARD = {
    "code": "vec",
    "title_zh": "矢量底图",
    "title_en": "Vector base map",
    "theme": "natural-resources",
    "owner": "测试",
    "status": "published",
    "layers": [
        {"layer": "vec_blocks", "symbol": {"kind": "fill", "color": "#DDE8D3", "opacity": 1, "outline_color": "#8A8F98"}},
        {
            "layer": "vec_marks",
            "symbol": {
                "kind": "circle",
                "color": "#FF0000",
                "outline_color": "#FF0000",
                "opacity": 1,
                "radius_px": 4,
                "label_field": "name",
                "label_min_zoom": 10,
            },
        },
    ],
}


def write(directory: Path, layer: str, geometry: dict[str, object], name: str) -> Path:
    feature = {"type": "Feature", "geometry": geometry, "properties": {"name": name}}
    path = directory / f"{layer}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False))
    return path


@pytest.fixture(scope="module")
def published(empty_twin: Running, admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A block with a mark on it, as the product `vec`."""
    directory = tmp_path_factory.mktemp("vec")
    west, south, east, north = CENTRE[0] - 0.004, CENTRE[1] - 0.003, CENTRE[0] + 0.004, CENTRE[1] + 0.003
    block = {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}
    for layer, geometry, name in (
        ("vec_blocks", block, "一号地块"),
        ("vec_marks", {"type": "Point", "coordinates": POINT}, "消防栓"),
    ):
        admin.import_file(write(directory, layer, geometry, name), {"layer": layer, "title_zh": layer, "synthetic": True})
    admin.publish(CARD)
    # The first picture of all starts a painter, for which a busy machine takes its time.
    for _ in range(20):
        if admin.http.get("/tiles/vec/CGCS2000Quad/15/26693/6086.png").status_code == 200:
            break
    return empty_twin


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def site(published: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The planners' own site, from where the page comes: another origin than ours, as in life."""
    folder = tmp_path_factory.mktemp("site")
    text = (HERE / "tianditu.html").read_text(encoding="utf-8")
    assert text.count(HOST) == 2 and text.count(KEY) == 1
    (folder / "index.html").write_text(text.replace(HOST, published.url).replace(KEY, "0123456789abcdef0123456789abcdef"), encoding="utf-8")
    shutil.copy(OPENLAYERS, folder / "ol.js")
    with other_site(folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser, published: Running, site: str) -> Iterator[Page]:
    """A page that can reach its own site and ours, and nothing else."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1, base_url=site)
    made = context.new_page()
    made.route("**/*", lambda route: route.continue_() if route.request.url.startswith((site, published.url)) else route.abort())
    yield made
    context.close()


def expected(grid: str) -> tuple[float, float]:
    """Where the mark is on the screen, in pixels from the top left, by arithmetic of our own."""
    if grid == "c":
        right, up = ((at - centre) / DEGREES_PER_PX for at, centre in zip(POINT, CENTRE, strict=True))
        return WIDTH / 2 + right, HEIGHT / 2 - up
    northings = [6378137 * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) for lat in (POINT[1], CENTRE[1])]
    right = math.radians(POINT[0] - CENTRE[0]) * 6378137 / METRES_PER_PX
    return WIDTH / 2 + right, HEIGHT / 2 - (northings[0] - northings[1]) / METRES_PER_PX


@pytest.mark.parametrize("grid", ["c", "w"])
def test_only_host_and_key_are_changed(page: Page, published: Running, out_dir: Path, grid: str) -> None:
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if answer.url.startswith(published.url) else None)
    page.goto(f"/#{grid}")
    expect(page).to_have_title("完成", timeout=30_000)
    save(page, out_dir / "screens", f"tianditu-{grid}")
    assert len(statuses) >= 8 and set(statuses) == {200}
    seen = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB")).astype(int)
    red = np.argwhere((seen[..., 0] > 220) & (seen[..., 1] < 60) & (seen[..., 2] < 60))
    assert len(red) > 40
    down, right = red.mean(axis=0) + 0.5
    assert max(abs(right - expected(grid)[0]), abs(down - expected(grid)[1])) < 1
    assert (np.abs(seen[HEIGHT // 2, WIDTH // 2] - (0xDD, 0xE8, 0xD3)) < 3).all(), "the block is drawn in the product's colour"
