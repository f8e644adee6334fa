"""The digest of every row on its way to staging: what the source says of it, whatever the order of its columns."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from importers.base import Column
from importers.geos import ArrowArray, arrow, compute
from twin.fields import FieldType

DIGEST_BYTES = 24
"""192 bits of SHA-256: two of 10^9 different rows share one with a probability below 10^-39."""
DIGEST: Any = arrow.field("digest", pa.binary())
_FIRST = 4
"""Columns before the attributes: rid, row, part, wkb."""
_WKB = 3
_END = "\x00"
"""Ends a value; readers keep it out of texts."""


def digested(batches: Iterator[pa.RecordBatch], columns: Sequence[Column], match: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The batches with a column `digest`. A column matched to a field counts under the field's name, one left out not at all."""
    names = {at: match.get(column.name, column.name) for at, column in enumerate(columns)}
    order = sorted((at for at, name in names.items() if name), key=lambda at: names[at])
    for batch in batches:
        texts = [_named(names[at], batch.column(_FIRST + at), columns[at].type) for at in order]
        yield batch.append_column(DIGEST, _digests(texts, batch.column(_WKB)))


def _named(name: str, values: ArrowArray, kind: FieldType) -> ArrowArray:
    """`name=value`, null where there is none: a column that is empty throughout is as good as absent."""
    plain = values.cast(pa.int64()) if kind is FieldType.INSTANT else values
    named: ArrowArray = compute.binary_join_element_wise(f"{name}=", plain.cast(pa.string()), "")
    return named


def _digests(texts: Sequence[ArrowArray], wkb: ArrowArray) -> ArrowArray:
    count = len(wkb)
    begun = arrow.repeat("", count)  # so that a row without a value is one nevertheless
    values = compute.binary_join_element_wise(begun, *texts, _END, null_handling="skip").cast(pa.binary())
    rows = compute.binary_join_element_wise(values, wkb, b"", null_handling="skip")
    sha256 = hashlib.sha256
    whole = np.frombuffer(b"".join([sha256(row).digest() for row in _slices(rows)]), np.uint8).reshape(count, -1)
    offsets = np.arange(0, DIGEST_BYTES * count + 1, DIGEST_BYTES, dtype=np.int32)
    digests = np.ascontiguousarray(whole[:, :DIGEST_BYTES])
    made: ArrowArray = arrow.Array.from_buffers(pa.binary(), count, [None, arrow.py_buffer(offsets), arrow.py_buffer(digests)])
    return made


def _slices(array: ArrowArray) -> Iterator[memoryview]:
    """The bytes of each value; nothing is copied."""
    buffers: Any = array.buffers()
    _, offsets, data = buffers
    view = memoryview(data) if data is not None else memoryview(b"")
    bounds = np.frombuffer(offsets, np.int32, len(array) + 1, 4 * array.offset).tolist()
    return (view[start:end] for start, end in pairwise(bounds))
