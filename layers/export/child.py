"""The process that writes a file: `python -m layers.export.child MEMORY FOLDER_BYTES`. A request comes by stdin, one line of answer goes out.

GDAL and Arrow work here, so that neither their memory nor a crash is the server's, and so that the work can be killed at any moment.
"""

import json
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from layers.export.request import AWAY, FULL, TIMED_OUT, TOO_LARGE, FileRequest
from postgis.away import database_away, says_away
from postgis.full import disk_full
from twin.sandbox import LIMITS, enter

_LOOK_S = 0.1
_FULL_BYTES = 1 << 20
_SLACK_BYTES = 1 << 30
"""What a file may grow while the guard looks elsewhere, before the system itself stops it."""


class _Spared(MetaPathFinder):
    """Says that pandas and its kind are not there: pyogrio and pyarrow load them if they can, and we need none of it for two seconds' work."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
        """None for what may be loaded; ModuleNotFoundError for what may not."""
        if fullname.partition(".")[0] in {"geopandas", "pandas"}:
            raise ModuleNotFoundError(fullname, name=fullname)


def main() -> int:
    """Write one file; 0 done, 1 refused or broken, with the word for it."""
    memory, folder_bytes = int(sys.argv[1]), int(sys.argv[2])
    request = FileRequest.model_validate_json(sys.stdin.readline())
    enter(replace(LIMITS, memory_bytes=memory, file_bytes=folder_bytes + _SLACK_BYTES), network=True)
    folder = request.path.parent
    threading.Thread(target=_guard, args=(folder, folder_bytes), daemon=True).start()
    warnings.simplefilter("ignore")
    sys.meta_path.insert(0, _Spared())
    write_file = import_module("layers.export.files").write_file
    try:
        _answer(rows=write_file(request))
    except Exception as exc:
        _answer(error=_word(exc, folder, folder_bytes), detail=f"{type(exc).__name__}: {exc}"[:2000])
        return 1
    return 0


def _guard(folder: Path, most: int) -> None:
    """End this process when its folder grows over what it may hold: GDAL keeps a second file while it builds an index."""
    while _bytes_of(folder) <= most:
        time.sleep(_LOOK_S)
    _answer(error=TOO_LARGE, detail="")
    os._exit(1)


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _word(exc: Exception, folder: Path, most: int) -> str:
    """What went wrong, as one of a few words; empty: our fault."""
    if getattr(exc, "sqlstate", None) == "57014" or "statement timeout" in str(exc):  # in the middle of a stream ADBC has words only
        return TIMED_OUT
    if disk_full(exc) or shutil.disk_usage(folder).free < _FULL_BYTES:
        return FULL
    if database_away(exc) or (isinstance(exc, OSError) and says_away(str(exc))):
        return AWAY
    return TOO_LARGE if _bytes_of(folder) > most else ""


def _answer(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    sys.exit(main())
