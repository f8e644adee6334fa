"""The life of a map product: its versions, who moved them, and the doors that move one on: draft → review → published → withdrawn."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from layers.products import TRANSITIONS, History, history, set_status
from postgis.products import ProductRow
from twin.product import Status
from web import values
from web.deps import HouseDep, LinksDep, PublisherDep, PublishReaderDep
from web.json import Json
from web.links import Links

router = APIRouter(prefix="/products/{code}/versions", tags=["catalogue"])

#: The word in the address → the status it leads to.
MOVES: Final = {"review": Status.REVIEW, "publish": Status.PUBLISHED, "withdraw": Status.WITHDRAWN, "draft": Status.DRAFT}
_NO_STORE: Final = {"cache-control": "private, no-store"}


@router.get("")
async def versions(code: str, house: HouseDep, links: LinksDep, _caller: PublishReaderDep) -> Response:
    """All versions of a product, newest first, with where each may go and what happened to them."""
    found: History = await house.editor.read(history, code)
    listed = [_version(row, links) for row in found.versions]
    return Json({"code": code, "versions": listed, "log": found.log}, headers=_NO_STORE)


@router.get("/{version}")
async def version(code: str, version: str, house: HouseDep, links: LinksDep, _caller: PublishReaderDep) -> Response:
    """The card of one version as it was stored."""
    number = values.integer(version, "version", 1, 2**31 - 1)
    found: History = await house.editor.read(history, code, number)
    return Json(_version(found.versions[0], links) | {"card": found.versions[0].card}, headers=_NO_STORE)


@router.post("/{version}/review", summary="Hand a draft in for review")
async def hand_in(code: str, version: str, house: HouseDep, caller: PublisherDep) -> Response:
    """A draft goes to review."""
    return await _move(house, code, version, Status.REVIEW, caller.name or "")


@router.post("/{version}/publish", summary="Publish a version; an older one is a rollback")
async def publish(code: str, version: str, house: HouseDep, caller: PublisherDep) -> Response:
    """This version is what everybody sees from now on; the one before is withdrawn in the same moment."""
    return await _move(house, code, version, Status.PUBLISHED, caller.name or "")


@router.post("/{version}/withdraw", summary="Take a version back")
async def withdraw(code: str, version: str, house: HouseDep, caller: PublisherDep) -> Response:
    """Nobody sees this version any more; it can be published again."""
    return await _move(house, code, version, Status.WITHDRAWN, caller.name or "")


@router.post("/{version}/draft", summary="Send a version back to its author")
async def send_back(code: str, version: str, house: HouseDep, caller: PublisherDep) -> Response:
    """From review or withdrawn back to draft."""
    return await _move(house, code, version, Status.DRAFT, caller.name or "")


async def _move(house: HouseDep, code: str, version: str, status: Status, by: str) -> Response:
    number = values.integer(version, "version", 1, 2**31 - 1)
    await house.editor.run(set_status, code, number, status, by)
    return Json({"code": code, "version": number, "status": str(status)}, headers=_NO_STORE)


def _version(row: ProductRow, links: Links) -> dict[str, Any]:
    """One version in a list, with the doors open to it."""
    here = ("products", row.code, "versions", row.version)
    onward = TRANSITIONS[Status(row.status)]
    return {
        "version": row.version,
        "status": row.status,
        "title_zh": row.card.get("title_zh", ""),
        "updated_at": row.updated_at,
        "self": links.to(*here),
        "moves": {word: links.to(*here, word) for word, status in MOVES.items() if status in onward},
    }
