"""Pictures (PNG, 256 px) of vector layers for clients that draw none themselves: the vector tile of the same scale, drawn in the same style.

A picture is a quarter of the vector tile one level up, which the page shows at the same scale. Whoever may not read a thing does not
have it in that tile, so drawing needs no rights of its own, and both grids look alike to the painter.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from layers.pictures import picture_layers
from tiles.encodings import plain_of
from tiles.grid import TileAddress
from tiles.painters import Painters, Painting
from tiles.served import ServedTiles, Source
from tiles.vector import NOTHING_SPECIAL, RawTile, TileAsk, TileOptions, VectorTiles
from twin.errors import BadParameter, OperationError, Unavailable
from twin.grids import levels
from twin.layer import Layer
from twin.product import Product
from twin.view import Scope

MEDIA_TYPE: Final = b"image/png"
PICTURE_PX: Final = 256
RATIOS: Final = (1, 2)
_RECIPE: Final = "1"
"""Part of every ETag of a picture: raise it when the same tile and style give other pixels."""
_KEPT_BYTES: Final = 16 << 20
_HOPELESS_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureAsk(TileAsk):
    """A picture that may be made; `address` is its own, `source` the vector tile that it is drawn from."""

    source: TileAsk
    style: str
    """Style layers as JSON."""
    ratio: int = 1

    @property
    def epoch(self) -> int:
        """None that an address could name for ever: a style changes without any layer changing."""
        return -1

    @property
    def quarter(self) -> int | None:
        """Which quarter of the source it is, in reading order; None when it is the whole of it at half size."""
        own, whole = self.address, self.source.address
        return None if own == whole else (own.y & 1) * 2 + (own.x & 1)


@dataclass(slots=True)
class RasterTiles:
    """Makes pictures; four at a time, for whoever asks for one asks for its neighbours next."""

    vectors: VectorTiles
    fetch: Callable[[TileAsk], Awaitable[RawTile]]
    """The vector tile, from wherever it is quickest."""
    painters: Painters = field(default_factory=Painters)
    sprite: Path | None = None
    """Icons, as the path of a sprite without its suffixes; None where there are none."""
    _sheets: OrderedDict[str, list[bytes]] = field(default_factory=OrderedDict)
    _sheets_bytes: int = 0
    _flights: dict[str, asyncio.Task[tuple[list[bytes], bool]]] = field(default_factory=dict)
    _hopeless: dict[str, float] = field(default_factory=dict)
    """Sheets that ended their painter, and until when not to try again."""

    def ask(
        self,
        layers: tuple[Layer, ...],
        address: TileAddress,
        scope: Scope,
        options: TileOptions = NOTHING_SPECIAL,
        product: Product | None = None,
        ratio: int = 1,
    ) -> PictureAsk:
        """What `make` will draw: `layers` as in `product`, or each in its usual symbol; touches no database."""
        if ratio not in RATIOS:
            raise BadParameter(f"a picture is drawn once or twice as large, not {ratio} times", "图片只支持 1 倍或 2 倍", place="ratio")
        source = self.vectors.ask(layers, _source_of(address), scope, options)
        style = json.dumps(picture_layers(layers, self.vectors.catalog.snapshot, source.scope, product), ensure_ascii=False)
        look = f"{product.code if product else ''}@{ratio}"
        parts = (_RECIPE, source.etag, f"{address.grid}/{address.z}/{address.x}/{address.y}", look, style)
        etag = blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
        return PictureAsk(
            layers=layers,
            address=address,
            scope=source.scope,
            options=options,
            etag=etag,
            look=look,
            source=source,
            style=style,
            ratio=ratio,
        )

    async def make(self, ask: TileAsk) -> RawTile:
        """The picture as PNG, all clear where nothing is; Unavailable when it cannot be had now, OperationError when never."""
        if not isinstance(ask, PictureAsk):
            raise TypeError("a picture is made of a PictureAsk")
        key = f"{ask.source.etag} {ask.ratio} {blake2b(ask.style.encode(), digest_size=12).hexdigest()} {ask.quarter is None}"
        sheet, truncated = await self._sheet(key, ask)
        return RawTile(sheet[ask.quarter or 0], truncated)

    def close(self) -> None:
        """Let go of the painters."""
        self.painters.close()

    async def _sheet(self, key: str, ask: PictureAsk) -> tuple[list[bytes], bool]:
        """The pictures of one vector tile, drawn once for all who ask; who leaves does not stop it, for the others will come back."""
        if key in self._sheets:
            self._sheets.move_to_end(key)
            return self._sheets[key], False
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.ensure_future(self._draw(key, ask))
            flight.add_done_callback(lambda task: self._landed(key, task))
        return await asyncio.shield(flight)

    def _landed(self, key: str, task: "asyncio.Task[tuple[list[bytes], bool]]") -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it

    async def _draw(self, key: str, ask: PictureAsk) -> tuple[list[bytes], bool]:
        if self._hopeless.get(key, 0.0) > time.monotonic():
            raise OperationError("this picture could not be drawn a moment ago", "该图片刚才绘制失败，请稍后再试")
        tile = await self.fetch(ask.source)
        if not tile.body:
            return [clear(PICTURE_PX * ask.ratio)] * 4, False
        sprite = f"file://{self.sprite}" if self.sprite else ""
        job = Painting(ask.source.address.z, tile.body, ask.style, ask.ratio, ask.quarter is None, sprite)
        try:
            sheet = await self.painters.paint(job)
        except OperationError:
            self._give_up(key)
            raise
        if not tile.truncated:
            self._keep(key, sheet)
        return sheet, tile.truncated

    def _give_up(self, key: str) -> None:
        now = time.monotonic()
        self._hopeless = {other: until for other, until in self._hopeless.items() if until > now}
        self._hopeless[key] = now + _HOPELESS_S

    def _keep(self, key: str, sheet: list[bytes]) -> None:
        """Keep a sheet for the neighbours; the cache in front keeps pictures for longer."""
        self._sheets[key] = sheet
        self._sheets_bytes += sum(map(len, sheet))
        while self._sheets_bytes > _KEPT_BYTES and self._sheets:
            _, oldest = self._sheets.popitem(last=False)
            self._sheets_bytes -= sum(map(len, oldest))


def from_cache(served: ServedTiles) -> Callable[[TileAsk], Awaitable[RawTile]]:
    """Vector tiles out of the cache they are served from."""

    async def fetch(ask: TileAsk) -> RawTile:
        given = await served.answer(ask)
        if given.source is Source.STALE:  # else old shapes would be kept as a picture of the new ones
            raise Unavailable("the tile takes long; it is being made", "瓦片生成较慢，正在生成", mend="请稍后重试")
        return RawTile(plain_of(given.forms), given.kept.truncated)

    return fetch


@lru_cache(maxsize=4)
def clear(side_px: int) -> bytes:
    """A picture of nothing."""
    out = BytesIO()
    Image.new("P", (side_px, side_px)).save(out, "PNG", transparency=0, optimize=True)
    return out.getvalue()


def _source_of(address: TileAddress) -> TileAddress:
    """The vector tile a picture is a quarter of; the topmost level has none above it and is drawn from itself."""
    if address.z <= levels(address.grid)[0]:
        return address
    return TileAddress(address.z - 1, address.x >> 1, address.y >> 1, address.grid)
