"""Items in other formats: who decides which, what each looks like, and that no value of a row becomes markup or a formula."""

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from postgis.connect import Database
from tests.export_scene import HARD, Formats, read_csv, read_sequence, start_formats
from tests.web.conftest import problem_of

PATH = "/collections/things/items"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
GEOJSON, SEQUENCE, CSV, HTML = "application/geo+json", "application/geo+json-seq", "text/csv; charset=utf-8", "text/html; charset=utf-8"


@pytest.fixture(scope="module")
def formats(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Formats]:
    with start_formats(make_database(), tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def client(formats: Formats) -> Iterator[httpx.Client]:
    with formats.site.client as client:
        yield client


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", GEOJSON), ("", GEOJSON), ("application/json", GEOJSON), ("application/geo+json, application/json", GEOJSON),
        (CHROME, HTML), ("text/*", HTML), ("text/csv", CSV), ("text/html;q=0.5, text/csv;q=0.7", CSV), ("text/csv;q=0, */*;q=0.1", GEOJSON),
        ("application/geo+json-seq", SEQUENCE), ("image/png, text/csv;q=0.1", CSV), ("TEXT/CSV", CSV), ("text/csv;q=x, */*", GEOJSON),
    ],
)  # fmt: skip
def test_the_accept_header_decides(client: httpx.Client, accept: str, media: str) -> None:
    answer = client.get(PATH, headers={"accept": accept})
    assert answer.status_code == 200 and answer.headers["content-type"] == media and "Accept" in answer.headers["vary"]


@pytest.mark.parametrize("accept", ["application/vnd.ogc.fg+json", "application/fg+json", 'application/geo+json;profile="jsonfg"'])
def test_the_names_of_jsonfg(client: httpx.Client, accept: str) -> None:
    answer = client.get(PATH, headers={"accept": accept})
    assert "conformsTo" in answer.json() and 'rel="profile"' in answer.headers["link"]


def test_f_is_stronger_than_accept(client: httpx.Client) -> None:
    assert client.get(PATH, params={"f": "csv"}, headers={"accept": CHROME}).headers["content-type"] == CSV
    assert problem_of(client.get(PATH, params={"f": "shp"}), 400)["place"] == "f"
    problem = problem_of(client.get(PATH, headers={"accept": "image/png"}), 406)
    assert "text/csv" in problem["detail"]


def test_formats_have_tags_of_their_own(client: httpx.Client) -> None:
    tags = {client.get(PATH, params={"f": name}).headers["etag"] for name in ("json", "csv", "html", "jsonfg", "geojsonseq")}
    assert len(tags) == 5
    tag = client.get(PATH, params={"f": "csv"}).headers["etag"]
    assert client.get(PATH, params={"f": "csv"}, headers={"if-none-match": tag}).status_code == 304


COUNTS: dict[str, Callable[[httpx.Response], int]] = {
    "geojsonseq": lambda answer: len(read_sequence(answer.content)),
    "csv": lambda answer: len(read_csv(answer.content)),
    "html": lambda answer: Page(answer.text).lines,
    "jsonfg": lambda answer: len(answer.json()["features"]),
}


@pytest.mark.parametrize("format_", COUNTS)
def test_every_format_goes_through_all_pages(client: httpx.Client, format_: str) -> None:
    address, pages, seen = str(httpx.URL(PATH, params={"f": format_, "limit": 50, "sortby": "-高度"})), 0, 0
    while address:
        answer = client.get(address)
        seen += COUNTS[format_](answer)
        pages += 1
        address = answer.links.get("next", {}).get("url", "")
    assert (pages, seen) == (3, 120)


def test_a_sequence_has_the_features_of_items(formats: Formats, client: httpx.Client) -> None:
    assert read_sequence(client.get("/collections/hard/items", params={"f": "geojsonseq", "limit": 100}).content) == formats.items()


