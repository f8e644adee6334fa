"""`filter`, `filter-lang` and `filter-crs` of a request, and the document of the functions a filter may call."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.cql2.reading import LANGUAGES, read_filter
from twin.cql2.names import FUNCTIONS, Kind
from twin.cql2.nodes import Expression
from twin.cql2.systems import FILTER_SYSTEMS
from twin.errors import BadParameter
from twin.layer import Layer
from twin.view import Scope
from web.json import Json
from web.params import FORMAT_JSON, Parameter, Query, documented, text_value

router = APIRouter(tags=["features"])

_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
_FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
CONFORMANCE: Final = (
    _FEATURES_3 + "filter",
    _FEATURES_3 + "features-filter",
    *(
        _CQL2 + name
        for name in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "accent-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "array-functions",
            "property-property",
            "functions",
            "arithmetic",
        )
    ),
)

FILTER: Parameter[str] = Parameter("filter", text_value, {"type": "string"}, "A CQL2 filter over the queryables.")
FILTER_LANG: Parameter[str] = Parameter(
    "filter-lang", text_value, {"type": "string", "enum": list(LANGUAGES), "default": "cql2-text"}, "The language of `filter`."
)
FILTER_CRS: Parameter[str] = Parameter(
    "filter-crs",
    text_value,
    {"type": "string", "format": "uri", "enum": [crs.uri for crs in FILTER_SYSTEMS]},
    "The reference system of geometries in `filter`; CRS84 when absent.",
)
PARAMETERS: Final = (FILTER, FILTER_LANG, FILTER_CRS)


def filter_of(texts: Mapping[str, str], layers: Sequence[Layer], scope: Scope) -> Expression | None:
    """The filter among the query's parameters, checked; None when there is none. BadParameter for a language or system of no filter."""
    text, language, crs = (texts.get(parameter.name) for parameter in PARAMETERS)
    if text is not None:
        return read_filter(text, language, crs, layers, scope.masked_fields)
    for parameter in (FILTER_LANG, FILTER_CRS):
        if parameter.name in texts:
            raise BadParameter(f"{parameter.name} without filter", f"{parameter.name} 须与 filter 同用", place=parameter.name)
    return None


@router.get("/functions", openapi_extra=documented(FORMAT_JSON))
async def functions(request: Request) -> Response:
    """The functions a filter may call."""
    Query(request.scope["query_string"], [FORMAT_JSON.name]).get(FORMAT_JSON)
    return Json({"functions": list(map(_described, FUNCTIONS))})


def _described(name: str) -> dict[str, Any]:
    function = FUNCTIONS[name]
    args = [{"title": kinds[0].value, "type": sorted({_word(kind) for kind in kinds})} for kinds in function.args]
    return {"name": name, "description": function.about, "args": args, "returns": [_word(function.returns)]}


def _word(kind: Kind) -> str:
    """As the document names kinds: a date is a datetime there."""
    return str(Kind.INSTANT if kind is Kind.DATE else kind)
