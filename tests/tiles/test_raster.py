"""Pictures of real layers: in the right place in both grids, in the right look, and never of what the asker may not read."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from layers.catalog import LiveCatalog
from postgis.connect import Database
from postgis.pool import HotPool
from tests.tile_scene import Row, put_layer, square
from tiles.grid import TileAddress
from tiles.raster import PICTURE_PX, RasterTiles, clear
from tiles.vector import NOTHING_SPECIAL, RawTile, TileAsk, VectorTiles
from twin.errors import BadParameter, NotFound
from twin.fields import Field
from twin.grids import Grid, tile_bounds_4490
from twin.layer import Access, GeometryType, Layer
from twin.product import Product, ProductLayer, Symbol, Theme
from twin.view import EVERYTHING, PUBLIC, Scope
from twin.webmercator import tile_bounds_4490 as mercator_bounds

PLACE = (113.2644, 23.1291)
NAME = Field(name="name", role="name", queryable=True, in_tiles_from_zoom=0)
RED = Product(
    code="red",
    title_zh="红",
    title_en="Red",
    theme=Theme.SOCIETY,
    owner="x",
    layers=(
        ProductLayer(layer="parcels", symbol=Symbol(kind="fill", color="#00FF00", opacity=1)),
        ProductLayer(layer="places", symbol=Symbol(kind="circle", color="#FF0000", opacity=1, outline_color="#FF0000", radius_px=3)),
    ),
)


class Counting(VectorTiles):
    """Vector tiles that count how often one is made."""

    made = 0

    async def make(self, ask: TileAsk) -> RawTile:
        Counting.made += 1
        return await super().make(ask)


@pytest.fixture(scope="module")
def layers(database: Database) -> None:
    lon, lat = PLACE
    point = Row(f"POINT({lon} {lat})", {"name": "一号"})
    put_layer(database, Layer(number=0, id="places", title_zh="点", geometry_type=GeometryType.POINT, fields=(NAME,)), [point])
    put_layer(
        database,
        Layer(number=0, id="secret", title_zh="密", geometry_type=GeometryType.POINT, access=Access.INTERNAL, fields=(NAME,)),
        [point],
    )
    put_layer(
        database,
        Layer(number=0, id="parcels", title_zh="地", geometry_type=GeometryType.POLYGON, fields=(NAME,)),
        [Row(square(lon - 0.02, lat - 0.02, 0.04), {"name": "大地块"})],
    )


@pytest_asyncio.fixture(scope="module")
async def raster(database: Database, layers: None) -> AsyncIterator[RasterTiles]:
    pool = await HotPool.open(database, 2)
    catalog = LiveCatalog(database, pool)
    await catalog.start()
    vectors = Counting(pool, catalog)
    made = RasterTiles(vectors, vectors.make)
    yield made
    made.close()
    await catalog.stop()
    await pool.close()


async def picture(
    raster: RasterTiles, ids: str, address: TileAddress, *, scope: Scope = PUBLIC, product: Product | None = None, ratio: int = 1
) -> "np.ndarray[Any, Any]":
    asked = raster.ask(raster.vectors.layers(tuple(ids.split(",")), scope), address, scope, NOTHING_SPECIAL, product, ratio)
    image = Image.open(BytesIO((await raster.make(asked)).body))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGBA"))


def spot(grid: Grid, z: int) -> tuple[TileAddress, float, float]:
    """The tile PLACE lies in, and where in it, in pixels from its north-west corner."""
    lon, lat = PLACE
    for y in range(1 << z):
        box = tile_bounds_4490(grid, z, 0, y) if grid is Grid.CGCS2000 else mercator_bounds(z, 0, y)
        if box[1] <= lat < box[3]:
            break
    x = int((lon + 180) / 360 * (1 << z))
    west, south, east, north = tile_bounds_4490(grid, z, x, y)
    down = (north - lat) / (north - south)
    if grid is Grid.WEB_MERCATOR:
        top, at, bottom = (np.log(np.tan(np.pi / 4 + np.radians(value) / 2)) for value in (north, lat, south))
        down = float((top - at) / (top - bottom))
    return TileAddress(z, x, y, grid), (lon - west) / (east - west) * PICTURE_PX, down * PICTURE_PX


@pytest.mark.parametrize("grid", list(Grid))
@pytest.mark.parametrize("z", [1, 6, 12, 15, 18])
async def test_a_point_lights_its_pixel(raster: RasterTiles, grid: Grid, z: int) -> None:
    address, right, down = spot(grid, z)
    lit = np.argwhere((await picture(raster, "places", address, product=RED))[..., 0] > 200)
    assert len(lit), "nothing is drawn"
    inside = 8 < right < 248 and 8 < down < 248
    if inside:
        assert np.abs(lit.mean(axis=0) + 0.5 - (down, right)).max() < 1


async def test_layers_lie_in_the_order_asked_for(raster: RasterTiles) -> None:
    address, right, down = spot(Grid.CGCS2000, 15)
    above = await picture(raster, "parcels,places", address, product=RED)
    below = await picture(raster, "places,parcels", address, product=RED)
    at = (int(down), int(right))
    assert tuple(above[at]) == (255, 0, 0, 255)
    assert tuple(below[at]) == (0, 255, 0, 255)


async def test_without_a_product_every_layer_has_a_look(raster: RasterTiles) -> None:
    address, right, down = spot(Grid.WEB_MERCATOR, 15)
    plain = await picture(raster, "parcels,places", address)
    assert plain[..., 3].min() > 60, "the parcel fills the picture and lets a base map through"
    assert plain[..., 3].max() < 255 or plain[int(down), int(right), 3] > 190


async def test_neighbours_come_from_one_drawing(raster: RasterTiles) -> None:
    address, _, _ = spot(Grid.WEB_MERCATOR, 16)
    before = Counting.made
    for x in (address.x & ~1, address.x | 1):
        for y in (address.y & ~1, address.y | 1):
            await picture(raster, "parcels", TileAddress(16, x, y))
    assert Counting.made == before + 1


async def test_twice_as_large_is_for_sharp_screens(raster: RasterTiles) -> None:
    address, right, down = spot(Grid.WEB_MERCATOR, 15)
    large = await picture(raster, "places", address, product=RED, ratio=2)
    assert large.shape == (512, 512, 4)
    assert np.abs(np.argwhere(large[..., 0] > 200).mean(axis=0) + 0.5 - (2 * down, 2 * right)).max() < 1.5
    with pytest.raises(BadParameter):
        raster.ask(raster.vectors.layers(("places",), PUBLIC), address, PUBLIC, ratio=9)


async def test_where_nothing_is_the_picture_is_clear(raster: RasterTiles) -> None:
    far = TileAddress(15, 0, 0)
    assert not (await picture(raster, "places", far))[..., 3].any()
    asked = raster.ask(raster.vectors.layers(("places",), PUBLIC), far, PUBLIC)
    assert (await raster.make(asked)).body == clear(PICTURE_PX)
    assert len(clear(PICTURE_PX)) < 400


async def test_etags_tell_pictures_apart(raster: RasterTiles) -> None:
    layers = raster.vectors.layers(("places",), PUBLIC)
    address, _, _ = spot(Grid.WEB_MERCATOR, 15)
    asked = [
        raster.ask(layers, address, PUBLIC),
        raster.ask(layers, address, PUBLIC, product=RED),
        raster.ask(layers, address, PUBLIC, ratio=2),
        raster.ask(layers, TileAddress(15, address.x ^ 1, address.y), PUBLIC),
        raster.ask(layers, TileAddress(15, address.x, address.y, Grid.CGCS2000), PUBLIC),
    ]
    assert len({ask.etag for ask in asked}) == len(asked)
    assert raster.ask(layers, address, PUBLIC).etag == asked[0].etag


async def test_pictures_keep_scopes_apart(raster: RasterTiles) -> None:
    address, _, _ = spot(Grid.WEB_MERCATOR, 15)
    assert (await picture(raster, "secret", address, scope=EVERYTHING)).any()
    with pytest.raises(NotFound):
        raster.vectors.layers(("secret",), PUBLIC)
    elsewhere = Scope(EVERYTHING.access, divisions=("440306",))
    assert not (await picture(raster, "secret", address, scope=elsewhere)).any()
