"""The page of a product: everything escaped, every address real, the curl and Python snippets run; the others in test_snippets.py."""

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import Site, problem_of
from tests.web.test_catalogue_doors import CARD, eventually

ODD = '房屋 <script>alert("1")</script> & @STYLE@ 图'


@pytest.fixture(scope="module")
def page(site: Site) -> str:
    card = CARD | {"title_zh": ODD, "description_zh": "<b>说明</b>", "synthetic": True}
    with site.with_key() as client:
        client.put("/products/paged", json=card).raise_for_status()
        eventually(client, "/products/paged")
    with site.client() as anybody:
        answer = anybody.get("/p/paged")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    return answer.text


def snippet(page: str, name: str) -> str:
    found = re.search(rf'<pre id="snippet-{name}">(.*?)</pre>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def test_the_card(page: str) -> None:
    for shown in ("未送审", "示例数据", "自然资源", "测试单位", "无条件共享", "未注明", "房屋"):
        assert shown in page
    assert "<script>alert" not in page and "<b>说明" not in page and "secret" not in page and "内部图层" not in page
    assert html.escape(ODD) in page, "what is put in is not looked at again"


def test_every_address_on_it_answers(page: str, web: httpx.Client) -> None:
    copied = [html.unescape(address) for address in re.findall(r'data-copy="([^"]+)"', page)]
    pictures = [html.unescape(address) for address in re.findall(r'<img alt="" src="([^"]+)"', page)]
    assert len(copied) >= 6 and len(pictures) == 6
    for address in (*copied, *pictures):
        assert web.get(address.format(z=8, y=111, x=209)).status_code in (200, 204), address
    for name in ("page.css", "page.js"):
        assert web.get(f"/p/-/{name}").status_code == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_runs(page: str) -> None:
    done = subprocess.run(["bash", "-e", "-c", snippet(page, "curl")], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert '"code":"paged"' in done.stdout and '"FeatureCollection"' in done.stdout


def test_python_runs(page: str) -> None:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, "-c", snippet(page, "python")], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 10


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_cesium_parses(page: str, tmp_path: Path) -> None:
    """It is run by the drill `snippets`: the package has 79 MB."""
    path = tmp_path / "cesium.mjs"
    path.write_text(snippet(page, "cesium"), encoding="utf-8")
    done = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_no_place_is_left_open(page: str) -> None:
    names = set(re.findall(r'<pre id="snippet-(\w+)"', page))
    assert names == {"embed", "maplibre", "openlayers", "cesium", "qgis", "python", "pydeck", "curl"}
    for name in names:
        assert not re.search(r"@[A-Z_]+@", snippet(page, name)), name


def test_what_is_not_there(web: httpx.Client) -> None:
    problem_of(web.get("/p/nothing"), 404)
    problem_of(web.get("/p/-/nothing.js"), 404)
    problem_of(web.get("/p/paged?colour=red"), 400)
