"""What a request needs, named once: the parts of the house, who calls, what they may see, and the one guard of every writing door."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from layers.access import Caller, require, scope_of
from layers.accounts import Accounts
from layers.catalog import Catalog, LiveCatalog
from layers.use_counter import UseCounter
from postgis.blobs import BlobStore
from postgis.connect import Database
from postgis.editing import EditorPool
from postgis.pool import HotPool
from tiles.raster import RasterTiles
from tiles.served import ServedTiles
from tiles.vector import VectorTiles
from twin.errors import Unauthorized, Unavailable
from twin.settings import Settings
from twin.view import Scope
from web.budgets import EXPORT_FILES_AT_ONCE, EXPORTS_AT_ONCE, Slots
from web.callers import Callers
from web.errors import BadCsrfToken, MustChangePassword
from web.hub import Hub
from web.links import LinkMaker, Links
from web.metrics import Metrics


@dataclass(slots=True)
class House:
    """Everything one web process is made of; it stands before its database does."""

    settings: Settings
    database: Database
    links: LinkMaker
    metrics: Metrics
    editor: EditorPool
    accounts: Accounts
    callers: Callers
    pool: HotPool
    catalog: LiveCatalog
    hub: Hub
    blobs: BlobStore
    tiles: VectorTiles
    served: ServedTiles
    raster: RasterTiles
    uses: UseCounter
    exports: Slots = field(default_factory=lambda: Slots("exports_at_once", EXPORTS_AT_ONCE))
    export_files: Slots = field(default_factory=lambda: Slots("export_files_at_once", EXPORT_FILES_AT_ONCE))
    started: float = field(default_factory=time.monotonic)

    @property
    def exports_folder(self) -> Path:
        """Where files are made before they are sent."""
        return self.settings.home / "exports"

    @property
    def metrics_folder(self) -> Path:
        """Where the web processes of this home leave their numbers for each other."""
        return self.settings.home / "metrics"

    @property
    def snapshot(self) -> Catalog:
        """The catalogue as it is now; Unavailable until it was read once."""
        if not self.catalog.ready:
            raise Unavailable("the server waits for its database", "服务正在等待数据库", mend="请稍后重试")
        return self.catalog.snapshot


async def _house(request: Request) -> House:
    """Not a plain function, as none of these is: FastAPI would send each of them to a thread and back, which costs more than most answers."""
    house: House = request.app.state.house
    return house


HouseDep = Annotated[House, Depends(_house)]


async def _links(request: Request, house: HouseDep) -> Links:
    return house.links.for_scope(request.scope)


async def _caller(request: Request, house: HouseDep) -> Caller:
    """Who calls; whoever only reads may be nobody."""
    return await house.callers.of(request.scope)


LinksDep = Annotated[Links, Depends(_links)]
CallerDep = Annotated[Caller, Depends(_caller)]


async def _scope(caller: CallerDep) -> Scope:
    return scope_of(caller)


async def _catalog(house: HouseDep) -> Catalog:
    return house.snapshot


ScopeDep = Annotated[Scope, Depends(_scope)]
CatalogDep = Annotated[Catalog, Depends(_catalog)]


async def check_signed_in(request: Request, caller: CallerDep) -> Caller:
    """The guard of every write: signed in, and a session repeats its CSRF token. Raises Unauthorized or BadCsrfToken."""
    if caller.kind == "anonymous":
        raise Unauthorized("sign in, or send an API key", "请先登录，或提供 API 密钥", place="Authorization", mend="POST /login")
    sent = request.headers.get("x-csrf-token", "")
    if caller.kind == "session" and not secrets.compare_digest(sent.encode(), caller.csrf.encode()):
        raise BadCsrfToken(
            "the header X-CSRF-Token must repeat the session's token", "请求头 X-CSRF-Token 缺失或不符", place="X-CSRF-Token"
        )
    return caller


SignedInDep = Annotated[Caller, Depends(check_signed_in)]


def may(action: str, *, writes: bool = True) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller is signed in, has changed the first password and may do `action`."""

    async def check(caller: CallerDep) -> Caller:
        if caller.must_change:
            raise MustChangePassword(
                "change the first password before anything else", "请先修改初始密码", place="password", mend="POST /password"
            )
        require(caller, action)
        return caller

    async def check_write(caller: SignedInDep) -> Caller:
        return await check(caller)

    return check_write if writes else check


ImporterDep = Annotated[Caller, Depends(may("import"))]
PublisherDep = Annotated[Caller, Depends(may("publish"))]
PublishReaderDep = Annotated[Caller, Depends(may("publish", writes=False))]
JobEditorDep = Annotated[Caller, Depends(may("jobs"))]
JobReaderDep = Annotated[Caller, Depends(may("jobs", writes=False))]
