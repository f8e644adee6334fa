"""OGC API – Features Part 4: create, replace, update and delete objects; every edit is a version, nothing is lost."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.access import Caller, require, scope_of
from layers.catalog import Catalog
from layers.edit_values import EditRules, read_feature
from layers.edits import apply_one, version_of
from postgis.edits import Done, Edit, EditOrder
from postgis.features import fingerprint
from twin.errors import BadParameter
from twin.layer import Layer
from web import budgets, caching, crs, ogc, values
from web.collections import oid_of, with_items
from web.deps import CallerDep, CatalogDep, House, HouseDep, LinksDep, ScopeDep, SignedInDep
from web.errors import MustChangePassword, WrongMediaType
from web.json import Json, parse
from web.params import Parameter, Query, documented

router = APIRouter(tags=["editing"])

MERGE_PATCH: Final = "application/merge-patch+json"
NO_STORE: Final = {"cache-control": "private, no-store"}
VALID_FROM: Parameter[Any] = Parameter(
    "valid_from", values.instant, {"type": "string", "format": "date-time"}, "Since when it is so in the world; absent: from now on."
)
CORRECT: Parameter[bool] = Parameter(
    "correct", values.boolean, {"type": "boolean"}, "true: the state was recorded wrongly; the time it holds stays as it was."
)
_READ: Final = "GET, HEAD, OPTIONS"
_FEATURE: Final = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "geometry": {"type": ["object", "null"]},
        "properties": {"type": ["object", "null"], "description": "Fields of /collections/{collection}/schema."},
    },
}
_HEADERS: Final = [
    {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "ETag of the version that was read.",
    },
    {"name": "Content-Crs", "in": "header", "required": False, "schema": {"type": "string"}, "description": "CRS84 when absent."},
]


@dataclass(frozen=True, slots=True)
class Edited:
    """Who edits which layer."""

    layer: Layer
    caller: Caller


def body(*media: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """The `openapi_extra` part of a body."""
    return {"requestBody": {"required": True, "content": {name: {"schema": schema or _FEATURE} for name in media}}}


def about(*parameters: Parameter[Any], headers: bool = True, **more: Any) -> dict[str, Any]:
    """The `openapi_extra` of an editing door."""
    return {"parameters": documented(*parameters)["parameters"] + (_HEADERS if headers else [])} | more


def editable(collection: str, catalog: Catalog, caller: Caller) -> Edited:
    """The layer; NotFound for who may not read it, then Forbidden for who may not edit."""
    layer = with_items(catalog.layer(collection, scope_of(caller)))
    if caller.must_change:
        raise MustChangePassword(
            "change the first password before anything else", "请先修改初始密码", place="password", mend="POST /password"
        )
    require(caller, "edit")
    return Edited(layer, caller)


def rules_of(edited: Edited) -> EditRules:
    """How much this caller may send."""
    return EditRules(edited.layer, scope_of(edited.caller), budgets.EDIT_VERTICES, budgets.EDIT_TEXT_CHARS)


def order_of(edited: Edited, request: Request, query: Query) -> EditOrder:
    """What the address and headers say about all edits of a request."""
    epsg, turned = crs_of(request)
    return EditOrder(
        edited.layer.id, scope_of(edited.caller), edited.caller.name or "", query.get(VALID_FROM), query.get(CORRECT) or False, epsg, turned
    )


def crs_of(request: Request) -> tuple[int, bool]:
    """EPSG code and whether northing or latitude comes first, of the system that Content-Crs names; BadParameter for one that is not taken."""
    name = request.headers.get("content-crs")
    if name is None:
        return crs.STORAGE, False
    served = crs.read(name.strip().removeprefix("<").removesuffix(">"), "Content-Crs")
    return served.epsg, served.north_first


def tags_of(request: Request) -> list[str] | None:
    """The tags of If-Match without their quotes; a weak one matches nothing. None: the header was not sent."""
    header = request.headers.get("if-match")
    if header is None:
        return None
    tags = [tag.strip() for tag in header.split(",")]
    if "\0" in header or not all(tag == "*" or (len(tag) > 1 and tag[-1] == '"' and tag.removeprefix("W/")[0] == '"') for tag in tags):
        raise BadParameter("If-Match is * or a list of entity tags in quotes", "If-Match 应为 * 或带引号的 ETag", place="If-Match")
    return [version_of(tag) for tag in tags if not tag.startswith("W/")]


async def read_body(request: Request, *media: str) -> Any:
    """The JSON value of a body of one of these media types."""
    sent = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if sent not in media:
        raise WrongMediaType(f"the body must be {' or '.join(media)}", f"请求体必须是 {' 或 '.join(media)}", place="content-type")
    return parse(await request.body(), "body")


async def write(house: House, order: EditOrder, edit: Edit) -> Done:
    """Do one edit in a transaction of its own."""
    return await house.editor.run(apply_one, order, edit)


def told(done: Done, oid: int, layer: Layer, status: int, location: str = "") -> Response:
    """The answer to one edit: its id, what was repaired, and the tag of the present version."""
    repaired = [repair["detail"] for repair in done.repairs]
    headers = (
        NO_STORE
        | ({"etag": caching.shown_tag(done.tag, fingerprint(layer))} if done.tag else {})
        | ({"location": location} if location else {})
    )
    return Json({"id": oid, "repaired": repaired}, status, headers=headers)


def _query(request: Request, *known: Parameter[Any]) -> Query:
    return Query(request.scope["query_string"], [parameter.name for parameter in known])


@router.post("/collections/{collection}/items", status_code=201, openapi_extra=about(VALID_FROM, **body(ogc.GEOJSON)))
async def create(collection: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: SignedInDep, links: LinksDep) -> Response:
    """Add a feature; the answer says where it is."""
    edited = editable(collection, catalog, caller)
    order = order_of(edited, request, _query(request, VALID_FROM))
    draft = read_feature(await read_body(request, ogc.GEOJSON, ogc.JSON), rules_of(edited), whole=True)
    edit = Edit(0, "create", None, None, draft.shape, draft.has_shape, draft.columns, draft.attrs)
    done = await write(house, order, edit)
    return told(done, done.made[0], edited.layer, 201, links.to("collections", edited.layer.id, "items", str(done.made[0])))


@router.put("/collections/{collection}/items/{item}", openapi_extra=about(VALID_FROM, CORRECT, **body(ogc.GEOJSON)))
async def put(collection: str, item: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: SignedInDep) -> Response:
    """Replace a feature: properties left out are emptied."""
    return await _overwrite(collection, item, request, house, editable(collection, catalog, caller), whole=True)


@router.patch("/collections/{collection}/items/{item}", openapi_extra=about(VALID_FROM, CORRECT, **body(MERGE_PATCH)))
async def patch(collection: str, item: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: SignedInDep) -> Response:
    """Change some of a feature, as a JSON merge patch: what is left out stays, null empties."""
    return await _overwrite(collection, item, request, house, editable(collection, catalog, caller), whole=False)


async def _overwrite(collection: str, item: str, request: Request, house: House, edited: Edited, *, whole: bool) -> Response:
    """PUT and PATCH."""
    order = order_of(edited, request, _query(request, VALID_FROM, CORRECT))
    oid = oid_of(item, edited.layer)
    value = await read_body(request, *((ogc.GEOJSON, ogc.JSON) if whole else (MERGE_PATCH,)))
    draft = read_feature(value, rules_of(edited), whole=whole)
    if str(value.get("id", oid)) != str(oid):
        raise BadParameter("the id of the feature is another than that of the address", "要素 id 与地址不符", place="id")
    edit = Edit(0, "replace" if whole else "update", oid, tags_of(request), draft.shape, draft.has_shape, draft.columns, draft.attrs)
    return told(await write(house, order, edit), oid, edited.layer, 200)


@router.delete("/collections/{collection}/items/{item}", status_code=204, openapi_extra=about(VALID_FROM))
async def delete(collection: str, item: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: SignedInDep) -> Response:
    """End a feature: it is no more from now (or `valid_from`) on; its history stays."""
    edited = editable(collection, catalog, caller)
    order = order_of(edited, request, _query(request, VALID_FROM))
    await write(house, order, Edit(0, "delete", oid_of(item, edited.layer), tags_of(request)))
    return Response(status_code=204, headers=NO_STORE)


def _allowed(caller: Caller, *methods: str) -> Response:
    """The answer to OPTIONS: what this caller may do here."""
    return Response(status_code=204, headers={"allow": ", ".join((_READ, *(methods if "edit" in caller.may else ()))), **NO_STORE})


@router.options("/collections/{collection}/items", status_code=204)
async def items_options(collection: str, catalog: CatalogDep, scope: ScopeDep, caller: CallerDep) -> Response:
    """Which methods this caller has here."""
    with_items(catalog.layer(collection, scope))
    return _allowed(caller, "POST")


@router.options("/collections/{collection}/items/{item}", status_code=204)
async def item_options(collection: str, item: str, catalog: CatalogDep, scope: ScopeDep, caller: CallerDep) -> Response:
    """Which methods this caller has here."""
    oid_of(item, with_items(catalog.layer(collection, scope)))
    return _allowed(caller, "PUT", "PATCH", "DELETE")
