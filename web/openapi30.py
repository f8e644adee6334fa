"""The reading doors of the OGC APIs as OpenAPI 3.0, beside the 3.1 document: GDAL and the OGC's test suites read nothing newer."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

OPENAPI_30: Final = "application/vnd.oai.openapi+json;version=3.0"


def older(document: Mapping[str, Any], paths: Iterable[str], server: str) -> dict[str, Any]:
    """The GET operations of `paths` and of the landing page out of a 3.1 document; `server` is the landing page's address."""
    found = {path: document["paths"][path] for path in paths if "get" in document["paths"].get(path, {})}
    landing = {"/": document["paths"]["/ogc"]}
    return {
        "openapi": "3.0.3",
        "info": {name: text for name, text in document["info"].items() if name != "summary"},
        "servers": [{"url": server}],
        "paths": {path: {"get": _plain(operations["get"])} for path, operations in (landing | found).items()},
        "components": _plain(document["components"]),
    }


def _plain(value: Any) -> Any:
    """A part of a 3.1 document in the words of 3.0; only what our documents use is translated."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _plain(each) for name, each in value.items()}
    if isinstance(made.get("type"), list):
        made |= {"type": next(kind for kind in made["type"] if kind != "null"), "nullable": "null" in made["type"]}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if isinstance(made.get("exclusiveMinimum"), (int, float)):
        made |= {"minimum": made["exclusiveMinimum"], "exclusiveMinimum": True}
    return made
