"""How far the catalogue has come: published products by theme and division against the goal, and how they are used day by day."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from postgis.uses import Uses
from twin.codes import code_list
from twin.goals import products_goal
from twin.product import Product


@dataclass(frozen=True, slots=True)
class Share:
    """How many products one theme or division has."""

    code: str
    title_zh: str
    title_en: str
    products: int


@dataclass(frozen=True, slots=True)
class Day:
    """The uses of all counted products on one day."""

    day: date
    uses: int


@dataclass(frozen=True, slots=True)
class Kpi:
    """The numbers of one caller: what the caller may not see is not in them."""

    goal: int
    published: int
    synthetic: int
    """Of the published ones, how many are made-up examples: they are no step towards the goal."""
    percent: float
    by_theme: tuple[Share, ...]
    by_division: tuple[Share, ...]
    uses: int
    by_day: tuple[Day, ...]
    by_product: tuple[tuple[str, int], ...]


def kpi(products: Iterable[Product], uses: Iterable[Uses], divisions: Mapping[str, tuple[str, str]]) -> Kpi:
    """Count published products and their uses; `divisions` has the names of those that are known."""
    cards = {product.code: product for product in products}
    mine = [entry for entry in uses if entry.code in cards]
    days: Counter[date] = Counter()
    each: Counter[str] = Counter()
    for entry in mine:
        days[entry.day] += entry.uses
        each[entry.code] += entry.uses
    goal, real = products_goal(), sum(not product.synthetic for product in cards.values())
    return Kpi(
        goal=goal,
        published=len(cards),
        synthetic=len(cards) - real,
        percent=round(100 * real / goal, 1),
        by_theme=tuple(_themes(Counter(str(product.theme) for product in cards.values()))),
        by_division=tuple(
            Share(code, *divisions.get(code, ("", "")), number)
            for code, number in sorted(Counter(p.division for p in cards.values()).items())
        ),
        uses=sum(days.values()),
        by_day=tuple(Day(day, number) for day, number in sorted(days.items())),
        by_product=tuple(each.most_common()),
    )


def _themes(counted: Counter[str]) -> Iterable[Share]:
    """Every theme, those without a product too: a gap is what the number is for."""
    for code, entry in code_list("themes").entries.items():
        yield Share(code, entry.title_zh, entry.title_en, counted[code])
