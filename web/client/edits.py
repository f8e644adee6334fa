"""Edits of objects and their answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Written:
    """What one edit came to."""

    id: int
    etag: str
    """Of the new version, for the next edit."""
    repaired: tuple[str, ...] = ()
    """What the server mended in the geometry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One line of a transaction."""

    action: Literal["create", "replace", "update", "delete"]
    id: int | None = None
    geometry: Mapping[str, Any] | None = None
    """GeoJSON in longitude and latitude; None: as it is (update), or none (create, replace)."""
    properties: Mapping[str, Any] | None = None
    if_match: str | None = None
    """Etag of the version that is meant; another one by now refuses the whole transaction."""

    def line(self) -> bytes:
        """The edit as a line of newline-delimited JSON."""
        made: dict[str, Any] = {"action": self.action}
        if self.id is not None:
            made["id"] = self.id
        if self.if_match is not None:
            made["if_match"] = self.if_match
        if self.action != "delete":
            made["feature"] = feature(self.geometry, self.properties, whole=self.action != "update")
        return json.dumps(made, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Done:
    """What a transaction came to."""

    counts: Mapping[str, int]
    """Of each action."""
    created: tuple[int, ...]
    """Ids of the new objects, the first 10,000 of them."""
    repaired: int


def feature(geometry: Mapping[str, Any] | None, properties: Mapping[str, Any] | None, *, whole: bool) -> dict[str, Any]:
    """GeoJSON to send: all of a feature, or only what is to change."""
    made: dict[str, Any] = {"type": "Feature", "geometry": geometry, "properties": dict(properties or {})} if whole else {}
    if not whole and geometry is not None:
        made["geometry"] = geometry
    if not whole and properties is not None:
        made["properties"] = dict(properties)
    return made
