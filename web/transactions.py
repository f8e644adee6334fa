"""Many edits in one request: newline-delimited JSON, kept on disk while it comes, then done in one transaction or not at all."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from layers.edits import Batch, apply_batch
from postgis.editing import Connection
from postgis.edits import EditOrder, keep_answer, known_answer
from twin.errors import BadParameter, InputError
from web import budgets
from web.deps import CatalogDep, HouseDep, SignedInDep
from web.editing import CORRECT, NO_STORE, VALID_FROM, about, body, editable, order_of, rules_of
from web.errors import WrongMediaType
from web.json import Json, parse
from web.params import Query

router = APIRouter(tags=["editing"])

NDJSON: Final = "application/x-ndjson"
#: Long transactions leave connections to those who sign in or edit one feature.
_TURNS: Final = asyncio.Semaphore(2)
_MEDIA: Final = (NDJSON, "application/ndjson", "application/jsonl")
_LINE: Final = {
    "type": "object",
    "required": ["action"],
    "description": "One line for each edit; a line that is empty is skipped.",
    "properties": {
        "action": {"enum": ["create", "replace", "update", "delete"]},
        "id": {"type": "integer"},
        "feature": {"type": "object"},
        "if_match": {"type": "string"},
    },
}
_KEY: Final = {
    "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": budgets.KEY_CHARS},
    "description": "The same key with the same request is answered the same, and done once; kept for a week.",
}  # fmt: skip
_ABOUT: Final = about(VALID_FROM, CORRECT, headers=False, **body(NDJSON, schema=_LINE))


@dataclass(frozen=True, slots=True)
class Sent:
    """A body on disk, and what it is known by when it comes again."""

    file: IO[bytes]
    digest: bytes
    key: str


@router.post("/collections/{collection}/transactions", openapi_extra=_ABOUT | {"parameters": [*_ABOUT["parameters"], _KEY]})
async def transaction(collection: str, request: Request, house: HouseDep, catalog: CatalogDep, caller: SignedInDep) -> Response:
    """Do all edits of the body or none; the answer counts them, or lists the first faults with their lines."""
    edited = editable(collection, catalog, caller)
    order = order_of(edited, request, Query(request.scope["query_string"], [VALID_FROM.name, CORRECT.name]))
    key = _key(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in _MEDIA:
        raise WrongMediaType(f"the body must be {NDJSON}", f"请求体必须是 {NDJSON}", place="content-type")
    with await run_in_threadpool(_spool, house.settings.home) as file:
        digest = await _receive(request, file)
        batch = Batch(rules_of(edited), budgets.TRANSACTION_ERRORS)
        async with _TURNS:
            answer = await house.editor.run(_do, order, batch, Sent(file, digest, key))
    return Json(dict(answer), headers=NO_STORE)


def _spool(home: Path) -> IO[bytes]:
    """A file without a name: it is gone with the process, however that ends."""
    return tempfile.TemporaryFile(dir=home)


def _key(request: Request) -> str:
    """The Idempotency-Key, or nothing; BadParameter when it is odd."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > budgets.KEY_CHARS or not key.isprintable():
        raise BadParameter(
            f"Idempotency-Key has at most key_chars = {budgets.KEY_CHARS} printable characters",
            "Idempotency-Key 无效",
            place="Idempotency-Key",
        )
    return key


async def _receive(request: Request, file: IO[bytes]) -> bytes:
    """The body to disk as it comes; its digest is that of all that decides what is done."""
    crs = request.headers.get("content-crs", "")
    digest, seen = sha256(repr((request.scope["path"], request.scope["query_string"], crs)).encode()), 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > budgets.TRANSACTION_BYTES:
            raise budgets.body_too_large("transaction_bytes", budgets.TRANSACTION_BYTES)
        digest.update(chunk)
        await run_in_threadpool(file.write, chunk)
    file.seek(0)
    return digest.digest()


def _do(connection: Connection, order: EditOrder, batch: Batch, sent: Sent) -> Mapping[str, Any]:
    """The whole transaction, or the answer of before."""
    known = known_answer(connection, order.by, sent.key, sent.digest) if sent.key else None
    if known is not None:
        return known
    done = apply_batch(connection, order, batch, _lines(sent.file))
    answer = {
        "counts": dict(done.counts), "created": list(done.made), "repaired": done.repaired, "repairs": [dict(r) for r in done.repairs],
    }  # fmt: skip
    if sent.key:
        keep_answer(connection, order.by, sent.key, sent.digest, answer)
    return answer


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    """Number and value of each line; the value of a line that cannot be read is the error."""
    number = 0
    while raw := file.readline(budgets.BODY_BYTES + 1):
        number += 1
        if len(raw) > budgets.BODY_BYTES:
            yield number, budgets.body_too_large("body_bytes", budgets.BODY_BYTES)
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(budgets.BODY_BYTES)
            continue
        if raw.strip():
            yield number, _value(raw)


def _value(raw: bytes) -> Any:
    """The value of a line, or the error of reading it."""
    try:
        return parse(raw, "line")
    except InputError as exc:
        return exc
