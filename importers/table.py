"""CSV with coordinates: separator and encoding found out, types fixed by reading all of it once, points made from named columns."""

import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from csv import Error as CsvError
from csv import field_size_limit
from csv import reader as csv_reader
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from importers.base import MAX_COLUMNS, Chunk, Column, Finding, Member, Opened, ReadRequest, Report, Rows, SourceMeta
from importers.columns import carry
from importers.geos import ArrowArray, compute, shapely
from importers.mixed import MIXED, tell_lines
from importers.ordinates import Ordinates
from importers.sniff import HEAD_BYTES
from importers.text import as_utf8, encoding_of
from importers.unpack import place_as, rewrite
from importers.wkt import read_shapes, shape_column, stated_crs
from twin.errors import BadFile, TooLarge
from twin.fields import FieldType

LONGITUDE = ("lng", "lon", "long", "longitude", "经度", "x", "x坐标", "东经", "wgs84_lng", "point_x", "gpslon")
LATITUDE = ("lat", "latitude", "纬度", "y", "y坐标", "北纬", "wgs84_lat", "point_y", "gpslat")
HEIGHT = ("z", "高程", "海拔")
_csv: Any = csv
_SEPARATORS = ",\t;|"
_SAMPLE_ROWS = 20
field_size_limit(sys.maxsize)  # a shape is one field, however long
_BLOCK_BYTES = 4 << 20
_INTEGER = r"^[+-]?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_DATE = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_CODED = re.compile(r"(^|_)(id|code|no|dm|bm)$|编码|代码|编号|证号|电话|邮编", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
    path: Path
    separator: str
    names: tuple[str, ...]
    at: tuple[int, int, int | None]
    """Positions of the longitude, latitude and height columns; where a column holds shapes, twice its position."""
    shapes: bool = False
    crs: str = ""

    def attributes(self) -> list[int]:
        return [index for index in range(len(self.names)) if index not in self.at]


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """Rows with a longitude and a latitude (or x and y) as points, or with a shape as text; other columns are attributes."""
    encoding = encoding_of(members[0].path, request.encoding)
    path = place_as(members[0], request.folder, "table.csv")
    if encoding == MIXED:
        tell_lines(members[0].path, report, first_row=0)
    if encoding != "utf-8":
        path.unlink()
        path = rewrite(request.folder / "table.csv", as_utf8(members[0].path, encoding))
    layout = _layout(path, members[0].name)
    rows, types = _types(layout)
    columns = tuple(Column(name=layout.names[at], type=types[at]) for at in layout.attributes())
    meta = SourceMeta(format="csv", crs=layout.crs, encoding=encoding.upper(), columns=columns, total=rows)
    return Opened(meta, _chunks(layout, columns, report))


def _layout(path: Path, name: str) -> _Layout:
    with path.open("rb") as file:
        line = (file.read(HEAD_BYTES).decode("utf-8", errors="ignore").splitlines() or [""])[0]
    separator = Counter(mark for mark in line if mark in _SEPARATORS).most_common(1)
    if not separator:
        raise BadFile("the first line has no separator", "首行没有分隔符", place=f"{name}: line 1")
    parsed = _csv.read_csv(pa.BufferReader((line + "\n").encode()), parse_options=_csv.ParseOptions(delimiter=separator[0][0]))
    names = _numbered([column.strip() or f"column_{at + 1}" for at, column in enumerate(parsed.column_names)])
    if len(names) > MAX_COLUMNS:
        raise BadFile(f"{len(names)} columns (limit {MAX_COLUMNS})", f"共有 {len(names)} 列（上限 {MAX_COLUMNS}）", place=name)
    x, y = _position(names, LONGITUDE), _position(names, LATITUDE)
    sample = _sample(path, separator[0][0])
    if (shape := shape_column(names, sample)) is not None:
        crs = stated_crs([row[shape] for row in sample if shape < len(row)])
        return _Layout(path, separator[0][0], tuple(names), (shape, shape, None), shapes=True, crs=crs)
    if x is None or y is None:
        raise BadFile(
            f"no coordinate columns: expected one of {', '.join(LONGITUDE)} and one of {', '.join(LATITUDE)}, or WKT or WKB; "
            f"the file has {', '.join(names[:20])}",
            f"没有坐标列：需要 {'、'.join(LONGITUDE)} 之一和 {'、'.join(LATITUDE)} 之一，或 WKT/WKB 列；文件有 {'、'.join(names[:20])}",
            place=f"{name}: line 1",
        )
    return _Layout(path, separator[0][0], tuple(names), (x, y, _position(names, HEIGHT)))


