"""A map product of a server: its card, style and a scene of all its layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Unpack

from web.client.asking import Asked, pages
from web.client.scenes import Scene, scene_of
from web.client.wire import Wire


@dataclass(frozen=True, slots=True)
class Product:
    """One product as the caller may see it."""

    code: str
    title_zh: str
    title_en: str
    synthetic: bool
    """Made-up data: say so wherever it is shown (示例数据)."""
    card: Mapping[str, Any] = field(repr=False)
    """The whole card: theme, owner, date, 审图号, layers with their symbols, endpoints …"""
    wire: Wire = field(repr=False, compare=False)

    @property
    def layer_ids(self) -> list[str]:
        """What it is made of, lowest first."""
        return [part["layer"] for part in self.card["layers"]]

    @property
    def page(self) -> str:
        """Address of its page for people."""
        return self.wire.address("p", self.code)

    def style(self) -> dict[str, Any]:
        """Its MapLibre style."""
        style: dict[str, Any] = self.wire.get("styles", self.code, "style.json").json()
        return style

    def scene(self, **asked: Unpack[Asked]) -> Scene:
        """Its layers in the colours of its legends, as a scene that needs no network; `limit` counts for each layer."""
        wanted: Asked = {**asked, "crs": None}
        parts = [
            ((feature for page in pages(self.wire, part["layer"], wanted) for feature in page.features), part["symbol"])
            for part in self.card["layers"]
            if part["visible"]
        ]
        title = f"{self.title_zh}（示例数据）" if self.synthetic else self.title_zh
        return scene_of(parts, title)
