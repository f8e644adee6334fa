"""Finding map products: words, filters, order and pages over the cards of one caller; what the caller may not see is gone before anything is counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from layers.card_text import CardText, card_text
from layers.catalog import Catalog
from twin.layer import Bounds
from twin.product import Product, Theme
from twin.view import TimeSpan

SortBy = Literal["relevance", "code", "title", "theme", "date", "updated"]
SORTS: tuple[SortBy, ...] = ("relevance", "code", "title", "theme", "date", "updated")

#: Where a card stands in its order: what it is sorted by, then its code.
Place = tuple[int | str, str]

_DAY_ZONE = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """What is looked for; an empty member asks for nothing."""

    text: str = ""
    theme: Theme | None = None
    division: str = ""
    """Products of this division and of those inside it."""
    owner: str = ""
    bounds_4490: Bounds | None = None
    date: TimeSpan | None = None
    """Products whose data are of a day in it."""
    sort: SortBy = "relevance"
    backwards: bool = False
    limit: int = 100
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page, how many there are in all, and where the next page begins."""

    products: tuple[Product, ...]
    matched: int
    next: Place | None


def find(products: Iterable[Product], catalog: Catalog, query: ProductQuery) -> Found:
    """The page of `query` over `products`, best first."""
    placed = [(place, product) for product in products if (place := _place(product, catalog, query)) is not None]
    placed.sort(key=lambda entry: entry[0], reverse=query.backwards)
    rest = [entry for entry in placed if _is_after(entry[0], query)]
    page = rest[: query.limit]
    return Found(tuple(product for _, product in page), len(placed), page[-1][0] if len(rest) > len(page) else None)


def bounds_of(product: Product, catalog: Catalog) -> Bounds | None:
    """West, south, east, north of all layers of the product; None when nothing is known."""
    layers = [catalog.by_id[entry.layer] for entry in product.layers if entry.layer in catalog.by_id]
    known = [layer.bounds_4490 for layer in layers if layer.bounds_4490 is not None]
    if not known:
        return None
    return (min(b[0] for b in known), min(b[1] for b in known), max(b[2] for b in known), max(b[3] for b in known))


def _place(product: Product, catalog: Catalog, query: ProductQuery) -> Place | None:
    """Where a card stands; None when it is not among those asked for."""
    if not _fits(product, query) or not _is_near(product, catalog, query.bounds_4490):
        return None
    text = _text(product, catalog.texts)
    tier = text.tier(query.text) if query.text else 0
    if tier is None:
        return None
    orders: Mapping[SortBy, int | str] = {
        "relevance": tier,
        "code": "",
        "title": text.title_order,
        "theme": str(product.theme),
        "date": product.updated_on.isoformat() if product.updated_on else "",
        "updated": _moment(catalog.product_updated(product.code)),
    }
    return orders[query.sort], product.code


def _text(product: Product, known: Mapping[str, CardText]) -> CardText:
    """The text made ready with the catalogue; that of a card which is not published is made now."""
    return known[product.code] if product.status == "published" and product.code in known else card_text(product)


def _fits(product: Product, query: ProductQuery) -> bool:
    if query.theme is not None and product.theme is not query.theme:
        return False
    if query.owner and query.owner.casefold() not in product.owner.casefold():
        return False
    return product.division.startswith(query.division) and _is_of(product, query.date)


def _is_of(product: Product, span: TimeSpan | None) -> bool:
    """Whether the day of the data touches the span; a card without a day is of no time."""
    if span is None:
        return True
    if product.updated_on is None:
        return False
    start = datetime.combine(product.updated_on, datetime.min.time(), _DAY_ZONE)
    return (span.end is None or start <= span.end) and (span.start is None or span.start < start + timedelta(days=1))


def _is_near(product: Product, catalog: Catalog, box: Bounds | None) -> bool:
    """Whether the product reaches into the box, which may cross the antimeridian."""
    if box is None:
        return True
    bounds = bounds_of(product, catalog)
    if bounds is None or bounds[1] > box[3] or bounds[3] < box[1]:
        return False
    if box[0] > box[2]:
        return bounds[2] >= box[0] or bounds[0] <= box[2]
    return bounds[0] <= box[2] and bounds[2] >= box[0]


def _is_after(place: Place, query: ProductQuery) -> bool:
    if query.after is None:
        return True
    return place < query.after if query.backwards else place > query.after


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else ""
