"""What may be asked of the catalogue of products: its query parameters as one value, and the mark where a page ends."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

import orjson

from layers.product_search import SORTS, Place, ProductQuery, SortBy
from twin.product import Status, Theme
from web import values
from web.params import BBOX, DATETIME, FORMAT_JSON, Parameter, Query, text_value, words

DEFAULT_LIMIT: Final = 100
LIMIT_MAX: Final = 500
_MARK_CHARS: Final = 600


def read_sort(text: str, place: str) -> tuple[SortBy, bool]:
    """An order and whether it runs backwards: `title`, `+title`, `-title`."""
    name = text.removeprefix("-").removeprefix("+").strip()
    for known in SORTS:
        if name == known:
            return known, text.startswith("-")
    raise values.refuse(
        place, text, "one of " + ", ".join(SORTS) + ", with - in front for backwards", "以下之一（前加“-”为倒序）：" + "、".join(SORTS)
    )


def read_mark(text: str, place: str) -> Place:
    """The place a `next` link names; BadParameter for what no link of ours says."""
    try:
        if len(text) <= _MARK_CHARS:
            match orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))):
                case [str() | int() as key, str() as code] if not isinstance(key, bool):
                    return key, code
    except (ValueError, binascii.Error):
        pass
    raise values.refuse(place, text, "the value of a next link", "“下一页”链接中的值")


def mark(place: Place) -> str:
    """A place as a word of an address."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _division(text: str, place: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 14):
        raise values.refuse(place, text, "a division code such as 4401", "行政区划代码，例如 4401")
    return text


def _limit(text: str, place: str) -> int:
    return min(values.integer(text, place, 1, 10**18), LIMIT_MAX)


def _choice(names: tuple[str, ...]) -> Callable[[str, str], str]:
    return words(*names)


_THEMES: Final = tuple(map(str, Theme))
_STATUSES: Final = tuple(map(str, Status))

Q: Final = Parameter(
    "q", text_value, {"type": "string"}, "Any part of a title, code, keyword or description; pinyin and initials of titles and keywords."
)
THEME: Final = Parameter("theme", _choice(_THEMES), {"type": "string", "enum": _THEMES}, "Theme.")
DIVISION: Final = Parameter("division", _division, {"type": "string"}, "Products of this division and of those inside it.")
OWNER: Final = Parameter("owner", text_value, {"type": "string"}, "A part of the owner's name.")
STATUS: Final = Parameter("status", _choice(_STATUSES), {"type": "string", "enum": _STATUSES}, "Other than published: for publishers only.")
LIMIT: Final = Parameter("limit", _limit, {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": DEFAULT_LIMIT}, "Page size.")
AFTER: Final = Parameter("after", read_mark, {"type": "string"}, "Where the page begins (taken from the `next` link).")
SORTBY: Final = Parameter(
    "sortby", read_sort, {"type": "string", "default": "relevance"}, "One of " + ", ".join(SORTS) + "; - in front turns it round."
)

PARAMETERS: Final[tuple[Parameter[Any], ...]] = (Q, THEME, DIVISION, OWNER, BBOX, DATETIME, STATUS, LIMIT, AFTER, SORTBY, FORMAT_JSON)


def product_query(query: Query) -> ProductQuery:
    """The request as one value; BadParameter names what does not fit."""
    query.get(FORMAT_JSON)
    sort, backwards = query.get(SORTBY) or ("relevance", False)
    after, theme = query.get(AFTER), query.get(THEME)
    if after is not None and isinstance(after[0], int) != (sort == "relevance"):
        raise values.refuse(
            AFTER.name, query.texts[AFTER.name], "the value of a next link of the same order", "同一排序方式的“下一页”链接中的值"
        )
    return ProductQuery(
        text=query.get(Q) or "",
        theme=Theme(theme) if theme else None,
        division=query.get(DIVISION) or "",
        owner=query.get(OWNER) or "",
        bounds_4490=query.get(BBOX),
        date=query.get(DATETIME),
        sort=sort,
        backwards=backwards,
        limit=query.get(LIMIT) or DEFAULT_LIMIT,
        after=after,
    )
