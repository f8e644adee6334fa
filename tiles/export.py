"""Layers as one PMTiles file: which tiles hold anything, made by several processes, written in Hilbert order, and resumable.

plan → chunks beside the file → check that nothing changed meanwhile → archive → rename
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.catalog import Catalog
from postgis.connect import Database
from postgis.tile_boxes import layer_boxes, looking
from tiles.archive import Archives
from tiles.covering import Covering, Ids, world_shares
from tiles.descent import descend
from tiles.export_alone import Alone, Link
from tiles.export_archive import assemble
from tiles.export_child import ChildRequest, ReadCatalog, ask_for
from tiles.export_crew import Crew
from tiles.export_parts import Parts
from tiles.ready import Tell, make_ready
from tiles.tilejson import tilejson
from tiles.vector import VectorTiles
from twin.errors import BadParameter, Conflict, NotFound
from twin.layer import Bounds, Layer
from twin.view import EVERYTHING

MAX_EXPORT_ZOOM = 20
_ROUNDS = 5
"""So often are tiles made again that changed while others were made; then the archive says that it is not of one moment."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write where."""

    layers: tuple[str, ...]
    out: Path
    min_zoom: int | None = None
    """None: where the first layer begins."""
    max_zoom: int | None = None
    """None: the greatest of the layers."""
    within: Bounds | None = None
    processes: int = 2
    connections: int = 1
    """Of each process."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written."""

    tiles: int
    """Addresses in the archive that hold something."""
    contents: int
    """Different ones among them."""
    asked: int
    """Tiles that were asked for, by all runs."""
    bytes: int
    truncated: int
    epoch: int
    """The event up to which the data are in it."""
    of_one_moment: bool
    resumed: bool


def export(database: Database, home: Path, request: ExportRequest, tell: Tell) -> ExportReport:
    """Write the archive; it appears under its name only when it is whole. NotFound, BadParameter, Conflict or TooLarge refuse it."""
    with Link(database, request.connections if request.processes == 1 else 1) as link:
        job = _Export(database, home, request, tell, link)
        job.check()
        with Parts(request.out) as parts, job.crew() as crew:  # children start while we plan
            make_ready(database, tell)
            link.read_again()
            return job.run(parts, crew)


