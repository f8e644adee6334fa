"""Excel and OpenDocument workbooks: one sheet, its heading found below titles, written out as a plain table and read as one."""

import csv
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import python_calamine as _calamine

from importers.base import MAX_COLUMNS, Member, Opened, ReadRequest, Report
from importers.opendocument import without_breaks
from importers.sniff import is_zip
from importers.table import has_place
from importers.table import read as read_table
from importers.unpack import place_as, read_head
from twin.errors import BadFile, TooLarge, TwinError

calamine: Any = _calamine
_HEADING_WITHIN = 20
"""Titles, units and notes may stand above the heading; below so many rows nobody looks for it."""


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The sheet that has a place for every row, or the one named by `table`."""
    member = members[0]
    try:
        return _read(member, request, report)
    except TwinError:
        raise
    except (calamine.CalamineError, OSError, ValueError) as exc:
        raise _broken(member, str(exc)) from exc
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":  # how the library says that it met what it cannot be
            raise
        raise _broken(member, "it cannot be parsed") from exc


def _broken(member: Member, said: str) -> BadFile:
    return BadFile(
        f"the workbook cannot be read: {said}",
        f"表格文件无法读取：{said}",
        place=member.name,
        mend="另存为 .xlsx 或 CSV 后再导入 / save it as .xlsx or CSV",
    )


def _read(member: Member, request: ReadRequest, report: Report) -> Opened:
    kind = _kind(member)
    placed = place_as(member, request.folder, f"book{kind}")
    book = calamine.CalamineWorkbook.from_path(str(without_breaks(placed, request.folder) if kind == ".ods" else placed))
    sheet, heading = _choose(book, request.table, member)
    path = request.folder / "sheet.csv"
    _write(sheet, heading, path, member)
    place = f"{member.name}: {sheet.name}"
    opened = read_table((Member(place, path),), request.model_copy(update={"encoding": "utf-8", "table": ""}), report)
    meta = opened.meta.model_copy(update={"format": "spreadsheet", "encoding": "UTF-8"})
    return Opened(meta, opened.chunks)


def _kind(member: Member) -> str:
    """The suffix its bytes call for: the library goes by names."""
    if not is_zip(read_head(member.path)):
        return ".xls"
    with zipfile.ZipFile(member.path) as archive:
        names = set(archive.namelist())
    return ".xlsb" if "xl/workbook.bin" in names else ".xlsx" if any(name.startswith("xl/") for name in names) else ".ods"


def _choose(book: Any, wanted: str, member: Member) -> tuple[Any, int]:
    """The sheet to read and the number of rows above its heading."""
    names = list(book.sheet_names)
    if wanted and wanted not in names:
        listed = ", ".join(names)
        raise BadFile(f"there is no sheet {wanted!r}; there are: {listed}", f"没有工作表 {wanted!r}，现有：{listed}", place=member.name)
    sheets = [(sheet, _heading(sheet)) for sheet in map(book.get_sheet_by_name, [wanted] if wanted else names)]
    placed = [(sheet, heading) for sheet, heading in sheets if heading is not None]
    if len(placed) == 1:
        return placed[0]
    listed = ", ".join(sheet.name for sheet, _ in placed or sheets)
    if placed:
        raise BadFile(
            f"{len(placed)} sheets have coordinates, name one with --table: {listed}",
            f"有 {len(placed)} 个工作表含坐标，请用 --table 指定：{listed}",
            place=member.name,
            choices=[sheet.name for sheet, _ in placed],
        )
    raise BadFile(
        f"no sheet has a heading with longitude and latitude (or x and y, or WKT) in its first {_HEADING_WITHIN} rows: {listed}",
        f"没有工作表在前 {_HEADING_WITHIN} 行内含有经纬度（或 x/y、WKT）表头：{listed}",
        place=member.name,
        mend="把坐标列命名为 经度、纬度 / call the columns 经度 and 纬度, or longitude and latitude",
    )


def _heading(sheet: Any) -> int | None:
    """How many rows stand above the heading: the first row whose cells name a place."""
    rows: list[Sequence[str]] = []
    for at, row in enumerate(sheet.iter_rows()):
        if at > _HEADING_WITHIN + 1:
            break
        rows.append([_text(value) for value in row])
    for at, row in enumerate(rows[:_HEADING_WITHIN]):
        if has_place(row, rows[at + 1 : at + 2]):
            return at
    return None


def _write(sheet: Any, heading: int, path: Path, member: Member) -> None:
    """The sheet from its heading on, as CSV; rows without any value are left out."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        for at, row in enumerate(sheet.iter_rows()):
            texts = [_text(value) for value in row]
            if at == heading:
                while texts and not texts[-1]:
                    texts.pop()
                width = len(texts)
                if width > MAX_COLUMNS:
                    raise TooLarge(f"{width} columns (limit {MAX_COLUMNS})", f"共有 {width} 列（上限 {MAX_COLUMNS}）", place=member.name)
                out.writerow(text.replace("\n", " ").strip() for text in texts)
            elif at > heading and any(texts[:width]):
                out.writerow(texts[:width])


def _text(value: object) -> str:
    """A cell as text: whole numbers without a point, days and moments in ISO 8601."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value.total_seconds()) if isinstance(value, timedelta) else str(value)
