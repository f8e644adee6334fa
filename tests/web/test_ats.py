"""One test for each abstract test of the OGC standards, by its id; the page of the documentation is made from them."""

from collections.abc import Iterator

import pytest

from tests import ats_core, ats_parts, ats_tiles  # noqa: F401  (they register their checks)
from tests.ats import CHECKS, DOCS, REMARKS, Ground, listed, table
from tests.web.conftest import Site


@pytest.fixture(scope="module")
def ground(site: Site) -> Iterator[Ground]:
    with site.client() as web, site.with_key() as program:
        yield Ground(web, program)


@pytest.mark.parametrize(("part", "each"), listed(), ids=str)
def test_abstract(ground: Ground, part: str, each: str) -> None:
    CHECKS[part, each](ground)


def test_every_check_is_of_a_listed_test() -> None:
    assert set(CHECKS) == set(listed()) and set(REMARKS) <= set(CHECKS)


def test_the_page_says_so() -> None:
    """Made anew by `python -m tests.ats`."""
    assert DOCS.read_text() == table()