def has_place(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a heading names coordinate columns, or the rows below it hold shapes."""
    names = [name.strip() for name in heading]
    placed = _position(names, LONGITUDE) is not None and _position(names, LATITUDE) is not None
    return placed or shape_column(names, rows) is not None


def _sample(path: Path, separator: str) -> list[list[str]]:
    """The first few rows as text, whole even where a shape is long; what was read before an error counts."""
    rows: list[list[str]] = []
    with path.open(encoding="utf-8", newline="") as file, suppress(CsvError):
        rows.extend(itertools.islice(csv_reader(file, delimiter=separator), 1, 1 + _SAMPLE_ROWS))
    return rows


def _numbered(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out


def _position(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lower = [name.lower() for name in names]
    return next((lower.index(word) for word in wanted if word in lower), None)


def _batches(layout: _Layout, refused: list[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
    """All columns as text; rows of the wrong width are left out and listed with their line."""

    def skip(row: Any) -> str:
        refused.append((row.number or 0, f"{row.actual_columns} / {row.expected_columns}"))
        return "skip"

    names = [f"c{at}" for at in range(len(layout.names))]
    try:
        yield from _csv.open_csv(
            layout.path,
            read_options=_csv.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=_csv.ParseOptions(delimiter=layout.separator, newlines_in_values=True, invalid_row_handler=skip),
            convert_options=_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]),
        )
    except pa.ArrowInvalid as exc:
        if "straddling" in str(exc):
            raise TooLarge(
                f"a row is longer than {_BLOCK_BYTES >> 20} MiB",
                f"有一行超过 {_BLOCK_BYTES >> 20} MiB",
                mend="换用 GeoPackage 等二进制格式 / use a binary format such as GeoPackage",
            ) from exc
        raise BadFile(f"the table cannot be read: {exc}", f"表格无法读取：{exc}") from exc


def _types(layout: _Layout) -> tuple[int, dict[int, FieldType]]:
    """Count the rows and fix each column's type by all of its values, so that no later row surprises."""
    wanted = layout.attributes()
    possible = {
        at: [FieldType.TEXT] if _CODED.search(layout.names[at]) else [FieldType.INTEGER, FieldType.NUMBER, FieldType.DATE] for at in wanted
    }
    filled = dict.fromkeys(wanted, False)
    refused: list[tuple[int, str]] = []
    rows = 0
    for batch in _empty_is_fine(layout, refused):
        rows += len(batch)
        for at in wanted:
            values = compute.drop_null(compute.utf8_trim_whitespace(batch.column(at)))
            filled[at] = filled[at] or len(values) > 0
            possible[at] = [kind for kind in possible[at] if kind is FieldType.TEXT or _all_match(values, kind)]
    return rows + len(refused), {at: (possible[at] or [FieldType.TEXT])[0] if filled[at] else FieldType.TEXT for at in wanted}


def _empty_is_fine(layout: _Layout, refused: list[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
    with layout.path.open("rb") as file:
        file.readline()
        if not file.readline():
            return
    yield from _batches(layout, refused)


def _all_match(values: ArrowArray, kind: FieldType) -> bool:
    pattern = {FieldType.INTEGER: _INTEGER, FieldType.NUMBER: _NUMBER, FieldType.DATE: _DATE}[kind]
    return bool(compute.all(compute.match_substring_regex(values, pattern), min_count=0).as_py())


def _chunks(layout: _Layout, columns: Sequence[Column], report: Report) -> Iterator[Chunk]:
    refused: list[tuple[int, str]] = []
    first, told = 1, 0
    ordinates = Ordinates(report)
    for batch in _empty_is_fine(layout, refused):
        rows = np.arange(first, first + len(batch), dtype=np.int64)
        first += len(batch) + len(refused) - told
        for number, widths in refused[told:]:
            report(
                Finding(
                    rule="bad-line", row=number, detail_zh=f"第 {number} 行：列数 {widths}", detail_en=f"line {number}: columns {widths}"
                )
            )
        told = len(refused)
        if layout.shapes:
            keep, points = read_shapes(batch.column(layout.at[0]), rows, report)
        else:
            keep, points = _points(batch, layout, rows, ordinates)
        kept = batch.filter(pa.array(keep))
        arrays = tuple(
            carry(_cast(kept.column(at), column.type), column.type, rows[keep], column.name, report)
            for at, column in zip(layout.attributes(), columns, strict=True)
        )
        yield Chunk(rows[keep], points, arrays)


def _cast(array: ArrowArray, kind: FieldType) -> ArrowArray:
    if kind is FieldType.TEXT:
        return array
    target = {FieldType.INTEGER: pa.int64(), FieldType.NUMBER: pa.float64(), FieldType.DATE: pa.date32()}[kind]
    read: ArrowArray = compute.utf8_ltrim(compute.utf8_trim_whitespace(array), "+").cast(target)
    return read


def _points(batch: pa.RecordBatch, layout: _Layout, rows: Rows, read: Ordinates) -> tuple[NDArray[np.bool_], ArrowArray]:
    """Points of the rows that are kept: both coordinates good, or both absent."""
    x, y = read.pair(batch.column(layout.at[0]), batch.column(layout.at[1]))
    absent = _is_null(batch.column(layout.at[0])) & _is_null(batch.column(layout.at[1]))
    keep: NDArray[np.bool_] = absent | (np.isfinite(x) & np.isfinite(y))
    for at in np.flatnonzero(~keep):
        given = ", ".join(repr(batch.column(column)[int(at)].as_py()) for column in layout.at[:2])
        read.report(Finding(rule="bad-coordinates", row=int(rows[at]), detail_zh=f"坐标 {given}", detail_en=f"coordinates {given}"))
    ordinates = (x, y) if layout.at[2] is None else (x, y, read.values(batch.column(layout.at[2])))
    points = np.full(len(batch), None, dtype=object)
    placed = np.flatnonzero(keep & ~absent)
    points[placed] = _make_points([values[placed] for values in ordinates])
    return keep, pa.array(shapely.to_wkb(points[keep]), pa.binary())


def _make_points(ordinates: Sequence[NDArray[np.float64]]) -> NDArray[np.object_]:
    points = np.asarray(shapely.points(ordinates[0], ordinates[1]), dtype=object)
    if len(ordinates) == 3 and (deep := np.isfinite(ordinates[2])).any():
        points[deep] = shapely.points(ordinates[0][deep], ordinates[1][deep], ordinates[2][deep])
    return points


def _is_null(array: ArrowArray) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = array.is_null().to_numpy(zero_copy_only=False)
    return out
