"""Query parameters as values: each door lists the ones it takes, everything else is refused by name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

from twin.errors import BadParameter
from twin.layer import Bounds
from twin.view import TimeSpan
from web import budgets, values

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One query parameter: its name, how it is read, and how OpenAPI describes it."""

    name: str
    read: Callable[[str, str], T]
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    description: str = ""


class Query:
    """The query of one request after decoding: strict UTF-8, no NUL, no repeats, no unknown names."""

    def __init__(self, raw: bytes, known: Iterable[str]) -> None:
        self.texts = decode(raw)
        names = set(known)
        for name in self.texts:
            if name not in names:
                raise BadParameter(
                    f"unknown query parameter {name[:60]!r}; known here: {', '.join(sorted(names)) or 'none'}",
                    f"未知的查询参数 {name[:60]!r}",
                    place=name[:60],
                    mend="可用参数：" + ("、".join(sorted(names)) or "无"),
                )

    def get(self, parameter: Parameter[T]) -> T | None:
        """The value of `parameter`, or None when it was not sent."""
        text = self.texts.get(parameter.name)
        return None if text is None else parameter.read(text, parameter.name)

    def need(self, parameter: Parameter[T]) -> T:
        """The value of `parameter`; BadParameter when it was not sent."""
        value = self.get(parameter)
        if value is None:
            raise BadParameter(
                f"the query parameter {parameter.name!r} is needed", f"缺少查询参数 {parameter.name!r}", place=parameter.name
            )
        return value


def decode(raw: bytes) -> dict[str, str]:
    """Names and values of a query string; BadParameter on broken escapes, bytes that are not UTF-8, NUL, over-long or repeated ones."""
    found: dict[str, str] = {}
    for pair in raw.split(b"&"):
        if not pair:
            continue
        left, _, right = pair.partition(b"=")
        name = _text(left, "query")
        if not name:
            raise BadParameter("a query parameter has no name", "查询参数缺少名称", place="query")
        if name in found:
            raise BadParameter(f"query parameter {name[:60]!r} is repeated", f"查询参数 {name[:60]!r} 重复", place=name[:60])
        found[name] = _text(right, name[:60], budgets.FILTER_CHARS if name == "filter" else budgets.TEXT_CHARS)
        if len(found) > budgets.FILTERS:
            raise BadParameter(f"more than filters = {budgets.FILTERS} parameters", f"查询参数超过 {budgets.FILTERS} 个", place="query")
    return found


def _text(raw: bytes, place: str, most: int = budgets.TEXT_CHARS) -> str:
    """One decoded name or value."""
    if not _escapes_are_whole(raw):
        raise BadParameter("a '%' is not followed by two hexadecimal digits", "“%” 后应为两位十六进制数字", place=place)
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadParameter("the text is not UTF-8", "文本不是 UTF-8 编码", place=place) from exc
    if "\0" in text:
        raise BadParameter("the text contains NUL", "文本含有 NUL 字符", place=place)
    if len(text) > most:
        raise BadParameter(f"longer than the budget text_chars = {most}", f"长度超过限额 text_chars = {most}", place=place)
    return text


def _escapes_are_whole(raw: bytes) -> bool:
    """Whether every percent sign starts a whole escape."""
    hexadecimal = b"0123456789abcdefABCDEF"
    return all(len(part) >= 2 and part[0] in hexadecimal and part[1] in hexadecimal for part in raw.split(b"%")[1:])


def _limit(default_max: int) -> Callable[[str, str], int]:
    """Reader of `limit`: 1 or more; larger than the maximum means the maximum, as OGC API – Features asks."""
    return lambda text, place: min(values.integer(text, place, 1, 10**18), default_max)


def words(*allowed: str) -> Callable[[str, str], str]:
    """Reader of one of a few words."""

    def read(text: str, place: str) -> str:
        if text not in allowed:
            raise values.refuse(place, text, "one of " + ", ".join(allowed), "以下之一：" + "、".join(allowed))
        return text

    return read


def text_value(text: str, place: str) -> str:
    """Reader of free text that must not be empty."""
    if not text.strip():
        raise values.refuse(place, text, "a non-empty text", "非空文本")
    return text


def documented(*parameters: Parameter[Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads these parameters."""
    listed = [
        {
            "name": p.name,
            "in": "query",
            "required": False,
            "schema": dict(p.schema),
            "description": p.description,
            "style": "form",
            "explode": False,
        }
        for p in parameters
    ]
    return {"parameters": listed}


_BBOX_SCHEMA = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}

LIMIT: Parameter[int] = Parameter(
    "limit",
    _limit(budgets.LIMIT_MAX),
    {"type": "integer", "minimum": 1, "maximum": budgets.LIMIT_MAX, "default": 10},
    "Page size; more than the maximum means the maximum.",
)
SEARCH_LIMIT: Parameter[int] = Parameter(
    "limit", _limit(50), {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}, "Hits per group."
)
BBOX: Parameter[Bounds] = Parameter(
    "bbox", values.bbox, _BBOX_SCHEMA, "minx,miny,maxx,maxy in CRS84; minx > maxx crosses the antimeridian."
)
DATETIME: Parameter[TimeSpan] = Parameter(
    "datetime", values.timespan, {"type": "string"}, "RFC 3339 instant or interval; `..` is an open end; a bare date is a day in UTC+8."
)
AFTER: Parameter[int] = Parameter(
    "after",
    lambda text, place: values.integer(text, place, 0, 2**53),
    {"type": "integer", "minimum": 0},
    "Key of the last row seen (taken from the `next` link).",
)
RULE: Parameter[str] = Parameter("rule", text_value, {"type": "string"}, "Findings of this rule only.")
FORMAT_JSON: Parameter[str] = Parameter("f", words("json"), {"type": "string", "enum": ["json"]}, "Only json is made here.")
FORMAT_PAGE: Parameter[str] = Parameter(
    "f", words("json", "html"), {"type": "string", "enum": ["json", "html"]}, "json: landing page; html: the map."
)
PARENT: Parameter[str] = Parameter("parent", text_value, {"type": "string"}, "Division code of the parent; absent: the top.")
Q: Parameter[str] = Parameter("q", text_value, {"type": "string", "minLength": 1, "maxLength": 200}, "Name, code or coordinates.")
TOPICS: Parameter[str] = Parameter("topics", text_value, {"type": "string"}, "Comma list of layer, overview, catalogue, product, job.")
VERSION: Parameter[str] = Parameter(
    "v", text_value, {"type": "string"}, "Epoch in the address, so that caches may keep the answer for ever."
)
