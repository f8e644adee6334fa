"""Products, layers, divisions, search, styles: what the page is made of."""

import time
from typing import Any

import httpx
import pytest

from tests.web.conftest import Site, problem_of

CARD: dict[str, Any] = {
    "title_zh": "房屋现状图",
    "title_en": "Houses",
    "theme": "natural-resources",
    "owner": "测试单位",
    "status": "published",
    "layers": [{"layer": "houses", "symbol": {"kind": "fill"}}, {"layer": "secret", "symbol": {"kind": "line"}}],
}


def eventually(client: httpx.Client, path: str, status: int = 200) -> httpx.Response:
    """The answer once the change has reached the process that answers."""
    deadline = time.monotonic() + 20
    while (answer := client.get(path)).status_code != status and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answer.status_code == status
    return answer


@pytest.fixture(scope="module")
def product(site: Site) -> str:
    with site.with_key() as client:
        answer = client.put("/products/houses-now", json=CARD)
        assert answer.status_code == 201 and answer.json() == {"code": "houses-now", "version": 1, "changed": True, "status": "published"}
        assert client.put("/products/houses-now", json=CARD).json()["changed"] is False
        eventually(client, "/products/houses-now")
    return "houses-now"


def test_products(web: httpx.Client, program: httpx.Client, product: str) -> None:
    card = next(card for card in web.get("/products").json()["products"] if card["code"] == product)
    assert card == web.get(f"/products/{product}").json()
    assert card["theme_title_zh"] == "自然资源" and card["review_number"] == "未送审" and card["version"] == 1
    assert [entry["layer"] for entry in card["layers"]] == ["houses"] and "secret" not in web.get("/products").text
    assert [entry["layer"] for entry in program.get(f"/products/{product}").json()["layers"]] == ["houses", "secret"]
    for address in (
        card["endpoints"]["self"],
        card["endpoints"]["style"],
        card["endpoints"]["tilejson"],
        *card["endpoints"]["collections"],
    ):
        assert web.get(address).status_code == 200, address


def test_style(web: httpx.Client, product: str) -> None:
    style = web.get(f"/styles/{product}/style.json").json()
    assert style["version"] == 8 and style["layers"] and "secret" not in str(style)
    assert web.get("/styles/base/style.json").json()["version"] == 8


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"theme": "weather"}, 422, "theme"),
        ({"layers": []}, 422, "layers"),
        ({"layers": [{"layer": "nothing", "symbol": {"kind": "fill"}}]}, 422, "layers[0].layer"),
        ({"layers": [{"layer": "houses", "symbol": {"kind": "fill", "class_field": "no"}}]}, 422, "class_field"),
        ({"unknown": 1}, 422, "unknown"),
        ({"code": "other"}, 400, "body.code"),
        ({"title_zh": "x" * (1 << 20)}, 413, "body"),
    ],
)
def test_odd_cards(program: httpx.Client, change: dict[str, Any], status: int, place: str) -> None:
    assert place in str(problem_of(program.put("/products/odd", json={**CARD, **change}), status)["place"])


def test_a_product_that_is_withdrawn_is_gone(program: httpx.Client, web: httpx.Client) -> None:
    program.put("/products/short-lived", json=CARD).raise_for_status()
    eventually(web, "/products/short-lived")
    program.put("/products/short-lived", json={**CARD, "status": "withdrawn"}).raise_for_status()
    eventually(web, "/products/short-lived", 404)


def test_layers(web: httpx.Client) -> None:
    layer = web.get("/layers/houses").json()
    assert layer["title_zh"] == "房屋" and layer["fields"][0]["name"] == "类别" and layer["epoch"] > 0
    assert web.get(layer["tilejson"]).json()["tilejson"] == "3.0.0" and web.get(layer["collection"]).json()["id"] == "houses"


def test_divisions(web: httpx.Client) -> None:
    (province,) = web.get("/divisions").json()["divisions"]
    assert (province["code"], province["name_zh"], province["has_children"]) == ("44", "广东省", True)
    (city,) = web.get("/divisions?parent=44").json()["divisions"]
    assert city["code"] == "4403" and not city["has_children"] and web.get("/divisions/4403").json() == city
    assert web.get("/divisions?parent=4403").json()["divisions"] == []
    problem_of(web.get("/divisions?parent=99"), 404)


def test_search(web: httpx.Client) -> None:
    found = web.get("/search", params={"q": "深圳", "bbox": "113,22,115,23"}).json()
    assert found["took_ms"] >= 0 and isinstance(found["groups"], list)
    coordinates = web.get("/search", params={"q": "113.3, 23.1"}).json()["groups"][0]["hits"][0]
    assert coordinates["point"] == [113.3, 23.1]
    assert problem_of(web.get("/search"), 400)["place"] == "q"
    for odd in ("%", "'", "\\", "_", "$$", "a" * 1000, "🏠", "\u202e", "((((", "<svg onload=1>"):
        assert web.get("/search", params={"q": odd}).status_code == 200
