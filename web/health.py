"""Is the process alive, can it serve, and what has it counted."""

import asyncio
import shutil
import time
from typing import Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from twin import __version__
from twin.errors import Unavailable
from web.deps import House, HouseDep
from web.json import Json

router = APIRouter(tags=["health"])

_NO_STORE = {"cache-control": "no-store"}
_MIN_FREE_BYTES: Final = 64 * 1024 * 1024
_PATIENCE_S: Final = 1.0


@router.get("/livez")
async def livez(house: HouseDep) -> Response:
    """200 as long as the process answers at all."""
    return Json({"status": "ok", "version": __version__, "uptime_s": round(time.monotonic() - house.started, 1)}, headers=_NO_STORE)


@router.get("/readyz", responses={503: {"description": "not ready; `checks` says why"}})
async def readyz(house: HouseDep) -> Response:
    """200 when database, catalogue and disk are there; 503 with the reason otherwise."""
    checks = {"database": await _database(house), "catalogue": _catalogue(house), "disk": await run_in_threadpool(_disk, house)}
    ready = all(state == "ok" for state in checks.values())
    return Json({"status": "ready" if ready else "waiting", "checks": checks}, 200 if ready else 503, headers=_ready_headers(ready))


def _ready_headers(ready: bool) -> dict[str, str]:
    """Who is told to wait is told how long."""
    return _NO_STORE if ready else {**_NO_STORE, "retry-after": "1"}


async def _database(house: House) -> str:
    """Whether a read goes through now; a full queue before a database that answers is no fault."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await house.hub.latest()
    except (TimeoutError, Unavailable):
        return "ok" if house.pool.waiting and house.catalog.stale_since is None and house.catalog.ready else "does not answer"
    return "ok"


def _catalogue(house: House) -> str:
    """Whether there is a catalogue, be it old."""
    return "ok" if house.catalog.ready else "not read yet"


def _disk(house: House) -> str:
    """Whether uploads have room."""
    try:
        free = shutil.disk_usage(house.settings.home).free
    except OSError:
        return "the home cannot be read"
    return "ok" if free >= _MIN_FREE_BYTES else "less than 64 MiB free"


@router.get("/metrics")
async def metrics(house: HouseDep) -> Response:
    """Prometheus text of all web processes of this home."""
    return Response(
        await run_in_threadpool(house.metrics.text, house.metrics_folder), headers={**_NO_STORE, "content-type": CONTENT_TYPE_LATEST}
    )


def watch(house: House) -> None:
    """The gauges that read the house when they are asked."""
    watch_one = house.metrics.watch
    watch_one("twin_catalogue_ready", "1 once the catalogue was read", lambda: float(house.catalog.ready))
    watch_one("twin_catalogue_stale", "1 while the database is away", lambda: float(house.catalog.stale_since is not None))
    watch_one("twin_catalogue_epoch", "Number of the last event the catalogue knows", lambda: float(house.catalog.snapshot.epoch))
    watch_one("twin_catalogue_layers", "Layers in the catalogue", lambda: float(len(house.catalog.snapshot.by_id)))
    watch_one("twin_pool_size", "Reading connections", lambda: float(house.pool.size))
    watch_one("twin_pool_waiting", "Readers that wait for a connection", lambda: float(house.pool.waiting))
