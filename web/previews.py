"""A look at an upload before its import: the upload is kept for an hour, and a process of its own reads its first rows under limits."""

import asyncio
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from importers.options import ImportOptions, parse_options
from layers.access import Caller
from postgis.blobs import Blob
from postgis.connect import Database
from postgis.uploads import Uploads
from twin.errors import BadParameter, NotFound, OperationError, TooLarge, Unavailable
from web import uploads
from web.deps import House, HouseDep, ImporterDep
from web.json import Json, parse, read_object
from web.suffixes import check_suffix

router = APIRouter(prefix="/imports", tags=["jobs"])

_ROOT: Final = Path(__file__).resolve().parents[1]
_AT_ONCE: Final = 2
_WAITING: Final = 8
_DEADLINE_S: Final = 60.0
_MAX_ANSWER_BYTES: Final = 16 << 20
_NO_STORE: Final = {"cache-control": "private, no-store"}
_BY_CODE: Final = {kind.code: kind for kind in (BadParameter, NotFound, TooLarge, Unavailable)}
_FORM: Final = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}, "options": {"type": "string", "contentMediaType": "application/json"}},
}
#: A kept upload instead of a file.
KEPT: Final = {
    "type": "object",
    "required": ["upload"],
    "properties": {"upload": {"type": "string", "description": "SHA-256 of an upload that was looked at"}, "options": {"type": "object"}},
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": KEPT}},
    }
}


class _Queue:
    """Few previews at once in a process, and few that wait."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= _WAITING:
            raise Unavailable("too many files are being looked at", "同时预览的文件过多", mend="请稍后重试")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *exc: object) -> None:
        self._slots.release()


_QUEUE = _Queue()


@router.post("/preview", openapi_extra=_BODY)
async def preview(request: Request, house: HouseDep, caller: ImporterDep) -> Response:
    """Look at a file without importing it: what it is, its text, its place on the map and its fields; `upload` names it for an hour."""
    owner = owner_of(caller)
    if is_json(request):
        path, blob, options = await kept(request, house, caller)
    else:
        blob, options = await _receive(request, house, owner)
        path, blob = await run_in_threadpool(Uploads(house.settings.home).find, owner, blob.sha256)
    async with _QUEUE:
        found = await _look(house.database, path, blob, options)
    return Json({"upload": blob.sha256, "size": blob.size, **found}, headers=_NO_STORE)


def is_json(request: Request) -> bool:
    """Whether the body names a kept upload instead of bringing a file."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def owner_of(caller: Caller) -> str:
    """Whose upload it is."""
    return f"{caller.kind}:{caller.name}"


async def kept(request: Request, house: House, caller: Caller) -> tuple[Path, Blob, ImportOptions]:
    """The caller's kept upload that a JSON body names, and its options."""
    said = await read_object(request)
    if unknown := sorted(said.keys() - {"upload", "options"}):
        raise BadParameter(f"unknown member {unknown[0][:60]!r}", f"未知的成员 {unknown[0][:60]!r}", place=unknown[0][:60])
    options = parse_options(said.get("options") or {})
    path, blob = await run_in_threadpool(Uploads(house.settings.home).find, owner_of(caller), str(said.get("upload", "")))
    return path, blob, options


async def _receive(request: Request, house: House, owner: str) -> tuple[Blob, ImportOptions]:
    """The upload, kept; nothing is left behind when it is refused."""
    max_bytes = house.settings.max_upload_mb * 1024 * 1024
    store = Uploads(house.settings.home)
    writer = await run_in_threadpool(store.writer, owner, max_bytes)
    with writer:
        form = await uploads.receive(request, writer, max_bytes)
        check_suffix(form.file_name)
        options = parse_options(parse(form.options, "options"))
        blob = await run_in_threadpool(writer.finish, "application/octet-stream", form.file_name)
    await run_in_threadpool(store.keep, owner, blob)
    return blob, options


async def _look(database: Database, path: Path, blob: Blob, options: ImportOptions) -> dict[str, Any]:
    """Ask a process of its own; it is killed when it takes too long or nobody waits any more."""
    asked = {
        "dsn": database.dsn,
        "private": database.private,
        "path": str(path),
        "name": blob.name,
        "options": options.model_dump(mode="json", exclude_unset=True),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "importers.preview"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT,
        env=_environment(),
        limit=_MAX_ANSWER_BYTES,
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            told, _ = await process.communicate(json.dumps(asked).encode())
    except TimeoutError as exc:
        raise TooLarge(
            f"the look took longer than {_DEADLINE_S:.0f} s; the import itself may take longer",
            f"预览超过 {_DEADLINE_S:.0f} 秒，已中止；可直接导入",
            place="file",
        ) from exc
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
    return _answer(told, process.returncode)


def _environment() -> dict[str, str]:
    """All that the process is told of ours; the database comes with the request."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
        "OMP_NUM_THREADS": "1",
    }


def _answer(told: bytes, code: int | None) -> dict[str, Any]:
    if code != 0 or not told:
        raise OperationError(f"the looking process ended with {code}", "预览进程出错", place="file")
    answer = json.loads(told)
    if error := answer.get("error"):
        kind = _BY_CODE.get(error["code"], OperationError)
        raise kind(error["detail_en"], error["detail_zh"], place=error["place"], mend=error["mend"])
    found: dict[str, Any] = answer["preview"]
    return found
