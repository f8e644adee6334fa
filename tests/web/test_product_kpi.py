"""The catalogue's numbers: against the goal, by theme, by day, and only of what the caller may see."""

import time

import httpx

from layers.use_counter import today
from tests.web.conftest import Site, problem_of
from tests.web.test_catalogue_doors import CARD, eventually
from twin.goals import products_goal


def test_uses_are_summed_by_day(site: Site, web: httpx.Client, program: httpx.Client) -> None:
    open_layer = [{"layer": "houses", "symbol": {"kind": "fill"}}]
    hidden_layer = [{"layer": "secret", "symbol": {"kind": "fill"}}]
    program.put("/products/counted", json=CARD | {"theme": "market", "layers": open_layer, "synthetic": True}).raise_for_status()
    program.put("/products/counted-hidden", json=CARD | {"theme": "market", "layers": hidden_layer}).raise_for_status()
    eventually(program, "/products/counted-hidden")
    eventually(web, "/products/counted")
    before = _uses(web)
    for path in ("/products/counted", "/styles/counted/style.json", "/records/collections/products/items/counted"):
        web.get(path).raise_for_status()
    program.get("/products/counted-hidden").raise_for_status()
    deadline = time.monotonic() + 20
    while _uses(web) < before + 3 and time.monotonic() < deadline:
        time.sleep(0.2)

    seen = web.get("/products/kpi").raise_for_status().json()
    assert seen["goal"] == products_goal() == 500
    themes = {entry["code"]: entry["products"] for entry in seen["by_theme"]}
    assert themes["market"] == 1 and "emergency" in themes and sum(themes.values()) == seen["published"]
    assert sum(entry["products"] for entry in seen["by_division"]) == seen["published"]
    assert {entry["code"]: entry["title_zh"] for entry in seen["by_division"]}["44"] == "广东省"
    assert seen["percent"] == round(100 * (seen["published"] - seen["synthetic"]) / 500, 1) and seen["synthetic"] >= 1
    assert seen["by_day"][-1]["day"] == today().isoformat() and "counted-hidden" not in str(seen)
    assert seen["uses"] == sum(day["uses"] for day in seen["by_day"]) == sum(uses for _, uses in seen["by_product"])
    whole = program.get("/products/kpi").json()
    assert whole["published"] > seen["published"] and dict(whole["by_product"])["counted-hidden"] >= 1


def _uses(client: httpx.Client) -> int:
    return dict(client.get("/products/kpi?days=1").raise_for_status().json()["by_product"]).get("counted", 0)


def test_odd_days(web: httpx.Client) -> None:
    assert problem_of(web.get("/products/kpi?days=0"), 400)["place"] == "days"
    assert problem_of(web.get("/products/kpi?days=400"), 400)["place"] == "days"
