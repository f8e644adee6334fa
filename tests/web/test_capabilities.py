"""The one list of everything: it says what the application serves, and every address in it answers."""

import re
import time
from typing import Any

import httpx
import pytest

from postgis.jobs import JOBS
from tests.web.conftest import Site
from tests.web.test_catalogue_doors import CARD, eventually
from web import budgets

_PLACES = {
    "collection": "houses",
    "layers": "houses",
    "layer": "houses",
    "name": "houses",
    "code": "listed",
    "product": "listed",
    "grid": "WebMercatorQuad",
    "tileMatrixSet": "WebMercatorQuad",
    "TileMatrixSet": "w",
    "tms": "WebMercatorQuad",
    "style": "default",
    "format": "png",
    "matrix_set": "w",
    "catalog": "products",
    "record": "listed",
    **{"z": "10", "tileMatrix": "10", "x": "836", "tileCol": "836", "y": "446", "tileRow": "446"},
    "file": "sprite.json",
    "version": "1",
}
_BROKEN = {404, 405, 500, 501, 502, 503}
#: Things that only exist once somebody made them: unknown ones are answered by a problem of the door itself.
_MADE = {"item", "run", "job", "schedule", "upload", "division"}


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    with site.with_key() as client:
        client.put("/products/listed", json=CARD).raise_for_status()
        eventually(client, "/products/listed")
        found: dict[str, Any] = client.get("/capabilities").raise_for_status().json()
    return found


def test_it_counts_and_limits(document: dict[str, Any]) -> None:
    assert document["counts"] == {kind: len(document[kind]) for kind in ("services", "products", "processes")}
    assert {process["id"] for process in document["processes"]} == set(JOBS)
    assert document["limits"]["url_bytes"] == budgets.URL_BYTES and document["limits"]["limit_max"] == budgets.LIMIT_MAX
    items = next(each for each in document["services"] if each["endpoint"].endswith("/collections/{collection}/items"))
    assert items["limits"]["limit"] == budgets.LIMIT_MAX and items["method"] == "GET" and items["version"]


def test_only_what_the_caller_may_see(document: dict[str, Any], web: httpx.Client) -> None:
    public = web.get("/capabilities").json()
    (card,) = [each for each in public["products"] if each["code"] == "listed"]
    assert card["version"] == 1 and "secret" not in str(public["products"]) and "secret" in str(document["products"])


def test_every_address_of_a_product_answers(web: httpx.Client) -> None:
    for product in web.get("/capabilities").json()["products"]:
        for address in _addresses(product["endpoints"]):
            assert web.get(address).status_code == 200, address


def test_every_service_answers(document: dict[str, Any], site: Site, web: httpx.Client) -> None:
    silent = []
    for service in document["services"]:
        address = _filled(service["endpoint"])
        assert address.startswith(site.url)
        status = _status(web, service, address)
        if status in _BROKEN:
            silent.append((service["method"], address, status))
    assert silent == [], silent


def _status(web: httpx.Client, service: dict[str, Any], address: str) -> int:
    """What the address answers; 200 for a door that knows no such thing, and a busy painter of pictures is asked again."""
    for _ in range(20):
        with web.stream(service["method"], address) as answer:
            if _is_about_a_thing(service["endpoint"], answer):
                return 200
            if answer.status_code != 503:
                break
        time.sleep(0.5)
    return answer.status_code


def _filled(endpoint: str) -> str:
    """The address with real names in its places; WMTS in 天地图's words knows the grids by one letter."""
    places = _PLACES | ({"name": "img" if "_{matrix_set}" in endpoint else "houses"})
    places |= {} if "_{matrix_set}" in endpoint else {"matrix_set": "WebMercatorQuad"}
    places |= {"code": "44"} if "/divisions/" in endpoint else {}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: places.get(found[1], "1"), endpoint)


def _is_about_a_thing(endpoint: str, answer: httpx.Response) -> bool:
    """Whether the door itself says that there is no such thing, which is not the same as no such address."""
    if answer.status_code != 404:
        return False
    answer.read()
    return bool(set(re.findall(r"\{(\w+)", endpoint)) & _MADE) and answer.json().get("place") != "path"


def _addresses(endpoints: dict[str, Any]) -> list[str]:
    values = [value for value in endpoints.values() if value]
    return [address for value in values for address in (value if isinstance(value, list) else [value])]
