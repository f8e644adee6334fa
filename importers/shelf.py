"""Pieces of bytes put aside on disk and taken back by number: what must be kept, but not in memory."""

import tempfile
from types import TracebackType


class Shelf:
    """Append-only bytes in a nameless temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self._at: list[tuple[int, int]] = []
        self._end = 0

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def put(self, data: bytes) -> int:
        """Keep `data`; returns its number."""
        self._file.seek(self._end)
        self._file.write(data)
        self._at.append((self._end, len(data)))
        self._end += len(data)
        return len(self._at) - 1

    def get(self, number: int) -> bytes:
        """The bytes put aside as `number`."""
        start, length = self._at[number]
        self._file.seek(start)
        return self._file.read(length)
