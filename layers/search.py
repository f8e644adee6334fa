"""One box for everything: divisions, products, objects, codes and typed coordinates, grouped, for what the caller may see."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from layers.catalog import Catalog
from layers.product_search import ProductQuery, bounds_of, find
from layers.products import theme_title
from postgis.pool import HotPool
from postgis.search import FoundRow, find_statement, to_found
from twin.coordinates import parse_coordinate
from twin.layer import Bounds
from twin.view import Scope

Kind = Literal["coordinate", "division", "product", "object"]

MAX_CHARS = 100
MAX_LIMIT = 50
_TITLES: dict[str, tuple[str, str]] = {
    "coordinate": ("坐标", "Coordinates"),
    "division": ("行政区划", "Divisions"),
    "product": ("地图产品", "Map products"),
    "object": ("地物", "Objects"),
}
_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What somebody looks for: at most `limit` hits of each kind, those near the middle of `bbox_4490` first among equals."""

    text: str
    scope: Scope
    limit: int = 10
    bbox_4490: Bounds | None = None


class Hit(BaseModel):
    """One thing found; `point` is lon, lat and `bounds` west, south, east, north in EPSG:4490."""

    model_config = ConfigDict(frozen=True)

    title: str
    subtitle: str
    code: str
    kind: Kind
    ref: str
    layer: str | None = None
    oid: int | None = None
    point: tuple[float, float] | None = None
    bounds: Bounds | None = None


class HitGroup(BaseModel):
    """The hits of one kind, best first."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    title_zh: str
    title_en: str
    hits: tuple[Hit, ...]


class SearchResult(BaseModel):
    """What was found, and how long it took."""

    model_config = ConfigDict(frozen=True)

    groups: tuple[HitGroup, ...]
    took_ms: float


async def search(pool: HotPool, catalog: Catalog, query: SearchQuery) -> SearchResult:
    """Hits of each kind; empty text finds nothing. Unavailable when the database is away."""
    started = time.perf_counter()
    text = query.text.replace("\0", " ").strip()[:MAX_CHARS]
    hits = [*_coordinate_hits(text), *(await _find(pool, catalog, query, text) if text else ())]
    hits += _product_hits(catalog, query, text) if text else ()
    groups = tuple(_groups(hits))
    return SearchResult(groups=groups, took_ms=round((time.perf_counter() - started) * 1000, 2))


async def _find(pool: HotPool, catalog: Catalog, query: SearchQuery, text: str) -> list[Hit]:
    limit = max(1, min(query.limit, MAX_LIMIT))
    statement = find_statement(text.encode("utf-8", "replace").decode(), limit, _middle(query.bbox_4490))
    rows = map(to_found, await pool.fetch(statement, query.scope, _TIMEOUT_S))
    return [_hit(row, catalog, query.scope) for row in rows if row.kind != "product"]


def _product_hits(catalog: Catalog, query: SearchQuery, text: str) -> Iterator[Hit]:
    """Products come from the catalogue in memory, which knows pinyin and the scope before it counts."""
    wanted = ProductQuery(text, limit=max(1, min(query.limit, MAX_LIMIT)))
    for product in find(catalog.products(query.scope), catalog, wanted).products:
        subtitle, bounds = f"{theme_title(product)[0]} · {product.owner}", bounds_of(product, catalog)
        yield Hit(title=product.title_zh, subtitle=subtitle, code=product.code, kind="product", ref=product.code, bounds=bounds)


def _hit(row: FoundRow, catalog: Catalog, scope: Scope) -> Hit:
    """A hit for people."""
    subtitle = row.subtitle
    if row.kind == "object" and row.layer is not None and row.layer in catalog.by_id:
        subtitle = " · ".join(filter(None, (catalog.layer(row.layer, scope).title_zh, row.subtitle)))
    point = None if row.lon_4490 is None or row.lat_4490 is None else (row.lon_4490, row.lat_4490)
    kind: Kind = row.kind  # type: ignore[assignment]
    return Hit(
        title=row.title,
        subtitle=subtitle,
        code=row.code,
        kind=kind,
        ref=row.ref,
        layer=row.layer,
        oid=row.oid,
        point=point,
        bounds=row.bounds,
    )


def _groups(hits: Iterable[Hit]) -> Iterator[HitGroup]:
    found = list(hits)
    for kind, (title_zh, title_en) in _TITLES.items():
        mine = tuple(hit for hit in found if hit.kind == kind)
        if mine:
            yield HitGroup(kind=mine[0].kind, title_zh=title_zh, title_en=title_en, hits=mine)


def _middle(bounds: Bounds | None) -> tuple[float, float] | None:
    return None if bounds is None else ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)


def _coordinate_hits(text: str) -> Iterator[Hit]:
    point = parse_coordinate(text)
    if point is not None:
        label = f"{point[0]:.6f}, {point[1]:.6f}"
        yield Hit(title=label, subtitle="CGCS2000 (EPSG:4490)", code="", kind="coordinate", ref=label, point=point)
