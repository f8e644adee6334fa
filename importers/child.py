"""The reading process: `python -m importers.child`. A request comes by stdin, Arrow goes out by fd 1, JSON lines by the
file descriptor named as first argument; the second is the memory it may use, in bytes.

Everything that parses untrusted bytes runs here and nowhere else. The sandbox is entered before any reader or library is imported.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.abc import MetaPathFinder
from types import ModuleType

from importers import load
from twin.sandbox import LIMITS, enter


class Unwanted(MetaPathFinder):
    """Says that geopandas and pandas are not there: pyogrio and pyarrow import them wherever they are installed, a second more for every file."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """ModuleNotFoundError for what is not wanted; others may look for the rest."""
        if name in ("geopandas", "pandas"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> int:
    """Read one source to the end; 0 done, 2 refused, 1 our fault."""
    request_text = sys.stdin.read()
    arrow_fd = os.dup(1)
    os.dup2(2, 1)  # nothing a library prints may land in the Arrow stream
    enter(replace(LIMITS, memory_bytes=int(sys.argv[2])))
    sys.meta_path.insert(0, Unwanted())
    serve = load("importers.reading:serve")
    with os.fdopen(arrow_fd, "wb") as arrow, os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as messages:
        return int(serve(request_text, arrow, messages))


if __name__ == "__main__":
    sys.exit(main())
