"""The one place where the parts meet: settings in, an ASGI application out; it stands and answers before its database does."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from layers.access import scope_of
from layers.accounts import Accounts
from layers.catalog import LiveCatalog
from layers.use_counter import UseCounter
from postgis import outbox
from postgis.blobs import BlobStore
from postgis.cluster import Cluster
from postgis.connect import Database
from postgis.editing import EditorPool
from postgis.identity import whose_data
from postgis.pool import HotPool
from tiles.archive import Archives
from tiles.cache import MemoryCache
from tiles.disk import Disk
from tiles.raster import RasterTiles, from_cache
from tiles.served import ServedTiles
from tiles.shelf import Shelf
from tiles.vector import VectorTiles
from twin import __version__
from twin.errors import TwinError
from twin.settings import Settings, read_settings
from twin.view import Scope
from web import (
    auth,
    capabilities,
    collections,
    divisions,
    docs,
    editing,
    esri,
    events,
    exporting,
    filters,
    health,
    history,
    import_life,
    imports,
    jobs,
    layers,
    logs,
    ogc_tiles,
    pages,
    previews,
    product_bundle,
    product_kpi,
    product_page,
    product_versions,
    products,
    records,
    search,
    sprites,
    styles,
    tile_counts,
    tilejson,
    transactions,
    wmts,
)
from web.callers import Callers
from web.compression import Compression
from web.deps import House
from web.errors import handle
from web.front import App, Front, Receive, Send
from web.hub import Hub
from web.links import LinkMaker
from web.metrics import Metrics
from web.shortcut import shorten
from web.stopping import on_stop
from web.supervise import ENDING
from web.tile_memo import TileMemo
from web.tiles import TileApp

#: Order matters: the page's files are asked last.
ROUTERS = (
    collections.router,
    collections.doors,
    exporting.doors,
    filters.router,
    editing.router,
    transactions.router,
    history.router,
    tilejson.router,
    ogc_tiles.doors,
    ogc_tiles.rest,
    wmts.router,
    esri.router,
    product_bundle.router,
    product_kpi.router,
    products.router,
    product_versions.router,
    capabilities.router,
    product_page.router,
    records.router,
    styles.router,
    sprites.router,
    layers.router,
    divisions.router,
    search.router,
    auth.router,
    imports.router,
    import_life.router,
    previews.router,
    jobs.router,
    events.router,
    health.router,
    docs.router,
    pages.router,
)
_SETTLE_S = 1.0
_SETTLE_STEP_S = 0.003


def application() -> App:
    """What granian calls in each of its processes; what is there by now stays, so the collector need not walk over it while requests wait."""
    made = create_app()
    gc.collect()
    gc.freeze()
    return made


def create_app(settings: Settings | None = None) -> App:
    """The whole server as one ASGI application; its lifespan opens what `settings` (None: the environment) point to and closes it again."""
    if settings is None:
        settings = read_settings()
        logs.configure(settings.log_level)
    house = build(settings, database_of(settings))
    health.watch(house)
    memo = TileMemo(house.catalog)
    door = TileApp(house.tiles, house.raster, house.served, memo, partial(_scope_of_request, house))
    tile_counts.watch(house.metrics, house.served, memo)
    return Front(_tiles(house, door), rest_of(house), house.links, house.metrics, memo.quick)


def database_of(settings: Settings) -> Database:
    """Where the data are; whether they can be reached is another question."""
    return Database(settings.database_url, private=False) if settings.database_url else Cluster(settings.home).database


def build(settings: Settings, database: Database) -> House:
    """The parts of one process, none of them connected yet."""
    pool, editor = HotPool(database, settings.hot_connections), EditorPool(database)
    accounts, catalog = Accounts(editor), LiveCatalog(database, pool)
    tiles = VectorTiles(pool, catalog, Archives(settings.home))
    raster = RasterTiles(tiles, tiles.make, sprite=sprites.found())
    makers = {"mvt": tiles.make, "png": raster.make}
    served = ServedTiles(makers, MemoryCache(settings.tile_memory_mb << 20), _disk(settings, pool))
    raster.fetch = from_cache(served)
    hub = Hub(
        partial(outbox.read_after, pool), partial(outbox.last_seq, pool), partial(outbox.listen, database), partial(_settled, catalog)
    )
    return House(
        settings=settings,
        database=database,
        links=LinkMaker(settings.public_url, settings.trusted_proxies),
        metrics=Metrics(),
        editor=editor,
        accounts=accounts,
        callers=Callers(accounts),
        pool=pool,
        catalog=catalog,
        hub=hub,
        blobs=BlobStore(settings.home),
        tiles=tiles,
        served=served,
        raster=raster,
        uses=UseCounter(editor),
    )


def _disk(settings: Settings, pool: HotPool) -> Disk | None:
    """Where the web processes of this home keep tiles for each other and for after a restart."""
    if not settings.tile_cache_mb:
        return None
    return Disk(Shelf(settings.home / "cache" / "tiles", settings.tile_cache_mb << 20), partial(whose_data, pool))


def rest_of(house: House) -> FastAPI:
    """Everything but tiles."""
    api = FastAPI(
        title="粤图 Yuetu",
        version=__version__,
        summary="省域数字孪生与城市信息模型服务 · Geospatial digital twin of a province",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    api.state.house = house
    for doors in (collections.doors, exporting.doors, filters.router, editing.router, transactions.router, ogc_tiles.doors):
        api.include_router(doors, prefix="/ogc", include_in_schema=False)
    for router in ROUTERS:
        api.include_router(router)
    shorten(api)
    for kind in (TwinError, HTTPException, Exception):
        api.add_exception_handler(kind, handle)
    api.add_middleware(Compression)
    return api


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    """Open what needs a database without waiting for it, and close it in the opposite order."""
    house: House = api.state.house
    house.editor.open()
    await house.catalog.start()
    tasks = (
        asyncio.create_task(house.hub.run(), name="events"),
        asyncio.create_task(house.metrics.share(house.metrics_folder), name="metrics"),
        asyncio.create_task(house.uses.run(), name="uses"),
    )
    with contextlib.suppress(ValueError, RuntimeError):  # a loop outside the main thread gets no signals
        asyncio.get_running_loop().add_signal_handler(ENDING, house.hub.close)
    try:
        with on_stop(house.hub.close):
            yield
    finally:
        house.hub.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await house.uses.flush()
        await house.served.close()
        house.raster.close()
        await house.catalog.stop()
        await house.pool.close()
        await asyncio.to_thread(house.editor.close)


def _tiles(house: House, door: TileApp) -> App:
    """The tiles' door, shut until there is a catalogue: before that, no layer is unknown."""

    async def tiles(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        _ = house.snapshot
        await door(scope, receive, send)

    return tiles


async def _scope_of_request(house: House, scope: Mapping[str, Any], key: str) -> Scope:
    """What the sender of a request may see, by a key in the address or by headers."""
    return scope_of(await (house.callers.of_key(key) if key else house.callers.of(scope)))


async def _settled(catalog: LiveCatalog, seq: int) -> None:
    """Wait until the catalogue knows of event `seq`; not for ever, for it may be unable to."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_S):
            while catalog.snapshot.epoch < seq:  # noqa: ASYNC110  (a snapshot has no event to wait for)
                await asyncio.sleep(_SETTLE_STEP_S)
