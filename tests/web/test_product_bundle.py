"""A bundle by HTTP: for publishers, signed with the key of this home, and the command line takes it in."""

import httpx

from layers.bundle import read_bundle
from layers.signing import house_key, public_of
from tests.web.conftest import Site, problem_of
from tests.web.test_catalogue_doors import CARD, eventually


def test_a_bundle(site: Site, web: httpx.Client, program: httpx.Client) -> None:
    for code in ("packed-a", "packed-b"):
        program.put(f"/products/{code}", json=CARD).raise_for_status()
        eventually(program, f"/products/{code}")
    answer = program.get("/products/bundle?codes=packed-a,packed-b,packed-a")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    bundle = read_bundle(answer.content, [public_of(house_key(site.home))], "b.zip")
    assert [product.code for product in bundle.products] == ["packed-a", "packed-b"]
    assert [entry.layer for entry in bundle.products[0].layers] == ["houses", "secret"]
    problem_of(web.get("/products/bundle?codes=packed-a"), 401)
    problem_of(program.get("/products/bundle?codes=nothing"), 404)
    assert problem_of(program.get("/products/bundle"), 400)["place"] == "codes"