def test_jsonfg_keeps_geojson_readers_from_foreign_coordinates(client: httpx.Client) -> None:
    plain = client.get(PATH, params={"f": "jsonfg", "limit": 2}).json()
    assert plain["conformsTo"][0] == "http://www.opengis.net/spec/json-fg-1/1.0/conf/core" and plain["featureType"] == "things"
    assert plain["coordRefSys"].endswith("CRS84") and plain["geometryDimension"] == 0 and plain["featureSchema"].endswith("/things/schema")
    assert all(one["place"] is None and one["geometry"]["type"] == "Point" for one in plain["features"])
    assert plain["features"][0]["time"] == {"interval": ["2020-01-01T00:00:00Z", ".."]}
    assert not any({"conformsTo", "coordRefSys"} & set(one) for one in plain["features"])
    grid = client.get(PATH, params={"f": "jsonfg", "limit": 2, "crs": "http://www.opengis.net/def/crs/EPSG/0/4547"}).json()
    assert grid["coordRefSys"] == "http://www.opengis.net/def/crs/EPSG/0/4547"
    assert all(one["geometry"] is None and one["place"]["coordinates"][0] > 2e6 for one in grid["features"])


def test_one_feature_as_jsonfg(client: httpx.Client) -> None:
    oid = client.get(PATH, params={"limit": 1}).json()["features"][0]["id"]
    alone = client.get(f"{PATH}/{oid}", params={"f": "jsonfg"}).json()
    assert alone["id"] == oid and alone["type"] == "Feature" and alone["featureType"] == "things" and alone["coordRefSys"].endswith("CRS84")
    assert {"place", "time", "geometry", "conformsTo", "links"} <= set(alone)
    assert client.get(f"{PATH}/{oid}", params={"f": "csv"}).status_code == 400


class Page(HTMLParser):
    """What a browser makes of a page: its tags, links, lines of the table, and the text of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.images: list[str] = []
        self.cells: list[str] = []
        self.lines = -1
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        known = dict(attrs)
        self.lines += tag == "tr"
        if tag == "a" and known.get("href"):
            self.links.append(str(known["href"]))
        if tag == "image":
            self.images.append(str(known["href"]))
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_a_page_for_people(client: httpx.Client) -> None:
    answer = client.get("/collections/hard/items", params={"f": "html", "limit": 100})
    page = Page(answer.text)
    assert page.lines == len(HARD) + 1 and {"svg", "table", "path"} <= page.tags
    assert "script" not in page.tags and "b" not in page.tags and not any(name.startswith("on") for name in page.attributes)
    assert "<script>alert(1)</script>&amp;" in page.cells and "𠮷野家 🏗" in page.cells
    assert page.images and {client.get(address).status_code for address in page.images} <= {200, 204}
    for link in page.links:
        if "/items/" in link:
            assert client.get(link).json()["type"] == "Feature"
            break
    addresses = [link for link in page.links if "/export?" in link]
    assert len(addresses) == 5 and client.get(next(link for link in addresses if link.endswith("=csv"))).status_code == 200


def test_a_page_has_nothing_from_elsewhere(client: httpx.Client) -> None:
    text = client.get("/collections/hard/items", params={"f": "html"}).text
    base = str(client.base_url).rstrip("/")
    addresses = [part.split('"')[0] for part in text.split('="http')[1:]]
    assert addresses and all(f"http{address}".startswith(base) for address in addresses)
    assert client.get("/p/-/page.css").status_code == 200


def test_a_page_without_rows(client: httpx.Client) -> None:
    page = Page(client.get(PATH, params={"f": "html", "bbox": "1,1,2,2"}).text)
    assert page.lines == 0 and "svg" not in page.tags


def test_conformance_and_documents_name_them(client: httpx.Client) -> None:
    classes = client.get("/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html" in classes
    assert "http://www.opengis.net/spec/json-fg-1/1.0/conf/core" in classes
    document: dict[str, Any] = client.get("/api").json()
    parameters = document["paths"]["/collections/{collection}/items"]["get"]["parameters"]
    (named,) = [one["schema"]["enum"] for one in parameters if one["name"] == "f"]
    assert set(named) == {"json", "geojson", "geojsonseq", "jsonfg", "csv", "html"}
    links = client.get(PATH).json()["links"]
    assert {link["type"] for link in links if link["rel"] == "alternate"} >= {SEQUENCE, CSV, HTML}
    assert all(client.get(link["href"]).status_code == 200 for link in links if link["rel"] == "alternate")
    assert json.dumps(links)
