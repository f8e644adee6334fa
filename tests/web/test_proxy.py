"""Behind a real nginx under /yzt/: every link of every document stays below the prefix and leads somewhere."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.conftest import PASSWORD, Site
from tests.web_server import free_port, start_server

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CONFIG = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 4m;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /yzt/ {{
      proxy_pass http://127.0.0.1:{upstream}{strip};
      proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; {prefix}
    }}
  }}
}}
"""
PREFIX_HEADER = "proxy_set_header X-Forwarded-Prefix /yzt;"


@contextmanager
def nginx(home: Path, upstream: int, port: int, *, stripped: bool) -> Iterator[str]:
    """nginx as our child; `stripped` takes the prefix away and says so, as most set-ups do."""
    config = home / "nginx.conf"
    config.write_text(
        CONFIG.format(home=home, port=port, upstream=upstream, strip="/" if stripped else "", prefix=PREFIX_HEADER if stripped else "")
    )
    process = subprocess.Popen([str(NGINX), "-e", str(home / "start.log"), "-p", str(home), "-c", str(config)])
    try:
        address = f"http://127.0.0.1:{port}/yzt"
        _wait(address)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _wait(address: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(address + "/livez").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError("nginx does not answer")


@pytest.fixture(scope="module", params=["X-Forwarded-*", "TWIN_PUBLIC_URL"])
def behind(request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address to ask, and what every link must start with."""
    home, port = tmp_path_factory.mktemp("nginx"), free_port()
    home.chmod(0o777)
    forwarded = request.param == "X-Forwarded-*"
    public = f"https://127.0.0.1:{port}/yzt" if forwarded else "https://twin.example.gov.cn/yzt"
    settings = {"trusted_proxies": "127.0.0.1"} if forwarded else {"public_url": public}
    with start_server(site.database, home, **settings) as server, nginx(home, server.port, port, stripped=forwarded) as address:
        yield address, public


def addresses(value: Any) -> Iterator[str]:
    """Every absolute address anywhere in a document that is ours to give (not the names of standards)."""
    if isinstance(value, dict):
        for entry in value.values():
            yield from addresses(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from addresses(entry)
    elif (
        isinstance(value, str)
        and value.startswith(("http://", "https://"))
        and "opengis.net" not in value
        and "json-schema.org" not in value
    ):
        yield value


FILES = ("f=fgb", "f=parquet", "f=gpkg")
"""Exports that a child process makes: tests/web/test_exporting.py has them; here each address would cost a second, in many documents."""
DOCUMENTS = [
    "/ogc", "/?f=json", "/collections", "/collections/houses", "/collections/houses/items?limit=2", "/collections/houses/queryables",
    "/collections/houses/schema", "/ogc/collections", "/layers", "/products", "/tiles/houses.json", "/styles/base/style.json",
    "/styles/houses-map/style.json", "/api", "/tileMatrixSets", "/tiles", "/tiles/CGCS2000Quad", "/collections/houses/tiles",
    "/collections/houses/map/tiles/WebMercatorQuad", "/tiles/houses/CGCS2000Quad/tilejson.json",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def product(site: Site) -> None:
    """A product, so that there is a style to read."""
    card = {"code": "houses-map", "title_zh": "房屋图", "title_en": "Houses", "theme": "society", "owner": "测试", "status": "published"}
    card["layers"] = [{"layer": "houses", "symbol": {"kind": "fill"}}]
    with site.with_key() as client:
        client.put("/products/houses-map", json=card).raise_for_status()


def patient(url: str) -> int:
    """The status; a machine that is busy now is asked again, as Retry-After says."""
    deadline = time.monotonic() + 30
    while (answer := httpx.get(url, timeout=60)).status_code == 503 and "retry-after" in answer.headers and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer.status_code


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_is_below_the_prefix_and_resolves(behind: tuple[str, str], path: str) -> None:
    address, public = behind
    deadline = time.monotonic() + 20
    while (answer := httpx.get(address + path)).status_code == 404 and time.monotonic() < deadline:
        time.sleep(0.05)
    answer.raise_for_status()
    found = list(addresses(answer.json()))
    assert found or path.endswith("/base/style.json"), answer.text
    for link in found:
        assert link == public or link.startswith(public + "/"), link
        if link.endswith(FILES):
            continue
        row = 3071 if "CGCS2000Quad" in link else 7140
        inside = (
            link.replace("{z}/{x}/{y}", f"14/13380/{row}")
            .replace("{tileMatrix}/{tileRow}/{tileCol}", f"14/{row}/13380")
            .removeprefix(public)
        )
        assert patient(address + (inside or "/")) in (200, 204, 503 if inside in ("", "/", "/docs") else 200), link


@pytest.mark.parametrize("path", ["/wmts", "/wmts/1.0.0/WMTSCapabilities.xml", "/houses_c/wmts"])
def test_capabilities_lead_below_the_prefix(behind: tuple[str, str], path: str) -> None:
    address, public = behind
    text = httpx.get(address + path).raise_for_status().text
    found = re.findall(r'(?:xlink:href|template)="([^"]+)"', text)
    assert found and all(link.startswith(public + "/") for link in found)


def test_the_cookie_stays_below_the_prefix(behind: tuple[str, str]) -> None:
    address, _ = behind
    cookie = httpx.post(address + "/login", json={"name": "admin", "password": PASSWORD}).headers["set-cookie"]
    assert "Path=/yzt;" in cookie and "Secure" in cookie and "HttpOnly" in cookie


def test_paging_through_the_proxy(behind: tuple[str, str]) -> None:
    address, public = behind
    link, seen = f"{public}/collections/houses/items?limit=10", 0
    while link:
        page = httpx.get(link.replace(public, address)).json()
        seen += page["numberReturned"]
        link = next((entry["href"] for entry in page["links"] if entry["rel"] == "next"), "")
    assert seen >= 25


def test_events_pass_the_proxy(behind: tuple[str, str]) -> None:
    with httpx.stream("GET", behind[0] + "/events") as answer:
        assert next(answer.iter_lines()).startswith("retry:")


def test_nobody_else_is_believed(site: Site) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"}
    landing = json.dumps(httpx.get(site.url + "/ogc", headers=forged).json())
    assert "evil" not in landing and site.url in landing
    odd = httpx.get(site.url + "/ogc", headers={"Host": 'x"><script>'})
    assert odd.status_code == 400 or "<script" not in odd.text
