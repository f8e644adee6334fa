"""Imports after their publish by HTTP: undo, and sources on the server's disk that are read again on a schedule."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from importers.plans import PLAN, parse_plan
from importers.sources import allowed
from postgis import schedules
from postgis.editing import Connection
from postgis.jobs import JobRequest, submit
from postgis.reports import ImportRun, run_statement, to_run
from postgis.schedules import NewSchedule, Schedule
from twin.errors import Conflict, NotFound
from twin.view import EVERYTHING
from web.deps import House, HouseDep, ImporterDep, JobReaderDep, LinksDep
from web.jobs import uuid_of
from web.json import Json, read_object

router = APIRouter(tags=["jobs"])

_BUDGET_S: Final = 5.0
_NO_STORE: Final = {"cache-control": "private, no-store"}
_BODY: Final = {"requestBody": {"required": True, "content": {"application/json": {"schema": PLAN}}}}


@router.post("/imports/{run}/undo", status_code=202)
async def undo(run: str, house: HouseDep, links: LinksDep, caller: ImporterDep) -> Response:
    """Queue the undo of an import; 409 when it published nothing or is undone already. The job refuses what was touched since."""
    found = await _undoable(house, uuid_of(run, "run"))
    request = JobRequest("undo-import", {"run": str(found.id), "layer": found.layer_id}, caller.name or "", lock=f"import {found.layer_id}")
    job = await house.editor.run(submit, request)
    return Json({"job": job}, 202, headers={**_NO_STORE, "location": links.to("jobs", str(job))})


async def _undoable(house: House, run: UUID) -> ImportRun:
    """The run; NotFound when there is none, Conflict when there is nothing to take back."""
    rows = await house.pool.fetch(run_statement(run), EVERYTHING, _BUDGET_S)
    if not rows:
        raise NotFound(f"there is no import {run}", f"没有导入记录 {run}", place="run")
    found = to_run(rows[0])
    report = found.report or {}
    if report.get("undone_by"):
        raise Conflict(f"import {run} was undone already, by {report['undone_by']}", f"导入 {run} 已被撤销", place="run")
    if found.status != "done" or report.get("dry_run") or report.get("mode") == "undo":
        raise Conflict(f"import {run} published nothing that could be taken back", f"导入 {run} 没有可撤销的内容", place="run")
    return found


@router.get("/import-schedules")
async def list_schedules(house: HouseDep, _caller: JobReaderDep) -> Response:
    """Every schedule with its next reading and what came of the last."""
    found: list[Schedule] = await house.editor.read(schedules.list_all)
    return Json({"schedules": found}, headers=_NO_STORE)


@router.post("/import-schedules", status_code=201, openapi_extra=_BODY)
async def add_schedule(request: Request, house: HouseDep, links: LinksDep, caller: ImporterDep) -> Response:
    """Have a file or folder below the directory of sources read every so often."""
    plan = parse_plan(await read_object(request))
    await run_in_threadpool(allowed, house.settings.sources, plan.path)
    new = NewSchedule(plan.path, plan.said(), plan.every_s, plan.starts_at, caller.name or "")
    made: Schedule = await house.editor.run(_add, new)
    return Json(made, 201, headers={**_NO_STORE, "location": links.to("import-schedules", str(made.id))})


def _add(connection: Connection, new: NewSchedule) -> Schedule:
    return schedules.read(connection, schedules.add(connection, new))


@router.get("/import-schedules/{schedule}")
async def read_schedule(schedule: str, house: HouseDep, _caller: JobReaderDep) -> Response:
    """One schedule."""
    return Json(await house.editor.read(schedules.read, uuid_of(schedule, "schedule")), headers=_NO_STORE)


@router.post("/import-schedules/{schedule}/run", status_code=202)
async def run_schedule(schedule: str, house: HouseDep, _caller: ImporterDep) -> Response:
    """Read the source within seconds, whether or not it changed."""
    identifier = uuid_of(schedule, "schedule")
    await house.editor.run(schedules.rush, identifier)
    return Json(await house.editor.read(schedules.read, identifier), 202, headers=_NO_STORE)


@router.delete("/import-schedules/{schedule}", status_code=204)
async def remove_schedule(schedule: str, house: HouseDep, caller: ImporterDep) -> Response:
    """End a schedule; what it imported stays."""
    await house.editor.run(schedules.remove, uuid_of(schedule, "schedule"), caller.name or "")
    return Response(status_code=204, headers=_NO_STORE)
