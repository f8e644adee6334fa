"""The history doors: versions of an object, a feed of changes, what differs between two moments, and the way back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from layers.access import Caller, scope_of
from layers.export.geojson import feature
from postgis import history as rows
from postgis.edits import Edit
from postgis.features import fingerprint
from twin.errors import BadParameter, NotFound
from twin.fields import FieldType
from twin.layer import Layer
from twin.view import Scope, View
from web import caching, ogc, values
from web.auth import body_of
from web.collections import oid_of, with_items
from web.deps import CallerDep, CatalogDep, House, HouseDep, LinksDep, ScopeDep, SignedInDep
from web.editing import NO_STORE, VALID_FROM, about, editable, order_of, tags_of, told, write
from web.errors import Gone
from web.json import Json, dump, read_model
from web.links import Links
from web.params import LIMIT, Parameter, Query, documented, words

router = APIRouter(tags=["history"])

_BUDGET_S: Final = 10.0
_CHUNK: Final = 500
_ROUNDS: Final = 20


def _big(name: str, description: str) -> Parameter[int]:
    return Parameter(name, lambda text, place: values.integer(text, place, 0, 2**62), {"type": "integer", "minimum": 0}, description)


def _moment(name: str, description: str) -> Parameter[datetime]:
    return Parameter(name, values.instant, {"type": "string", "format": "date-time"}, description)


SINCE: Final = _big("since", "Epoch up to which the caller knows everything; absent: where to begin.")
AFTER: Final = _big("after", "Object up to which the caller knows the event after `since` (taken from the `next` link).")
OFFSET: Final = _big("offset", "Versions to skip (taken from the `next` link).")
FROM: Final = _moment("from", "The earlier or other moment, RFC 3339.")
TO: Final = _moment("to", "The moment it is compared with.")
TIME: Final[Parameter[str]] = Parameter(
    "time", words("valid", "known"), {"type": "string", "enum": ["valid", "known"], "default": "valid"},
    "valid: what was so at both moments, by what is known now; known: by what was known at each.",
)  # fmt: skip
_VERSIONS: Final = (LIMIT, OFFSET)
_CHANGES: Final = (LIMIT, SINCE, AFTER)
_DIFF: Final = (LIMIT, FROM, TO, TIME, AFTER)


class Restored(BaseModel):
    """Which version is to be the present one again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str


def _query(request: Request, known: Sequence[Parameter[Any]]) -> Query:
    return Query(request.scope["query_string"], [parameter.name for parameter in known])


@router.get("/collections/{collection}/items/{item}/versions", openapi_extra=documented(*_VERSIONS))
async def versions(
    collection: str, item: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: CallerDep, links: LinksDep
) -> Response:
    """All versions of a feature, in the order they were written: when it was so, when it was known, who wrote it."""
    scope = scope_of(caller)
    layer = with_items(catalog.layer(collection, scope))
    query = _query(request, _VERSIONS)
    oid, limit, offset = oid_of(item, layer), query.get(LIMIT) or 100, query.get(OFFSET) or 0
    view = View(layer.id, scope, oid=oid)
    found = await house.pool.fetch(rows.versions_statement(view, layer, limit + 1, offset), scope, _BUDGET_S)
    if not found and not offset:
        raise NotFound(f"there is no feature {item[:60]!r} here", f"没有要素 {item[:60]!r}", place="item")
    page = found[:limit]
    writers = await _writers(house, layer, scope, oid, page)
    here = ("collections", layer.id, "items", str(oid), "versions")
    listed = [ogc.link(links.to(*here), "self", ogc.GEOJSON)]
    if len(found) > limit:
        listed.append(ogc.link(links.to(*here, limit=str(limit), offset=str(offset + limit)), "next", ogc.GEOJSON))
    made = [_version(row, layer, _told_writer(writers.get(row["sys"].lower), caller)) for row in page]
    head = b'{"type":"FeatureCollection","features":['
    return Response(
        head + b",".join(made) + b'],"links":' + dump(listed) + b"}",
        media_type=ogc.GEOJSON,
        headers=caching.headers(scope) | {"vary": caching.VARY},
    )


async def _writers(house: House, layer: Layer, scope: Scope, oid: int, page: Sequence[Any]) -> dict[datetime, Any]:
    """Who wrote what became known at a moment."""
    moments = sorted({row["sys"].lower for row in page})
    found = await house.pool.fetch(rows.writers_statement(layer, moments, oid), scope, _BUDGET_S) if moments else []
    return {row["moment"]: row for row in found}


def _told_writer(writer: Any, caller: Caller) -> dict[str, Any] | None:
    """What wrote a version; names and runs are for those who are signed in."""
    if writer is None:
        return None
    named = {"by": writer["by"], "run": writer["run"]} if caller.kind != "anonymous" else {}
    return {"what": writer["what"]} | {key: str(value) for key, value in named.items() if value}


