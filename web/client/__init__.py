"""The Python client, for people as `import yuetu`: layers as GeoDataFrames, Arrow tables and scenes; imports nothing of the server."""

from web.client.asking import Asked
from web.client.edits import Done, Edit, Written
from web.client.errors import Changed, Missing, NoAnswer, NotAllowed, NotInstalled, Refused, YuetuError
from web.client.house import House, connect
from web.client.layer import Item, Layer
from web.client.product import Product
from web.client.scenes import Scene

__all__ = [
    "Asked",
    "Changed",
    "Done",
    "Edit",
    "House",
    "Item",
    "Layer",
    "Missing",
    "NoAnswer",
    "NotAllowed",
    "NotInstalled",
    "Product",
    "Refused",
    "Scene",
    "Written",
    "YuetuError",
    "connect",
]
