"""The page in a real browser on the real server: what a planner does with it on a working day."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys import town
from tests.journeys.browser import ARGUMENTS, CHROMIUM, DESK, PHONE, SMALL_DESK, Watched, save, watched
from tests.journeys.conftest import PASSWORD, Admin, Running

pytestmark = pytest.mark.journey

AXE = Path(__file__).parents[2] / "web" / "ui" / "node_modules" / "axe-core" / "axe.min.js"
FIRST_VIEW_MAX_BYTES = 3 * 1024 * 1024
TOWN = "map=15/22.5248/113.9248/0/0"
LIBRARY = town.centre(*town.LIBRARY)
AT_LIBRARY = f"map=17.5/{LIBRARY[1]:.6f}/{LIBRARY[0]:.6f}/0/0"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def desk(browser: Browser, town_twin: Running) -> Iterator[Watched]:
    with watched(browser, town_twin.url, SMALL_DESK) as page:
        yield page


@pytest.fixture(scope="module")
def screens(out_dir: Path) -> Path:
    return out_dir / "screens"


def test_the_first_view_is_small_local_and_says_what_to_do_next(desk: Watched) -> None:
    desk.open()
    expect(desk.page.locator(".entry").first).to_be_visible()
    assert 0 < desk.bytes_in <= FIRST_VIEW_MAX_BYTES
    desk.page.get_by_role("tab", name="图上图层").click()
    expect(desk.page.get_by_text("图上还没有图层")).to_be_visible()
    desk.page.get_by_role("button", name="浏览专题产品").click()
    expect(desk.page.get_by_role("heading", name="自然资源")).to_be_visible()
    desk.clean()


def test_search_flies_to_an_object_and_opens_it(desk: Watched) -> None:
    desk.open(TOWN)
    desk.page.keyboard.press("/")
    desk.page.keyboard.type("岭南图书馆", delay=20)
    expect(desk.page.locator(".hit").first).to_contain_text("岭南图书馆")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator(".inspector h2")).to_have_text("岭南图书馆")
    desk.settle()
    _, lat, lon, _ = desk.camera()
    assert (lon, lat) == pytest.approx(LIBRARY, abs=0.002)
    assert desk.word("on").startswith("l.town-buildings")
    desk.clean()


def test_search_takes_coordinates(desk: Watched) -> None:
    desk.open(TOWN)
    desk.page.keyboard.press("/")
    desk.page.keyboard.type("113.5, 23.2")
    desk.page.locator(".hit").first.click()
    desk.arrives_at(113.5, 23.2, 1e-4)
    desk.clean()


def test_a_click_opens_the_object_and_the_same_id_comes_by_http(desk: Watched, admin: Admin) -> None:
    desk.open(f"{AT_LIBRARY}&on=p.town-3d.100")
    desk.click_middle()
    inspector = desk.page.locator(".inspector")
    expect(inspector.locator("h2")).to_have_text("岭南图书馆")
    expect(inspector.locator(".keys")).to_contain_text("高度")
    expect(inspector).to_contain_text("示例数据")
    desk.settle()
    layer, oid = desk.word("pick").split("/")
    item = admin.http.get(f"/collections/{layer}/items/{oid}").raise_for_status().json()
    assert (item["id"], item["properties"]["name"]) == (int(oid), "岭南图书馆")
    desk.page.keyboard.press("Escape")
    expect(inspector).to_have_count(0)
    desk.clean()


def test_several_things_under_one_click_are_listed(desk: Watched) -> None:
    desk.open(f"{AT_LIBRARY}&on=p.town-3d.100,p.town-people.100")
    desk.click_middle()
    expect(desk.page.locator(".candidates li")).to_have_count(2)
    desk.page.locator(".candidates button", has_text="示例片区").last.click()
    expect(desk.page.locator(".inspector h2")).to_contain_text("示例片区")
    desk.page.get_by_role("button", name="返回列表").click()
    expect(desk.page.locator(".candidates li")).to_have_count(2)
    desk.clean()


def test_3d_tilts_the_map_and_keeps_the_picked_thing(desk: Watched) -> None:
    desk.open(f"{AT_LIBRARY}&on=p.town-3d.100")
    desk.click_middle()
    expect(desk.page.locator(".inspector h2")).to_have_text("岭南图书馆")
    desk.settle()
    picked = desk.word("pick")
    assert picked.startswith("town-buildings/")
    desk.page.keyboard.press("2")
    desk.tilts_to(55)
    desk.settle()
    assert (desk.word("mode"), desk.word("pick")) == ("3d", picked)
    desk.page.keyboard.press("1")
    desk.tilts_to(0)
    assert desk.word("mode") == ""
    desk.clean()


def test_a_product_joins_the_map_with_card_and_legend_and_back_undoes_it(desk: Watched) -> None:
    desk.open(TOWN)
    desk.page.get_by_role("button", name="产品卡片: 示例常住人口").click()
    card = desk.page.locator(".card")
    for words in ("示例市自然资源局", "2026-02-01", "1:2000", "未送审", "v1", "/styles/town-people/style.json"):
        expect(card).to_contain_text(words)
    desk.page.keyboard.press("Escape")
    desk.page.locator('[data-code="town-people"] .add').click()
    desk.settle()
    desk.page.get_by_role("tab", name="图上图层").click()
    expect(desk.page.locator(".legend")).to_contain_text("无数据")
    expect(desk.page.locator(".marks")).to_contain_text("未送审")
    assert desk.word("on") == "p.town-people.100"
    desk.page.go_back()
    expect(desk.page.get_by_text("图上还没有图层")).to_be_visible()
    desk.clean()


def test_the_url_brings_everything_back(desk: Watched) -> None:
    desk.open(f"{AT_LIBRARY}&on=p.town-3d.100,p.town-services.100")
    desk.page.get_by_role("tab", name=re.compile("图上图层")).click()
    desk.page.get_by_role("button", name="隐藏: 示例公共服务").click()
    desk.page.get_by_role("slider", name="不透明度: 示例三维建筑").focus()
    for _ in range(10):
        desk.page.keyboard.press("ArrowLeft")
    desk.click_middle()
    expect(desk.page.locator(".inspector h2")).to_have_text("岭南图书馆")
    desk.page.get_by_role("button", name="切换到英文").click()
    desk.settle()
    url = desk.page.url
    assert desk.word("on") == "p.town-3d.90,p.town-services.100h"
    desk.page.reload()
    desk.settle()
    assert desk.page.url == url
    expect(desk.page.locator(".inspector h2")).to_have_text("岭南图书馆")
    expect(desk.page.get_by_role("tab", name=re.compile("On the map"))).to_be_visible()
    desk.clean()


DROP = """([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    window.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


def _parcels() -> str:
    """Three parcels of which one crosses itself."""
    bow_tie = {
        "type": "Polygon",
        "coordinates": [[[113.93, 22.53], [113.931, 22.531], [113.931, 22.53], [113.93, 22.531], [113.93, 22.53]]],
    }
    features = [town._feature(town._box(113.926 + n * 0.001, 22.528, 0.0008, 0.0008), 地块名称=f"地块{n}") for n in range(2)]
    return json.dumps({"type": "FeatureCollection", "features": [*features, town._feature(bow_tie, 地块名称="蝴蝶结")]}, ensure_ascii=False)


def test_sign_in_drop_a_file_and_see_it_on_the_map(desk: Watched, admin: Admin) -> None:
    desk.open(f"{TOWN}&on=p.town-3d.60")
    desk.page.evaluate(DROP, ["我的地块.geojson", _parcels()])
    expect(desk.page.get_by_text("请先登录，再导入文件。")).to_be_visible()
    desk.page.get_by_label("账号").fill("admin")
    desk.page.get_by_label("密码", exact=True).fill(PASSWORD)
    desk.page.keyboard.press("Enter")
    dialog = desk.page.get_by_role("dialog", name=re.compile("导入文件"))
    dialog.get_by_role("button", name="开始导入").click()
    card = desk.page.locator(".job")
    expect(card).to_contain_text("导入完成", timeout=60_000)
    expect(card).to_contain_text("读入 3 = 发布 3 + 拒绝 0")
    card.get_by_role("button", name="导入报告").click()
    report = desk.page.get_by_role("dialog", name=re.compile("导入报告"))
    report.locator(".ant-collapse-header").first.click()
    report.get_by_role("button", name=re.compile("在地图上查看")).first.click()
    desk.arrives_at(113.9305, 22.5305, 0.001)
    card.get_by_role("button", name="加入地图").click()
    expect(desk.page.locator(".row", has_text="我的地块")).to_be_visible()
    desk.settle()
    assert desk.word("on").startswith("l.我的地块.100")
    desk.clean()


PLACES = """() => {
  window.places = new Set();
  const look = () => {
    for (const button of document.querySelectorAll('button')) {
      if (!/^(登\\s*录|开始导入)$/.test(button.textContent) || button.closest('[role=dialog]') === null) continue;
      window.places.add(button.textContent + JSON.stringify(button.getBoundingClientRect()));
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def test_a_dialog_stands_still_from_the_first_moment(desk: Watched, admin: Admin) -> None:
    """A button that moves between press and release loses the click."""
    desk.open(TOWN)
    desk.page.evaluate(PLACES)
    desk.page.evaluate(DROP, ["我的地块.geojson", _parcels()])
    desk.page.get_by_label("账号").fill("admin")
    desk.page.get_by_label("密码", exact=True).fill(PASSWORD)
    desk.page.keyboard.press("Enter")
    desk.page.get_by_role("dialog", name=re.compile("导入文件")).wait_for()
    expect(desk.page.get_by_role("button", name="开始导入")).to_be_enabled(timeout=60_000)
    desk.page.wait_for_timeout(600)
    places = desk.page.evaluate("[...window.places]")
    assert len(places) == 2, places
    assert desk.page.get_by_role("dialog").count() == 1
    desk.clean()


def test_a_change_of_data_redraws_the_tiles_of_an_open_page(desk: Watched, admin: Admin, tmp_path: Path) -> None:
    desk.open(f"{TOWN}&on=l.town-facilities.100")
    features, told = town.LAYERS["town-facilities"]
    moved = tmp_path / "moved.geojson"
    moved.write_text(json.dumps({"type": "FeatureCollection", "features": features[:-1]}, ensure_ascii=False), encoding="utf-8")
    with desk.page.expect_request(re.compile(r"/tiles/town-facilities/\d+/\d+/\d+\.mvt\?v=\d+"), timeout=30_000):
        admin.import_file(moved, {"layer": "town-facilities", "synthetic": True, **told})
    desk.page.locator(".ant-collapse-header").click()
    expect(desk.page.locator('[data-code="town-facilities"]')).to_contain_text("39")
    desk.clean()


def test_only_the_tiles_under_a_change_are_read_again(desk: Watched, admin: Admin, tmp_path: Path) -> None:
    """Of two places on one screen the one that changed is read again, the other stays as it is."""
    here, there = (113.0, 22.5), (114.8, 22.5)

    def put(name: str, lon: float) -> None:
        places = [
            (lon, 22.5),
            there,
            (here[0] - 0.1, 22.5),
        ]  # the last keeps the layer's bounds as they are, for they are part of the style
        points = [town._feature({"type": "Point", "coordinates": place}, code=str(n)) for n, place in enumerate(places)]
        path = tmp_path / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": points}), encoding="utf-8")
        admin.import_file(path, {"layer": "two-places", "key": "code", "title_zh": "两处", "synthetic": True})

    put("before.geojson", here[0])
    asked: set[tuple[int, int]] = set()
    tile = re.compile(r"/tiles/two-places/8/(\d+)/(\d+)\.mvt")
    desk.page.on("request", lambda request: asked.update((int(x), int(y)) for x, y in tile.findall(request.url)))
    desk.open("map=8.1/22.5/113.9/0/0&on=l.two-places.100")
    desk.settle()
    assert {tile_at(8, *here), tile_at(8, *there)} <= asked
    asked.clear()
    with desk.page.expect_request(tile, timeout=30_000):
        put("after.geojson", here[0] + 0.01)
    desk.settle()
    assert tile_at(8, *here) in asked and tile_at(8, *there) not in asked
    desk.clean()


def tile_at(zoom: int, lon: float, lat: float) -> tuple[int, int]:
    """Column and row of WebMercatorQuad."""
    x, y = (lon + 180) / 360, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int(x * 2**zoom), int(y * 2**zoom)


def test_nobody_is_offered_what_they_may_not_do(desk: Watched) -> None:
    desk.open()
    expect(desk.page.get_by_role("button", name="登录")).to_be_visible()
    expect(desk.page.get_by_text("导入文件")).to_have_count(0)
    desk.clean()


@pytest.mark.parametrize("words", ["", f"{AT_LIBRARY}&on=p.town-3d.100,p.town-people.100", f"{TOWN}&lang=en&dark=1"])
def test_axe_finds_nothing_serious(desk: Watched, words: str) -> None:
    desk.open(words)
    if words.startswith("map=17.5"):
        desk.click_middle()
        desk.page.get_by_role("tab", name=re.compile("图上图层")).click()
    assert _serious(desk.page) == []


def _serious(page: Page) -> list[Any]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        (each["id"], [node["html"][:160] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


SCENES = [(size, mode, lang) for size in ("desktop", "phone") for mode in ("2d", "3d") for lang in ("zh", "en")]


@pytest.mark.parametrize(("size", "mode", "lang"), SCENES)
def test_pictures(browser: Browser, town_twin: Running, screens: Path, size: str, mode: str, lang: str) -> None:
    options = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2} if size == "phone" else {}
    tilt = "/-20/55&mode=3d" if mode == "3d" else "/0/0"
    with watched(browser, town_twin.url, PHONE if size == "phone" else DESK, **options) as view:
        view.open(f"map=15.6/22.5243/113.9245{tilt}&on=p.town-services.100,p.town-3d.100,p.town-people.60&lang={lang}")
        save(view.page, screens, f"{size}-{mode}-{lang}")
        view.page.get_by_role("tab", name=re.compile("图上图层|On the map")).click()
        view.page.wait_for_timeout(600)
        save(view.page, screens, f"{size}-{mode}-{lang}-on-map")
        if size == "desktop":
            view.click_middle()
            view.page.locator(".inspector").wait_for()
            view.settle()
            save(view.page, screens, f"{size}-{mode}-{lang}-picked")
        _nothing_overflows(view.page)
        view.clean()


def test_picture_of_the_dark_theme(browser: Browser, town_twin: Running, screens: Path) -> None:
    with watched(browser, town_twin.url, DESK) as view:
        view.open("map=15.6/22.5243/113.9245/-20/55&mode=3d&on=p.town-network.100,p.town-3d.100&dark=1")
        save(view.page, screens, "desktop-3d-zh-dark")
        view.clean()


def _nothing_overflows(page: Page) -> None:
    """No sideways scrolling, no text cut off that has no title to read it in full."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.bar button, .bar h1, .ant-tabs-tab, .legend span, .keys dt')]
             .filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflow !== 'visible')
             .map((each) => each.textContent)"""
    )
    assert cut == []
