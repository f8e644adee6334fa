"""Findings of an import as files people take away: a table for Excel, points for a map."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from importers.rules import rule
from postgis.reports import Finding
from web.json import dump

_HEADER: Final = (
    "row",
    "key",
    "rule",
    "severity",
    "rule_zh",
    "rule_en",
    "detail_zh",
    "detail_en",
    "lon_4490",
    "lat_4490",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take as an instruction at the head of a cell."""
Pages = AsyncIterator[list[Finding]]


@dataclass(frozen=True, slots=True)
class Download:
    """One kind of file: its media type and how pages of findings become its bytes."""

    suffix: str
    media_type: str
    write: Callable[[Pages], AsyncIterator[bytes]]


async def _csv(pages: Pages) -> AsyncIterator[bytes]:
    """UTF-8 with a byte order mark: Excel takes a table without one for GBK."""
    yield b"\xef\xbb\xbf" + _lines([_HEADER])
    async for page in pages:
        yield _lines([_cells(finding) for finding in page])


def _cells(finding: Finding) -> tuple[Any, ...]:
    words = rule(finding.rule)
    texts = (finding.source_key or "", finding.rule, finding.severity, words.zh, words.en, finding.detail_zh, finding.detail_en)
    return (finding.row or "", *(_harmless(text) for text in texts), finding.lon, finding.lat)


def _harmless(text: str) -> str:
    """Text of a stranger's file that no spreadsheet computes."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: list[tuple[Any, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


async def _geojson(pages: Pages) -> AsyncIterator[bytes]:
    """One feature to a line."""
    yield b'{"type":"FeatureCollection","features":['
    first = True
    async for page in pages:
        lines = b",\n".join(dump(_feature(finding)) for finding in page)
        yield (b"\n" if first else b",\n") + lines
        first = False
    yield b"\n]}\n"


def _feature(finding: Finding) -> dict[str, Any]:
    words = rule(finding.rule)
    placed = finding.lon is not None and finding.lat is not None
    values = finding.model_dump(exclude={"id", "lon", "lat", "source_key"})
    return {
        "type": "Feature",
        "id": finding.id,
        "geometry": {"type": "Point", "coordinates": [finding.lon, finding.lat]} if placed else None,
        "properties": values | {"key": finding.source_key, "rule_zh": words.zh, "rule_en": words.en},
    }


CSV: Final = Download("csv", "text/csv; charset=utf-8", _csv)
GEOJSON: Final = Download("geojson", "application/geo+json", _geojson)
