"""Packages that only some of the client needs, loaded when they are: without them the rest works."""

from importlib import import_module
from typing import Any

from web.client.errors import NotInstalled


def needed(name: str) -> Any:
    """The module `name`; NotInstalled says how to get it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name != name.split(".", maxsplit=1)[0]:
            raise
        raise NotInstalled(name) from exc
