"""The reading process: `python -m importers.child`. A request comes by stdin, Arrow goes out by fd 1, JSON lines by the
file descriptor named as first argument; the second is the memory it may use, in bytes.

Everything that parses untrusted bytes runs here and nowhere else. The sandbox is entered before any reader or library is imported.
"""

import os
import sys
from dataclasses import replace

from importers import load
from twin.sandbox import LIMITS, enter


def main() -> int:
    """Read one source to the end; 0 done, 2 refused, 1 our fault."""
    request_text = sys.stdin.read()
    arrow_fd = os.dup(1)
    os.dup2(2, 1)  # nothing a library prints may land in the Arrow stream
    enter(replace(LIMITS, memory_bytes=int(sys.argv[2])))
    # pyogrio imports geopandas, and pandas with it, wherever they are installed: a second more for every file, and we use neither.
    sys.modules.update(dict.fromkeys(("geopandas", "pandas")))  # type: ignore[arg-type]
    serve = load("importers.reading:serve")
    with os.fdopen(arrow_fd, "wb") as arrow, os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as messages:
        return int(serve(request_text, arrow, messages))


if __name__ == "__main__":
    sys.exit(main())
