"""Files in by HTTP: the upload is kept by its hash and a job imports it; reports and findings can be read afterwards."""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from importers.options import ImportOptions, parse_options
from layers.access import Caller
from postgis import jobs as queue
from postgis.blobs import Blob, record_blob
from postgis.editing import Connection
from postgis.jobs import JobRequest
from postgis.reports import Finding, ImportRun, findings_statement, run_statement, runs_statement, to_finding, to_run
from twin.errors import NotFound
from twin.view import EVERYTHING
from web import uploads
from web.deps import House, HouseDep, ImporterDep, JobReaderDep, LinksDep
from web.finding_files import CSV, GEOJSON, Download
from web.jobs import uuid_of
from web.json import Json, parse
from web.links import Links
from web.params import AFTER, LIMIT, RULE, SEARCH_LIMIT, Parameter, Query, documented
from web.previews import KEPT, is_json, kept
from web.suffixes import check_suffix

router = APIRouter(prefix="/imports", tags=["jobs"])

_BUDGET_S: Final = 5.0
_PAGE: Final = 5000
_NO_STORE: Final = {"cache-control": "private, no-store"}
_FINDINGS: Final[tuple[Parameter[Any], ...]] = (LIMIT, AFTER, RULE)
_FORM: Final = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "options": {"type": "string", "contentMediaType": "application/json", "description": "JSON object, as `twin import` takes it."},
    },
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": KEPT}},
    }
}


@router.post("", status_code=202, openapi_extra=_BODY)
async def upload(request: Request, house: HouseDep, links: LinksDep, caller: ImporterDep) -> Response:
    """Take a file, or an upload that was looked at, and queue its import; the answer names the job to watch."""
    blob, options = await (_adopt(request, house, caller) if is_json(request) else _receive(request, house))
    args = {"sha256": blob.sha256, "name": blob.name, "options": options.model_dump(mode="json", exclude_unset=True)}
    job = await house.editor.run(_queue, blob, JobRequest("import", args, created_by=caller.name or "", lock=_lock(blob, options)))
    return Json({"job": job}, 202, headers={**_NO_STORE, "location": links.to("jobs", str(job))})


async def _receive(request: Request, house: House) -> tuple[Blob, ImportOptions]:
    """The upload as a kept file and its options; nothing is left behind when either is refused."""
    max_bytes = house.settings.max_upload_mb * 1024 * 1024
    writer = house.blobs.writer(max_bytes)
    with writer:
        form = await uploads.receive(request, writer, max_bytes)
        check_suffix(form.file_name)
        options = parse_options(parse(form.options, "options"))
        return await run_in_threadpool(writer.finish, "application/octet-stream", form.file_name), options


async def _adopt(request: Request, house: House, caller: Caller) -> tuple[Blob, ImportOptions]:
    """A kept upload as a kept file."""
    path, blob, options = await kept(request, house, caller)
    await run_in_threadpool(house.blobs.adopt, path, blob)
    return blob, options


def _lock(blob: Blob, options: ImportOptions) -> str:
    """Imports into one layer run one after another; without a layer id the file's name decides it."""
    return f"import {options.layer or blob.name.partition('.')[0].lower()}"


def _queue(connection: Connection, blob: Blob, job: JobRequest) -> UUID:
    """Record the file and queue its import, both or none."""
    record_blob(connection, blob)
    return queue.submit(connection, job)


@router.get("", openapi_extra=documented(SEARCH_LIMIT))
async def list_imports(request: Request, house: HouseDep, _caller: JobReaderDep) -> Response:
    """The newest imports first."""
    query = Query(request.scope["query_string"], [SEARCH_LIMIT.name])
    rows = await house.pool.fetch(runs_statement(query.get(SEARCH_LIMIT) or 50), EVERYTHING, _BUDGET_S)
    return Json({"imports": [to_run(row).model_dump(exclude={"report"}) for row in rows]}, headers=_NO_STORE)


@router.get("/{run}/report")
async def report(run: str, house: HouseDep, _caller: JobReaderDep) -> Response:
    """The report of a complete import: rows in = published + refused, and every rule with its count."""
    found = await _run(house, uuid_of(run, "run"))
    if found.report is None:
        raise NotFound(f"import {found.id} is {found.status} and has no report", f"导入 {found.id} 没有报告（{found.status}）", place="run")
    return Json(found.report, headers=_NO_STORE)


@router.get("/{run}/findings", openapi_extra=documented(*_FINDINGS))
async def findings(run: str, request: Request, house: HouseDep, links: LinksDep, _caller: JobReaderDep) -> Response:
    """Every repair and refusal of an import with its place, a page at a time; `rule` picks those of one rule."""
    query = Query(request.scope["query_string"], [parameter.name for parameter in _FINDINGS])
    limit, after, rule = query.get(LIMIT) or 100, query.get(AFTER) or 0, query.get(RULE) or ""
    found = await _run(house, uuid_of(run, "run"))
    rows = await house.pool.fetch(findings_statement(found.id, after, limit + 1, rule), EVERYTHING, _BUDGET_S)
    page = [to_finding(row) for row in rows[:limit]]
    more = [_next(links, found, page[-1], limit, rule)] if len(rows) > limit else []
    return Json({"findings": page, "links": more}, headers=_NO_STORE)


@router.get("/{run}/findings.csv", openapi_extra=documented(RULE))
async def findings_csv(run: str, request: Request, house: HouseDep, _caller: JobReaderDep) -> Response:
    """All findings as a table that Excel opens."""
    return await _download(run, request, house, CSV)


@router.get("/{run}/findings.geojson", openapi_extra=documented(RULE))
async def findings_geojson(run: str, request: Request, house: HouseDep, _caller: JobReaderDep) -> Response:
    """All findings with a place as points in EPSG:4490, those without as features without a geometry."""
    return await _download(run, request, house, GEOJSON)


async def _download(run: str, request: Request, house: House, kind: Download) -> Response:
    """All findings of a run, a page of the database at a time, so that a million of them cost no memory."""
    rule = Query(request.scope["query_string"], [RULE.name]).get(RULE) or ""
    found = await _run(house, uuid_of(run, "run"))

    async def pages() -> AsyncIterator[list[Finding]]:
        after = 0
        while rows := await house.pool.fetch(findings_statement(found.id, after, _PAGE, rule), EVERYTHING, _BUDGET_S):
            yield [to_finding(row) for row in rows]
            after = rows[-1]["id"]

    headers = {**_NO_STORE, "content-disposition": f'attachment; filename="findings-{found.id}.{kind.suffix}"'}
    return StreamingResponse(kind.write(pages()), media_type=kind.media_type, headers=headers)


async def _run(house: House, run: UUID) -> ImportRun:
    """The run; NotFound when there is none."""
    rows = await house.pool.fetch(run_statement(run), EVERYTHING, _BUDGET_S)
    if not rows:
        raise NotFound(f"there is no import {run}", f"没有导入记录 {run}", place="run")
    return to_run(rows[0])


def _next(links: Links, run: ImportRun, last: Finding, limit: int, rule: str) -> dict[str, str]:
    """The link to the findings after `last`."""
    said = {"rule": rule} if rule else {}
    href = links.to("imports", str(run.id), "findings", limit=limit, after=last.id, **said)
    return {"rel": "next", "href": href, "type": "application/json"}