@dataclass(slots=True)
class _Export:
    database: Database
    home: Path
    request: ExportRequest
    tell: Tell
    link: Link

    @property
    def catalog(self) -> Catalog:
        """As it was last read."""
        return self.link.catalog.snapshot

    def check(self) -> None:
        """Refuse before anything is written."""
        if self.request.out.is_dir():
            raise Conflict(f"{self.request.out} is a directory", f"{self.request.out} 是目录", place="pmtiles")
        if not self.request.out.parent.is_dir():
            raise BadParameter(f"there is no directory {self.request.out.parent}", f"没有目录 {self.request.out.parent}", place="pmtiles")
        lowest, highest = self._zooms()
        if not 0 <= lowest <= highest <= MAX_EXPORT_ZOOM:
            raise BadParameter(
                f"zooms {lowest} to {highest} are not within 0 to {MAX_EXPORT_ZOOM}",
                f"级别 {lowest}–{highest} 不在 0–{MAX_EXPORT_ZOOM} 之内",
                place="max-zoom",
            )

    def crew(self) -> Crew | Alone:
        """Who makes the tiles: so many children, or this process where one is enough, for a child would first start Python again."""
        return Alone(self._child(), self.link) if self.request.processes == 1 else Crew(self._child(), self.request.processes)

    def _child(self) -> ChildRequest:
        names = tuple(layer.id for layer in self._layers())
        return ChildRequest(
            dsn=self.database.dsn,
            private=self.database.private,
            home=str(self.home),
            layers=names,
            connections=self.request.connections,
        )

    def run(self, parts: Parts, crew: Crew | Alone) -> ExportReport:
        """Everything, in order."""
        key = self._key()
        resumed = parts.resume(key)
        if not resumed:
            parts.keep_plan(key, self._plan())
        ids = parts.ids()
        self._refuse_nothing(ids)
        self._make(crew, parts, ids, 0)
        settled = self._settle(crew, parts)
        return self._finish(parts, settled, resumed)

    def _finish(self, parts: Parts, settled: bool, resumed: bool) -> ExportReport:
        chunks = parts.chunks()
        epoch = self.catalog.epoch if settled else min(chunk.epoch for chunk in chunks)
        metadata = _metadata(self._layers(), self._zooms()) | {"yuetu:epoch": epoch, "yuetu:of_one_moment": settled}
        written = assemble(parts, chunks, metadata, self._bounds(), lambda done, total: self.tell(done, total, "写入文件", "Writing"))
        parts.remove()
        asked = sum(len(chunk.index) for chunk in chunks)
        return ExportReport(written.tiles, written.contents, asked, written.bytes, written.truncated, epoch, settled, resumed)

    # what is to be made

    def _layers(self) -> tuple[Layer, ...]:
        return tuple(self.catalog.layer(layer, EVERYTHING) for layer in self.request.layers)

    def _zooms(self) -> tuple[int, int]:
        layers, low, high = self._layers(), self.request.min_zoom, self.request.max_zoom
        lowest = min(layer.min_zoom for layer in layers) if low is None else low
        return lowest, max(layer.max_zoom for layer in layers) if high is None else high

    def _bounds(self) -> Bounds:
        """The box of the layers, cut to what was asked for."""
        west, south, east, north = tilejson(self._layers(), "").bounds
        if self.request.within is None:
            return west, south, east, north
        left, low, right, high = self.request.within
        return max(west, left), max(south, low), min(east, right), min(north, high)

    def _key(self) -> dict[str, Any]:
        """Whatever must be equal for a run to go on with another's chunks."""
        return {
            "database": self.database.redacted,
            "layers": self._prints(),
            "zooms": list(self._zooms()),
            "within": list(self.request.within) if self.request.within else None,
        }

    def _plan(self) -> Ids:
        """The tiles that may hold something."""
        lowest, highest = self._zooms()
        covering = Covering(lowest, highest, self.request.within)
        rows, total = 0, sum(layer.count for layer in self._layers())
        for layer in self._layers():
            if layer.archive:
                covering.add_ids(Archives(self.home).of(layer).ids())
                continue
            if self._descended(covering, layer):
                continue
            for boxes in layer_boxes(self.database, layer, EVERYTHING, highest, self.request.within):
                covering.add(world_shares(boxes))
                rows += len(boxes)
                self.tell(rows, max(total, rows), "查找有内容的瓦片", "Looking for tiles that hold anything")
        return covering.ids()

    def _descended(self, covering: Covering, layer: Layer) -> bool:
        """Whether the tiles of the layer were found by looking at tiles; where it has few rows, or large ones, the rows are read."""
        with looking(self.database, layer, EVERYTHING, covering.max_zoom, self.request.within) as look:
            return descend(covering, layer.count, look)

    def _refuse_nothing(self, ids: Ids) -> None:
        if not len(ids):
            raise NotFound("there is nothing to export in these zooms and this box", "所选级别和范围内没有可导出的内容", place="layer")

    # making

    def _make(self, crew: Crew | Alone, parts: Parts, ids: Ids, round_: int) -> None:
        wanted = list(parts.wanted(ids, round_))
        left = sum(len(chunk) for _, chunk in wanted)
        done = len(ids) - left
        for count in crew.make(wanted):
            done += count
            self.tell(done, len(ids), "生成瓦片", "Making tiles")

    def _settle(self, crew: Crew | Alone, parts: Parts) -> bool:
        """Make again what changed while other tiles were made, until nothing did; False when it never ends."""
        begun = self._prints()
        for _ in range(_ROUNDS):
            self.link.refresh()
            if self._prints() != begun:
                raise Conflict("a layer was given other fields meanwhile; begin again", "导出期间图层字段已改变，请重新导出", place="layer")
            stale = self._stale(parts)
            if not len(stale):
                return True
            self._make(crew, parts, stale, parts.rounds())
        return False

    def _prints(self) -> list[list[Any]]:
        """What of each layer must stay as it is; everything else shows in the tags of its tiles."""
        return [[layer.id, layer.number, [field.name for field in layer.fields]] for layer in self._layers()]

    def _stale(self, parts: Parts) -> Ids:
        """Tiles whose layers changed in their place since they were made, and those that hold something only now."""
        chunks = parts.chunks()
        since = min(chunk.epoch for chunk in chunks)
        if all(_newest(self.catalog, layer) <= since for layer in self._layers()):
            return np.empty(0, np.uint64)
        self.tell(0, None, "检查期间的变化", "Looking for what changed meanwhile")
        tiles = VectorTiles(_NO_POOL, ReadCatalog(_NO_POOL, self.catalog))
        known, etags = newest_etags([chunk.index for chunk in chunks])
        names = tuple(layer.id for layer in self._layers())
        changed = [number for number, etag in zip(known, etags, strict=True) if ask_for(tiles, names, int(number)).etag.encode() != etag]
        fresh = np.setdiff1d(self._plan(), known)
        return np.union1d(np.array(changed, np.uint64), fresh)


_NO_POOL: Any = None
"""An ETag needs no database."""


def newest_etags(indexes: Sequence[NDArray[Any]]) -> tuple[Ids, NDArray[Any]]:
    """Every tile once, with the tag of its last chunk."""
    rows = np.concatenate(indexes)[::-1]
    ids, first = np.unique(rows["id"], return_index=True)
    return ids, rows["etag"][first]


def _newest(catalog: Catalog, layer: Layer) -> int:
    """The last change of a layer, of its rows or of what is derived from them."""
    epochs = catalog.epochs.get(layer.number)
    return max(epochs.latest, *epochs.cells.values(), 0) if epochs else 0


def _metadata(layers: Sequence[Layer], zooms: tuple[int, int]) -> dict[str, Any]:
    """What the PMTiles specification and MBTiles readers expect, and what of the layers people must know."""
    described = tilejson(layers, "")
    marks = [layer.id for layer in layers if layer.synthetic]
    notes = [layer.accuracy_note_zh for layer in layers if layer.accuracy_note_zh]
    lines = [described.description, *(["示例数据 made-up sample data: " + ", ".join(marks)] if marks else []), *notes]
    return {
        "name": described.name + ("（示例数据）" if marks else ""),
        "description": "\n".join(filter(None, lines)),
        "attribution": described.attribution,
        "type": "overlay",
        "version": described.version,
        "generator": "yuetu",
        "vector_layers": [_within(layer.model_dump(), zooms) for layer in described.vector_layers],
        **({"yuetu:synthetic": marks} if marks else {}),
    }


def _within(vector_layer: dict[str, Any], zooms: tuple[int, int]) -> dict[str, Any]:
    low, high = max(vector_layer["minzoom"], zooms[0]), zooms[1]
    return vector_layer | {"minzoom": min(low, high), "maxzoom": high}
