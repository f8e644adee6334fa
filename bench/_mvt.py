"""Looks into vector tiles: how many features, which ones, and how much of a 64 × 64 grid they cover."""

from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import shape

EXTENT = 4096
GRID = 64
Cover = npt.NDArray[np.float64]


def feature_count(body: bytes) -> int:
    """Features in all layers, by walking the protobuf: a whole decode of a 7 MB tile would take a minute."""
    return sum(1 for number, layer in _fields(body) if number == 3 for inner, _ in _fields(layer) if inner == 2)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and bytes of the length-delimited fields of a message."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        if key & 7 == 0:
            _, at = _varint(data, at)
        elif key & 7 == 2:
            size, at = _varint(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        else:
            at += 8 if key & 7 == 1 else 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def features(body: bytes) -> list[dict[str, Any]]:
    """Every feature of every layer; y grows upwards, as shapely likes it."""
    decoded = mapbox_vector_tile.decode(body) if body else {}
    return [feature for layer in decoded.values() for feature in layer["features"]]


def inside(found: list[dict[str, Any]], margin: float = 2.0) -> set[int]:
    """Ids of the features that reach into the tile itself by more than rounding."""
    ids = set()
    for feature in found:
        west, south, east, north = shape(feature["geometry"]).bounds
        if east > margin and west < EXTENT - margin and north > margin and south < EXTENT - margin:
            ids.add(int(feature["id"]))
    return ids


def cover(shapes: list[Any]) -> Cover:
    """The share of every cell of a 64 × 64 grid over the tile that the polygons cover, overlaps counted once."""
    grid, size = np.zeros((GRID, GRID)), EXTENT / GRID
    if not shapes:
        return grid
    tree = shapely.STRtree(shapes)
    west, south = np.meshgrid(np.arange(GRID) * size, np.arange(GRID) * size)
    boxes = shapely.box(west, south, west + size, south + size).ravel()
    cells, hits = tree.query(boxes, predicate="intersects")
    pieces = shapely.intersection(np.asarray(shapes, dtype=object)[hits], boxes[cells])
    for cell in np.unique(cells):
        grid[cell // GRID, cell % GRID] = shapely.union_all(pieces[cells == cell]).area / size**2
    return grid


def drawn_cover(found: list[dict[str, Any]]) -> Cover:
    """The cover of what a tile draws."""
    return cover([made if made.is_valid else made.buffer(0) for made in (shape(feature["geometry"]) for feature in found)])


def agreement(one: Cover, other: Cover) -> tuple[float, float]:
    """Two kinds of intersection over union: of the covered shares, and of the cells that are covered at all."""
    most = np.maximum(one, other).sum()
    any_one, any_other = one > 0, other > 0
    either = np.logical_or(any_one, any_other).sum()
    if not most or not either:
        return 1.0, 1.0
    return float(np.minimum(one, other).sum() / most), float(np.logical_and(any_one, any_other).sum() / either)
