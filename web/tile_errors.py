"""Refusals as the dialects of tiles word them: WMTS exception reports, Esri error objects; everything else is a problem of ours."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

import orjson

from twin.errors import BadParameter, NotFound, TwinError
from web.errors import Answer, answer, as_twin_error, problem
from web.tile_paths import Dialect

#: What an ArcGIS client expects where a tile is empty.
EMPTY_STATUS: Final[dict[Dialect, int]] = {"esri": 404}
_OWS: Final = "http://www.opengis.net/ows/1.1"
_CLIENT_ERRORS: Final = range(400, 500)
#: Our places in an address, as WMTS calls them, and what it calls a fault there.
_PLACES: Final = {
    "z": ("InvalidParameterValue", "TILEMATRIX"),
    "x": ("TileOutOfRange", "TILECOL"),
    "y": ("TileOutOfRange", "TILEROW"),
    "layer": ("InvalidParameterValue", "LAYER"),
    "layers": ("InvalidParameterValue", "LAYER"),
    "datetime": ("InvalidParameterValue", "TIME"),
}


class WmtsRefusal(BadParameter):
    """A WMTS request that OGC has its own word for; `place` is the parameter."""

    ows_code = "InvalidParameterValue"


class MissingValue(WmtsRefusal):
    """A parameter without which there is no answer."""

    ows_code = "MissingParameterValue"


class NotSupported(WmtsRefusal):
    """An operation that is not done here."""

    ows_code = "OperationNotSupported"


class OtherVersion(WmtsRefusal):
    """None of the versions the client accepts is spoken here."""

    ows_code = "VersionNegotiationFailed"


def refusal(dialect: Dialect, error: BaseException, request_id: str) -> Answer:
    """An error as an answer in `dialect`; nothing internal in any of them."""
    made = answer(error, request_id)
    if dialect == "wmts":
        return _wmts(as_twin_error(error), made, request_id)
    return _esri(as_twin_error(error), made, request_id) if dialect == "esri" else made


def _wmts(error: TwinError, made: Answer, request_id: str) -> Answer:
    """An OWS ExceptionReport; the fault in Chinese and in English."""
    code, locator, status = _ows_code(error, made.status)
    told = problem(error, status, request_id)
    where = f" locator={quoteattr(locator)}" if locator else ""
    texts = "".join(f"<ows:ExceptionText>{escape(_printable(str(told[name])))}</ows:ExceptionText>" for name in ("detail", "detail_en"))
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ows:ExceptionReport xmlns:ows="{_OWS}" version="1.1.0" xml:lang="zh">'
        f'<ows:Exception exceptionCode="{code}"{where}>{texts}</ows:Exception></ows:ExceptionReport>'
    )
    return Answer(status, _as(made, b"text/xml; charset=utf-8"), body.encode())


def _ows_code(error: TwinError, status: int) -> tuple[str, str, int]:
    """OGC's code, the parameter it is about, and the status that goes with it: what is not there is a wrong value in WMTS."""
    if isinstance(error, WmtsRefusal):
        return error.ows_code, _printable(error.place), 501 if isinstance(error, NotSupported) else status
    if isinstance(error, (BadParameter, NotFound)):
        code, locator = _PLACES.get(error.place, ("InvalidParameterValue", _printable(error.place)))
        return code, locator, 400
    return "NoApplicableCode", "", status


def _printable(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _esri(error: TwinError, made: Answer, request_id: str) -> Answer:
    """The error object of ArcGIS, under a status that says so too."""
    told = problem(error, made.status, request_id)
    status = 404 if error.place in ("x", "y", "z") and made.status in _CLIENT_ERRORS else made.status
    body = {"error": {"code": status, "message": told["detail_en"], "details": [told["detail"]]}}
    return Answer(status, _as(made, b"application/json"), orjson.dumps(body))


def _as(made: Answer, media_type: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of the answer under another media type."""
    return ((b"content-type", media_type), *(pair for pair in made.headers if pair[0] != b"content-type"))
