"""Whether no key comes twice, told while the rows stream by: the database need not group them all to find that out."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.geos import ArrowArray

_PART, _DIGEST = "part", "digest"
_MOST_ROWS = 2_000_000
"""Rows whose keys are remembered, 8 bytes each; of a longer file the database finds out."""


class Keys:
    """The keys of a run's rows, as hashes: equal keys have equal ones."""

    def __init__(self, key: str, column: str | None) -> None:
        """`key` is the file's name of the column that names features and `column` the staged one; None: rows are named by what they hold."""
        self.key = key
        self._column = column
        self._hashes: list[NDArray[np.int64]] = []
        self._rows = 0
        self._told = True

    def watched(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches as they are, with their digests; remembers each row's key."""
        for batch in batches:
            self._rows += len(batch)
            self._told = self._told and self._rows <= _MOST_ROWS and self._plain(batch)
            if self._told:
                self._hashes.append(self._hashed(batch))
            else:
                self._hashes.clear()
            yield batch

    def differ(self) -> bool:
        """Whether it is certain that each row has a key and no two have the same."""
        if not self._told:
            return False
        hashes = np.concatenate([*self._hashes, np.zeros(0, np.int64)])
        self._hashes.clear()
        hashes.sort()
        return not bool((hashes[1:] == hashes[:-1]).any())

    def _plain(self, batch: pa.RecordBatch) -> bool:
        """Whether the rows' keys are what stands in the column: none is missing, and no feature comes in parts."""
        parts = batch.column(batch.schema.get_field_index(_PART)).to_numpy(zero_copy_only=False)
        return not parts.any() and (self._column is None or batch.column(batch.schema.get_field_index(self._column)).null_count == 0)

    def _hashed(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        values: ArrowArray = batch.column(batch.schema.get_field_index(self._column or _DIGEST))
        texts = values if self._column is None else values.cast(pa.string())
        return np.fromiter(map(hash, texts.to_pylist()), np.int64, len(batch))
