"""Arrow columns of any reader made into the few types the store keeps; nothing is lost silently."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from importers.base import Column, Finding, Report, Rows, SourceMeta
from importers.geos import ArrowArray, arrow, compute
from twin.fields import FieldType

#: A time without a zone is Beijing time: it comes from an office in China.
NAIVE_OFFSET_HOURS = 8
_NAIVE_OFFSET_US = NAIVE_OFFSET_HOURS * 3_600_000_000

ARROW_TYPES = {
    FieldType.TEXT: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.NUMBER: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
    FieldType.INSTANT: pa.timestamp("us", tz="UTC"),
    FieldType.JSON: pa.string(),
}


_KINDS = (
    (pa.types.is_boolean, FieldType.BOOLEAN),
    (pa.types.is_integer, FieldType.INTEGER),
    (pa.types.is_floating, FieldType.NUMBER),
    (pa.types.is_decimal, FieldType.NUMBER),
    (pa.types.is_date, FieldType.DATE),
    (pa.types.is_timestamp, FieldType.INSTANT),
    (pa.types.is_binary, None),
    (pa.types.is_large_binary, None),
    (pa.types.is_fixed_size_binary, None),
)


_SETTLED = np.ones(256, np.bool_)
"""Bytes of UTF-8 that end or begin nothing but U+0001–U+007F and U+4000–U+9FFF: all of them are their own NFC."""
_SETTLED[0] = _SETTLED[0xC0:0xE4] = _SETTLED[0xEA:] = False


def field_type(kind: pa.DataType) -> FieldType | None:
    """The type a column of Arrow type `kind` is carried in; None for bytes, which are not kept."""
    return next((type_ for is_kind, type_ in _KINDS if is_kind(kind)), FieldType.TEXT)


def describe(schema: pa.Schema, names: Sequence[str]) -> tuple[Column, ...]:
    """The kept columns of `names`, in their order, as `SourceMeta` wants them."""
    types = ((name, field_type(schema.field(name).type)) for name in names)
    return tuple(Column(name=name, type=kind) for name, kind in types if kind is not None)


def carry(array: ArrowArray, kind: FieldType, rows: Rows, name: str, report: Report) -> ArrowArray:
    """`array` in the Arrow type of `kind`; text is NFC without NUL, bytes that are no text are replaced and reported."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if kind in (FieldType.TEXT, FieldType.JSON):
        return _text(array, rows, name, report)
    if kind is FieldType.INSTANT:
        return _instant(array)
    if pa.types.is_float32(array.type):
        array = array.cast(pa.string())  # 1.1 stays 1.1
    carried: ArrowArray = array.cast(ARROW_TYPES[kind], safe=False)
    return carried


def _instant(array: ArrowArray) -> ArrowArray:
    if pa.types.is_timestamp(array.type) and array.type.tz is None:
        naive = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        array = compute.subtract(naive, _NAIVE_OFFSET_US)
    instant: ArrowArray = array.cast(ARROW_TYPES[FieldType.INSTANT], safe=False)
    return instant


def _text(array: ArrowArray, rows: Rows, name: str, report: Report) -> ArrowArray:
    if pa.types.is_nested(array.type):
        values = [None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in array.to_pylist()]
        array = pa.array(values, pa.string())
    array = _valid(array.cast(pa.string()), rows, name, report)
    if _is_settled(array):
        return array
    if compute.any(compute.match_substring(array, "\x00")).as_py():
        array = compute.replace_substring(array, "\x00", "")
    normal: ArrowArray = compute.utf8_normalize(array, "NFC")
    return normal


def _is_settled(array: ArrowArray) -> bool:
    """Whether there is nothing but ASCII and Han characters of the main block, which have one form only: most columns, told by their bytes."""
    data: Any = array.buffers()[2]
    return data is None or not data.size or bool(_SETTLED[np.frombuffer(data, np.uint8)].all())


def _valid(array: ArrowArray, rows: Rows, name: str, report: Report) -> ArrowArray:
    """Replace what is not UTF-8; GDAL hands such bytes on as they are."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.binary()).to_pylist()
        fixed = [None if value is None else value.decode("utf-8", errors="replace") for value in raw]
        for at in np.flatnonzero([value is not None and "\ufffd" in value for value in fixed]):
            report(Finding(rule="bad-text", row=int(rows[at]), detail_zh=f"字段 {name}", detail_en=f"field {name}"))
        return pa.array(fixed, pa.string())
    return array


FIXED_COLUMNS = (("rid", pa.int64()), ("row", pa.int64()), ("part", pa.int32()), ("wkb", pa.binary()))
"""Leading columns of every batch: running number, row in the source, part when split (else 0), geometry."""


def column_name(at: int) -> str:
    """Neutral name of attribute number `at` (from 0): names of files never meet SQL."""
    return f"c{at + 1}"


def schema_of(meta: SourceMeta) -> pa.Schema:
    """The one Arrow schema of a source's stream."""
    attributes = ((column_name(at), ARROW_TYPES[column.type]) for at, column in enumerate(meta.columns))
    schema: pa.Schema = arrow.schema([*FIXED_COLUMNS, *attributes])
    return schema
