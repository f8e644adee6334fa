"""The nouns a reader and the loader exchange: what to read, what was found, and rows as Arrow with their row numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from importers.geos import ArrowArray
from twin.fields import FieldType
from twin.layer import Bounds, TileContent

Rows = NDArray[np.int64]
MAX_COLUMNS = 1000
BATCH_ROWS = 16_384


class Severity(StrEnum):
    """What a finding did to its row: nothing, nothing but look at it, changed it, kept it out."""

    NOTE = "note"
    WARN = "warn"
    REPAIR = "repair"
    REFUSE = "refuse"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Value):
    """One thing seen while importing. `row` counts features of the source from 1; 0 is the file as a whole."""

    rule: str
    row: int = 0
    key: str = ""
    lon: float | None = None
    lat: float | None = None
    detail_zh: str = ""
    detail_en: str = ""


class Column(_Value):
    """One attribute as the file has it, with the type its values are carried in."""

    name: str
    type: FieldType


class ArchiveMeta(_Value):
    """What a checked archive of tiles holds; bounds in degrees."""

    min_zoom: int
    max_zoom: int
    bounds: Bounds
    tiles: int
    contents: tuple[TileContent, ...]
    name: str = ""
    description: str = ""
    attribution: str = ""
    synthetic: bool = False


class SourceMeta(_Value):
    """What a reader knows before the first row. `crs` is `EPSG:n`, a WKT text, or empty when the file does not say."""

    format: str
    crs: str = ""
    encoding: str = "UTF-8"
    columns: tuple[Column, ...] = ()
    total: int | None = None
    archive: ArchiveMeta | None = None
    """Said of a file of ready-made tiles, which has no rows."""


class Summary(_Value):
    """What the child knows after the last row; `bounds` are in source coordinates, None when no row has a place."""

    rows: int
    """Rows sent: features, or their parts where they were split."""
    refused: int
    features: int
    bounds: tuple[float, float, float, float] | None = None
    has_z: bool = False


class ReadRequest(_Value):
    """What the child is asked to read, and where it may write."""

    path: Path
    folder: Path
    table: str = ""
    encoding: str = ""
    explode: bool = False
    crs: str = ""
    """What a person says the reference system is; the reader only takes its unit from it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a source: its name as people know it, and where its bytes lie."""

    name: str
    path: Path

    @property
    def suffix(self) -> str:
        """Lower-case suffix of the name, with its dot."""
        return Path(self.name).suffix.lower()

    @property
    def base(self) -> str:
        """The name without folder."""
        return Path(self.name).name

    @property
    def folder(self) -> str:
        """The folder of an archive or directory it lies in, empty at the top."""
        return self.name[: -len(self.base)].rstrip("/")

    @property
    def stem(self) -> str:
        """The name without folder and suffix."""
        return Path(self.name).stem


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as read: numbers in the source, geometry as WKB (null allowed), attributes by position of `SourceMeta.columns`."""

    rows: Rows
    wkb: ArrowArray
    columns: tuple[ArrowArray, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened source: its description and its rows, lazily."""

    meta: SourceMeta
    chunks: Iterator[Chunk]


Report = Callable[[Finding], None]
Reader = Callable[[tuple[Member, ...], ReadRequest, Report], Opened]
"""Reads the members (one data file with its side files first) and reports what it repairs or refuses; raises BadFile."""

Batch = Any
