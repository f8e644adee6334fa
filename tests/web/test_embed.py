"""`<yuetu-map>` on a page of somebody else: another origin, a strict policy of its own, only our server to ask."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect, sync_playwright

from tests.journeys.browser import ARGUMENTS, CHROMIUM, DESK, PHONE, SMALL_DESK, Watched, save, watched
from tests.journeys.other_site import other_site
from tests.web.conftest import Site
from tests.web.quarters import CODE, CROWDED, SIDE, SOUTH, WEST, publish_quarters, share_of

MB = 1 << 20
VIEW = f"12/{SOUTH + SIDE:.4f}/{WEST + SIDE:.4f}"
POLICY = "default-src 'none'; script-src 'self' TWIN; connect-src TWIN; worker-src blob: TWIN; img-src data: blob:; style-src 'self'; base-uri 'none'"
PAGE = """<!doctype html><html lang="LANG"><head><meta charset="utf-8"><title>open</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="POLICY"><link rel="stylesheet" href="host.css">
<script src="host.js"></script><script type="module" src="TWIN/embed/yuetu-map.js"></script></head>
<body><h1>某单位网站</h1>TAGS</body></html>"""
HOST_JS = """let count = 0;
addEventListener('yuetu-idle', () => { count += 1; document.title = `idle ${count}`; });
addEventListener('yuetu-error', () => { count += 1; document.title = `error ${count}`; });"""
HOST_CSS = "body { margin: 0; font: 16px sans-serif } h1 { font-size: 18px; margin: 12px; color: red } h2 { color: lime }"
Shown = Callable[..., AbstractContextManager[tuple[Watched, list[Response]]]]


@pytest.fixture(scope="module")
def quarters(site: Site) -> str:
    """Where the product is served."""
    publish_quarters(site)
    return site.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def shown(browser: Browser, quarters: str, tmp_path: Path) -> Shown:
    """A page of the other site with these tags on it, until they have settled."""

    @contextmanager
    def show(
        tags: str, title: str, *, lang: str = "zh-CN", size: dict[str, int] = SMALL_DESK, **options: object
    ) -> Iterator[tuple[Watched, list[Response]]]:
        policy = POLICY.replace("TWIN", quarters)
        text = PAGE.replace("POLICY", policy).replace("LANG", lang).replace("TWIN", quarters).replace("TAGS", tags)
        for name, content in {"index.html": text, "host.js": HOST_JS, "host.css": HOST_CSS}.items():
            (tmp_path / name).write_text(content, encoding="utf-8")
        with other_site(tmp_path) as site, watched(browser, site, size, (quarters,), **options) as page:
            answers: list[Response] = []
            page.page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  (playwright marks what it is given)
            page.page.goto(f"{site}/")
            expect(page.page).to_have_title(title, timeout=30_000)
            yield page, [answer for answer in answers if answer.url.startswith(quarters)]

    return show


def tag(**attributes: str) -> str:
    words = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f"<yuetu-map {words}></yuetu-map>"


@pytest.mark.parametrize(("name", "size"), [("desk", DESK), ("phone", PHONE)])
def test_a_product_on_a_page_of_another_origin(shown: Shown, out_dir: Path, name: str, size: dict[str, int]) -> None:
    with shown(tag(product=CODE, view=VIEW), "idle 1", size=size, has_touch=name == "phone") as (page, answers):
        save(page.page, out_dir / "screens", f"embed-{name}")
        tiles = [answer for answer in answers if re.search(r"/tiles/[^/]+/\d+/\d+/\d+\.mvt", answer.url)]
        assert tiles and {answer.status for answer in tiles} <= {200, 204}
        scripts = [answer for answer in answers if re.search(r"\.m?js$", answer.url)]
        carried = sum(int(answer.headers["content-length"]) for answer in scripts)
        assert len(scripts) >= 3 and carried < MB, "all the script that a page loads for a map, as it travels"
        map_ = page.page.locator("yuetu-map")
        expect(map_.locator("header")).to_contain_text("示例常住人口")
        expect(map_.locator("header")).to_contain_text("示例数据")
        expect(map_.locator("header")).to_contain_text("未送审")
        expect(map_.locator(".maplibregl-ctrl-attrib")).to_contain_text("粤图示例")
        expect(map_.locator("details.legend li")).to_have_count(4)
        assert map_.locator("details.legend").evaluate("box => box.open") is (name == "desk")
        assert map_.locator("h2").evaluate("title => getComputedStyle(title).color") != "rgb(0, 255, 0)", "the page's looks stay outside"
        drawn = share_of(map_.screenshot(), *CROWDED)
        assert drawn > 0.02, "a population of more than a million is drawn in its colour"
        page.clean()


def test_another_moment_in_english(shown: Shown) -> None:
    with shown(tag(product=CODE, view=VIEW, lang="en", valid_at="2019-05-01"), "idle 1") as (page, answers):
        tiles = [answer.url for answer in answers if ".mvt" in answer.url]
        assert tiles and all("datetime=2019-05-01" in url for url in tiles)
        head = page.page.locator("yuetu-map header")
        expect(head).to_contain_text("Sample population")
        expect(head).to_contain_text("At 2019-05-01")
        expect(page.page.locator("yuetu-map .legend summary")).to_have_text("Legend")
        assert share_of(page.page.locator("yuetu-map").screenshot(), *CROWDED) == 0, "nobody lived there yet"
        page.clean()


def test_attributes_may_change(shown: Shown) -> None:
    with shown(tag(product=CODE, view=VIEW), "idle 1") as (page, _):
        map_ = page.page.locator("yuetu-map")
        map_.evaluate("(map, view) => map.setAttribute('view', view)", f"14/{SOUTH}/{WEST}/30/40")
        assert map_.evaluate("({map}) => [map.getZoom(), map.getBearing(), map.getPitch()]") == [14, 30, 40]
        map_.evaluate("map => { map.setAttribute('valid-at', '2026-01-01'); map.setAttribute('lang', 'en'); }")
        expect(page.page).to_have_title("idle 2", timeout=30_000)
        expect(map_.locator("header")).to_contain_text("Sample population")
        expect(map_.locator("canvas")).to_have_count(1)
        map_.evaluate("map => map.remove()")
        page.clean()


def test_errors_in_both_languages(shown: Shown) -> None:
    tags = [
        tag(id="nothing", product="no-such"),
        tag(id="nothing-en", product="no-such", lang="en"),
        tag(id="none"),
        tag(id="view", product=CODE, view="far away", lang="en"),
        tag(id="moment", product=CODE, valid_at="昨天"),
    ]
    with shown("".join(tags), "error 5") as (page, _):
        for name, words in {
            "nothing": "没有",
            "nothing-en": "no-such",
            "none": "缺少 product 属性",
            "view": "The attribute view cannot be read: far away",
            "moment": "属性 valid-at 无法识别：昨天",
        }.items():
            expect(page.page.locator(f"#{name} .note.whole")).to_contain_text(words)
        assert not re.search("[一-鿿]", page.page.locator("#nothing-en .note").inner_text())
        page.page.route("**/styles/**", lambda route: route.abort())
        page.page.locator("#none").evaluate("(map, code) => map.setAttribute('product', code)", CODE)
        expect(page.page.locator("#none .note.whole")).to_contain_text("地图服务没有应答：127.0.0.1")
        assert page.outside == []
