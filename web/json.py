"""JSON in and out: orjson, depth and size bounded coming in, never NaN going out."""

import re
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from twin.errors import BadParameter
from web import budgets
from web.errors import WrongMediaType

Model = TypeVar("Model", bound=BaseModel)

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # never fails once begun, so a body of quotes costs nothing
_BRACKETS = re.compile(rb"[\[\]{}]")
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def dump(value: Any) -> bytes:
    """JSON text of `value`; pydantic models by their own dump."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS)


def _plain(value: Any) -> Any:
    """What orjson does not know: models and sets."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


class Json(Response):
    """An answer in JSON; private to nobody unless it says so."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else dump(content)


class GeoJson(Json):
    """An answer in GeoJSON."""

    media_type = "application/geo+json"


class SchemaJson(Json):
    """An answer that is a JSON Schema."""

    media_type = "application/schema+json"


async def read_model(request: Request, model: type[Model]) -> Model:
    """The request body as `model`; refused unless it is JSON of that shape, with the place of the fault."""
    return parse_model(await _read_json(request), model, "body")


async def read_object(request: Request) -> dict[str, Any]:
    """The request body as a JSON object of any shape."""
    value = parse(await _read_json(request), "body")
    if not isinstance(value, dict):
        raise BadParameter("the body must be a JSON object", "请求体必须是 JSON 对象", place="body")
    return value


async def _read_json(request: Request) -> bytes:
    """The body, refused when it does not say that it is JSON (a form of another site cannot say so)."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/json":
        raise WrongMediaType("the body must be application/json", "请求体必须是 application/json", place="content-type")
    return await request.body()


def parse_model(raw: bytes, model: type[Model], place: str) -> Model:
    """`raw` as `model`; BadParameter names the member that does not fit."""
    value = parse(raw, place)
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join((place, *map(str, first["loc"])))
        raise BadParameter(f"{where}: {first['msg']}", f"{where}：{first['msg']}", place=where) from exc


def parse(raw: bytes, place: str) -> Any:
    """Any JSON value no deeper than the budget; BadParameter otherwise."""
    if _depth(raw) > budgets.JSON_DEPTH:
        raise BadParameter(
            f"nested deeper than json_depth = {budgets.JSON_DEPTH}", f"嵌套超过限额 json_depth = {budgets.JSON_DEPTH}", place=place
        )
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        where = f"{place}:{exc.lineno}:{exc.colno}"
        raise BadParameter("this is not JSON", "不是有效的 JSON", place=where) from exc


def _depth(raw: bytes) -> int:
    """How deep the brackets nest, those inside strings left out."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
