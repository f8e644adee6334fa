"""Features as pydeck scenes whose page asks no other host for anything; pydeck is asked for only here."""

import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from web.client.asking import Feature
from web.client.packages import needed

if TYPE_CHECKING:
    import pydeck

Symbol = Mapping[str, Any]
"""The symbol of a product's card (`layers[].symbol`)."""

_ELSEWHERE: Final = re.compile(r"""^[ \t]*<(?:link|script)\b[^>]*\b(?:href|src)=["']?https?:[^>]*>(?:</script>)?[ \t]*\n""", re.MULTILINE)
_COLOR: Final = "#1456A0"
_OPACITY: Final = 0.8
_TILTED: Final = 45
_HEIGHT_PX: Final = 480
_STOREY_M: Final = 3.0
_TOOLTIP_LINES: Final = 8
_PROVINCE: Final = (109.6, 20.2, 117.4, 25.6)


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawing of features. `deck` is pydeck's own value, to add to; the data are inside, so it can be sent as one file."""

    deck: "pydeck.Deck" = field(repr=False)
    title: str
    count: int
    """Features drawn."""
    tooltip: Mapping[str, str] = field(default_factory=dict)
    """What pydeck shows under the pointer."""

    def html(self) -> str:
        """A page of about 4 MB with everything in it; pydeck's links to other hosts are taken out."""
        # A name in the data may be `</script>`: in JSON the sign can be written so that no page ends there.
        told, tip = (text.replace("<", "\\u003c") for text in (self.deck.to_json(), json.dumps(self.tooltip)))
        page: str = _ELSEWHERE.sub("", needed("pydeck.io.html").render_json_to_html(told, tooltip=tip, offline=True))
        return page.replace("<title>pydeck</title>", f"<title>{html.escape(self.title)}</title>", 1)

    def save(self, path: str | Path) -> Path:
        """Write the page; returns where."""
        target = Path(path)
        target.write_text(self.html(), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        """In a notebook: the page in a frame."""
        return f'<iframe style="width:100%;height:{_HEIGHT_PX}px;border:0" srcdoc="{html.escape(self.html())}"></iframe>'


def scene_of(parts: Iterable[tuple[Iterable[Feature], Symbol | None]], title: str) -> Scene:
    """The parts above each other, each coloured by its symbol, seen from above or, where something stands up, from the side."""
    pydeck = needed("pydeck")
    drawn = [([_drawn(feature, symbol or {}) for feature in features], symbol or {}) for features, symbol in parts]
    features = [feature for some, _ in drawn for feature in some]
    tilted = any(symbol.get("kind") == "extrusion" for _, symbol in drawn)
    west, south, east, north = _bounds(features) or _PROVINCE
    view = pydeck.ViewState(
        longitude=(west + east) / 2,
        latitude=(south + north) / 2,
        zoom=min(16, math.log2(360 * 1.5 / max(east - west, (north - south) * 1.5, 0.001))),
        pitch=_TILTED if tilted else 0,
    )
    layers = [_layer(pydeck, some, symbol) for some, symbol in drawn]
    tooltip = _tooltip(features)
    return Scene(pydeck.Deck(layers=layers, initial_view_state=view, map_provider=None, tooltip=tooltip), title, len(features), tooltip)


def _tooltip(features: Sequence[Feature]) -> dict[str, str]:
    """The first properties that all features have, as text: pydeck puts values into it without reading them as HTML."""
    names = list(features[0]["properties"]) if features else []
    common = [name for name in names if all(name in feature["properties"] for feature in features) and not set("{}.") & set(name)]
    return {"text": "\n".join(f"{name}: {{{name}}}" for name in common[:_TOOLTIP_LINES])}


def _layer(pydeck: Any, features: list[Feature], symbol: Symbol) -> Any:
    return pydeck.Layer(
        "GeoJsonLayer",
        data={"type": "FeatureCollection", "features": features},
        get_fill_color="_color",
        get_line_color="_edge",
        get_elevation="_height",
        extruded=symbol.get("kind") == "extrusion",
        get_point_radius=float(symbol.get("radius_px") or 4),
        point_radius_units="'pixels'",
        get_line_width=float(symbol.get("width_px") or 1),
        line_width_units="'pixels'",
        pickable=True,
    )


def _drawn(feature: Feature, symbol: Symbol) -> Feature:
    """The feature with its colours and height beside its properties, where the accessors read them."""
    color = _rgb(_class_color(symbol, feature["properties"]), float(symbol.get("opacity", _OPACITY)))
    edge = color if symbol.get("kind") == "line" else _rgb(symbol.get("outline_color") or "#FFFFFF", 1)
    return {**feature, "_color": color, "_edge": edge, "_height": _height(symbol, feature["properties"])}


def _class_color(symbol: Symbol, properties: Mapping[str, Any]) -> str:
    """The colour of the legend's class the feature is of: the entry without value or break stands for what no other names."""
    value = properties.get(symbol.get("class_field") or "")
    rest = str(symbol.get("color") or _COLOR)
    for entry in symbol.get("legend") or ():
        low, high = entry.get("min"), entry.get("max")
        if entry.get("value") is None and low is None and high is None:
            rest = entry["color"]
        elif entry.get("value") is not None:
            if str(value) == entry["value"]:
                return str(entry["color"])
        elif isinstance(value, int | float) and (low is None or value >= low) and (high is None or value < high):
            return str(entry["color"])
    return rest


def _height(symbol: Symbol, properties: Mapping[str, Any]) -> float:
    """Metres; one storey where nobody said."""
    value = properties.get(symbol.get("height_field") or "")
    return float(value) if isinstance(value, int | float) else _STOREY_M


def _rgb(color: str, opacity: float) -> list[int]:
    return [*(int(color[at : at + 2], 16) for at in (1, 3, 5)), round(opacity * 255)]


def _bounds(features: Sequence[Feature]) -> tuple[float, float, float, float] | None:
    """The box around all of them; None when nothing has a place."""
    xs, ys = [], []
    for feature in features:
        for x, y in _positions(feature["geometry"]):
            xs.append(x)
            ys.append(y)
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None


def _positions(geometry: Mapping[str, Any] | None) -> Iterable[tuple[float, float]]:
    stack = [] if geometry is None else [geometry.get("coordinates", geometry.get("geometries", []))]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            stack.append(part.get("coordinates", part.get("geometries", [])))
        elif part and isinstance(part[0], int | float):
            yield part[0], part[1]
        else:
            stack.extend(part)
