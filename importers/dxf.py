"""DXF drawings: entities with their layer, text and line type; blocks are drawn where they are inserted. A drawing names no reference system."""

import re

from importers.base import Finding, Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, open_dataset, pyogrio
from importers.text import CANDIDATES, blocks, decodes, encoding_named
from importers.unpack import place_as, read_head
from twin.errors import BadFile, BadParameter

_VARIABLE = r"\$%s\s*\r?\n\s*\d+\s*\r?\n\s*([^\r\n]+)"
_CODE_PAGE = re.compile((_VARIABLE % "DWGCODEPAGE").encode())
_VERSION = re.compile((_VARIABLE % "ACADVER").encode())
_TAIL_BYTES = 4096
_UTF8_SINCE = "AC1021"


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The entities of the drawing. Its units are the drawing's own: say the reference system, or they are refused unless degrees."""
    member = members[0]
    head = read_head(member.path)
    if head.startswith(b"AutoCAD Binary DXF"):
        raise BadFile(
            "the drawing is a binary DXF",
            "该图是二进制 DXF",
            place=member.name,
            mend="另存为文本（ASCII）DXF / save it as text (ASCII) DXF",
        )
    _check_end(member)
    encoding = _encoding(member, head, request.encoding, report)
    pyogrio.set_gdal_config_options({"DXF_ENCODING": "CP936" if encoding == "gb18030" else encoding.upper()})
    path = place_as(member, request.folder, "drawing.dxf")
    opened = open_dataset(Dataset(path, "dxf", layer="entities"), report)
    report(Finding(rule="missing-prj"))
    meta = opened.meta.model_copy(update={"crs": "", "encoding": encoding.upper()})
    return Opened(meta, opened.chunks)


def _check_end(member: Member) -> None:
    """A drawing ends with EOF; one that does not was cut off, which its reader would not notice."""
    with member.path.open("rb") as file:
        file.seek(max(member.path.stat().st_size - _TAIL_BYTES, 0))
        if not file.read().rstrip(b"\x00\x1a \t\r\n").endswith(b"EOF"):
            raise BadFile("the drawing is truncated: it has no EOF", "图形文件被截断：没有 EOF 结尾", place=f"{member.name}: end")


def _encoding(member: Member, head: bytes, declared: str, report: Report) -> str:
    """Declared, else what the drawing says if its bytes agree, else what the bytes show."""
    if declared:
        return encoding_named(declared)
    said = _stated(head)
    if said and decodes(blocks(member.path), said):
        return said
    found = next((name for name in CANDIDATES if decodes(blocks(member.path), name)), "iso-8859-1")
    if said:
        text = (f"图中声明 {said}，实为 {found}", f"the drawing says {said}, the text is {found}")
        report(Finding(rule="encoding-mismatch", detail_zh=text[0], detail_en=text[1]))
    return found


def _stated(head: bytes) -> str:
    version, page = _VERSION.search(head), _CODE_PAGE.search(head)
    if version and version[1].decode("ascii", "replace").strip().upper() >= _UTF8_SINCE:
        return "utf-8"
    word = page[1].decode("ascii", "replace").strip().lower() if page else ""
    try:
        return encoding_named(word.replace("ansi_", "").replace("dos", "cp")) if word else ""
    except BadParameter:
        return ""
