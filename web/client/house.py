"""A server as the client sees it: layers, products, search."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from web.client.layer import Layer
from web.client.product import Product
from web.client.wire import Wire

_TIMEOUT_S: Final = 30.0


def connect(url: str, key: str | None = None, *, timeout_s: float = _TIMEOUT_S) -> "House":
    """Reach the server at `url` (with its path prefix, if it has one); `key` opens what is not public and the doors that write.

    Every request ends within about `timeout_s` seconds without an answer. NoAnswer when nobody is there, NotAllowed for a bad key.
    """
    house = House(Wire(url, key, timeout_s))
    house.me()
    return house


@dataclass(frozen=True, slots=True)
class House:
    """One server; nothing is remembered between two questions."""

    wire: Wire = field(repr=False)

    @property
    def url(self) -> str:
        """The address it was reached by."""
        return self.wire.base

    def me(self) -> Mapping[str, Any]:
        """Who the server takes us for, and what we may do."""
        told: Mapping[str, Any] = self.wire.get("me").json()
        return told

    def layers(self) -> list[Layer]:
        """All layers we may read."""
        return [self._layer(card) for card in self.wire.get("layers").json()["layers"]]

    def layer(self, layer_id: str) -> Layer:
        """One layer; Missing when there is none, or not for us."""
        return self._layer(self.wire.get("layers", layer_id).json())

    def products(self, q: str = "", **narrowed: str) -> list[Product]:
        """Published products, best first: `q` in Chinese, pinyin or initials; theme, division, owner, bbox, datetime, sortby as in docs/products.md."""
        return list(self._products({name: value for name, value in {"q": q, **narrowed}.items() if value}))

    def product(self, code: str) -> Product:
        """One product; Missing when there is none, or not for us."""
        return self._product(self.wire.get("products", code).json())

    def search(self, text: str) -> list[Mapping[str, Any]]:
        """Divisions, products, objects and coordinates that match, in groups."""
        groups: list[Mapping[str, Any]] = self.wire.get("search", query={"q": text}).json()["groups"]
        return groups

    def _products(self, query: Mapping[str, str] | str) -> Iterator[Product]:
        while True:
            told = self.wire.get("products", query=query).json()
            yield from (self._product(card) for card in told["products"])
            onward = next((link["href"] for link in told["links"] if link["rel"] == "next"), None)
            if onward is None:
                return
            query = urlsplit(onward).query

    def _layer(self, card: Mapping[str, Any]) -> Layer:
        return Layer(card["id"], card["title_zh"], card["title_en"], card, self.wire)

    def _product(self, card: Mapping[str, Any]) -> Product:
        return Product(card["code"], card["title_zh"], card["title_en"], card["synthetic"], card, self.wire)