def _version(row: Mapping[str, Any], layer: Layer, writer: dict[str, Any] | None) -> bytes:
    """One version as a feature with its name, both times and its writer."""
    sys, valid = row["sys"], row["valid"]
    about = {
        "version": caching.version_name(sys, valid),
        "etag": caching.version_etag(row["oid"], sys, valid, fingerprint(layer)),
        "valid": [valid.lower, valid.upper],
        "known": [sys.lower, sys.upper],
        "written": writer,
    }
    return feature(row, layer.fields)[:-1] + b"," + dump(about)[1:]


@router.get("/collections/{collection}/changes", openapi_extra=documented(*_CHANGES))
async def changes(collection: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Which features were created, changed or ended, in commit order, for systems that follow; nothing committed is ever skipped."""
    layer = with_items(catalog.layer(collection, scope))
    query = _query(request, _CHANGES)
    since, after, limit = query.get(SINCE), query.get(AFTER), query.get(LIMIT) or 1000
    if after is not None and since is None:
        raise BadParameter("after needs the since it was given with", "after 须与 since 一起使用", place=AFTER.name)
    window = await house.pool.fetchrow(rows.window_statement(layer, since or 0), scope, _BUDGET_S)
    assert window is not None  # noqa: S101  (one row always)
    last = window["last"] or 0
    if since is None:
        return _feed(layer, links, [], (last, 0), (limit, False))
    _check_kept(since, window, layer, links)
    # Whoever resumes inside an event has its number less one in `since`.
    begun = (since, 2**62) if after is None else (since + 1, after)
    found, cursor, more = await _changed(house, layer, scope, begun, (limit, last))
    return _feed(layer, links, found, cursor if more else (last, 0), (limit, more))


def _check_kept(since: int, window: Any, layer: Layer, links: Links) -> None:
    """Gone when something after `since` cannot be told any more, or never could be told object by object."""
    older = (window["newest"] or 0) > since and since + 1 < (window["first"] or 0)
    if not (older or window["renewed"] or since > (window["last"] or 0)):
        return
    here = links.to("collections", layer.id, "changes")
    raise Gone(
        f"changes since {since} cannot be told one by one", f"无法逐条给出 {since} 之后的变更", place="since",
        mend=f"start anew: GET {here} for the present epoch, then read all of {links.to('collections', layer.id, 'items')}, then follow from that epoch",
    )  # fmt: skip


async def _changed(
    house: House, layer: Layer, scope: Scope, begun: tuple[int, int], bounds: tuple[int, int]
) -> tuple[list[dict[str, Any]], tuple[int, int], bool]:
    """Entries the scope may see, where the page ended, and whether more follows; a page may be short, its cursor always moves on."""
    (limit, last), cursor, more = bounds, begun, False
    found: list[dict[str, Any]] = []
    view = View(layer.id, scope)
    for _ in range(_ROUNDS):
        wanted = limit - len(found)
        raw = await house.pool.fetch(rows.changes_statement(layer, cursor, wanted + 1, last), scope, _BUDGET_S)
        more = len(raw) > wanted
        page = raw[:wanted]
        if page:
            cursor = (page[-1]["seq"], page[-1]["oid"])
            found += await _entries(house, layer, view, page)
        if not more or len(found) >= limit:
            break
    return found, cursor, more


async def _entries(house: House, layer: Layer, view: View, page: Sequence[Any]) -> list[dict[str, Any]]:
    """What the caller is told of each; an object that left what a bounded caller sees has ended for that caller."""
    scope = view.scope
    bounded = bool(scope.divisions or scope.area_4490)
    seen: dict[int, bool] = {}
    if bounded:
        oids = sorted({row["oid"] for row in page})
        seen = {row["oid"]: row["now"] for row in await house.pool.fetch(rows.seen_statement(view, layer, oids), scope, _BUDGET_S)}
    told = []
    for row in page:
        if bounded and row["oid"] not in seen:
            continue
        change = "ended" if row["taken"] and not row["put"] else "created" if row["put"] and not row["taken"] else "changed"
        if bounded and not seen[row["oid"]]:
            change = "ended"
        told.append({"id": row["oid"], "change": change, "epoch": row["seq"], "at": row["at"]})
    return told


def _feed(layer: Layer, links: Links, found: list[dict[str, Any]], cursor: tuple[int, int], page: tuple[int, bool]) -> Response:
    """The page with its way on: `next` while there is more, `monitor` for what will come."""
    (epoch, oid), (limit, more) = cursor, page
    here = ("collections", layer.id, "changes")
    inside = {"after": str(oid)} if more else {}
    resume = links.to(*here, since=str(epoch - 1 if more else epoch), limit=str(limit), **inside)
    answer = {
        "collection": layer.id,
        "changes": found,
        "epoch": epoch,
        "links": [ogc.link(links.to(*here), "self", ogc.JSON), ogc.link(resume, "next" if more else "monitor", ogc.JSON)],
    }
    return Json(answer, headers=NO_STORE)


@dataclass(frozen=True, slots=True)
class _Between:
    """What is compared, for whom."""

    layer: Layer
    view: View
    moments: tuple[datetime, datetime]
    known: bool


@router.get("/collections/{collection}/diff", openapi_extra=documented(*_DIFF), response_class=StreamingResponse)
async def diff(collection: str, request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """What was added, changed (and in which fields) and removed between two moments, as GeoJSON, in pages."""
    layer = with_items(catalog.layer(collection, scope))
    query = _query(request, _DIFF)
    between = _Between(layer, View(layer.id, scope), (query.need(FROM), query.need(TO)), query.get(TIME) == "known")
    limit, after = query.get(LIMIT) or 1000, query.get(AFTER) or 0
    oids = [row["oid"] for row in await _differing(house, between, limit + 1, after)]
    further = []
    if len(oids) > limit:
        texts = query.texts | {AFTER.name: str(oids[limit - 1]), LIMIT.name: str(limit)}
        further = [ogc.link(links.to("collections", layer.id, "diff", **texts), "next", ogc.GEOJSON)]
    chunks = _diff_chunks(house, between, oids[:limit])
    first = await anext(chunks, b"")
    return StreamingResponse(_diff_body(first, chunks, further), media_type=ogc.GEOJSON, headers=NO_STORE)


async def _differing(house: House, between: _Between, limit: int, after: int) -> Sequence[Any]:
    statement = rows.differing_statement(between.view, between.layer, between.moments, between.known, (limit, after))
    return await house.pool.fetch(statement, between.view.scope, _BUDGET_S)


async def _diff_body(first: bytes, rest: AsyncIterator[bytes], further: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    yield b'{"type":"FeatureCollection","features":[' + first
    async for chunk in rest:
        yield b"," + chunk
    yield b'],"links":' + dump(further) + b"}"


async def _diff_chunks(house: House, between: _Between, oids: Sequence[int]) -> AsyncIterator[bytes]:
    """The features, some at a time, without the commas between the pieces."""
    for start in range(0, len(oids), _CHUNK):
        part = oids[start : start + _CHUNK]
        statement = rows.states_statement(between.view, between.layer, between.moments, between.known, part)
        states: dict[int, dict[str, Any]] = {oid: {} for oid in part}
        for row in await house.pool.fetch(statement, between.view.scope, _BUDGET_S):
            states[row["oid"]] |= {"before": row} if row["before"] else {}
            states[row["oid"]] |= {"after": row} if row["after"] else {}
        made = [_difference(between.layer, found.get("before"), found.get("after")) for found in states.values() if found]
        if made:
            yield b",".join(made)


def _difference(layer: Layer, before: Any, after: Any) -> bytes:
    """The later state (of what was removed, the earlier one) with what changed."""
    shown: dict[str, Any] = {"change": "added" if before is None else "removed" if after is None else "changed"}
    if before is not None and after is not None:
        json_fields = {field.name for field in layer.fields if field.type is FieldType.JSON}
        changed = [field.name for field in layer.fields if before[field.name] != after[field.name]]
        shown["fields"] = {name: [_shown(before[name], name in json_fields), _shown(after[name], name in json_fields)] for name in changed}
        shown["geometry_changed"] = before["geom"] != after["geom"]
    return feature(after if after is not None else before, layer.fields)[:-1] + b"," + dump(shown)[1:]


def _shown(value: Any, is_json: bool) -> Any:
    return orjson.Fragment(value) if is_json and isinstance(value, str) else value


@router.post("/collections/{collection}/items/{item}/restore", openapi_extra=about(VALID_FROM) | body_of(Restored))
async def restore(collection: str, item: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: SignedInDep) -> Response:
    """Make a new version that is equal to an old one; an ended feature lives again."""
    edited = editable(collection, catalog, caller)
    order = order_of(edited, request, _query(request, (VALID_FROM,)))
    oid = oid_of(item, edited.layer)
    wanted = await read_model(request, Restored)
    if not wanted.version or len(wanted.version) > 60 or not wanted.version.replace(".", "").replace("-", "").isdigit():
        raise BadParameter("version is the name of a version, from /versions", "version 应取自 /versions", place="body.version")
    return told(await write(house, order, Edit(0, "restore", oid, tags_of(request), version=wanted.version)), oid, edited.layer, 200)
