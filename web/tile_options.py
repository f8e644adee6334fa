"""What the query of a tile's address says: its version, and what narrows the tile."""

from tiles.vector import NOTHING_SPECIAL, TileOptions
from twin.errors import BadParameter
from twin.fields import FieldType
from twin.layer import Layer
from twin.view import PUBLIC, Equals, Scope
from web import values
from web.features import equals
from web.filters import PARAMETERS, filter_of
from web.params import DATETIME, decode

_OWN_PARAMETERS = ("v", "datetime", "plan", *(parameter.name for parameter in PARAMETERS))


def options_of(query: bytes, layers: tuple[Layer, ...], scope: Scope = PUBLIC) -> tuple[str, TileOptions]:
    """`v` and what narrows the tile; BadParameter naming a parameter that is unknown to any of the layers."""
    if not query:
        return "", NOTHING_SPECIAL
    texts = decode(query)
    version = texts.pop("v", "")
    if not texts:
        return version, NOTHING_SPECIAL
    moment, plan = texts.pop("datetime", None), texts.pop("plan", None)
    if plan == "":
        raise values.refuse("plan", plan, "the name of a plan", "方案名称")
    where = filter_of(texts, layers, scope)
    for parameter in PARAMETERS:
        texts.pop(parameter.name, None)
    valid_at = None if moment is None else DATETIME.read(moment, "datetime")
    return version, TileOptions(valid_at, plan, tuple(_filter(name, text, layers) for name, text in sorted(texts.items())), where)


def _filter(name: str, text: str, layers: tuple[Layer, ...]) -> Equals:
    terms = set()
    for layer in layers:
        field = layer.field(name)
        if field is None or not field.queryable or field.type is FieldType.JSON:
            raise _unknown_parameter(name, layer)
        terms.add(equals(field, text))
    if len(terms) > 1:
        raise values.refuse(name, text, "a field of one type in all layers", "在所有图层中类型相同的字段")
    return terms.pop()


def _unknown_parameter(name: str, layer: Layer) -> BadParameter:
    known = [*_OWN_PARAMETERS, *(field.name for field in layer.fields if field.queryable)]
    return BadParameter(
        f"unknown query parameter {name[:60]!r}; known for layer {layer.id!r}: {', '.join(known)}",
        f"未知的查询参数 {name[:60]!r}",
        place=name[:60],
        mend="可用参数：" + "、".join(known),
    )
