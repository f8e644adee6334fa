"""88 odd query values and more, sent to every door that reads a query: always a 4xx problem with the place, never a 5xx, never a hang."""

from urllib.parse import quote

import httpx
import pytest

from tests.web.conftest import Site
from tests.web.test_values import BAD_BOXES, BAD_TIMES

#: Raw query strings, as they stand on the wire.
ODD = [
    "bbox=nan", "bbox=1,2,3,nan", "bbox=", "bbox=1,2,3", "bbox=1,2,3,4,5", "bbox=inf,0,1,1", "bbox=0,0,1e400,1",
    "bbox=-181,0,0,1", "bbox=0,2,1,1",
    "bbox=%D9%A1,2,3,4", "bbox=1_0,0,11,1", "bbox=0,0,9,1,1,1", "bbox=a,b,c,d", "bbox=1%202%203%204", "bbox=0,-91,1,1",
    "bbox=%00", "bbox=1;2;3;4",
    "bbox=[1,2,3,4]", "bbox=1,2,3,4&bbox=1,2,3,4",
    "limit=-1", "limit=0", "limit=", "limit=abc", "limit=1.5", "limit=1e3", "limit=nan", "limit=inf", "limit=%D9%A1",
    "limit=1_000", "limit=0x10",
    "limit=%EF%BC%91", "limit=" + "9" * 400, "limit=+", "limit=%00", "limit=%ED%A0%80", "limit=1,2",
    "limit=-9999999999999999999", "limit=1&limit=2",
    "limit=%", "limit=%zz", "limit=%1", "limit=null", "limit=[]", "limit[]=1", "limit=1%0A", "limit=%201",
    "datetime=2020-13-45/..", "datetime=", "datetime=now", "datetime=2020-02-30", "datetime=0000-01-01", "datetime=2020-01-01T24:00:00Z",
    "datetime=2020-01-01T00:00:00%2B99:99", "datetime=2020-01-01T00:00:00+08:00", "datetime=2020-01-02/2020-01-01", "datetime=/",
    "datetime=..",
    "datetime=../../..", "datetime=%D9%A2%D9%A0%D9%A2%D9%A0-01-01", "datetime=20200101", "datetime=2020-01-01T00:00:00",
    "datetime=1577836800",
    "datetime=2020-01-01T00:00:00.1234567890Z", "datetime=%00", "datetime=%ED%A0%80", "datetime=9999-99-99",
    "datetime=2020-01-01%2F..%2F..",
    "datetime=0001-01-01T00:00:00%2B14:00", "datetime=" + "9" * 900,
    "after=-1", "after=abc", "after=", "after=1e3", "after=" + "9" * 400, "after=9007199254740993", "after=%D9%A1", "after=1.0",
    "f=xml", "f=", "f=JSON", "f=%00", "f=json&f=json",
    "unknown=1", "Limit=1", "limit%20=1", "=1", "%00=1", "%ED%A0%80=1", "%FF=1", "offset=10", "crs=x", "sortby=name",
    "filter=1=1;--", "q=%FF", "'=1",
    "x" * 1100 + "=1", "&".join(f"p{n}=1" for n in range(100)),
    "__proto__=1", "self=1", "oid=1", "geom=1", "valid=1", "password_hash=1", "%2527%20OR%201=1",
]  # fmt: skip
ODD += [f"bbox={text}" for text in BAD_BOXES if text.isascii() and "\n" not in text and " " not in text]
ODD += [f"datetime={text.replace('+', '%2B')}" for text in BAD_TIMES if text.isascii() and " " not in text]
DOORS = [
    "/collections/houses/items", "/collections/houses", "/collections", "/conformance", "/ogc", "/collections/houses/queryables",
    "/collections/houses/schema",
    "/products", "/layers", "/layers/houses", "/divisions", "/search", "/events", "/styles/base/style.json",
    "/tiles/houses/14/13380/7138",
    "/tiles/houses.json",
]  # fmt: skip
PRIVATE_DOORS = ["/jobs", "/imports"]


def test_there_are_enough() -> None:
    assert len(set(ODD)) >= 88


@pytest.mark.parametrize("door", [*DOORS, *PRIVATE_DOORS])
def test_odd_values_are_refused_with_their_place(site: Site, door: str) -> None:
    for query in ODD:
        answer = site.server.raw_get(f"{door}?{query}", Authorization=f"Bearer {site.key}")
        assert 400 <= answer.status_code < 500, (query, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", query
        assert answer.json()["place"], (query, answer.text)


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
