"""Odd values of a layer's own fields, odd paths and the budgets: a 4xx problem with the place. What every door meets is in `test_hostile.py`."""

from urllib.parse import quote

import httpx
import pytest

from tests.web.conftest import Site


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("高度=abc", "高度"), ("高度=nan", "高度"), ("高度=1e999", "高度"), ("floors=1.5", "floors"),
        ("floors=9223372036854775808", "floors"),
        ("floors=", "floors"), ("floors=%D9%A1", "floors"), ("listed=1", "listed"), ("listed=TRUE", "listed"),
        ("built=2020-13-01", "built"),
        ("built=2020-01-01T00:00:00Z", "built"), ("seen=2020-01-01", "seen"), ("类别=%00", "类别"), ("类别=%ED%A0%80", "类别"),
        ("类别=" + "x" * 1001, "类别"),
        ("名称=x", "名称"), ("raw=1", "raw"),
    ],
)  # fmt: skip
def test_odd_filters_are_refused_with_their_place(web: httpx.Client, query: str, place: str) -> None:
    raw = quote(query, safe="=%")
    answer = web.get(f"/collections/houses/items?{raw}")
    assert answer.status_code == 400 and answer.json()["place"] == place, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/collections/nothing/items", "/collections/houses/items/abc", "/collections/houses/items/-1", "/collections/houses/items/1",
        "/collections/houses/items/%D9%A1", "/collections/houses/items/" + "9" * 400, "/collections/houses/items/1.0",
        "/collections/%00/items",
        "/collections/%ED%A0%80", "/collections/..%2f..%2fetc", "/collections/%2e%2e/x", "/collections/a%5cb",
        "/collections/" + "x" * 5000,
        "/layers/%F0%9F%8F%A0", "/divisions/%00", "/divisions/" + "4" * 300, "/products/UPPER", "/styles/nothing/style.json",
        "/assets/..%2f..%2fapp.py",
        "/assets/../app.py", "/docs/..%2findex.html", "/docs/%2e%2e%2findex.html", "/nothing", "/a/b/c/d/e", "/%", "/%zz",
        "/tiles/", "/tiles/houses",
        "/tiles/houses/1/2", "/tiles/houses,houses/1/0/0", "/tiles/houses/99/0/0", "/tiles/houses/1/2/0", "/tiles/houses/-1/0/0",
        "/tiles/houses/1/0/0.gif",
        "/tiles/" + ",".join(f"l{n}" for n in range(17)) + "/1/0/0",
    ],
)  # fmt: skip
def test_odd_paths_are_refused(site: Site, path: str) -> None:
    answer = site.server.raw_get(path, Authorization=f"Bearer {site.key}")
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["place"]


def test_budgets(web: httpx.Client) -> None:
    long_address = web.get("/search?q=" + "x" * 9000)
    assert long_address.status_code == 414 and "8192" in long_address.json()["detail_en"]
    many_headers = web.get("/livez", headers={f"x-{n}": "y" * 900 for n in range(40)})
    assert many_headers.status_code == 431 and "32768" in many_headers.json()["detail_en"]
    large_body = web.post("/login", content=b"[" * (1 << 20) + b" ", headers={"content-type": "application/json"})
    assert large_body.status_code == 413 and "body_bytes" in large_body.json()["detail_en"]
    deep_body = web.post("/login", content=b"[" * 1000, headers={"content-type": "application/json"})
    assert deep_body.status_code == 400 and "json_depth" in deep_body.json()["detail_en"]


def test_a_large_limit_means_the_largest(web: httpx.Client) -> None:
    assert web.get("/collections/houses/items?limit=1000000000").json()["numberReturned"] == 25
