"""Files coming in by HTTP: multipart read as it arrives, straight to disk, under named budgets; nothing waits in memory."""

import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from twin.errors import BadParameter
from web import budgets
from web.errors import WrongMediaType

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MAX_NAME_CHARS = 200


class Sink(Protocol):
    """Where the bytes of the file go."""

    def write(self, data: bytes) -> object:
        """Take some bytes; OSError when the disk is full."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What a form brought beside the file's bytes."""

    file_name: str
    size: int
    options: bytes


@dataclass(slots=True)
class _Part:
    """One part of the form while it is read."""

    headers: dict[str, bytes] = field(default_factory=dict)
    name: str = ""
    file_name: str = ""
    body: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Form:
    """Parser callbacks only note what came; the reader takes it after each chunk, where it may await."""

    part: _Part = field(default_factory=_Part)
    parts: int = 0
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    file_data: list[bytes] = field(default_factory=list)
    file_name: str = ""
    files: int = 0
    options: bytes = b"{}"
    ended: bool = False

    def on_part_begin(self) -> None:
        self.parts += 1
        if self.parts > budgets.MULTIPART_PARTS:
            raise budgets.body_too_large("multipart_parts", budgets.MULTIPART_PARTS)
        self.part = _Part()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        self.part.headers[bytes(self.header).decode("latin-1").lower()] = bytes(self.value)
        self.header, self.value = bytearray(), bytearray()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self.part.headers.get("content-disposition", b""))
        self.part.name = _text(options.get(b"name", b""))
        if b"filename" in options:
            self.part.file_name = clean_file_name(_text(options[b"filename"]))
            self.files += 1
            self.file_name = self.part.file_name
        if self.files > 1:
            raise BadParameter("one file at a time", "一次只能上传一个文件", place="file")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.part.file_name:
            self.file_data.append(data[start:end])
            return
        self.part.body += data[start:end]
        if len(self.part.body) > budgets.OPTIONS_BYTES:
            raise budgets.body_too_large("options_bytes", budgets.OPTIONS_BYTES)

    def on_part_end(self) -> None:
        if not self.part.file_name and self.part.name == "options":
            self.options = bytes(self.part.body)
        elif not self.part.file_name:
            raise BadParameter(
                f"unknown form field {self.part.name[:60]!r}", f"未知的表单字段 {self.part.name[:60]!r}", place=self.part.name[:60]
            )

    def on_end(self) -> None:
        self.ended = True


def clean_file_name(name: str) -> str:
    """The last part of `name`, NFC, without control characters; BadParameter when nothing sensible is left."""
    base = unicodedata.normalize("NFC", PurePosixPath(name.replace("\\", "/")).name)
    kept = "".join(char for char in base if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))[-_MAX_NAME_CHARS:]
    if not kept.strip(". "):
        raise BadParameter("the file has no usable name", "文件没有可用的名称", place="file")
    return kept


def _text(raw: bytes) -> str:
    """A form text: UTF-8, or GB18030 from programs that never heard of it."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


async def receive(request: Request, sink: Sink, max_bytes: int) -> Upload:
    """Read the form to its end: the file into `sink`, the options into the result; TooLarge, BadParameter or WrongMediaType otherwise."""
    form = _Form()
    parser = MultipartParser(_boundary(request), _callbacks(form))
    size = 0
    async for chunk in _body(request, max_bytes):
        try:
            parser.write(chunk)
        except MultipartParseError as exc:
            raise BadParameter("the form is broken", "表单内容已损坏", place="body") from exc
        if form.file_data:
            data = b"".join(form.file_data)
            form.file_data.clear()
            size += len(data)
            await run_in_threadpool(sink.write, data)
    if not form.ended:
        raise BadParameter("the form ends before its last boundary", "表单不完整，上传可能中断", place="body")
    if not form.file_name:
        raise BadParameter("the form has no file", "表单中没有文件", place="file", mend="multipart 字段名 file")
    return Upload(form.file_name, size, form.options)


def _boundary(request: Request) -> bytes:
    """The boundary of a multipart/form-data body; WrongMediaType when it is none."""
    media, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if media != b"multipart/form-data" or not 1 <= len(boundary) <= 200:
        raise WrongMediaType("the body must be multipart/form-data", "请求体必须是 multipart/form-data", place="content-type")
    return bytes(boundary)


def _callbacks(form: _Form) -> "MultipartCallbacks":
    """The parser's callback table."""
    return {
        "on_part_begin": form.on_part_begin,
        "on_part_data": form.on_part_data,
        "on_part_end": form.on_part_end,
        "on_header_field": form.on_header_field,
        "on_header_value": form.on_header_value,
        "on_header_end": form.on_header_end,
        "on_headers_finished": form.on_headers_finished,
        "on_end": form.on_end,
    }


async def _body(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The chunks of the body while they stay within the budget."""
    allowed = max_bytes + budgets.OPTIONS_BYTES * 2
    seen = 0
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and len(announced) < 19 and int(announced) > allowed:
        raise budgets.body_too_large("max_upload_mb", max_bytes)
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > allowed:
            raise budgets.body_too_large("max_upload_mb", max_bytes)
        yield chunk
