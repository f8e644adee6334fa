"""A data officer's path on the page: a shapefile in GBK whose .prj is wrong, from the drop to the report, and back again."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from postgis.cluster import Cluster
from postgis.connect import IMPORTER, connect
from postgis.divisions import DivisionRow, replace_divisions
from tests.conftest import DataRoot
from tests.importers import files
from tests.journeys.browser import ARGUMENTS, CHROMIUM, DESK, PHONE, Watched, save, watched
from tests.journeys.conftest import PASSWORD, Admin, Running, twin_up
from tests.journeys.test_page import _nothing_overflows, _serious
from twin.crs import wgs84_to_gcj02

pytestmark = [pytest.mark.journey, pytest.mark.data]

SHENZHEN = "map=9/22.62/114.1/0/0"
LOOK_MS = 60_000
DROP_BYTES = """([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    window.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module")
def districts(data_root: DataRoot) -> dict[str, Any]:
    """The districts of Shenzhen by name, where they are (WGS 84)."""
    features = json.loads((data_root / "boundaries/sz.json").read_text(encoding="utf-8"))["features"]
    return {f"{item['properties']['qh']}区": shapely.geometry.shape(item["geometry"]) for item in features}


@pytest.fixture(scope="module")
def office(districts: dict[str, Any]) -> Iterator[Running]:
    """A twin of its own that knows the boundaries of the districts."""
    with twin_up() as running:
        rows = [DivisionRow("4403", 2, "深圳市")]
        rows += [
            DivisionRow(f"4403{10 + at}", 3, name, "", "4403", shapely.to_wkb(shape)) for at, (name, shape) in enumerate(districts.items())
        ]
        with connect(Cluster(Path(running.env["TWIN_HOME"])).database, IMPORTER) as connection:
            assert replace_divisions(connection, rows, "test") == len(rows)
        yield running


@pytest.fixture(scope="module")
def officer(office: Running) -> Iterator[Admin]:
    """The officer's own programs, with the first password changed."""
    made = Admin(office.url)
    made.sign_in(office.first_password)
    made.change_password(office.first_password, PASSWORD)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def wrong_prj(districts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip with a shapefile: text in GBK and nothing that says so, GCJ-02 coordinates whose .prj says CGCS2000."""
    folder = tmp_path_factory.mktemp("wrong")
    shapes = [shapely.transform(shape, lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1]))) for shape in districts.values()]
    multi = [shapely.multipolygons([shape]) if shape.geom_type == "Polygon" else shape for shape in shapes]
    codes = [f"4403{10 + at}" for at in range(len(multi))]
    table = files.shapefile(folder, "区", multi, encoding="GBK", crs="EPSG:4490", 行政区名称=list(districts), 代码=codes).with_suffix(
        ".dbf"
    )
    raw = bytearray(table.read_bytes())
    raw[29] = 0  # the language driver would name the encoding
    members = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".cpg"} | {table.name: bytes(raw)}
    return files.zipped(folder / "各区边界.zip", members)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def screens(out_dir: Path) -> Path:
    return out_dir / "screens"


@contextmanager
def at_the_desk(browser: Browser, office: Running, size: dict[str, int], words: str = "", **options: object) -> Iterator[Watched]:
    """A signed-in officer before the map of Shenzhen."""
    with watched(browser, office.url, size, **options) as view:
        answer = view.page.request.post(f"{office.url}/login", data={"name": "admin", "password": PASSWORD})
        assert answer.ok
        view.open(SHENZHEN + words)
        yield view


def drop(page: Page, path: Path) -> None:
    page.evaluate(DROP_BYTES, [path.name, base64.b64encode(path.read_bytes()).decode()])


OPEN_LIST = ".ant-select-dropdown:not(.ant-select-dropdown-hidden)"


def pick(page: Page, field: Locator, title: str | re.Pattern[str]) -> None:
    """Choose from a list of the page."""
    field.click()
    page.locator(f"{OPEN_LIST} .ant-select-item-option", has_text=title).first.click()
    page.keyboard.press("Tab")
    expect(page.locator(OPEN_LIST)).to_have_count(0, timeout=LOOK_MS)


def test_from_a_wrong_prj_to_a_report_and_back(
    browser: Browser, office: Running, officer: Admin, wrong_prj: Path, districts: dict[str, Any], screens: Path
) -> None:
    with at_the_desk(browser, office, DESK) as desk:
        drop(desk.page, wrong_prj)
        wizard = desk.page.get_by_role("dialog", name=re.compile("导入文件"))
        see_the_warning(desk, wizard, screens)
        try_an_encoding(desk, wizard, screens)
        take_the_datum(desk, wizard, districts, screens)
        confirm(desk, wizard, screens)
        read_the_report(desk, screens)
        lie_where_they_are(officer, districts)
        take_it_back(desk, officer, screens)
        desk.clean()


def see_the_warning(desk: Watched, wizard: Locator, screens: Path) -> None:
    warning = wizard.locator(".datum-doubt")
    expect(warning).to_contain_text("疑似 GCJ-02", timeout=LOOK_MS)
    found = re.search(r"相差 (\d+) 米", warning.inner_text())
    assert found and 300 < int(found[1]) < 700
    expect(wizard).to_contain_text("gb18030")
    expect(wizard.locator(".sample")).to_contain_text("福田区")
    desk.settle()
    save(desk.page, screens, "import-1-warning")


def try_an_encoding(desk: Watched, wizard: Locator, screens: Path) -> None:
    pick(desk.page, wizard.get_by_label("字符编码"), "BIG5")
    expect(wizard.locator(".sample")).not_to_contain_text("福田区", timeout=LOOK_MS)
    save(desk.page, screens, "import-1-wrong-encoding")
    pick(desk.page, wizard.get_by_label("字符编码"), "自动识别")
    expect(wizard.locator(".sample")).to_contain_text("福田区", timeout=LOOK_MS)


def take_the_datum(desk: Watched, wizard: Locator, districts: dict[str, Any], screens: Path) -> None:
    with desk.page.expect_response(re.compile("/imports/preview"), timeout=LOOK_MS) as answered:
        wizard.get_by_role("button", name="使用 GCJ-02").click()
    assert answered.value.json()["bounds"] == pytest.approx(shapely.union_all(list(districts.values())).bounds, abs=1e-4)
    expect(wizard).to_contain_text("坐标基准 GCJ-02 相符")
    expect(wizard.locator(".datum-doubt")).to_have_count(0)
    desk.settle()
    save(desk.page, screens, "import-1-mended")


def confirm(desk: Watched, wizard: Locator, screens: Path) -> None:
    wizard.get_by_role("button", name="下一步").click()
    expect(wizard.get_by_label("图层标识")).to_have_value("各区边界")
    expect(wizard.locator(".fields")).to_contain_text("名称")
    save(desk.page, screens, "import-2-fields")
    wizard.get_by_role("button", name="下一步").click()
    expect(wizard.locator(".facts")).to_contain_text("GCJ-02")
    save(desk.page, screens, "import-3-confirm")
    wizard.get_by_role("button", name="开始导入").click()
    expect(wizard).to_have_count(0)


def read_the_report(desk: Watched, screens: Path) -> None:
    card = desk.page.locator(".job")
    expect(card).to_contain_text("导入完成", timeout=LOOK_MS)
    card.get_by_role("button", name="加入地图").click()
    card.get_by_role("button", name="导入报告").click()
    report = desk.page.get_by_role("dialog", name=re.compile("导入报告"))
    expect(report.locator(".score")).to_contain_text("质量评分")
    expect(report).to_contain_text("坐标基准 GCJ-02 相符")
    desk.settle()
    save(desk.page, screens, "import-4-report")
    with desk.page.expect_download() as taken:
        report.get_by_role("link", name="CSV").click()
    assert taken.value.path().read_bytes().startswith(b"\xef\xbb\xbfrow,key,rule")


def lie_where_they_are(officer: Admin, districts: dict[str, Any]) -> None:
    """What was published lies on the boundaries that are known."""
    items = officer.http.get("/collections/各区边界/items", params={"limit": 100}).raise_for_status().json()["features"]
    moved = {item["properties"]["行政区名称"]: shapely.geometry.shape(item["geometry"]) for item in items}
    assert moved.keys() == districts.keys()
    assert all(moved[name].symmetric_difference(shape.buffer(0)).area < 0.001 * shape.area for name, shape in districts.items())


def take_it_back(desk: Watched, officer: Admin, screens: Path) -> None:
    report = desk.page.get_by_role("dialog", name=re.compile("导入报告"))
    report.get_by_role("button", name="撤销导入").click()
    desk.page.locator(".ant-popconfirm").get_by_role("button", name="撤销导入").click()
    expect(desk.page.locator(".job", has_text="撤销：各区边界")).to_contain_text("已撤销", timeout=LOOK_MS)
    expect(desk.page.locator(".job", has_text="各区边界.zip")).to_contain_text("已撤销")
    desk.settle()
    save(desk.page, screens, "import-5-undone")
    left = officer.http.get("/collections/各区边界/items", params={"limit": 1})
    assert left.status_code == 404 or left.json()["features"] == []


def test_a_clean_file_is_one_click(browser: Browser, office: Running, officer: Admin, tmp_path: Path) -> None:
    with at_the_desk(browser, office, DESK) as desk:
        square = files.square(113.93, 22.53, 0.01, 名称="一号地块", 编号="DK-1")
        drop(desk.page, files.geojson(tmp_path / "地块.geojson", [square]))
        button = desk.page.get_by_role("dialog", name=re.compile("导入文件")).get_by_role("button", name="开始导入")
        expect(button).to_have_class(re.compile("ant-btn-primary"), timeout=LOOK_MS)
        button.click()
        expect(desk.page.locator(".job")).to_contain_text("读入 1 = 发布 1 + 拒绝 0", timeout=LOOK_MS)
        assert officer.http.get("/collections/地块/items").json()["features"][0]["properties"]["编号"] == "DK-1"
        desk.clean()


def test_columns_go_to_the_fields_of_a_layer(browser: Browser, office: Running, officer: Admin, tmp_path: Path, screens: Path) -> None:
    first = [files.square(113.9 + at / 100, 22.5, 0.005, code=f"a{at}", building_height=10.0 * at, remark="旧") for at in range(3)]
    officer.import_file(files.geojson(tmp_path / "known.geojson", first), {"layer": "楼", "title_zh": "楼栋", "crs": "CGCS2000"})
    later = [files.square(113.9 + at / 100, 22.5, 0.005, BH=f"a{at}", BUILDING_H=str(10.0 * at + 1), 备注2="新") for at in range(3)]
    with at_the_desk(browser, office, DESK) as desk:
        drop(desk.page, files.geojson(tmp_path / "楼栋更新.geojson", later))
        wizard = desk.page.get_by_role("dialog", name=re.compile("导入文件"))
        wizard.get_by_role("button", name="下一步").click(timeout=LOOK_MS)
        wizard.get_by_label("图层标识").fill("楼")
        expect(wizard.locator(".known")).to_contain_text("已有图层“楼栋”", timeout=LOOK_MS)
        expect(wizard.locator("tr", has_text="BUILDING_H")).to_contain_text("名称被截断", timeout=LOOK_MS)
        pick(desk.page, wizard.get_by_label("BH 对应的字段"), "code")
        pick(desk.page, wizard.get_by_label("备注2 对应的字段"), "不导入")
        save(desk.page, screens, "import-match")
        wizard.get_by_role("button", name="下一步").click()
        expect(wizard.locator(".facts")).to_contain_text("BUILDING_H → building_height")
        wizard.get_by_role("button", name="开始导入").click()
        expect(desk.page.locator(".job")).to_contain_text("读入 3 = 发布 3 + 拒绝 0", timeout=LOOK_MS)
        items = officer.http.get("/collections/楼/items", params={"limit": 10}).json()["features"]
        assert sorted((item["properties"]["code"], item["properties"]["building_height"]) for item in items) == [
            ("a0", 1),
            ("a1", 11),
            ("a2", 21),
        ]
        desk.clean()


def test_a_file_nobody_knows_is_told_and_changes_nothing(browser: Browser, office: Running, officer: Admin, tmp_path: Path) -> None:
    (tmp_path / "坏的.geojson").write_bytes(b"\x00\x01\x02")
    with at_the_desk(browser, office, DESK) as desk:
        drop(desk.page, tmp_path / "坏的.geojson")
        wizard = desk.page.get_by_role("dialog", name=re.compile("导入文件"))
        expect(wizard.locator(".ant-alert-error")).to_contain_text("无法识别", timeout=LOOK_MS)
        expect(wizard.get_by_role("button", name="开始导入")).to_be_disabled()
        wizard.get_by_role("button", name="取消").click()
        expect(wizard).to_have_count(0)
        desk.clean()


def test_a_local_grid_with_heights_and_codes(browser: Browser, office: Running, officer: Admin, tmp_path: Path, screens: Path) -> None:
    east, north = pyproj.Transformer.from_crs(4490, 4547, always_xy=True).transform(113.93, 22.53)
    point = {"type": "Point", "coordinates": [east - 484000, north - 2477000, 12.5]}
    feature = {"type": "Feature", "geometry": point, "properties": {"编号": "J-1", "阶段": "建成"}}
    options = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    with at_the_desk(browser, office, PHONE, **options) as phone:
        drop(phone.page, files.geojson(tmp_path / "井.geojson", [feature]))
        wizard = phone.page.get_by_role("dialog", name=re.compile("导入文件"))
        expect(wizard.locator(".ant-alert-error")).to_contain_text("坐标", timeout=LOOK_MS)
        say_the_grid(phone, wizard, screens)
        pick(phone.page, wizard.get_by_label("高程基准"), "1985国家高程基准")
        wizard.get_by_role("button", name="下一步").click()
        pick(phone.page, wizard.get_by_label("阶段 的代码表"), "建设阶段")
        save(phone.page, screens, "import-codes-phone")
        _stands(phone.page)
        assert _serious(phone.page) == []
        wizard.get_by_role("button", name="下一步").click()
        expect(wizard.locator(".facts")).to_contain_text("1985国家高程基准")
        wizard.get_by_role("button", name="开始导入").click()
        expect(phone.page.locator(".job")).to_contain_text("读入 1 = 发布 1 + 拒绝 0", timeout=LOOK_MS)
        item = officer.http.get("/collections/井/items").json()["features"][0]
        assert item["properties"]["阶段"] == "built" and item["geometry"]["coordinates"][:2] == pytest.approx([113.93, 22.53], abs=1e-6)
        phone.clean()


def say_the_grid(view: Watched, wizard: Locator, screens: Path) -> None:
    """By the keys alone, once the parameters are open."""
    wizard.get_by_role("button", name="地方坐标系参数").press("Enter")
    use = wizard.get_by_role("button", name="按参数读取")
    wizard.get_by_label("国家坐标系").fill("EPSG:4547")
    wizard.get_by_label("东平移 dx").fill("484000")
    expect(use).to_be_disabled()
    wizard.get_by_label("北平移 dy").fill("2477000")
    with view.page.expect_response(re.compile("/imports/preview"), timeout=LOOK_MS) as answered:
        use.press("Enter")
    west, south, *_ = answered.value.json()["bounds"]
    assert (west, south) == pytest.approx((113.93, 22.53), abs=1e-6)
    expect(wizard.locator(".ant-alert-error")).to_have_count(0)
    view.settle()
    save(view.page, screens, "import-grid-phone")
    _nothing_overflows(view.page)
    _stands(view.page)
    assert _serious(view.page) == []


def _stands(page: Page) -> None:
    """The page is not pushed up, and the wizard scrolls down only."""
    assert page.locator(".bar").bounding_box()["y"] == 0  # type: ignore[index]
    assert page.evaluate("(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.side-body'))") == 0


def test_escape_closes_and_asks_only_for_what_would_be_lost(browser: Browser, office: Running, officer: Admin, tmp_path: Path) -> None:
    path = files.geojson(tmp_path / "岛.geojson", [files.square(22.53, 113.93, 0.01, 名称="岛")])
    with at_the_desk(browser, office, DESK) as desk:
        wizard = desk.page.get_by_role("dialog", name=re.compile("导入文件"))
        asked = desk.page.locator(".ant-popconfirm:not(.ant-popover-hidden)")
        opener = desk.page.get_by_role("button", name="admin")
        choose(desk, opener, path)
        desk.page.keyboard.press("Escape")
        expect(wizard).to_have_count(0)
        expect(opener).to_be_focused()
        choose(desk, opener, path)
        with desk.page.expect_response(re.compile("/imports/preview"), timeout=LOOK_MS) as answered:
            pick(desk.page, wizard.get_by_label("坐标顺序"), "北纬")
        assert answered.value.json()["bounds"][:2] == pytest.approx([113.93, 22.53], abs=1e-6)
        wizard.get_by_label("字符编码").click()
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator(OPEN_LIST)).to_have_count(0)
        expect(asked).to_have_count(0)
        desk.page.keyboard.press("Escape")
        expect(asked).to_contain_text("放弃这次导入")
        desk.page.keyboard.press("Escape")
        expect(asked).to_have_count(0)
        expect(wizard).to_be_visible()
        wizard.get_by_role("button", name="关闭").click()
        asked.get_by_role("button", name="放弃").click()
        expect(wizard).to_have_count(0)
        expect(opener).to_be_focused()
        desk.clean()


def choose(desk: Watched, opener: Locator, path: Path) -> None:
    """The file dialog from the person's menu, until the file has been looked at."""
    opener.click()
    with desk.page.expect_file_chooser() as dialog:
        desk.page.get_by_role("menuitem", name="导入文件").click()
    dialog.value.set_files(path)
    expect(desk.page.locator(".wizard .keys")).to_contain_text("GeoJSON", timeout=LOOK_MS)


@pytest.mark.parametrize(("size", "lang"), [("phone", "zh"), ("phone", "en"), ("desktop", "en")])
def test_pictures(browser: Browser, office: Running, officer: Admin, wrong_prj: Path, screens: Path, size: str, lang: str) -> None:
    options = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2} if size == "phone" else {}
    word = {"zh": ("下一步", "导入文件"), "en": ("Next", "Import")}[lang]
    with at_the_desk(browser, office, PHONE if size == "phone" else DESK, f"&lang={lang}", **options) as view:
        drop(view.page, wrong_prj)
        wizard = view.page.get_by_role("dialog", name=re.compile(word[1]))
        expect(wizard.locator(".datum-doubt")).to_be_visible(timeout=LOOK_MS)
        view.settle()
        for step in range(3):
            save(view.page, screens, f"import-{size}-{lang}-{step + 1}")
            _nothing_overflows(view.page)
            assert _serious(view.page) == []
            if step < 2:
                wizard.get_by_role("button", name=word[0]).click()
        view.clean()
