"""The fetching process: `python -m importers.fetch` copies one table of another PostGIS database into an Arrow file of its own folder.

It alone has a network; it reads no file of a stranger. The address comes by stdin, so that no list of processes shows it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from postgis.foreign import describe_table, stream_table
from twin.errors import TwinError
from twin.sandbox import LIMITS, enter

_CRS = b"crs"


def fetch(url: str, table: str, path: Path) -> int:
    """Write the table's rows to `path` batch by batch; answers their number."""
    found = describe_table(url, table)
    crs = f"EPSG:{found.srid}" if found.srid else ""
    rows = 0
    with stream_table(url, found) as batches:
        schema = batches.schema.with_metadata({_CRS: crs.encode()})
        with pa.ipc.new_file(str(path), schema) as writer:
            for batch in batches:
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
                rows += len(batch)
    return rows


def main() -> int:
    """Answer one request from stdin with one JSON line; 0 done, 2 refused."""
    request: dict[str, Any] = json.load(sys.stdin)
    enter(LIMITS, network=True)
    try:
        rows = fetch(request["url"], request["table"], Path(request["path"]))
    except TwinError as exc:
        told = {"code": exc.code, "en": exc.message_en, "zh": exc.message_zh, "place": exc.place, "mend": exc.mend}
        print(json.dumps(told | {"choices": list(exc.choices)}))
        return 2
    print(json.dumps({"rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
