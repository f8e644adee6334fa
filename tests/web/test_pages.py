"""The page and its files come from our own disk, or say clearly that they are not built."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from web import pages
from web.errors import handle


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("static/assets", "static/docs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "static" / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(pages, "STATIC", tmp_path / "static")
    return tmp_path / "static"


@pytest.fixture
def client(static: Path) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/", pages.map_page)
    app.include_router(pages.router)
    app.add_exception_handler(Exception, handle)
    app.add_exception_handler(pages.NotFound, handle)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


async def test_not_built(client: httpx.AsyncClient) -> None:
    for path in ("/", "/docs"):
        answer = await client.get(path)
        assert answer.status_code == 503 and "尚未构建" in answer.text and "not built" in answer.text


async def test_built(client: httpx.AsyncClient, static: Path) -> None:
    (static / "index.html").write_text("<html>地图</html>")
    (static / "assets" / "main-abc123.js").write_text("1;" * 1000)
    page = await client.get("/")
    assert page.text == "<html>地图</html>" and page.headers["cache-control"] == "no-cache" and "utf-8" in page.headers["content-type"]
    asset = await client.get("/assets/main-abc123.js")
    assert "immutable" in asset.headers["cache-control"] and asset.headers["content-encoding"] == "gzip" and len(asset.text) == 2000
    assert asset.headers["content-type"].startswith("text/javascript") and asset.headers["vary"] == "Accept-Encoding"
    plain = await client.get("/assets/main-abc123.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == asset.text


async def test_what_is_held_already_is_not_sent_again(client: httpx.AsyncClient, static: Path) -> None:
    (static / "embed").mkdir()
    script = static / "embed" / "yuetu-map.js"
    script.write_text("export {}")
    first = await client.get("/embed/yuetu-map.js")
    assert first.text == "export {}" and first.headers["cache-control"] == "no-cache"
    again = await client.get("/embed/yuetu-map.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
    script.write_text("export { one }")
    assert (await client.get("/embed/yuetu-map.js", headers={"if-none-match": first.headers["etag"]})).status_code == 200


async def test_a_new_build_is_seen(client: httpx.AsyncClient, static: Path) -> None:
    (static / "index.html").write_text("old")
    assert (await client.get("/")).text == "old"
    (static / "index.html").write_text("new one")
    assert (await client.get("/")).text == "new one"


@pytest.mark.parametrize(
    "path", ["/link.txt", "/assets/../secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/", "/assets", "/docs/x", "/" + "x" * 300]
)
async def test_nothing_outside_is_served(client: httpx.AsyncClient, static: Path, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404 and "secret" not in answer.text


async def test_the_reader_of_the_api_runs_nothing_inline(client: httpx.AsyncClient, static: Path) -> None:
    (static / "docs" / "swagger-ui-bundle.js").write_text("//")
    page = await client.get("/docs")
    assert page.status_code == 200 and "<script>" not in page.text and "onload" not in page.text and "http" not in page.text
    assert "SwaggerUIBundle" in (await client.get("/docs/start.js")).text
