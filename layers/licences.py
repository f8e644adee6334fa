"""Under which terms a product may be used: what its layers say, and its sharing class."""

from collections.abc import Iterable

from twin.layer import Layer


def licence_of(layers: Iterable[Layer]) -> tuple[str, ...]:
    """The licences of the layers as they are stated, each once, in the order of the layers; nothing is made up for those that state none."""
    return tuple(dict.fromkeys(layer.licence for layer in layers if layer.licence))
