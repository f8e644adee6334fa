"""The abstract tests of the OGC standards by their ids: what each standard lists, the check we have for it, and the table in docs/conformance.md."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

DOCS: Final = Path(__file__).parents[1] / "docs" / "conformance.md"


@dataclass(frozen=True, slots=True)
class Ground:
    """A running server with its layers `houses` (read) and `traffic` (written)."""

    web: httpx.Client
    """Anybody."""
    program: httpx.Client
    """A program with a key that may edit."""


Check = Callable[[Ground], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A standard, or a part of one, and the ids of its abstract tests."""

    title: str
    key: str
    ids: tuple[str, ...]


def _below(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}/{name}" for name in names.split())


PARTS: Final = (
    Part("OGC API – Features – Part 1: Core 1.0.1 (17-069r4)", "features-1", (
        *_below("/conf/core", "http root-op root-success api-definition-op api-definition-success conformance-op conformance-success crs84 fc-md-op fc-md-success "
                "fc-md-links fc-md-items fc-md-items-links fc-md-extent sfc-md-op sfc-md-success fc-op fc-response fc-links fc-timeStamp "
                "fc-numberMatched fc-numberReturned fc-bbox-definition fc-bbox-response fc-limit-definition fc-limit-response fc-time-definition "
                "fc-time-response f-op f-success f-links "
                "query-param-invalid query-param-unknown"),
        *_below("/conf/geojson", "definition content"),
        *_below("/conf/oas30", "oas-definition-1 oas-definition-2 oas-impl completeness exceptions-codes security"),
    )),
    Part("OGC API – Features – Part 2: CRS 1.0.1 (18-058r1)", "features-2", _below(
        "/conf/crs", "crs-uri default-crs storageCrs crs-parameter crs-parameter-invalid crs-parameter-default crs-parameter-transform bbox-crs-parameter "
        "bbox-crs-parameter-invalid bbox-crs-parameter-default")),
    Part("OGC API – Features – Part 3: Filtering 1.0 (19-079r2)", "features-3", (
        *_below("/conf/queryables", "get-conformance get-queryables-uris get-queryables"),
        *_below("/conf/queryables-query-parameters", "get-conformance query-param"),
        *_below("/conf/filter", "get-conformance filter-param filter-lang-default expression-construction filter-crs-wgs84 filter-crs-param get-functions"),
        *_below("/conf/features-filter", "get-conformance get-collections get-collection filter-on-items mixing-expression"),
    )),
    Part("OGC API – Features – Part 4: Create, Replace, Update and Delete (20-002, draft)", "features-4", (
        *_below("/conf/create-replace-delete", "insert/post-op insert/body insert/content-type insert/response insert/response-rid update/put/put-op update/put/body "
                "update/put/content-type update/put/response update/put/rid-exception delete/delete-op delete/response crs/crs84 crs/geojson crs/storage-crs"),
        *_below("/conf/features", "collection-items-end-point feature-end-point"),
    )),
    Part("OGC API – Tiles – Part 1: Core 1.0 (20-057)", "tiles-1", (
        *_below("/conf/core", "tc-op tc-tilematrix-definition tc-tilerow-definition tc-tilecol-definition tc-success tc-error conformance-success"),
        "/conf/tileset/description", "/conf/tilesets-list/tileset-links", *_below("/conf/dataset-tilesets", "landingpage operation"),
        *_below("/conf/geodata-tilesets", "desc-links operation"), *_below("/conf/collections-selection", "query-collections collections-response"),
        "/conf/mvt/content", "/conf/png/content",
    )),
)  # fmt: skip
#: What differs from the letter of a test, or where its check is.
REMARKS: Final = {
    ("features-1", "/conf/core/fc-numberMatched"): "left out where the number would be an estimate, which is `numberMatchedEstimated`",
    ("features-1", "/conf/oas30/completeness"): "the document of `/ogc/api`: the reading doors; all doors are in `/api`, OpenAPI 3.1",
    (
        "features-4",
        "/conf/create-replace-delete/delete/response",
    ): "204 without a body, as HTTP has it; the draft's test is still to be written",
    ("features-4", "/conf/create-replace-delete/crs/storage-crs"): "the system is said in `Content-Crs`, CRS84 when absent",
}
CHECKS: Final[dict[tuple[str, str], Check]] = {}


def abstract_test(part: str, *ids: str) -> Callable[[Check], Check]:
    """Says that a function is the check of these abstract tests."""

    def keep(check: Check) -> Check:
        CHECKS.update({(part, each): check for each in ids})
        return check

    return keep


def listed() -> list[tuple[str, str]]:
    """Every abstract test: part and id."""
    return [(part.key, each) for part in PARTS for each in part.ids]


def table() -> str:
    """The page of the documentation: each abstract test, whether it is checked, and a remark."""
    lines = [
        "# Conformance, test by test", "",
        "Each abstract test of these standards is a pytest of its id in `tests/web/test_ats.py`, run against a real server. This page is made by a test.",
        "The OGC's own suites are run by `./run drill cite`.",
    ]  # fmt: skip
    for part in PARTS:
        lines += ["", f"## {part.title}", "", "| abstract test | verdict | remark |", "|---|---|---|"]
        for each in part.ids:
            verdict = "passes" if (part.key, each) in CHECKS else "no check"
            lines.append(f"| `{each}` | {verdict} | {REMARKS.get((part.key, each), '')} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def ok(answer: httpx.Response, media: str = "application/json") -> httpx.Response:
    """The answer, checked for 200 and its media type."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(media), answer.headers["content-type"]
    return answer


def links_of(document: dict[str, object], rel: str) -> list[dict[str, str]]:
    """Links of one relation."""
    found: list[dict[str, str]] = document["links"]  # type: ignore[assignment]
    return [link for link in found if link["rel"] == rel]


if __name__ == "__main__":
    from tests.web import test_ats  # the checks register themselves

    DOCS.write_text(test_ats.table())
    sys.exit(0)
