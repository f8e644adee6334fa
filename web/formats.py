"""Which format an answer comes in: `f` says it, else the Accept header."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request

from layers.export.formats import BY_NAME, FORMATS, TEXTS, Format
from layers.export.sheets import sheet_of
from layers.export.text import TextSheet
from twin.layer import Layer
from twin.view import View
from web import crs, ogc
from web.errors import NotAcceptable
from web.links import Links
from web.params import Parameter, Query, words

HTML: Final = Format("html", ".html", "text/html; charset=utf-8", "网页 Web page")
_GEOJSON: Final = BY_NAME["geojson"]
#: `json` is the word of other OGC services for their first format.
_WORDS: Final = {"json": _GEOJSON} | {each.name: each for each in (*TEXTS, HTML)}
#: What a client may call each format; the first of a type is what a wildcard means.
_TYPES: Final = {
    "application/geo+json": _GEOJSON,
    "application/json": _GEOJSON,
    "application/geo+json-seq": BY_NAME["geojsonseq"],
    "application/fg+json": BY_NAME["jsonfg"],
    "application/vnd.ogc.fg+json": BY_NAME["jsonfg"],
    "text/html": HTML,
    "application/xhtml+xml": HTML,
    "text/csv": BY_NAME["csv"],
}


def _parameter(names: Sequence[str], about: str) -> Parameter[str]:
    return Parameter("f", words(*names), {"type": "string", "enum": list(names)}, about)


ITEMS: Final = _parameter(tuple(_WORDS), "Format of the answer; without it the Accept header decides, and GeoJSON is the default.")
ITEM: Final = _parameter(("json", "geojson", "jsonfg"), "Format of the answer; without it the Accept header decides.")
EXPORT: Final = _parameter(tuple(each.name for each in FORMATS), "Format of the file.")


def asked(query: Query, request: Request, parameter: Parameter[str] = ITEMS) -> Format:
    """The format of an answer; NotAcceptable when the caller accepts none of them."""
    word = query.get(parameter)
    if word is not None:
        return _WORDS[word]
    offered = {_WORDS[name].name for name in parameter.schema["enum"]}
    accepted = request.headers.get("accept", "")
    if not accepted.strip():
        return _GEOJSON
    for media in _by_preference(accepted):
        found = _meant(media, offered)
        if found is not None:
            return found
    listed = ", ".join(media for media, each in _TYPES.items() if each.name in offered)
    raise NotAcceptable(f"answers come as {listed}", f"可用格式：{listed}", place="Accept", mend="f=" + "|".join(parameter.schema["enum"]))


def _by_preference(accepted: str) -> list[str]:
    """Media types with their parameters, the most wanted first; refused ones (q=0) are left out."""
    return [media for _, media in sorted(_weighed(accepted), key=lambda pair: -pair[0])]


def _weighed(accepted: str) -> Iterator[tuple[float, str]]:
    for entry in accepted.split(","):
        media, *parameters = [part.strip() for part in entry.lower().split(";")]
        weight = next((_weight(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        if weight > 0:
            yield weight, ";".join([media, *(part for part in parameters if not part.startswith("q="))])


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _meant(media: str, offered: set[str]) -> Format | None:
    """The offered format a media type (or a wildcard) stands for."""
    kind, _, parameters = media.partition(";")
    if kind == "application/geo+json" and "jsonfg" in parameters:
        kind = "application/fg+json"
    for known, format_ in _TYPES.items():
        if format_.name in offered and (kind in ("*/*", known) or (kind.endswith("/*") and known.startswith(kind[:-1]))):
            return format_
    return None


def headers(format_: Format) -> dict[str, str]:
    """What the media type does not say."""
    return {"link": f'<{format_.profile}>; rel="profile"'} if format_.profile else {}


def text_sheet(layer: Layer, view: View, served: crs.Served, links: Links) -> TextSheet:
    """What a writer of text knows of the layer."""
    sheet = sheet_of(layer, view, crs_name(served))
    return TextSheet(sheet, served.uri, served in (crs.CRS84, crs.CRS84H), links.to("collections", layer.id, "schema"))


def crs_name(served: crs.Served) -> str:
    """The system as files name it."""
    return "OGC:CRS84" if served in (crs.CRS84, crs.CRS84H) else f"EPSG:{served.epsg}"


def alternates(links: Links, layer: Layer, texts: Mapping[str, str], chosen: Format) -> list[dict[str, Any]]:
    """Links to the same items in the other formats."""
    rest = {name: text for name, text in texts.items() if name != "f"}
    return [
        ogc.link(links.to("collections", layer.id, "items", **rest, f=each.name), "alternate", each.media_type, each.title)
        for each in (*TEXTS, HTML)
        if each is not chosen
    ]
