"""A filter as a request writes it: its text, its language and its reference system become one checked expression."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Final

from layers.cql2.check import check
from layers.cql2.json_text import parse_json
from layers.cql2.systems import filter_crs
from layers.cql2.text import parse_text
from twin.cql2.nodes import Expression
from twin.cql2.systems import CRS84, FilterCrs
from twin.errors import BadParameter
from twin.layer import Layer, LayerKind

LANGUAGES: Final[dict[str, Callable[[str, FilterCrs], Expression]]] = {"cql2-text": parse_text, "cql2-json": parse_json}


def read_filter(
    text: str, language: str | None, crs: str | None, layers: Sequence[Layer], hidden: Collection[str] = frozenset()
) -> Expression:
    """The filter, sound for each of the layers; BadParameter with the place of what is wrong."""
    parse = LANGUAGES.get("cql2-text" if language is None else language)
    if parse is None:
        raise BadParameter(
            f"filter-lang {language!r} is none of {', '.join(LANGUAGES)}"[:200],
            f"filter-lang 应为 {'、'.join(LANGUAGES)} 之一",
            place="filter-lang",
            mend="、".join(LANGUAGES),
        )
    found = _parsed(parse, text, CRS84 if crs is None else filter_crs(crs))
    for layer in layers:
        if layer.kind is not LayerKind.OBJECTS:
            raise BadParameter(
                f"layer {layer.id!r} is ready-made tiles: it cannot be filtered", f"图层 {layer.id!r} 是现成瓦片，不能过滤", place="filter"
            )
        check(found, layer, hidden)
    return found


@lru_cache(maxsize=256)
def _parsed(parse: Callable[[str, FilterCrs], Expression], text: str, crs: FilterCrs) -> Expression:
    """The expression of a text: programs ask with the same filter again and again, page after page."""
    return parse(text, crs)
