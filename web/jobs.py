"""Long work as HTTP sees it: list, watch, cancel; only for people and programs that are signed in."""

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from postgis import jobs as queue
from twin.errors import Conflict, NotFound
from web.deps import HouseDep, JobEditorDep, JobReaderDep
from web.json import Json
from web.params import SEARCH_LIMIT, Query, documented

router = APIRouter(prefix="/jobs", tags=["jobs"])

_NO_STORE = {"cache-control": "private, no-store"}


def uuid_of(text: str, place: str) -> UUID:
    """A UUID out of a path; NotFound when it is none, as for one that nobody has."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound(f"there is no {place} {text[:60]!r}", f"没有 {text[:60]!r}", place=place)


@router.get("", openapi_extra=documented(SEARCH_LIMIT))
async def list_jobs(request: Request, house: HouseDep, _caller: JobReaderDep) -> Response:
    """The newest jobs first."""
    query = Query(request.scope["query_string"], [SEARCH_LIMIT.name])
    found = await house.editor.read(queue.list_jobs, query.get(SEARCH_LIMIT) or 50)
    return Json({"jobs": found}, headers=_NO_STORE)


@router.get("/{job}")
async def read_job(job: str, house: HouseDep, _caller: JobReaderDep) -> Response:
    """One job with its progress, result or error."""
    return Json(await house.editor.read(queue.read_job, uuid_of(job, "job")), headers=_NO_STORE)


@router.post("/{job}/cancel")
async def cancel_job(job: str, house: HouseDep, _caller: JobEditorDep) -> Response:
    """Stop a waiting or running job; 409 when it is over."""
    identifier = uuid_of(job, "job")
    if not await house.editor.run(queue.cancel, identifier):
        raise Conflict(f"job {identifier} is over already", f"任务 {identifier} 已经结束", place="job")
    return Json(await house.editor.read(queue.read_job, identifier), headers=_NO_STORE)
